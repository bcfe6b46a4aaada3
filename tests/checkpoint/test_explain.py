"""An explanation says what the record and its policy say, and nothing that they don't."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import explain_rule, verdict_steps
from checkpoint import explain_words as words
from checkpoint.drill import as_drill
from checkpoint.explain import Explanation, explain
from checkpoint.explain_sheet import sheets, shown
from checkpoint.passes import PassClass, Presented
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Attendance, CheckName, Condition, Mode, Policy, Site, ZoneLevel
from checkpoint.records import (
    CheckResult,
    Direction,
    LaneKind,
    OutcomeOf,
    Override,
    PassFacts,
    ReadingKept,
    Verdict,
    VerdictName,
    Where,
    decode_payload,
    encode_payload,
)
from checkpoint.verdict import CheckFact, GateState, decide
from tests.checkpoint import test_verdict_properties as made
from tests.checkpoint.verdict_kit import FEVER, NOW_S, OK, POLICY, POLICY_TOML, gate, held, policy
from tests.checkpoint.verdict_kit import shown as pass_shown

RULES = parse_policy(
    POLICY_TOML.replace(
        "[[rule]]",
        """[[rule]]
name = "way out"
direction = "out"
checks = []

[[rule]]
name = "night"
attendance = ["none"]
checks = ["pass", "temperature"]
modes = { temperature = "warn" }

[[rule]]
name = "visitors"
class = ["visitor"]
checks = ["pass", "mask", "temperature"]
modes = { mask = "record" }

