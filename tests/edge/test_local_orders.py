"""Local orders at a gate: in force for their own time, on the policy they name, and never in place of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from checkpoint import topics
from checkpoint.documents import Document, pack_document
from checkpoint.local_order import parse_order
from checkpoint.policy import parse_policy
from checkpoint.policy_time import LocalTime
from checkpoint.records import Note
from checkpoint.site_rules import CHINA
from edge.clock import Moment
from edge.document_desk import DocumentDesk
from edge.downlink import Downlink, OrderInstalled, PolicyInstalled
from edge.explain_record import kept_policy
from edge.rulebook import Rulebook
from edge.screen.view import guard_page
from tests.checkpoint.test_local_order import CITY, HEAD, NIGHT, RULE
from tests.edge.test_downlink import DAY_S, HERE, NOW_S, SIGNER, downlink, give, keys
from tools.screen_samples import LANES, gate

FROM, TO = "2026-09-21T00:00:00+08:00", "2026-09-28T00:00:00+08:00"
ORDER_HEAD = HEAD.replace("2026-11-01T00:00:00+08:00", FROM).replace("2026-11-14T00:00:00+08:00", TO)
BEGINS_MS, ENDS_MS = (round(datetime.fromisoformat(text).timestamp() * 1000) for text in (FROM, TO))
ORDER = ORDER_HEAD + NIGHT


def at(at_ms: int, *, trusted: bool = True) -> Moment:
    return Moment(at_ms, 1, trusted)


def document(content: str, scope: str, version: int = 1) -> Document:
    start_ms = BEGINS_MS - 90 * DAY_S * 1000
    return Document(1, "policy", scope, version, start_ms, ENDS_MS + 90 * DAY_S * 1000, 100, content.encode())


def take(book: Rulebook, content: str, scope: str) -> None:
    if "order_of" in content:
        book.take(OrderInstalled(document(content, scope), parse_order(content.encode())))
    else:
        book.take(PolicyInstalled(document(content, scope), parse_policy(content.encode())))


def rulebook(*orders: tuple[str, str], city: str = CITY) -> Rulebook:
    book = Rulebook("guard", HERE, BEGINS_MS, 30.0, CHINA)
    take(book, city, "grid-3")
    for content, scope in orders:
        take(book, content, scope)
    return book


def test_an_order_counts_for_its_time_and_then_the_wider_policy_does() -> None:
    book = rulebook((ORDER, "sunrise-garden"))
    ids = [book.policy(at(at_ms)).id for at_ms in (BEGINS_MS - 1, BEGINS_MS, ENDS_MS - 1, ENDS_MS)]
    assert ids == ["city", "city.7+night", "city.7+night", "city"]
    assert book.policy(at(BEGINS_MS)) is book.policy(at(BEGINS_MS + 1))


def test_when_the_wider_policy_ends_the_everyday_one_counts_and_takes_no_order() -> None:
    ends = CITY.replace("2030-01-01T00:00:00Z", "2026-09-24T00:00:00Z")
    book = rulebook((ORDER, "sunrise-garden"), city=ends)
    assert book.policy(at(BEGINS_MS)).id == "city.7+night"
    assert book.policy(at(ENDS_MS - 1)).id == "everyday"
    assert book.orders.refused == {}


def test_orders_of_wider_scopes_come_first() -> None:
    looked_at = ORDER_HEAD.replace("night", "gate") + RULE.replace('"visitor"', '"worker"')
    book = rulebook((looked_at, "gate-7"), (ORDER, "sunrise-garden"))
    policy = book.policy(at(BEGINS_MS))
    assert policy.id == "city.7+night.2+gate"
    assert [rule.name for rule in policy.rules[:2]] == ["visitors", "night"]


def test_an_order_that_asks_less_is_not_followed_and_the_rest_is() -> None:
    less = ORDER_HEAD.replace("night", "less") + RULE.replace(', "mask"', "").replace(', "watch"', "")
    book = rulebook((less, "gate-7"), (ORDER, "sunrise-garden"))
    assert book.policy(at(BEGINS_MS)).id == "city.7+night"
    assert "asks less" in book.orders.refused["gate-7"].why
    assert book.policy(at(ENDS_MS)).id == "city"
    assert book.orders.refused == {}


def test_an_order_for_a_policy_that_is_not_in_force_waits() -> None:
    book = rulebook((ORDER.replace('order_of = "city"', 'order_of = "harbour"'), "gate-7"))
    assert book.policy(at(BEGINS_MS)).id == "city"
    take(book, CITY.replace('id = "city"', 'id = "harbour"'), "sunrise-garden")
    assert book.policy(at(BEGINS_MS)).id == "harbour.7+night"


def test_a_policy_of_the_same_scope_takes_the_place_of_an_order_and_the_other_way_round() -> None:
    book = rulebook((ORDER, "gate-7"))
    take(book, CITY.replace("version = 7", "version = 8"), "gate-7")
    policy = book.policy(at(BEGINS_MS))
    assert (policy.id, policy.version) == ("city", 8)
    take(book, ORDER, "gate-7")
    assert book.policy(at(BEGINS_MS)).id == "city.7+night"


def test_without_a_clock_an_order_counts_that_can_only_ask_for_more() -> None:
    wrong = at(ENDS_MS + 10, trusted=False)
    assert rulebook((ORDER, "gate-7")).policy(wrong).id == "city.7+night"
    milder = rulebook((ORDER, "gate-7"), city=CITY + 'milder = { mask = "warn" }\n')
    assert milder.policy(wrong).id == "city"
    assert milder.policy(at(BEGINS_MS)).id == "city.7+night"
    assert milder.policy(wrong).id == "city.7+night"


def test_the_hour_is_the_one_at_the_gate_and_unknown_without_a_clock() -> None:
    book = rulebook()
    half_past_ten_ms = round(datetime(2026, 9, 21, 14, 30, tzinfo=UTC).timestamp() * 1000)
    assert book.world(None, at(half_past_ten_ms)).local == LocalTime(0, 22 * 60 + 30)
    assert book.world(None, at(half_past_ten_ms, trusted=False)).local is None


class Desk:
    """A document desk with what it put on record."""

    def __init__(self, link: Downlink) -> None:
        self.book = Rulebook("guard", HERE, BEGINS_MS, 30.0, CHINA)
        self.notes: list[Note] = []
        # Nothing here is about the site's other gates.
        self.desk = DocumentDesk(
            link, self.book, SIGNER, cast(Any, None), lambda _, note: self.notes.append(cast(Note, note))
        )

    def give(self, content: str, scope: str, version: int = 1) -> None:
        data = pack_document(SIGNER, document(content, scope, version))
        self.desk.arrived(topics.document(scope, "policy"), data)
        self.desk.take_waiting(NOW_S * 1000)

    def policy_id(self) -> str:
        return self.book.policy(at(NOW_S * 1000)).id


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    link = downlink(tmp_path)
    give(link, "keys", keys())
    return Desk(link)


def test_an_order_is_installed_as_a_document_of_kind_policy_and_found_after_a_restart(
    desk: Desk, tmp_path: Path
) -> None:
    desk.give(CITY, "grid-3")
    desk.give(ORDER, "sunrise-garden")
    assert desk.policy_id() == "city.7+night"
    again = Desk(downlink(tmp_path))
    again.desk.load()
    assert again.policy_id() == "city.7+night"
    assert kept_policy(tmp_path / "documents", "city.7+night", 2) == again.book.policy(at(NOW_S * 1000))
    assert kept_policy(tmp_path / "documents", "city.7+night", 3) is None


def test_why_an_order_is_not_followed_is_told_once_and_ends_with_it(desk: Desk) -> None:
    desk.give(CITY.replace("max_days = 14", "max_days = 3"), "grid-3")
    desk.give(ORDER, "sunrise-garden")
    assert desk.policy_id() == "city"
    news = [desk.desk.news() for _ in range(2)]
    assert news[0]["policy@sunrise-garden/refused"].startswith("1 local order night: valid_until")
    assert news[1] == {}
    assert [note.code for note in desk.notes] == ["document_installed", "document_installed", "document_refused"]
    shorter = ORDER.replace(TO, "2026-09-23T00:00:00+08:00").replace("version = 2", "version = 3")
    desk.give(shorter, "sunrise-garden", 2)
    assert desk.policy_id() == "city.7+night"
    assert desk.desk.news()["policy@sunrise-garden/refused"] == ""


def test_an_order_that_a_later_policy_takes_is_not_called_refused_any_longer(desk: Desk) -> None:
    desk.give(CITY.replace("max_days = 14", "max_days = 3"), "grid-3")
    desk.give(ORDER, "sunrise-garden")
    assert desk.policy_id() == "city"
    assert desk.desk.news()["policy@sunrise-garden/refused"]
    desk.give(CITY.replace("version = 7", "version = 8"), "grid-3", 2)
    assert desk.policy_id() == "city.8+night"
    assert desk.desk.news()["policy@sunrise-garden/refused"] == ""


def test_an_order_that_can_not_be_read_never_replaces_what_is_there(desk: Desk) -> None:
    desk.give(CITY, "grid-3")
    desk.give(ORDER.replace("valid_until", "until"), "sunrise-garden")
    assert desk.policy_id() == "city"
    assert desk.notes[-1].code == "document_refused"


def test_the_screen_names_the_order_and_who_answers_for_it() -> None:
    shown = msgspec.structs.replace(
        gate(LANES["wait"]),
        policy="city.7+night",
        policy_until_ms=ENDS_MS,
        order_zh="夜间管控（第一网格长）",
        order_en="Quiet nights (head)",
    )
    line = guard_page(shown, "build", False).policy.text
    assert line.zh == "下级通知 夜间管控（第一网格长） 至 09-28"
    assert line.en == "local order Quiet nights (head) to 09-28"
