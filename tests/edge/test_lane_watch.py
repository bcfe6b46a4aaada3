"""The watch list at a lane: who is on it waits, and nothing that people see says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from checkpoint.explain import explain
from checkpoint.explain_sheet import shown as tables
from checkpoint.records import CheckResult, Verdict
from checkpoint.vehicle import normal_plate
from checkpoint.verdict_watch import DISCREET, WITHHELD, without_watch
from checkpoint.watch import WatchKind, WatchList, WatchRow, document_value, keyed
from edge import facts
from edge.effects import Commit
from edge.lane_view import view
from edge.listing import Watch
from edge.screen.view import guard_page
from tests.edge.lane_bench import POLICY, START_MS, Bench, a_pass
from tools import screen_samples

SECRET = bytes(range(32))
NUMBER = "11010519491231002X"
PLATE = "赣A12345"
DAY_MS = 86_400_000
ASKED = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "watch"]')


# No row of the fail table lets a resident go on without a list.
NOBODY_BY_TABLE = b"[fail.lists_stale]\nafter_s = 259200\n"


def watch(*entries: tuple[WatchKind, bytes], ends_ms: int = START_MS + DAY_MS) -> Watch:
    rows = [WatchRow(keyed(SECRET, kind, value), kind, START_MS + DAY_MS, "police") for kind, value in entries]
    return Watch(WatchList(SECRET, rows), ends_ms)


def bench(listed: Watch | None, policy: bytes = ASKED, world: dict[str, Any] | None = None, **more: Any) -> Bench:
    made = Bench(policy=policy, **more)
    made.lane.enter(replace(made.lane.world, watch=listed, **(world or {})))
    return made


def comes(made: Bench, **claims: Any) -> Verdict:
    made.come()
    made.wait(500, codes=(a_pass(1, **claims),))
    return next(
        effect.payload for effect in reversed(made.effects)
        if isinstance(effect, Commit) and isinstance(effect.payload, Verdict)
    )  # fmt: skip


def of_watch(verdict: Verdict) -> CheckResult:
    return next(check for check in verdict.checks if check.check == "watch")


def test_who_is_on_no_list_goes_through() -> None:
    made = bench(watch(("subject", b"somebody")))
    verdict = comes(made, household=b"home", plate=PLATE)
    assert (verdict.verdict, verdict.reason, of_watch(verdict).reason) == ("allow", "all_ok", "watch_ok")


@pytest.mark.parametrize(
    ("kind", "value", "claims"),
    [
        ("pass", (1).to_bytes(8, "big"), {}),
        ("subject", b"subject1", {"subject": b"subject1"}),
        ("household", b"home", {"household": b"home"}),
        ("plate", normal_plate(PLATE).encode(), {"plate": "赣Ａ12345"}),
    ],
)
def test_every_claim_of_a_pass_is_looked_up(kind: WatchKind, value: bytes, claims: dict[str, Any]) -> None:
    made = bench(watch((kind, value)))
    verdict = comes(made, **claims)
    assert (verdict.verdict, verdict.reason, verdict.call) == ("escalate", DISCREET, "police")
    assert made.openings == 0
    # For whoever has to answer for it later, and not what was matched.
    assert of_watch(verdict) == CheckResult("watch", "enforce", "failed", "watch_hit", "police", None)


def test_a_document_that_is_read_is_looked_up_too() -> None:
    value = document_value(NUMBER, SECRET)
    made = bench(watch(("document", value)), readers={"id": ("document",)})
    made.come()
    made.tell(facts.DocumentRead(NUMBER))
    made.wait(500, codes=(a_pass(1),))
    assert made.verdicts == [("escalate", DISCREET)]
    assert NUMBER not in repr(made.effects)


def test_a_plate_that_is_seen_is_looked_up_before_any_pass() -> None:
    made = bench(watch(("plate", PLATE.encode())), lane_kind="vehicle", readers={"plates": ("plate",)})
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.wait(500, codes=(a_pass(1),))
    assert made.verdicts == [("escalate", DISCREET)]


@pytest.mark.parametrize(
    ("listed", "world"),
    [
        (None, {}),
        (watch(ends_ms=START_MS), {}),
        (watch(), {"lists_age_s": 72 * 3600.0 + 1}),
        (watch(), {"lists_age_s": None}),
    ],
    ids=["none", "over", "not confirmed", "never confirmed"],
)
def test_without_a_list_to_go_by_nobody_is_cleared_and_it_looks_the_same(
    listed: Watch | None, world: dict[str, Any]
) -> None:
    verdict = comes(bench(listed, ASKED.replace(b'["pass", "watch"]', b'["watch"]') + NOBODY_BY_TABLE, world))
    assert (verdict.verdict, verdict.reason) == ("escalate", DISCREET)
    assert of_watch(verdict).reason == "watch_unlisted"


def test_residents_may_go_on_without_a_list_for_as_long_as_the_fail_table_says() -> None:
    made = bench(watch(ends_ms=START_MS - 1000))
    verdict = comes(made)
    assert (verdict.verdict, verdict.reason) == ("allow", "allowed_by_fail_table")
    assert view(made.lane, recording=True).notes == ()


def test_who_shows_nothing_is_cleared_by_no_list() -> None:
    made = bench(watch(), ASKED.replace(b'["pass", "watch"]', b'["watch"]'))
    made.come()
    made.wait(6000)
    assert made.verdicts == [("escalate", DISCREET)]


def test_an_entry_counts_while_nobody_vouches_for_the_clock() -> None:
    made = bench(watch(("household", b"home")), world={"clock_untrusted_since_ms": 0})
    assert of_watch(comes(made, household=b"home")).reason == "watch_hit"


# --- what people see --------------------------------------------------------------------------------------------------


def page_of(made: Bench) -> str:
    """All that the guard's page gets."""
    lane = view(made.lane, recording=True)
    return msgspec.json.encode(guard_page(screen_samples.gate(lane), "build", True)).decode()


