"""The link's fault: told when the collector has been silent, by the link's own word, and over with the first answer."""

from __future__ import annotations

from edge.core import FaultOver, FaultSeen, Item
from edge.link_watch import LinkWatch


def told(items: list[Item]) -> list[str]:
    return [
        item.name if isinstance(item, FaultSeen) else "over"
        for item in items
        if isinstance(item, FaultSeen | FaultOver)
    ]


def play(*steps: tuple[int, str, float | None]) -> list[str]:
    """(ms, the link's word, age of the last answer in seconds)."""
    watch = LinkWatch(3.0, 0)
    return told([item for ms, word, age_s in steps for item in watch.items(word, age_s, ms)])


def test_a_gate_that_starts_without_a_broker_says_so_once_and_after_a_while() -> None:
    assert play((100, "broker_unreachable", None)) == []
    assert play(*((ms, "broker_unreachable", None) for ms in range(0, 10_000, 100))) == ["over", "broker_unreachable"]


def test_the_first_answer_ends_what_an_earlier_run_left_open() -> None:
    assert play((100, "ok", 0.1), (200, "ok", 0.2)) == ["over"]


def test_the_reason_follows_the_link() -> None:
    steps = [(5000, "broker_unreachable", None), (6000, "connecting", None), (7000, "broker_refused", None),
             (8000, "collector_absent", None), (9000, "ok", 0.1), (20_000, "collector_absent", 11.0)]  # fmt: skip
    assert play(*steps) == [
        "over", "broker_unreachable", "over", "broker_refused", "over", "collector_absent", "over", "collector_absent",
    ]  # fmt: skip


def test_a_refusal_is_a_fault_though_answers_come_and_lasts_until_all_is_well() -> None:
    steps = [(1000, "ok", 0.1), (2000, "broker_refused", 0.1), (3000, "connecting", 0.5), (4000, "broker_refused", 0.1),
             (5000, "ok", 0.1)]  # fmt: skip
    assert play(*steps) == ["over", "broker_refused", "over"]


def test_a_short_loss_of_the_connection_is_no_fault() -> None:
    assert play((1000, "ok", 0.1), (2000, "connecting", 1.0), (3000, "broker_unreachable", 2.0)) == ["over"]
