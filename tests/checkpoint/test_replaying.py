"""A record that is decided again says what the new policy would say, or that it can't be told; never a guess."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from checkpoint.passes import Presented
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Policy, Timeouts
from checkpoint.policy_time import LocalTime
from checkpoint.records import PassFacts, ReadingKept, Verdict, Where
from checkpoint.replay_evidence import candidates_of
from checkpoint.replay_stand_in import AskError, Situation
from checkpoint.replaying import Recorded, Replay, Told, Untold
from checkpoint.status_list import StatusAnswer
from checkpoint.verdict import CheckFact, GateState, PassUse, decide
from tests.checkpoint.test_verdict_properties import GUARDED, STERN, people, presentations, states
from tests.checkpoint.verdict_kit import (
    COLD,
    FEVER,
    GATE,
    GRID,
    LOW,
    NOW_S,
    OK,
    POLICY,
    POLICY_TOML,
    UNSTABLE,
    VISITOR,
    gate,
    held,
    policy,
    shown,
)  # fmt: skip

# Each is decided under many suppositions.
EXAMPLES = 40
PASS_ONLY = policy(checks='["pass"]')
WITH_WATCH = policy(checks='["pass", "temperature", "watch"]')
FOLLOWED = policy(checks='["pass", "temperature", "watch"]', modes='{ watch = "record" }')
WARNED = policy(modes='{ temperature = "warn" }')
MEASURED = "[temperature]\n"
# Nobody but residents after ten, whatever the checks find; whoever brings something is asked to wait all day.
CURFEW = parse_policy(
    POLICY_TOML.replace(
        "[[rule]]",
        '[[rule]]\nname = "night"\nclass = ["visitor", "worker"]\nfrom = "22:00"\nuntil = "06:00"\n'
        'verdict = "deny"\nreason = "curfew"\nchecks = ["pass"]\n\n'
        '[[rule]]\nname = "couriers"\nclass = ["courier"]\nverdict = "escalate"\nreason = "curfew"\nchecks = []\n\n'
        "[[rule]]",
        1,
    ).encode()
)
NIGHT, NOON = LocalTime(0, 23 * 60), LocalTime(0, 12 * 60)
use = st.none() | st.builds(PassUse, st.integers(0, 2), st.integers(0, 9), st.sampled_from(["", "passback"]))
status = st.builds(StatusAnswer, st.sampled_from([0, 0, 0, None, 1, 2, 3]), st.booleans())


def record_of(
    presented: Presented | None, measured: list[CheckFact], then: Policy, state: GateState,
    readings: tuple[ReadingKept, ...] = (),
) -> Recorded:  # fmt: skip
    """What a gate would write down."""
    made = decide(presented, {"temperature": tuple(measured)} if measured else {}, then, state, NOW_S)
    mine = presented.pass_ if presented else None
    kept = PassFacts(bytes(8), bytes(8), mine.pass_class, None, bytes(4), mine.party_size) if mine else None
    where = Where(state.site, "in-1", state.direction, state.lane_kind)
    verdict = Verdict(
        1, where, made.verdict, made.reason, mine.pass_class if mine else "none", made.results, kept, readings,
        then.id, then.version, made.zone_level, state.attendance, made.tags, made.retest_of, made.call,
    )  # fmt: skip
    return Recorded(verdict, state.grids, state.clock_untrusted_for_s is None, state.local)


def replayed(recorded: Recorded, then: Policy, new: Policy) -> Told | Untold:
    return Replay(then, new).of(recorded)


def said(answer: Told | Untold) -> tuple[str, ...]:
    return (answer.verdict, answer.reason) if isinstance(answer, Told) else ("?", *answer.names)


def seen(data: Any, state: GateState) -> GateState:
    """The same gate with what it may know of the pass, and of the time of day."""
    known = {name: getattr(state, name) for name in state.__dataclass_fields__}
    local = data.draw(st.sampled_from([NIGHT, NOON])) if state.clock_untrusted_for_s is None else None
    return gate(**known | {"use": data.draw(use), "status": data.draw(status), "local": local})


def renamed(then: Policy) -> Policy:
    """Another policy that says the same: only what no verdict looks at is changed."""
    return msgspec.structs.replace(then, id="other", timeouts=Timeouts(measure_s=then.timeouts.measure_s + 1))


@settings(max_examples=EXAMPLES, phases=[Phase.generate])
@given(data=st.data(), presented=presentations, measured=people, state=states)
def test_against_the_policy_that_made_it_no_record_ever_changes(
    data: Any, presented: Presented | None, measured: list[CheckFact], state: GateState
) -> None:
    then = data.draw(st.sampled_from([POLICY, STERN, GUARDED, WARNED, WITH_WATCH, CURFEW]))
    state = seen(data, state)
    manual = tuple(ReadingKept("manual", None, None, 36.5, 36.5, None, None, ("ok",), fact.manual) for fact in measured)
    recorded = record_of(presented, measured, then, state, manual)
    answer = replayed(recorded, then, renamed(then))
    if isinstance(answer, Told):
        assert answer.verdict == recorded.verdict.verdict
        assert answer.reason in ("", recorded.verdict.reason)


@settings(max_examples=EXAMPLES, phases=[Phase.generate])
@given(data=st.data(), presented=presentations, measured=people, state=states)
def test_what_is_told_is_what_the_gate_would_have_said(
    data: Any, presented: Presented | None, measured: list[CheckFact], state: GateState
) -> None:
    """The same passage under both policies, by the rules themselves: a told answer is never another one."""
    then, new = data.draw(st.permutations([POLICY, STERN, GUARDED, WARNED, PASS_ONLY, CURFEW]))[:2]
    state = seen(data, state)
    manual = tuple(ReadingKept("manual", None, None, 36.5, 36.5, None, None, ("ok",), fact.manual) for fact in measured)
    answer = replayed(record_of(presented, measured, then, state, manual), then, new)
    if isinstance(answer, Told):
        facts = {"temperature": tuple(measured)} if measured else {}
        truly = decide(presented, facts, new, state, NOW_S)
        assert answer.verdict == truly.verdict
        assert answer.reason in ("", truly.reason)


@pytest.mark.parametrize(
    ("presented", "measured", "new", "expected"),
    [
        (shown(), [OK], PASS_ONLY, ("allow", "all_ok")),
        (shown(), [FEVER], PASS_ONLY, ("allow", "all_ok")),
        (VISITOR, [FEVER], WARNED, ("escalate", "fever")),
        (VISITOR, [UNSTABLE], WARNED, ("allow", "all_ok")),
        (shown("pass_expired"), [], PASS_ONLY, ("deny", "pass_expired")),
        (None, [], PASS_ONLY, ("escalate", "pass_missing")),
        (shown(), [OK], WITH_WATCH, ("?", "watch")),
        (shown(), [OK], FOLLOWED, ("allow", "all_ok")),
        (shown(), [FEVER], WITH_WATCH, ("escalate", "fever")),
        (shown("pass_expired"), [], WITH_WATCH, ("deny", "pass_expired")),
        (shown(), [OK], policy('[passback]\nmode = "enforce"\n'), ("?", "passback")),
        (shown(), [OK], policy('[pass]\nphone = []\nstatic = ["visitor"]\n'), ("deny", "")),
        (shown(), [OK], policy('[pass]\nstatic_needs_document = ["resident"]\n'), ("?", "variant")),
    ],
)  # fmt: skip
def test_what_another_policy_would_say(
    presented: Presented | None, measured: list[CheckFact], new: Policy, expected: tuple[str, ...]
) -> None:
    found = said(replayed(record_of(presented, measured, POLICY, GATE), POLICY, new))
    assert found == expected


def test_a_check_that_was_not_asked_is_named() -> None:
    everyday = record_of(shown(), [], PASS_ONLY, GATE)
    assert said(replayed(everyday, PASS_ONLY, POLICY)) == ("?", "temperature")
    stopped = record_of(shown("pass_forged"), [], PASS_ONLY, GATE)
    # Whoever is measured before they show it may have a fever, and a fever is answered first.
    assert said(replayed(stopped, PASS_ONLY, POLICY)) == ("?", "temperature")


def test_how_long_a_thing_had_lasted_is_not_guessed() -> None:
    """Let in while the lists were stale for at most 500 s; whether also for at most 100 s, no record says."""
    recorded = record_of(shown(), [OK], POLICY, gate(lists_age_s=1200.0))
    assert recorded.verdict.reason == "allowed_by_fail_table"
    sterner = parse_policy(POLICY_TOML.replace('guard = { residents = "allow", for_s = 500 }', "guard = {}").encode())
    shorter = parse_policy(POLICY_TOML.replace("for_s = 500", "for_s = 100").encode())
    assert said(replayed(recorded, POLICY, sterner)) == ("escalate", "lists_stale")
    assert said(replayed(recorded, POLICY, shorter)) == ("?", "lists_age_s")


def test_a_policy_that_was_not_the_one_then_explains_no_record() -> None:
    recorded = record_of(shown(), [FEVER], POLICY, GATE)
    assert said(replayed(recorded, PASS_ONLY, POLICY)) == ("?", "unexplained")
    zoned = policy("[zones]\n" + f'"{GRID}" = "high"\n')
    assert said(replayed(recorded, zoned, POLICY)) == ("?", "zone")


def reading(value_c: float, level_c: float = 36.0, site: str = "forehead") -> ReadingKept:
    return ReadingKept(site, value_c, 20.0, None, value_c, level_c, round(value_c - level_c, 2), ("ok",), False)


@pytest.mark.parametrize(
    ("value_c", "limit_c", "text", "expected"),
    [
        (36.5, 36.8, "high_c = 1.0", ("allow", "all_ok")),
        (36.5, 36.8, "high_c = 0.4", ("?", "temperature*")),  # a second place was not measured
        (36.5, 37.4, "high_c = 0.4", ("allow", "all_ok")),  # the spread of the lane, 0.4, sets the limit of both
        (36.5, 36.8, "high_c = 0.8\nhigh_mads = 5.0", ("allow", "all_ok")),
        (36.5, 36.8, "window_s = 2.0", ("?", "temperature*")),
    ],
)  # fmt: skip
def test_readings_are_held_against_other_limits(
    value_c: float, limit_c: float, text: str, expected: tuple[str, ...]
) -> None:
    fact = CheckFact("ok", "temperature_ok", value_c, limit_c)
    recorded = record_of(shown(), [fact], POLICY, GATE, (reading(value_c),))
    assert said(replayed(recorded, POLICY, policy(f"{MEASURED}{text}\n"))) == expected


def test_two_places_are_judged_together_again() -> None:
    """Excess 1.0 and 0.7, mean 0.85: a fever at 0.8 and at 0.82; at 1.2 the first place is not even high."""
    places = (reading(37.0), reading(36.9, 36.2, "wrist"))
    fever = CheckFact("failed", "fever", 36.9, round(36.2 + 2 * 0.8 - 1.0, 2))
    recorded = record_of(shown(), [fever], POLICY, GATE, places)
    assert recorded.verdict.reason == "fever"
    assert said(replayed(recorded, POLICY, policy(f"{MEASURED}high_c = 0.82\n"))) == ("escalate", "fever")
    assert said(replayed(recorded, POLICY, policy(f"{MEASURED}high_c = 1.2\n"))) == ("allow", "all_ok")


def test_low_and_unobtained_readings_follow_their_own_settings() -> None:
    low = record_of(shown(), [LOW], POLICY, gate(warm_place=True))
    assert said(replayed(low, POLICY, renamed(POLICY))) == ("deny", "temperature_low")
    cold = record_of(shown(), [COLD], POLICY, GATE)
    spared = policy('[fail.not_obtained]\nguard = { residents = "allow" }\n')
    assert said(replayed(cold, POLICY, spared)) == ("?", "resident_here")
    assert said(replayed(record_of(VISITOR, [COLD], POLICY, GATE), POLICY, spared)) == ("escalate", "not_obtained_cold")
    assert held().pass_class == "resident"


def test_a_curfew_is_told_by_the_time_on_record() -> None:
    night, noon = (record_of(VISITOR, [OK], POLICY, gate(local=local)) for local in (NIGHT, NOON))
    assert said(replayed(night, POLICY, CURFEW)) == ("deny", "curfew")
    assert said(replayed(noon, POLICY, CURFEW)) == ("allow", "all_ok")


def test_one_answer_serves_every_record_of_the_same_shape_and_no_other() -> None:
    replay = Replay(POLICY, CURFEW)
    for _ in range(2):
        assert said(replay.of(record_of(VISITOR, [OK], POLICY, gate(local=NIGHT)))) == ("deny", "curfew")
        assert said(replay.of(record_of(VISITOR, [OK], POLICY, gate(local=NOON)))) == ("allow", "all_ok")
        assert said(replay.of(record_of(shown(), [OK], POLICY, gate(local=NIGHT)))) == ("allow", "all_ok")


def test_nothing_that_a_verdict_may_look_at_is_left_without_a_word() -> None:
    """A new input of the rules must be told by the record, or have values to try; else everything is untold."""
    recorded = record_of(shown(), [OK], POLICY, GATE)
    situation = Situation(recorded, candidates_of(recorded, POLICY, CURFEW), {}, POLICY, None)
    stand_ins = (
        (situation.state(), GateState), (situation.presented(), Presented), (situation.state().use, PassUse),
        (situation.facts().get("temperature", ())[0], CheckFact),
    )  # fmt: skip
    never = {"detail", "blinded"}
    for stand_in, kind in stand_ins:
        for field in set(kind.__dataclass_fields__) - never:
            name = asked(stand_in, field)
            assert not name or len(candidates_of(recorded, POLICY, CURFEW)[name]) > 1, (kind, field)


def asked(stand_in: object, field: str) -> str:
    """The name of the input that this attribute asks for; empty if the record tells it."""
    try:
        getattr(stand_in, field)
    except AskError as error:
        return error.name
    return ""


def test_a_vehicle_whose_occupants_are_asked_otherwise_can_t_be_told() -> None:
    each = parse_policy(
        POLICY_TOML.replace(
            "[[rule]]",
            '[[rule]]\nname = "cars"\nlane_kind = "vehicle"\noccupants = "each"\nchecks = ["pass"]\n\n[[rule]]',
            1,
        ).encode()
    )
    recorded = record_of(shown(pass_=held("vehicle")), [OK], POLICY, gate(lane_kind="vehicle"))
    assert said(replayed(recorded, POLICY, each)) == ("?", "occupants")
