"""What holds for every verdict there can be, whatever comes together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.passes import Presented
from checkpoint.policy import parse_policy
from checkpoint.reasons import ALL
from checkpoint.records import CheckResult
from checkpoint.status_list import StatusAnswer
from checkpoint.verdict import CheckFact, GateState, PassUse, Retest, decide
from tests.checkpoint.verdict_kit import (
    COLD,
    FEVER,
    HIGH,
    LOW,
    MISSING,
    NOW_S,
    OK,
    POLICY,
    POLICY_TOML,
    UNSTABLE,
    gate,
    held,
    shown,
)

# Half of the time each thing is as it should be, so that whole sets of good inputs come up too.
ages = st.just(10.0) | st.none() | st.just(900.0) | st.floats(0, 3000)
rarely = st.sampled_from([False, False, False, True])
passes = st.builds(
    held,
    pass_class=st.sampled_from(["resident", "visitor", "vehicle", "worker", "courier", "emergency"]),
    scope=st.sampled_from([("lakeview",), ("grid-7",), ("hillside",)]),
    party_size=st.integers(1, 3),
)
# Residents of this site: the only ones whom the fail table may let in.
passes = st.builds(held, party_size=st.integers(1, 2)) | passes
good = st.builds(Presented, format=st.just("GK1"), pass_=passes, reason=st.just("pass_valid"))
presentations = (
    good
    | st.builds(
        Presented,
        format=st.sampled_from(["GK1", None]),
        pass_=passes | st.none(),
        reason=st.just("pass_valid") | st.sampled_from([*ALL, "never heard of"]),
        by_clock=rarely,
    )
    | st.none()
)
facts = st.sampled_from([OK, FEVER, HIGH, LOW, UNSTABLE, MISSING, COLD]).flatmap(
    lambda fact: st.builds(replace, st.just(fact), manual=st.booleans())
)
states = st.fixed_dictionaries(
    {
        "direction": st.just("in"),
        "attendance": st.sampled_from(["none", "guard", "remote"]),
        "lists_age_s": ages,
        "policy_age_s": ages,
        "clock_untrusted_for_s": st.none() | st.none() | st.floats(0, 20_000),
        "down_for_s": st.just({})
        | st.dictionaries(st.sampled_from(["thermometer_down", "camera_down"]), st.floats(0, 20_000)),
        "warm_place": st.booleans(),
        "weak_binding": rarely,
        "offline": st.booleans(),
        "halt": st.just("") | st.just("") | st.sampled_from(["two_people", "two_codes", "nonsense"]),
        "retest": st.none() | st.none() | st.builds(Retest, st.binary(max_size=4), st.floats(0, 4000)),
    }
).map(lambda changes: gate(**changes))
people = st.lists(st.just(OK), min_size=3, max_size=3) | st.lists(facts, max_size=4)
# A row without columns escalates for everybody.
STERN = parse_policy(
    (
        POLICY_TOML.split("[fail.")[0]
        + "[fail.lists_stale]\nafter_s = 1000\n[fail.policy_stale]\nafter_s = 1000\n"
        + "".join(f"[fail.{row}]\n" for row in ("clock_untrusted", "thermometer_down", "not_obtained", "camera_down"))
    ).encode()
)
GUARDED = parse_policy(f'{POLICY_TOML}[passback]\nmode = "enforce"\n'.encode())


def _all_well(presented: Presented | None, measured: list[CheckFact], state: GateState) -> bool:
    """By hand, apart from the code under test: nothing at all is missing, stale or failed."""
    if presented is None or presented.reason != "pass_valid" or presented.pass_ is None:
        return False
    mine = presented.pass_
    fresh = all(age is not None and age <= 1000 for age in (state.lists_age_s, state.policy_age_s))
    here = mine.format == "GK1" and mine.scope[0] in ("lakeview", "grid-7")
    rested = state.retest is None or not state.retest.age_s < 300
    everybody = len(measured) >= mine.party_size and all(fact.result == "ok" for fact in measured)
    by_hand = "thermometer_down" not in state.down_for_s or all(fact.manual for fact in measured)
    unhindered = not state.halt and not state.weak_binding and state.clock_untrusted_for_s is None
    return fresh and here and rested and everybody and by_hand and unhindered


@given(presentations, people, states)
def test_allow_needs_every_check_or_the_fail_table(
    presented: Presented | None, measured: list[CheckFact], state: GateState
) -> None:
    decision = decide(presented, {"temperature": tuple(measured)}, POLICY, state, NOW_S)
    if decision.reason == "all_ok":
        assert _all_well(presented, measured, state)
    elif decision.verdict == "allow":
        assert decision.reason == "allowed_by_fail_table"
        assert presented is not None
        assert presented.pass_ is not None
        assert (presented.pass_.pass_class, presented.pass_.scope) == ("resident", ("lakeview",))
        assert set(decision.tags) & {"unmeasured", "lists_stale", "policy_stale", "clock_untrusted"}
        assert not any(fact.result == "failed" for fact in measured)


@given(passes.filter(lambda it: it.scope != ("hillside",)), states, st.booleans())
def test_when_all_is_well_it_opens(held_pass: Any, state: GateState, manual: bool) -> None:
    presented = Presented("GK1", held_pass, "pass_valid")
    measured = [replace(OK, manual=manual)] * held_pass.party_size
    decision = decide(presented, {"temperature": tuple(measured)}, POLICY, state, NOW_S)
    if _all_well(presented, measured, state):
        assert (decision.verdict, decision.reason) == ("allow", "all_ok")


@given(presentations, people, states)
def test_with_an_empty_fail_table_only_a_whole_set_of_checks_opens(
    presented: Presented | None, measured: list[CheckFact], state: GateState
) -> None:
    decision = decide(presented, {"temperature": tuple(measured)}, STERN, state, NOW_S)
    assert (decision.verdict == "allow") == _all_well(presented, measured, state)


@given(presentations, people, states, st.randoms())
def test_the_order_people_were_measured_in_decides_nothing(
    presented: Presented | None, measured: list[CheckFact], state: GateState, order: Any
) -> None:
    shuffled = list(measured)
    order.shuffle(shuffled)
    first = decide(presented, {"temperature": tuple(measured)}, POLICY, state, NOW_S)
    assert decide(presented, {"temperature": tuple(shuffled)}, POLICY, state, NOW_S) == first


@given(presentations, people, states)
def test_every_decision_can_be_recorded_and_explained(
    presented: Presented | None, measured: list[CheckFact], state: GateState
) -> None:
    decision = decide(presented, {"temperature": tuple(measured)}, POLICY, state, NOW_S)
    assert decision.reason in ALL
    assert all(code in ALL for code in decision.warnings)
    assert all(isinstance(result, CheckResult) for result in decision.results)
    assert {result.check for result in decision.results} == {"pass", "temperature"}
    assert all(result.reason in ALL or result.result == "skipped" for result in decision.results)


@given(presentations, people, states)
def test_the_way_out_is_never_held(
    presented: Presented | None, measured: list[CheckFact], state: GateState
) -> None:  # fmt: skip
    out = replace(state, direction="out")
    assert decide(presented, {"temperature": tuple(measured)}, POLICY, out, NOW_S).verdict == "allow"


@given(people, states)
def test_a_fever_or_a_low_reading_never_opens_the_way_in(measured: list[CheckFact], state: GateState) -> None:
    for bad in (FEVER, LOW, replace(LOW, manual=True)):
        decision = decide(shown(), {"temperature": (*measured, bad)}, POLICY, state, NOW_S)
        assert decision.verdict != "allow"


# Where everything else is in order, what is wrong with the pass can't hide behind another refusal.
calm = st.just(gate()) | states
measured_well = st.just([OK] * 3) | people
mine = st.just(shown()) | good
answers = st.builds(StatusAnswer, st.none() | st.integers(0, 3), rarely)


@settings(max_examples=300)
@given(mine, measured_well, calm, st.none() | answers, st.none() | st.just(7), st.sampled_from(["POLICY", "STERN"]))
def test_a_pass_that_is_withdrawn_or_in_no_list_never_opens_except_by_the_fail_table(
    presented: Presented,
    measured: list[CheckFact],
    state: GateState,
    answer: StatusAnswer | None,
    index: int | None,
    name: str,
) -> None:
    assert presented.pass_ is not None
    held_pass = replace(presented.pass_, status_index=index)
    under = STERN if name == "STERN" else POLICY
    looked = replace(state, status=answer)
    decision = decide(replace(presented, pass_=held_pass), {"temperature": tuple(measured)}, under, looked, NOW_S)
    if answer is not None and (answer.cut_off or answer.value in (1, 2, 3)):
        assert decision.verdict != "allow"
    elif index is not None and (answer is None or answer.value is None) and decision.verdict == "allow":
        assert name == "POLICY"
        assert decision.reason == "allowed_by_fail_table"
        assert (held_pass.pass_class, held_pass.scope) == ("resident", ("lakeview",))
        assert "lists_stale" in decision.tags
        assert state.lists_age_s is not None
        assert state.lists_age_s <= 1500


@settings(max_examples=300)
@given(
    mine,
    measured_well,
    calm,
    st.builds(PassUse, st.integers(0, 3), st.integers(0, 9), st.sampled_from(["", "passback", "seen_elsewhere"])),
    st.none() | st.just(1),
)
def test_a_pass_that_is_used_up_or_in_two_hands_never_opens_the_way_in(
    presented: Presented, measured: list[CheckFact], state: GateState, use: PassUse, uses: int | None
) -> None:
    assert presented.pass_ is not None
    held_pass = replace(presented.pass_, uses=uses)
    seen = replace(state, use=use)
    decision = decide(replace(presented, pass_=held_pass), {"temperature": tuple(measured)}, GUARDED, seen, NOW_S)
    if (use.passback and held_pass.pass_class != "emergency") or (uses is not None and use.entries >= uses):
        assert decision.verdict != "allow"
