"""Whatever happens in a lane, in whatever order: one verdict, one outcome, one pulse, and the record always first."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.records import Egress, Note, OutcomeOf, Override, Verdict
from edge import facts
from edge.effects import Commit, OpenBarrier
from tests.edge.lane_bench import STRANGER, Bench, a_pass

CODES = [
    a_pass(1),
    a_pass(2),
    a_pass(3, party=2),
    a_pass(4, expired=True),
    a_pass(5, key=STRANGER),
    b"https://example.org",
]

# Somebody comes with a code in view and this temperature before the sensor, and stays for a while.
visits = st.builds(
    lambda code, object_c, ms: ("visit", code, object_c, ms),
    st.sampled_from(CODES),
    st.sampled_from([36.2, 36.2, 33.0, 38.4]),
    st.sampled_from([300, 1200, 2500]),
)
# Time with nobody or somebody before the sensor.
pauses = st.builds(
    lambda ms, object_c: ("pause", None, object_c, ms),
    st.sampled_from([100, 700, 1500, 5000]),
    st.sampled_from([None, 20.0, 33.0, 36.2, 38.4]),
)
events = st.one_of(
    st.builds(facts.PresenceChanged, st.booleans()),
    st.builds(facts.CodesSeen, st.lists(st.sampled_from(CODES), max_size=2).map(tuple)),
    st.just(facts.Crossed()),
    st.just(facts.AssistPressed()),
    st.builds(facts.FireContact, st.booleans()),
    st.builds(
        facts.PartDown,
        st.sampled_from(["camera", "thermometer", "board", "presence", "fire", "door"]),
        st.just("thermometer_gone"),
    ),
    st.builds(facts.PartUp, st.sampled_from(["camera", "thermometer", "board", "presence", "fire", "door"])),
    st.builds(facts.WayOutFreed, st.sampled_from(["exit_button", "fire"]), st.just(0), st.booleans()),
    st.builds(
        facts.GuardDecided,
        st.sampled_from(["admit", "refuse", "open", "measured"]),
        st.just(""),
        st.just("medical"),
        st.just("guard"),
    ),
)
scripts = st.lists(st.one_of(visits, pauses, events), max_size=20)


def play(bench: Bench, script: list[object]) -> None:
    for step in script:
        if isinstance(step, tuple):
            what, code, object_c, ms = step
            if what == "visit":
                bench.come()
            bench.wait(ms, codes=(code,) if code else (), object_c=object_c)
        else:
            bench.tell(step)  # type: ignore[arg-type]
    bench.tell(facts.PresenceChanged(False))
    bench.tell(facts.FireContact(False))
    bench.wait(30_000)


@settings(max_examples=300)
@given(scripts, st.booleans(), st.sampled_from(["guard", "none"]))
def test_every_passage_is_decided_once_ends_once_and_opens_at_most_once(
    script: list[object], sensor: bool, attendance: str
) -> None:
    bench = Bench(sensor=sensor, attendance=attendance)  # type: ignore[arg-type]
    play(bench, script)
    verdicts, outcomes, pulses = Counter[bytes](), Counter[bytes](), Counter[bytes]()
    may_open: set[bytes] = set()
    for effect in bench.effects:
        if isinstance(effect, OpenBarrier):
            pulses[effect.passage] += 1
            assert effect.passage in may_open, "the barrier was asked before the record that allows it"
        elif isinstance(effect, Commit) and effect.passage is not None and not isinstance(effect.payload, Note):
            payload = effect.payload
            if isinstance(payload, Verdict):
                verdicts[effect.passage] += 1
                if payload.verdict == "allow":
                    may_open.add(effect.passage)
            elif isinstance(payload, Override) and payload.act in ("admit", "open"):
                may_open.add(effect.passage)
            elif isinstance(payload, OutcomeOf):
                outcomes[effect.passage] += 1
            else:
                assert isinstance(payload, Egress | Override)
    assert all(times == 1 for times in (*verdicts.values(), *outcomes.values()))
    assert all(times == 1 for times in pulses.values())
    begun = set(verdicts) | may_open | {e.passage for e in bench.effects if _is_egress(e)}
    assert begun <= set(outcomes), "somebody was left without an outcome"


def _is_egress(effect: object) -> bool:
    return isinstance(effect, Commit) and isinstance(effect.payload, Egress)


@settings(max_examples=200)
@given(scripts)
def test_nobody_gets_in_without_a_pass_that_holds_and_a_temperature(script: list[object]) -> None:
    bench = Bench()
    play(bench, script)
    for effect in bench.effects:
        if isinstance(effect, Commit) and isinstance(effect.payload, Verdict) and effect.payload.verdict == "allow":
            results = {check.check: check.result for check in effect.payload.checks}
            assert results == {"pass": "ok", "temperature": "ok"}
            assert effect.payload.pass_facts is not None
