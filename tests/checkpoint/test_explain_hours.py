"""Explanations of verdicts that hours, a closed zone or a table of who is told had a part in."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from checkpoint import explain_words as words
from checkpoint.explain import explain
from checkpoint.passes import PassClass
from checkpoint.policy_schema import Attendance, Role
from checkpoint.policy_time import DAYS, LocalTime
from checkpoint.records import Direction
from tests.checkpoint.test_explain import fact, recorded
from tests.checkpoint.test_verdict_hours import DAY, NIGHT, policy
from tests.checkpoint.verdict_kit import FEVER, OK, VISITOR, gate, held, shown

HOURS, CLOSED_ZONE = policy(), policy(level="closed")
PASS_AT_NIGHT = policy('[[rule]]\nname = "night"\nfrom = "22:00"\nuntil = "06:00"\nchecks = ["pass"]\n')


def test_a_curfew_is_explained_as_the_word_of_its_rule() -> None:
    payload, _ = recorded(VISITOR, [OK], gate(local=NIGHT), HOURS)
    found = explain(payload, None, HOURS)
    assert (found.rule, found.decided_by) == ("night", "gate")
    assert "规则本身所定" in found.headline.zh
    assert "22:00-06:00" in fact(found, "rule").en
    assert "visitor" not in fact(found, "rules before it").en.lower()


def test_by_day_the_rules_of_the_night_are_named_with_their_hours() -> None:
    payload, _ = recorded(shown(pass_=held("worker")), [OK], gate(local=DAY), HOURS)
    found = explain(payload, None, HOURS)
    assert found.rule == "pass and temperature"
    assert "night (at 22:00-06:00)" in fact(found, "rules before it").en


def test_a_closed_zone_is_explained_without_a_rule_of_the_policy() -> None:
    payload, _ = recorded(VISITOR, [], gate(), CLOSED_ZONE)
    found = explain(payload, None, CLOSED_ZONE)
    assert "closed zone" in found.rule
    assert "not for a closed zone" in fact(found, "rules before it").en


def test_everybody_who_is_called_is_named() -> None:
    told = policy("", '[told]\nfever = ["health", "first_head"]\n')
    payload, _ = recorded(shown(), [FEVER], gate(), told)
    assert fact(explain(payload, None, told), "called").zh == "疫情信息员、第一网格长"


@given(
    st.sampled_from([*(shown(pass_=held(who)) for who in get_args(PassClass)), shown("pass_forged"), None]),
    st.lists(st.sampled_from([OK, FEVER]), max_size=1),
    st.builds(LocalTime, st.integers(0, 6), st.integers(0, 1439)) | st.none(),
    st.sampled_from(get_args(Attendance)),
    st.sampled_from(get_args(Direction)),
    st.sampled_from([HOURS, CLOSED_ZONE, PASS_AT_NIGHT]),
    st.none() | st.just(60.0),
)
def test_no_explanation_names_a_rule_that_was_not_used(
    presented, measured, local, attendance, direction, text, untrusted_for_s
) -> None:
    state = gate(
        local=local, attendance=attendance, direction=direction, clock_untrusted_for_s=untrusted_for_s
    )  # fmt: skip
    payload, rule = recorded(presented, measured, state, text)
    assert explain(payload, None, text).rule in ("", rule)


def test_every_day_and_every_role_has_its_words() -> None:
    assert set(words.DAYS) == set(DAYS)
    assert set(words.CALLS) == set(get_args(Role))
