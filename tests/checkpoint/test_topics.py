"""Topics: what is built is what is taken apart, and nothing else is a gate's topic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import topics

gates = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)


@given(gates)
def test_a_gates_own_topics_name_the_gate(gate: str) -> None:
    for build, what in ((topics.records, "records"), (topics.alarm, "alarm"), (topics.state, "state")):
        assert topics.from_gate(build(gate)) == (gate, what)


def test_what_the_collector_sends_is_no_gates_topic() -> None:
    for topic in (topics.watermark("g"), topics.command("g"), topics.document("g", "policy")):
        assert topics.from_gate(topic) is None


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "guankou/1/gate//records",
        "guankou/1/gate/A/records",
        "guankou/1/gate/a/records/",
        "guankou/1/gate/a/records\n",
        "guankou/1/gate/a/b/records",
        "guankou/2/gate/a/records",
        "x/guankou/1/gate/a/records",
        f"guankou/1/gate/{'a' * 33}/records",
        "guankou/1/gate/+/records",
    ],
)
def test_a_topic_that_is_nearly_right_is_not(topic: str) -> None:
    assert topics.from_gate(topic) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("a-1", True), ("", False), ("a\n", False), ("a/b", False), ("É", False)]
)
def test_ids_are_lower_case_letters_digits_and_hyphens(text: str, expected: bool) -> None:
    assert topics.is_slug(text) is expected


def test_topics_are_those_of_the_contract() -> None:
    assert topics.records("g-1") == "guankou/1/gate/g-1/records"
    assert topics.document("grid-1", "policy") == "guankou/1/document/grid-1/policy"
    assert topics.summary("c/d") == "guankou/1/summary/c/d"
    assert topics.passage("c/d") == "guankou/1/passage/c/d"
    assert topics.escalation("c/d", "7") == "guankou/1/escalation/c/d/7"
