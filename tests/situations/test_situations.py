"""Situations written by hand from the notice and the fail table, through the rules that gates go by."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from checkpoint.policy import parse_policy
from checkpoint.verdict import decide
from tests.situations import oracle
from tests.situations.cases import NOW_S, facts_of, presented_of, state_of
from tests.situations.phrases import Situation, changes_of, situations_in

HERE = Path(__file__).parent
POLICIES = {path.stem: path.read_bytes() for path in (HERE.parents[1] / "firmware_config" / "policies").glob("*.toml")}
WRITTEN = [one for page in sorted(HERE.glob("*.md")) for one in situations_in(page)]


@pytest.mark.parametrize("one", WRITTEN, ids=lambda one: f"{one.policy}: {one.words}")
def test_the_rules_do_what_was_written_by_hand(one: Situation) -> None:
    policy = parse_policy(POLICIES[one.policy])
    decision = decide(presented_of(one.case), facts_of(one.case), policy, state_of(one.case), NOW_S)
    assert (decision.verdict, decision.reason, decision.call) == (one.verdict, one.reason, one.told), one.why


@pytest.mark.parametrize("one", WRITTEN, ids=lambda one: f"{one.policy}: {one.words}")
def test_the_second_opinion_agrees_with_what_was_written_by_hand(one: Situation) -> None:
    opinion = oracle.judge(one.case, tomllib.loads(POLICIES[one.policy].decode()))
    assert opinion == (one.verdict, one.reason, one.told), one.why


def test_there_are_enough_of_them_each_with_its_why() -> None:
    assert len({(one.policy, one.words) for one in WRITTEN}) == len(WRITTEN) >= 120
    assert all(one.why for one in WRITTEN)
    assert {one.policy for one in WRITTEN} == set(POLICIES) - {"demo"}


def test_a_word_that_nobody_has_explained_is_an_error() -> None:
    with pytest.raises(KeyError, match="no hat"):
        changes_of("no hat")