def test_the_screen_shows_the_same_for_a_hit_and_for_no_list_but_for_whom_to_call() -> None:
    hit, none = bench(watch(("household", b"home"))), bench(None)
    comes(hit, household=b"home")
    comes(none, household=b"home")
    pages = [page_of(hit), page_of(none)]
    assert "请联系民警" in pages[0]
    assert "请稍候，工作人员即将到来" in pages[0]
    assert (
        pages[0].replace("请联系民警", "请联系管理员").replace("Call the police", "Call the administrator") == pages[1]
    )


def test_no_word_of_the_list_is_on_the_screen() -> None:
    made = bench(watch(("household", b"home")))
    comes(made, household=b"home")
    lane = view(made.lane, recording=True)
    assert (lane.reason, lane.call, lane.prompt) == (DISCREET, "police", "prompt_wait_guard")
    assert [tick.state for tick in lane.ticks if tick.check == "watch"] == ["done"]
    assert not [note for note in lane.notes if "watch" in note]
    assert "watch_" not in page_of(made)


def test_the_explanation_on_the_screen_shows_nothing_of_it_either() -> None:
    hit = comes(bench(watch(("household", b"home"))), household=b"home")
    said = msgspec.json.encode(tables(explain(without_watch(hit), None, None))).decode()
    assert "watch_hit" not in said
    assert "未通过" not in said
    assert "此处不显示" in said
    clear = comes(bench(watch()))
    assert [check.result for check in without_watch(clear).checks if check.check == "watch"] == [WITHHELD]


def test_where_the_policy_only_warns_the_person_goes_through_and_nothing_is_shown() -> None:
    policy = ASKED.replace(b'checks = ["pass", "watch"]', b'checks = ["pass", "watch"]\nmodes = { watch = "warn" }')
    made = bench(watch(("household", b"home")), policy)
    verdict = comes(made, household=b"home")
    assert (verdict.verdict, verdict.reason, verdict.call) == ("allow", "all_ok", "police")
    assert view(made.lane, recording=True).notes == ()
