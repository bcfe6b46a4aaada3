"""A lane and what stands behind a pass: status lists, the site's ledger, the guard's acts, arrivals, city codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from checkpoint.formats.city import CitySystem
from checkpoint.passes import Arrival
from checkpoint.records import Note, Override, Verdict
from checkpoint.status_list import REVOKED, SUSPENDED, StatusBook, make_status
from edge import facts
from edge.effects import AskCity, Commit, OpenBarrier
from edge.lane_view import view
from edge.place_code import PlaceCodes
from edge.site_ledger import SiteLedger
from edge.site_use import SiteUse
from tests.edge.lane_bench import POLICY, START_MS, Bench, a_pass

ENFORCED = POLICY + b'[passback]\nmode = "enforce"\nwindow_s = 3600\nwalk_s = 30\n'
QUOTA = (
    POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "quota"]')
    + b"[quota]\nevery_days = 2\nback_within_h = 2\n"
)
HOUSEHOLD = b"home"


@pytest.fixture
def ledger() -> Iterator[SiteLedger]:
    fresh = SiteLedger("gate-1")
    yield fresh
    fresh.close()


def bench(ledger: SiteLedger, gate: str = "gate-1", policy: bytes = ENFORCED, **more: Any) -> Bench:
    return Bench(policy=policy, site_use=SiteUse(gate, ledger), **more)


def walk_in(rig: Bench, code: bytes) -> None:
    """Somebody comes, shows a code, is measured, and goes through if they may."""
    before = rig.openings
    rig.come()
    rig.wait(300, codes=(code,))
    rig.wait(1500, object_c=36.2)
    if rig.openings > before:
        rig.cross()
        rig.wait(2500)
    rig.leave()
    rig.wait(2500)


def payloads(rig: Bench, kind: type) -> list[Any]:
    return [effect.payload for effect in rig.effects if isinstance(effect, Commit) and isinstance(effect.payload, kind)]


# --- the status lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ("allow", "all_ok")),
        ({4: REVOKED}, ("deny", "pass_revoked")),
        ({4: SUSPENDED}, ("escalate", "pass_suspended")),
    ],
)
def test_a_lane_asks_the_status_list(values: dict[int, int], expected: tuple[str, str]) -> None:
    rig = Bench()
    rig.lane.enter(replace(rig.lane.world, status=StatusBook({"city": make_status(values, 100, 0)})))
    walk_in(rig, a_pass(status_index=4))
    assert rig.verdicts == [expected]


def test_nobody_is_measured_on_a_revoked_pass() -> None:
    rig = Bench()
    rig.lane.enter(replace(rig.lane.world, status=StatusBook({"city": make_status({4: REVOKED}, 100, 0)})))
    rig.come()
    rig.wait(300, codes=(a_pass(status_index=4),))
    assert rig.verdicts == [("deny", "pass_revoked")]


def test_a_list_that_comes_while_somebody_is_measured_counts() -> None:
    rig = Bench()
    rig.lane.enter(replace(rig.lane.world, status=StatusBook({"city": make_status({}, 100, 0)})))
    rig.come()
    rig.wait(300, codes=(a_pass(status_index=4),))
    rig.lane.enter(replace(rig.lane.world, status=StatusBook({"city": make_status({4: REVOKED}, 100, 0)})))
    rig.wait(1500, object_c=36.2)
    assert rig.verdicts == [("deny", "pass_revoked")]


# --- one pass, one person --------------------------------------------------------------------------------------------


def test_a_pass_that_went_in_does_not_go_in_again_before_it_has_left(ledger: SiteLedger) -> None:
    way_in, way_out = bench(ledger), bench(ledger, direction="out")
    walk_in(way_in, a_pass(1))
    walk_in(way_in, a_pass(1))
    assert way_in.verdicts == [("allow", "all_ok"), ("escalate", "passback")]
    way_out.now_ms = way_in.now_ms
    walk_in(way_out, a_pass(1))
    way_in.now_ms = way_out.now_ms
    walk_in(way_in, a_pass(1))
    assert way_in.verdicts[2:] == [("allow", "all_ok")]


def test_who_was_let_but_did_not_go_through_may_come_again(ledger: SiteLedger) -> None:
    rig = bench(ledger)
    for _ in range(2):
        rig.come()
        rig.wait(300, codes=(a_pass(1),))
        rig.wait(1500, object_c=36.2)
        rig.wait(5000)
        rig.leave()
        rig.wait(2500)
    assert rig.verdicts == [("allow", "all_ok")] * 2
    assert ledger.last((1).to_bytes(8, "big")) is None


def test_a_pass_is_not_at_two_gates_at_once(ledger: SiteLedger) -> None:
    here, there = bench(ledger), bench(ledger, "gate-2")
    walk_in(here, a_pass(1))
    there.now_ms = here.now_ms + 3000
    walk_in(there, a_pass(1))
    assert there.verdicts == [("escalate", "seen_elsewhere")]


def test_a_pass_for_one_entry_is_spent_by_one(ledger: SiteLedger) -> None:
    rig = bench(ledger, policy=POLICY)
    once = a_pass(1, pass_class="visitor", uses=1, expires_s=START_MS // 1000 + 3600)
    walk_in(rig, once)
    walk_in(rig, once)
    assert rig.verdicts == [("allow", "all_ok"), ("deny", "pass_used")]


# --- the guard -------------------------------------------------------------------------------------------------------


def guard(rig: Bench, act: Any, **more: Any) -> None:
    assert rig.lane.shown is not None
    rig.tell(facts.GuardDecided(act, rig.lane.shown.passage.hex(), "known_resident", "guard", **more))


def stopped_by_passback(ledger: SiteLedger) -> Bench:
    rig = bench(ledger)
    walk_in(rig, a_pass(1))
    rig.come()
    rig.wait(300, codes=(a_pass(1),))
    assert rig.verdicts[-1] == ("escalate", "passback")
    assert view(rig.lane, recording=True).clearable
    return rig


def test_a_cleared_pass_is_judged_again_with_every_other_check(ledger: SiteLedger) -> None:
    rig = stopped_by_passback(ledger)
    openings = rig.openings
    guard(rig, "clear_passback")
    assert rig.openings == openings
    (note,) = payloads(rig, Note)
    assert note.code == "passback_cleared"
    assert note.facts == {"lane": "in", "why": "passback", "reason": "known_resident", "by": "guard"}
    rig.wait(1500, object_c=36.2)
    assert rig.verdicts[-1] == ("allow", "all_ok")
    assert rig.openings == openings + 1
    rig.cross()
    rig.wait(2500)
    assert [one.move for one in ledger.of_pass((1).to_bytes(8, "big"))] == ["in", "cleared", "in"]
    rig.leave()
    rig.wait(2500)
    walk_in(rig, a_pass(1))
    assert rig.verdicts[-1] == ("escalate", "passback")


def test_a_cleared_pass_with_a_fever_stays_outside(ledger: SiteLedger) -> None:
    rig = stopped_by_passback(ledger)
    guard(rig, "clear_passback")
    rig.wait(1500, object_c=39.0)
    rig.wait(4000, object_c=39.0)
    assert rig.verdicts[-1][0] == "escalate"
    assert rig.openings == 1


def test_a_pass_is_not_cleared_once_its_holder_has_gone(ledger: SiteLedger) -> None:
    rig = stopped_by_passback(ledger)
    passage = rig.lane.shown.passage.hex() if rig.lane.shown else ""
    rig.leave()
    rig.tell(facts.GuardDecided("clear_passback", passage, "known_resident", "guard"))
    assert payloads(rig, Note) == []
    rig.wait(2500)
    walk_in(rig, a_pass(1))
    assert rig.verdicts[-1] == ("escalate", "passback")


def test_only_what_can_be_cleared_is_cleared(ledger: SiteLedger) -> None:
    rig = bench(ledger)
    rig.lane.enter(replace(rig.lane.world, status=StatusBook({"city": make_status({4: SUSPENDED}, 100, 0)})))
    rig.come()
    rig.wait(300, codes=(a_pass(1, status_index=4),))
    assert not view(rig.lane, recording=True).clearable
    guard(rig, "clear_passback")
    assert payloads(rig, Note) == []
    assert rig.verdicts == [("escalate", "pass_suspended")]


def admitted(rig: Bench, code: bytes, crosses: bool = True) -> None:
    """Somebody whom the machine does not let in by itself comes with a code, and the guard opens."""
    rig.come()
    rig.wait(300, codes=(code,))
    rig.wait(1500, object_c=36.2)
    guard(rig, "admit")
    if crosses:
        rig.cross()
    rig.leave()
    rig.wait(12_000)


def test_who_comes_in_by_the_guards_hand_has_used_the_pass(ledger: SiteLedger) -> None:
    """Else a printed code for one entry, whose holder a guard looks at each time, would never be used up."""
    rig = bench(ledger, policy=POLICY + b'[pass]\nstatic_needs_document = ["visitor"]\n')
    once = a_pass(1, pass_class="visitor", uses=1, expires_s=START_MS // 1000 + 3600)
    admitted(rig, once, crosses=False)
    admitted(rig, once)
    admitted(rig, once)
    assert rig.verdicts == [("escalate", "document_ask"), ("escalate", "document_ask"), ("deny", "pass_used")]


def test_who_goes_out_twice_and_was_let_in_by_a_guard_between_is_one_person(ledger: SiteLedger) -> None:
    out = bench(ledger, direction="out", other_free_exit=True)
    walk_in(out, a_pass(1))
    back = bench(ledger, policy=ENFORCED + b'[pass]\nstatic_needs_document = ["resident"]\n')
    back.now_ms = out.now_ms + 60_000
    admitted(back, a_pass(1))
    out.now_ms = back.now_ms + 60_000
    walk_in(out, a_pass(1))
    assert out.verdicts == [("allow", "all_ok"), ("allow", "all_ok")]


def test_a_pass_with_entries_to_count_that_lives_longer_than_gates_remember_is_looked_at(ledger: SiteLedger) -> None:
    rig = bench(ledger, policy=POLICY)
    now_s = START_MS // 1000
    walk_in(rig, a_pass(1, uses=1, not_before_s=now_s, expires_s=now_s + 3 * 86_400))
    assert rig.verdicts == [("escalate", "quota_unknown")]


def test_somebody_without_a_pass_comes_in_by_the_guards_hand_and_is_noted(ledger: SiteLedger) -> None:
    rig = bench(ledger)
    rig.come()
    rig.tell(facts.GuardDecided("walk_up", "", "delivery", "guard", plate="赣A12345", visited="3-2-501"))
    effects = [type(effect.payload if isinstance(effect, Commit) else effect) for effect in rig.effects]
    assert effects[:3] == [Override, OpenBarrier, Note]
    note = payloads(rig, Note)[0]
    assert note.facts == {
        "lane": "in", "reason": "delivery", "by": "guard", "plate": "赣A12345", "visited": "3-2-501",
    }  # fmt: skip
    assert [(one.act, one.reason) for one in payloads(rig, Override)] == [("open", "delivery")]
    rig.cross()
    rig.wait(2500)
    assert rig.outcomes == [("admitted_by_guard", "")]


# --- how often a household goes out ----------------------------------------------------------------------------------


def test_the_second_of_a_household_is_told_when_they_may_go_out(ledger: SiteLedger) -> None:
    rig = bench(ledger, policy=QUOTA, direction="out", other_free_exit=True)
    walk_in(rig, a_pass(1, household=HOUSEHOLD))
    rig.come()
    rig.wait(300, codes=(a_pass(2, household=HOUSEHOLD),))
    assert rig.verdicts == [("allow", "all_ok"), ("deny", "quota_used")]
    shown = view(rig.lane, recording=True)
    assert (shown.reason, shown.next_exit) == ("quota_used", "2026-02-04T00:00+08:00")


def test_where_there_is_no_other_way_out_the_quota_holds_nobody(ledger: SiteLedger) -> None:
    rig = bench(ledger, policy=QUOTA, direction="out")
    walk_in(rig, a_pass(1, household=HOUSEHOLD))
    walk_in(rig, a_pass(2, household=HOUSEHOLD))
    assert rig.verdicts == [("allow", "all_ok"), ("allow", "way_out")]
    assert payloads(rig, Verdict)[-1].tags == ("way_out",)


def test_a_pass_of_no_household_has_no_quota_to_use(ledger: SiteLedger) -> None:
    rig = bench(ledger, policy=QUOTA, direction="out", other_free_exit=True)
    walk_in(rig, a_pass(1))
    assert rig.verdicts == [("escalate", "quota_unknown")]


def test_nobody_counts_days_by_a_clock_that_is_not_believed(ledger: SiteLedger) -> None:
    rig = bench(ledger, policy=QUOTA, direction="out", other_free_exit=True)
    rig.lane.enter(replace(rig.lane.world, clock_untrusted_since_ms=0))
    rig.come()
    rig.wait(300, codes=(a_pass(1, household=HOUSEHOLD),))
    verdict = payloads(rig, Verdict)[-1]
    assert [check.reason for check in verdict.checks] == ["clock_untrusted", "quota_unknown"]


# --- arrivals --------------------------------------------------------------------------------------------------------

PLACE = PlaceCodes(bytes(32), "gate-1", "https://pass.example/")


def arrival(at_s: int, gate: str = "gate-1") -> Arrival:
    return Arrival(gate, bytes.fromhex(PlaceCodes(bytes(32), gate, "x").text(at_s).rpartition("n=")[2]))


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (arrival(START_MS // 1000 - 60), ("allow", "all_ok")),
        (arrival(START_MS // 1000 - 3600), ("deny", "arrival_stale")),
        (arrival(START_MS // 1000, "gate-2"), ("deny", "arrival_elsewhere")),
    ],
)
def test_an_arrival_token_is_good_at_its_gate_for_a_while(token: Arrival, expected: tuple[str, str]) -> None:
    rig = Bench(place=PLACE)
    walk_in(rig, a_pass(1, arrival=token))
    assert rig.verdicts == [expected]


def test_a_wrong_clock_makes_no_arrival_token_of_another_gate_good_here() -> None:
    """What hangs on the clock may be let in by the fail table; which gate was scanned does not hang on it."""
    home = POLICY + b'[fail.clock_untrusted]\nnone = { residents = "allow", for_s = 3600 }\n'
    now_s = START_MS // 1000
    for token, expected in (
        (arrival(now_s, "gate-2"), ("deny", "arrival_elsewhere")),
        (arrival(now_s), ("allow", "allowed_by_fail_table")),
    ):
        rig = Bench(place=PLACE, policy=home, attendance="none")
        rig.lane.enter(replace(rig.lane.world, clock_untrusted_since_ms=0))
        walk_in(rig, a_pass(1, expired=True, arrival=token))
        assert rig.verdicts == [expected]


def test_a_gate_without_a_place_code_takes_no_arrival_token() -> None:
    rig = Bench()
    walk_in(rig, a_pass(1, arrival=arrival(START_MS // 1000)))
    assert rig.verdicts == [("deny", "arrival_elsewhere")]


# --- codes of a city's system ----------------------------------------------------------------------------------------

SYSTEM = CitySystem("demo", ("city.example",), "token")
CODE = b"https://city.example/show?token=abcd1234"
TAKES_CITY = POLICY + b'[pass]\nformats = ["GK1", "CITY:demo"]\nforeign = { "CITY:demo" = "visitor" }\n'


def asked(rig: Bench) -> list[AskCity]:
    return [effect for effect in rig.effects if isinstance(effect, AskCity)]


def city(policy: bytes = TAKES_CITY, code: bytes = CODE) -> Bench:
    rig = Bench(policy=policy, city=(SYSTEM,))
    rig.come()
    rig.wait(300, codes=(code,))
    return rig


def test_a_city_code_waits_for_its_server_and_is_then_a_visitors_at_most() -> None:
    rig = city()
    (question,) = asked(rig)
    assert (question.code.system, question.code.token) == (SYSTEM, "abcd1234")
    assert view(rig.lane, recording=True).prompt == "prompt_asking"
    rig.tell(facts.CityAnswered(question.number, "city_code_ok"))
    rig.wait(1500, object_c=36.2)
    assert rig.verdicts == [("allow", "all_ok")]


@pytest.mark.parametrize("reason", ["city_code_refused", "city_code_offline", "city_code_timeout"])
def test_without_a_good_answer_a_person_decides(reason: str) -> None:
    rig = city()
    rig.tell(facts.CityAnswered(asked(rig)[0].number, reason))
    assert rig.verdicts == [("escalate", reason)]


def test_a_server_that_never_answers_holds_nobody_for_ever() -> None:
    rig = city()
    rig.wait(5000)
    assert rig.verdicts == [("escalate", "city_code_timeout")]
    rig.tell(facts.CityAnswered(1, "city_code_ok"))
    rig.wait(1500, object_c=36.2)
    assert rig.verdicts == [("escalate", "city_code_timeout")]


def test_an_answer_about_somebody_else_changes_nothing() -> None:
    rig = city()
    rig.leave()
    rig.wait(2500)
    rig.come()
    rig.wait(300, codes=(CODE + b"5",))
    rig.tell(facts.CityAnswered(1, "city_code_ok"))
    rig.wait(1500, object_c=36.2)
    assert rig.verdicts == []
    rig.tell(facts.CityAnswered(2, "city_code_refused"))
    assert rig.verdicts == [("escalate", "city_code_refused")]


def test_a_city_code_shown_twice_is_asked_about_once() -> None:
    rig = city()
    rig.wait(1500)
    rig.wait(300, codes=(CODE,))
    assert len(asked(rig)) == 1


def test_nothing_is_asked_of_a_server_where_the_policy_does_not_take_its_codes() -> None:
    rig = city(POLICY)
    assert asked(rig) == []
    assert rig.verdicts == [("deny", "format_not_enabled")]


def test_a_city_address_without_a_token_is_a_damaged_code() -> None:
    rig = city(code=b"https://city.example/show")
    assert rig.verdicts == [("deny", "pass_malformed")]


def test_a_pass_shown_while_the_server_is_asked_is_what_counts() -> None:
    rig = city()
    rig.wait(300, codes=(a_pass(1),))
    rig.tell(facts.CityAnswered(1, "city_code_refused"))
    rig.wait(1500, object_c=36.2)
    assert rig.verdicts == [("allow", "all_ok")]
