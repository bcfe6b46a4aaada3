"""What a status list says is never lost on the way to the verdict: other verifiers read it and let people in."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from checkpoint.formats import read_pass
from checkpoint.passes import CLASS_BY_NUMBER, PassClass, Presented, Variant
from checkpoint.status_list import StatusAnswer
from checkpoint.trust import TrustList
from checkpoint.verdict import GateState, decide
from tests.checkpoint.verdict_kit import NOW_S, OK, POLICY, gate, held

CLASSES = st.sampled_from(sorted(CLASS_BY_NUMBER.values()))
VARIANTS: st.SearchStrategy[Variant] = st.sampled_from(["static", "rotating", "step", "device"])
AGES = st.one_of(st.none(), st.floats(0, 1e6))
GATES = st.builds(
    gate,
    attendance=st.sampled_from(["guard", "remote", "none"]),
    lists_age_s=AGES,
    policy_age_s=AGES,
    clock_untrusted_for_s=AGES,
    offline=st.booleans(),
    assisted=st.booleans(),
    weak_binding=st.booleans(),
    apart=st.booleans(),
)
WITHDRAWN = st.sampled_from([StatusAnswer(1, False), StatusAnswer(0, True), StatusAnswer(None, True)])


def verdict(pass_class: PassClass, variant: Variant, index: int | None, state: GateState, answer: StatusAnswer) -> str:
    shown = Presented("GK1", replace(held(pass_class), status_index=index), "pass_valid", variant=variant)
    return decide(shown, {"temperature": (OK,)}, POLICY, replace(state, status=answer), NOW_S).verdict


# At a gate that nothing ails, where only the list stands between the pass and the barrier.
@example("resident", "rotating", 7, gate(), StatusAnswer(1, False))
@example("resident", "rotating", 7, gate(), StatusAnswer(0, True))
@example("resident", "rotating", None, gate(), StatusAnswer(None, True))
@given(CLASSES, VARIANTS, st.one_of(st.none(), st.just(7)), GATES, WITHDRAWN)
def test_a_pass_that_was_taken_back_never_enters_whatever_else_ails_the_gate(
    pass_class: PassClass, variant: Variant, index: int | None, state: GateState, answer: StatusAnswer
) -> None:
    assert verdict(pass_class, variant, index, state, answer) != "allow"


@example("resident", "rotating", gate(), 2)
@example("resident", "rotating", gate(), 3)
@given(CLASSES, VARIANTS, GATES, st.sampled_from([2, 3]))
def test_a_suspended_pass_never_enters_without_a_person_who_says_so(
    pass_class: PassClass, variant: Variant, state: GateState, value: int
) -> None:
    assert verdict(pass_class, variant, 7, state, StatusAnswer(value, False)) != "allow"


@given(CLASSES, VARIANTS)
def test_a_pass_that_nobody_took_back_is_not_held_up_by_the_list(pass_class: PassClass, variant: Variant) -> None:
    without = verdict(pass_class, variant, None, gate(), StatusAnswer(None, False))
    assert verdict(pass_class, variant, 7, gate(), StatusAnswer(0, False)) == without


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3).map(repr))
@example('{"ticketId": "A-1", "status": "verified"}')
@example('{"valid": true, "pass": "GK1:"}')
def test_text_that_only_looks_like_a_ticket_is_no_pass(text: str) -> None:
    assert read_pass(text.encode(), TrustList(()), int(NOW_S)).reason == "not_a_pass"