[[rule]]""",
        1,
    ).encode()
)


def recorded(
    presented: Presented | None, measured: list[CheckFact], state: GateState, text: Policy = POLICY
) -> tuple[Verdict, str]:
    """The payload that the gate writes of such a passage, and the rule that really was used."""
    decision = decide(presented, {"temperature": tuple(measured)}, text, state, NOW_S)
    pass_ = presented.pass_ if presented else None
    facts = pass_ and PassFacts(
        pass_.pass_id, pass_.subject, pass_.pass_class, pass_.household, pass_.key_id, pass_.party_size
    )
    where = Where("lakeview", "in-1", state.direction, state.lane_kind)
    payload = Verdict(
        1, where, decision.verdict, decision.reason, pass_.pass_class if pass_ else "none", decision.results, facts,
        (), text.id, text.version, decision.zone_level, state.attendance, decision.tags, decision.retest_of,
        decision.call,
    )  # fmt: skip
    return payload, decision.rule


def explained(
    presented: Presented | None, measured: list[CheckFact], text: Policy = POLICY, **state: object
) -> Explanation:
    return explain(recorded(presented, measured, gate(**state), text)[0], None, text)


def line(found: Explanation, check: str):
    return next(one for one in found.checks if one.check == check)


def fact(found: Explanation, name: str) -> words.Said:
    return next((one.value for one in found.facts if one.name.en == name), words.Said())


@given(made.presentations, made.people, made.states, st.sampled_from([POLICY, made.STERN, made.GUARDED, RULES]))
def test_the_rule_that_was_used_is_found_again_from_the_record(presented, measured, state, text) -> None:
    payload, rule = recorded(presented, measured, state, text)
    found = explain(payload, None, text)
    assert found.rule == rule
    assert [one.check for one in found.checks] == [result.check for result in payload.checks]
    assert (found.decided_by == "") == (payload.verdict == "allow")
    assert all(one.why.zh and "不明" not in one.why.zh for one in found.checks)


@given(made.presentations, made.people, made.states)
def test_what_decided_is_the_check_whose_reason_the_verdict_has_or_the_gate(presented, measured, state) -> None:
    payload, _ = recorded(presented, measured, state)
    found = explain(payload, None, POLICY)
    decided = [one for one in found.checks if one.decided]
    assert len(decided) == (found.decided_by not in ("", "gate"))
    assert all((one.reason, one.check) == (payload.reason, found.decided_by) for one in decided)


texts = st.text(max_size=12) | st.sampled_from(
    ["pass", "temperature", "fever", "warn", "low", "way_out", "policy_stale"]
)
numbers = st.none() | st.floats() | texts
stored = st.builds(
    Verdict,
    st.just(1),
    st.builds(Where, texts, texts, st.sampled_from(get_args(Direction)), st.sampled_from(get_args(LaneKind))),
    st.sampled_from(get_args(VerdictName)),
    texts,
    texts,
    st.lists(st.builds(CheckResult, texts, texts, texts, texts, numbers, numbers), max_size=4).map(tuple),
    st.none()
    | st.builds(PassFacts, st.binary(max_size=9), st.binary(), texts, st.none(), st.binary(), st.integers(-1, 9)),
    st.lists(
        st.builds(
            ReadingKept, texts, *[st.none() | st.floats()] * 6, st.lists(texts, max_size=2).map(tuple), st.booleans()
        ),
        max_size=3,
    ).map(tuple),
    st.just("test") | texts,
    st.just(3) | st.integers(-(2**63), 2**63 - 1),
    texts,
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | st.binary(max_size=17),
    texts,
)  # fmt: skip
outcomes = st.none() | st.builds(
    OutcomeOf, st.just(1), st.just(Where("s", "l", "in", "person")), st.sampled_from(["passed", "fire"]), texts, texts,
    st.integers(), st.none() | st.binary(),
)  # fmt: skip


@given(stored, outcomes, st.sampled_from([None, POLICY, RULES]))
def test_any_payload_that_can_be_stored_is_explained(payload, outcome, text) -> None:
    again = decode_payload("verdict", encode_payload(payload)) if _is_plain(payload) else payload
    found = explain(again, outcome, text, Override(1, payload.where, "admit", payload.reason, "x", "none"))
    cells = [said for sheet in sheets(found) for row in sheet.rows for said in row]
    assert all(len(said.zh) < 4000 and said.zh.isprintable() and said.en.isprintable() for said in cells)
    assert msgspec.json.decode(msgspec.json.encode(shown(found)))


def _is_plain(payload: Verdict) -> bool:
    values = [one.value for one in payload.checks] + [one.limit for one in payload.checks]
    return not any(isinstance(value, float) and math.isnan(value) for value in values)


def test_a_fever_is_explained_with_its_limit_and_holds_in_every_mode() -> None:
    text = policy(modes='{ temperature = "record" }')
    found = explained(pass_shown(), [replace(FEVER, value=38.1, limit=37.2)], text)
    one = line(found, "temperature")
    assert (found.verdict, found.reason, found.decided_by) == ("escalate", "fever", "temperature")
    assert (one.mode, one.value, one.limit, one.decided) == ("record", "38.1", "37.2", True)
    assert "escalates in every mode" in one.why.en
    assert 'set so by rule "pass and temperature"' in one.why.en
    assert found.headline.zh.startswith("上报：需要人工复测")


def test_a_mode_that_nobody_wrote_is_said_to_be_the_usual_one() -> None:
    found = explained(pass_shown(), [OK])
    assert "enforced unless it says otherwise" in line(found, "pass").why.en


def test_a_check_that_only_warns_says_that_it_held_nobody() -> None:
    found = explained(pass_shown(), [], RULES, attendance="none")
    one = line(found, "temperature")
    assert (found.verdict, found.rule, one.mode_said.zh) == ("allow", "night", "提示")
    assert one.why == words.Said("规则“night”定为此；不拦人", 'set so by rule "night"; holds nobody')
    assert found.missing == (words.Said("体温：未完成测温", "Temperature: Temperature was not taken"),)


def test_a_check_that_was_not_asked_names_what_decided_before() -> None:
    found = explained(pass_shown("pass_forged", None), [])
    assert (found.decided_by, line(found, "temperature").result) == ("pass", "skipped")
    assert line(found, "temperature").why.zh.endswith("此前已由通行码判定")


def test_a_condition_of_the_gate_is_named_with_its_row_of_the_fail_table() -> None:
    found = explained(pass_shown(pass_=held("visitor")), [OK], policy_age_s=5000.0)
    assert found.decided_by == "gate"
    assert "fail table, policy not renewed, guard present: residents of this site escalate" in found.headline.en
    assert any("how long the fault had lasted" in note.en for note in found.unrecorded)


def test_who_is_let_in_by_the_fail_table_is_told_by_which_row_and_for_how_long() -> None:
    down = {"thermometer_down": 60.0}
    found = explained(pass_shown(), [], attendance="none", down_for_s=down)
    assert (found.verdict, found.reason) == ("allow", "allowed_by_fail_table")
    assert "异常表“测温仪故障”无人值守：本院居民放行 14400 s，其他人上报" in line(found, "temperature").why.zh
    assert fact(found, "tags").zh == "未测温"


def test_a_way_out_says_that_what_would_have_held_somebody_is_not_recorded() -> None:
    found = explained(pass_shown("pass_forged", None), [], direction="out")
    assert (found.verdict, found.reason, found.decided_by) == ("allow", "way_out", "")
    assert any("on the way in" in note.en for note in found.unrecorded)


def test_the_rules_before_the_chosen_one_are_named_with_what_did_not_fit() -> None:
    found = explained(pass_shown(), [OK], RULES)
    assert found.rule == "pass and temperature"
    assert fact(found, "rules before it").en == (
        "way out (only direction Out), night (only attendance unattended), visitors (only class Visitor)"
    )


def test_without_its_policy_nothing_is_guessed() -> None:
    payload, _ = recorded(pass_shown(), [OK], gate())
    found = explain(payload, None, None)
    assert found.rule == ""
    assert all("not at hand" in one.why.en for one in found.checks)
    assert any("the text of policy test v3 is not here" in note.en for note in found.unrecorded)
    other = explain(msgspec.structs.replace(payload, policy_version=4), None, POLICY)
    assert other.rule == ""


def test_a_policy_of_that_name_that_asks_for_other_checks_is_not_believed() -> None:
    payload, _ = recorded(pass_shown(), [OK], gate())
    found = explain(payload, None, policy(checks='["pass", "mask"]'))
    assert found.rule == ""
    assert any("that asks for these checks" in note.en for note in found.unrecorded)


def test_readings_have_level_excess_and_the_limit_of_the_one_that_was_judged() -> None:
    payload, _ = recorded(pass_shown(), [replace(FEVER, value=37.9, limit=37.1)], gate())
    readings = (
        ReadingKept("forehead", 37.6, 8.0, None, 37.6, 36.2, 1.4, ("ambient_low",), manual=False),
        ReadingKept("wrist", 37.9, 8.0, None, 37.9, 36.3, 1.6, ("ok",), manual=False),
    )
    found = explain(msgspec.structs.replace(payload, readings=readings), None, POLICY)
    first, second = found.readings
    assert (first.judged_c, first.level_c, first.excess_c, first.limit_c) == ("37.6", "36.2", "+1.40", "")
    assert (second.limit_c, second.site.zh, first.marks.zh) == ("37.1", "手腕", "环境偏冷")
    assert any("the limit of some readings" in note.en for note in found.unrecorded)


def test_of_a_pass_nothing_but_class_party_and_the_tail_of_its_id_is_told() -> None:
    pass_ = replace(held(party_size=2), pass_id=bytes(6) + b"\xab\xcd", subject=b"\x11" * 8, household=b"\x22" * 4)
    payload, _ = recorded(pass_shown(pass_=pass_), [OK, OK], gate())
    found = explain(payload, None, POLICY)
    assert fact(found, "who").en == "Resident …ABCD, party of 2"
    text = msgspec.json.encode(found).decode()
    assert "1111111111" not in text
    assert "22222222" not in text


def test_what_came_of_it_and_what_a_person_did_stand_among_the_facts() -> None:
    payload, _ = recorded(None, [], gate())
    outcome = OutcomeOf(1, payload.where, "admitted_by_guard", "none", "", 1, None)
    act = Override(1, payload.where, "admit", "known_resident", "guard", "none")
    found = explain(payload, outcome, POLICY, act)
    assert (fact(found, "outcome").zh, fact(found, "by hand").zh) == ("人工放行", "人工放行：认识的住户")
    assert fact(explain(payload, None, POLICY), "outcome").zh == "尚无"


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (words.CHECKS, CheckName),
        (words.CLASSES, PassClass),
        (words.MODES, Mode),
        (words.LEVELS, ZoneLevel),
        (words.ATTENDANCE, Attendance),
        (words.VERDICTS, VerdictName),
        (words.CONDITIONS, Condition),
        (words.BODY_SITES, Site),
        (words.DIRECTIONS, Direction),
        (words.KINDS, LaneKind),
    ],
)
def test_every_word_that_a_record_may_hold_has_its_text(table: dict[str, words.Said], kind: object) -> None:
    assert set(table) == set(get_args(kind))


@given(made.presentations, made.people, made.states)
def test_every_tag_has_words_of_its_own(presented, measured, state) -> None:
    payload, _ = recorded(presented, measured, state)
    assert all(words.tag_said(tag).zh != tag for tag in payload.tags)


@given(made.presentations, made.people, made.states)
def test_whatever_the_fail_table_decided_names_its_row(presented, measured, state) -> None:
    payload, _ = recorded(presented, measured, state)
    found = explain(payload, None, POLICY)
    by_table = [one for one in found.checks if one.result == "not_obtained"]
    assert all("fail table, " in one.why.en for one in by_table)


def test_the_row_of_every_reader_that_is_down_is_known() -> None:
    assert verdict_steps._CONDITION_OF.items() <= explain_rule._CONDITION_OF.items()


def test_a_foreign_pass_that_counts_as_a_visitors_is_explained_by_the_visitors_rule() -> None:
    text = parse_policy(
        POLICY_TOML.replace(
            "[[rule]]", '[[rule]]\nname = "visitors"\nclass = ["visitor"]\nchecks = ["pass", "mask"]\n\n[[rule]]', 1
        ).encode()
        + b'[pass]\nformats = ["GK1", "HC1"]\nforeign = { HC1 = "visitor" }\n'
    )
    payload, rule = recorded(Presented("HC1", None, "foreign_valid"), [], gate(), text)
    assert (rule, payload.pass_class) == ("visitors", "none")
    assert explain(payload, None, text).rule == "visitors"


def test_no_number_is_longer_than_a_line() -> None:
    assert len(words.number(1e308)) <= 80
    assert [words.number(value) for value in (36.4, 3.0, 120.0, -0.05, None, "HC1")] == [
        "36.4", "3", "120", "-0.05", "", "HC1",
    ]  # fmt: skip


def test_a_check_that_passed_or_was_not_asked_never_decided() -> None:
    payload, _ = recorded(pass_shown("pass_forged", None), [], gate())
    odd = msgspec.structs.replace(payload, reason="", checks=payload.checks[1:])
    assert explain(odd, None, None).decided_by == "gate"


def test_a_verdict_of_a_drill_is_explained_as_practice() -> None:
    verdict = as_drill(recorded(pass_shown(), [FEVER], gate())[0])
    headline = explain(verdict, None, POLICY).headline
    assert headline.zh.startswith("演练 · 上报：")
    assert headline.en.startswith("DRILL · ")
