"""A lane in a drill: it judges as ever, its records are marked, and nothing of it has any effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.drill import Drill, begin, is_drill
from checkpoint.level import Stream
from checkpoint.records import Egress, Note, OutcomeOf, Override, Payload, Verdict
from edge import facts
from edge.effects import ClearPass, Commit, OpenBarrier, TellSite
from edge.lane_view import view
from edge.site_ledger import SiteLedger
from edge.site_use import SiteUse
from tests.edge.lane_bench import POLICY, START_MS, Bench, a_pass


def a_drill(with_barrier: bool = False) -> Drill:
    return begin("head", 60, with_barrier, boot_id=bytes(16), at_ms=START_MS, mono_ms=0, trusted=True)


def turns(made: Bench, drill: Drill | None) -> None:
    made.lane.enter(replace(made.lane.world, drill=drill))
    made.tell(facts.Ticked())


def bench(with_barrier: bool = False, **more: Any) -> Bench:
    made = Bench(site_use=SiteUse("gate-1", SiteLedger("gate-1")), **more)
    turns(made, a_drill(with_barrier))
    return made


def visit(made: Bench, serial: int = 1, object_c: float = 36.4) -> None:
    """Somebody comes, does all that is asked, and goes."""
    made.come()
    made.wait(500, codes=(a_pass(serial),))
    made.wait(1500, object_c=object_c)
    if made.lane.opening is not None:
        made.cross()
    made.wait(3000)
    made.leave()


def committed(made: Bench) -> list[Payload]:
    return [effect.payload for effect in made.effects if isinstance(effect, Commit)]


def told(made: Bench) -> list[TellSite | ClearPass]:
    return [effect for effect in made.effects if isinstance(effect, TellSite | ClearPass)]


def test_a_passage_in_a_drill_is_judged_and_marked_and_opens_nothing() -> None:
    made = bench()
    visit(made)
    assert made.verdicts == [("allow", "all_ok")]
    assert made.outcomes == [("turned_back", "")]
    assert all(is_drill(payload) for payload in committed(made))
    assert made.openings == 0
    assert told(made) == []


def test_with_the_barrier_it_moves_and_still_nothing_is_told_to_the_site() -> None:
    made = bench(with_barrier=True)
    visit(made)
    assert made.openings == 1
    assert made.outcomes == [("passed", "")]
    assert all(is_drill(payload) for payload in committed(made))
    assert told(made) == []


@pytest.mark.parametrize("with_barrier", [True, False])
def test_a_drill_that_follows_another_at_once_moves_the_barrier_as_it_says_itself(with_barrier: bool) -> None:
    made = bench(not with_barrier)
    made.come()
    made.wait(500, codes=(a_pass(1),))
    turns(made, a_drill(with_barrier))
    assert made.outcomes == [("abandoned", "")]
    made.leave()
    visit(made, 2)
    assert made.openings == int(with_barrier)
    assert all(is_drill(payload) for payload in committed(made))


def test_who_was_low_before_two_drills_in_a_row_is_still_asked_back() -> None:
    made = Bench()
    visit(made, 1, 33.0)
    due = dict(made.lane.retests._due)
    assert due
    turns(made, a_drill())
    visit(made, 2, 33.0)
    turns(made, a_drill(with_barrier=True))
    assert made.lane.retests._due == {}
    turns(made, None)
    assert made.lane.retests._due == due


def test_where_there_is_no_barrier_a_drill_keeps_none_shut() -> None:
    made = bench()
    made.lane.settings = replace(made.lane.settings, has_barrier=False)
    visit(made)
    assert made.outcomes == [("passed", "")]
    assert made.alarms == []


@pytest.mark.parametrize(("free", "openings"), [(False, 1), (True, 0)])
def test_nobody_is_kept_in_by_a_drill(free: bool, openings: int) -> None:
    made = bench(direction="out", other_free_exit=free)
    visit(made)
    assert made.openings == openings
    assert all(is_drill(payload) for payload in committed(made))


def test_without_a_drill_nothing_is_marked() -> None:
    made = Bench(site_use=SiteUse("gate-1", SiteLedger("gate-1")))
    visit(made)
    assert made.openings == 1
    assert not any(is_drill(payload) for payload in committed(made))
    assert len(told(made)) == 1


def test_readings_of_a_drill_teach_the_lane_nothing() -> None:
    def level(made: Bench) -> dict[str, Stream]:
        return made.lane.level.state.streams

    made, real = bench(), Bench()
    for serial in range(1, 4):
        visit(made, serial)
        visit(real, serial)
    assert level(made) == {}
    assert sum(len(stream.kept) for stream in level(real).values()) == 3


def test_who_was_low_in_a_drill_is_no_retest_after_it_and_who_was_low_before_still_is() -> None:
    made = Bench()
    visit(made, 1, 33.0)
    turns(made, a_drill())
    visit(made, 2, 33.0)
    turns(made, None)
    now_ms, wanted = made.now_ms, made.lane.world.policy.temperature
    pending = {serial: made.lane.retests._due.get(serial.to_bytes(8, "big")) for serial in (1, 2)}
    assert pending[1] is not None
    assert now_ms - pending[1][1] < wanted.retest_valid_s * 1000
    assert pending[2] is None


def test_exit_button_and_fire_are_real_in_a_drill() -> None:
    made = bench()
    made.tell(facts.WayOutFreed("exit_button", made.now_ms, True))
    made.cross()
    made.wait(6000)
    made.tell(facts.WayOutFreed("fire", made.now_ms, True))
    made.wait(6000)
    assert [type(payload) for payload in committed(made)] == [Egress, OutcomeOf, Egress, OutcomeOf]
    assert made.outcomes == [("egress", ""), ("fire", "")]
    assert not any(is_drill(payload) for payload in committed(made))


def _waits(made: Bench) -> str:
    made.come()
    made.wait(500, codes=(a_pass(1, expired=False),))
    made.wait(6000)
    assert made.verdicts[-1][0] == "escalate"
    assert made.lane.shown is not None
    return made.lane.shown.passage.hex()


def test_a_guard_who_admits_in_a_drill_practises_and_one_who_opens_does_it_in_earnest() -> None:
    made = bench()
    waiting = _waits(made)
    made.tell(facts.GuardDecided("open", "", "known_resident", "guard"))
    assert made.openings == 1
    made.cross()
    made.wait(6000)
    payloads = committed(made)
    assert [(type(payload), is_drill(payload)) for payload in payloads] == [
        (Verdict, True), (Override, False), (OutcomeOf, False), (OutcomeOf, True),
    ]  # fmt: skip
    assert made.outcomes == [("admitted_by_guard", ""), ("turned_back", "")]

    made.leave()
    before = len(committed(made))
    again = _waits(made)
    assert again != waiting
    made.tell(facts.GuardDecided("admit", again, "known_resident", "guard"))
    made.wait(3000)
    assert made.openings == 1
    assert made.outcomes[-1] == ("admitted_by_guard", "")
    assert all(is_drill(payload) for payload in committed(made)[before:])


def test_what_a_guard_notes_of_a_passage_in_a_drill_says_so() -> None:
    made = bench()
    waiting = _waits(made)
    made.tell(facts.GuardDecided("measured", waiting, "", "guard", 36.5))
    [note] = [payload for payload in committed(made) if isinstance(payload, Note)]
    assert note.facts["drill"] == "yes"


def test_whoever_stands_there_when_a_drill_ends_begins_anew_and_in_earnest() -> None:
    made = bench()
    made.come()
    made.wait(500, codes=(a_pass(1),))
    turns(made, None)
    assert made.outcomes == [("abandoned", "")]
    assert is_drill(committed(made)[-1])
    made.wait(1500)
    made.wait(500, codes=(a_pass(2),))
    made.wait(1500, object_c=36.4)
    assert made.openings == 1
    assert not is_drill(committed(made)[-1])


def test_no_verdict_of_a_drill_stays_on_the_screen_after_it() -> None:
    made = bench()
    made.come()
    made.wait(500, codes=(a_pass(1),))
    made.wait(1000, object_c=36.4)
    assert view(made.lane, recording=True).state == "allow"
    turns(made, None)
    assert view(made.lane, recording=True).state == "wait"


def test_a_drill_waits_for_an_opening_to_be_over() -> None:
    made = Bench()
    made.come()
    made.wait(500, codes=(a_pass(1),))
    made.wait(1000, object_c=36.4)
    assert made.lane.opening is not None
    turns(made, a_drill())
    assert not made.lane.drill.on
    made.cross()
    made.wait(3000)
    assert made.lane.drill.on
    assert not any(is_drill(payload) for payload in committed(made))


ACTS = st.lists(
    st.sampled_from(
        ["come", "leave", "pass", "expired", "normal", "high", "low", "cross", "admit", "open", "refuse", "clear",
         "button", "fire", "drill", "barrier", "earnest", "wait"]
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ACTS, st.booleans())
def test_whatever_happens_practice_and_earnest_are_never_mixed(acts: list[str], sensor: bool) -> None:
    """Records of one passage agree on what they are; nothing of a drill opens a barrier that is to stay shut."""
    made = Bench(site_use=SiteUse("gate-1", SiteLedger("gate-1")), sensor=sensor)
    for act in acts:
        _act(made, act)
        made.wait(300)
    made.leave()
    made.wait(15_000)
    commits = [effect for effect in made.effects if isinstance(effect, Commit) and effect.passage is not None]
    marks: dict[bytes, set[bool]] = {}
    for commit in commits:
        if isinstance(commit.payload, Verdict | OutcomeOf | Override):
            marks.setdefault(commit.passage or b"", set()).add(is_drill(commit.payload))
    assert all(len(both) == 1 for both in marks.values())
    drilled = {passage for passage, both in marks.items() if both == {True}}
    assert not {one.crossing.passage for one in made.effects if isinstance(one, TellSite)} & drilled
    assert not {one.passage for one in made.effects if isinstance(one, ClearPass)} & drilled
    if "barrier" not in acts:
        assert not {one.passage for one in made.effects if isinstance(one, OpenBarrier)} & drilled
    ended = [commit.passage for commit in commits if isinstance(commit.payload, OutcomeOf)]
    assert sorted(ended) == sorted(marks)  # type: ignore[type-var]


def _act(made: Bench, act: str) -> None:
    codes = {"pass": a_pass(made.now_ms // 5000), "expired": a_pass(99, expired=True)}
    heat = {"normal": 36.4, "high": 38.4, "low": 33.0}
    if act in codes:
        made.wait(400, codes=(codes[act],))
    elif act in heat:
        made.wait(1500, object_c=heat[act])
    elif act in ("admit", "open", "refuse", "clear"):
        done: Any = "clear_passback" if act == "clear" else act
        made.tell(facts.GuardDecided(done, "", "known_resident", "guard"))
    elif act == "button":
        made.tell(facts.WayOutFreed("exit_button", made.now_ms, True))
    elif act == "fire":
        made.tell(facts.WayOutFreed("fire", made.now_ms, True))
    elif act in ("drill", "barrier", "earnest"):
        turns(made, None if act == "earnest" else a_drill(act == "barrier"))
    elif act == "wait":
        made.wait(4000)
    else:
        {"come": made.come, "leave": made.leave, "cross": made.cross}[act]()


@pytest.mark.parametrize("with_barrier", [False, True])
def test_a_tailgater_of_a_drill_raises_no_alarm(with_barrier: bool) -> None:
    made = bench(with_barrier)
    made.come()
    made.wait(500, codes=(a_pass(1),))
    made.wait(1000, object_c=36.4)
    if with_barrier:
        made.cross()
        made.cross()
        made.wait(3000)
        assert made.outcomes == [("passed", "tailgating")]
        assert made.alarms == []
    else:
        # Behind a barrier that is shut nobody is expected: that is no practice.
        made.cross()
        assert made.alarms == ["tailgating"]


def test_a_pass_that_is_cleared_in_a_drill_is_judged_again_and_no_other_gate_hears_of_it() -> None:
    passback = POLICY + b'[passback]\nmode = "enforce"\nwindow_s = 3600\nwalk_s = 0\n'
    made = bench(policy=passback)
    turns(made, None)
    visit(made)
    made.wait(2000)
    turns(made, a_drill())
    made.come()
    made.wait(500, codes=(a_pass(1),))
    made.wait(1500, object_c=36.4)
    assert made.verdicts[-1][1] == "passback"
    assert made.lane.shown is not None
    made.tell(facts.GuardDecided("clear_passback", made.lane.shown.passage.hex(), "known_resident", "guard"))
    made.wait(1500, object_c=36.4)
    assert made.verdicts[-1] == ("allow", "all_ok")
    assert [type(one) for one in told(made)] == [TellSite]
