"""Rules that a policy carries: refused when nothing could judge by them, else part of each verdict on a certificate."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.foreign.certlogic import RuleError, check_rule, rule_holds
from checkpoint.foreign.policy_rules import NO_RULE, Broken, broken_rule, check_rules
from checkpoint.passes import ForeignClaims, Presented
from checkpoint.policy import PolicyError, parse_policy
from checkpoint.policy_schema import Policy
from checkpoint.verdict import Decision, decide
from tests.checkpoint.verdict_kit import GATE, NOW_S, OK, POLICY_TOML, gate, policy

TAKES = '[pass]\nformats = ["GK1", "HC1"]\n'
VISITOR = TAKES + 'foreign = { HC1 = "visitor" }\n'
FULL = {
    "Identifier": "VR-1",
    "CertificateType": "Vaccination",
    "Logic": {">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]},
}
KNOWN = {"Identifier": "GR-1", "Logic": {"in": [{"var": "payload.v.0.mp"}, {"var": "external.valueSets.products"}]}}
UNJUDGED = {
    "Identifier": "XX-1",
    "Logic": {"after": [{"plusTime": ["never", 1, "day"]}, {"plusTime": ["x", 1, "day"]}]},
}
SETS = json.dumps({"products": ["EU/1/20/1528"]})
GOOD = {"v": [{"dn": 2, "sd": 2, "mp": "EU/1/20/1528"}]}
HALF = {"v": [{"dn": 1, "sd": 2, "mp": "EU/1/20/1528"}]}
OTHER = {"v": [{"dn": 2, "sd": 2, "mp": "elsewhere"}]}


def toml(*rules: Any, sets: str = SETS, pass_table: str = TAKES) -> str:
    listed = ",\n".join(json.dumps(rule) for rule in rules)
    return f"{pass_table}value_sets = '''{sets}'''\n[pass.rules]\nHC1 = '''[\n{listed}\n]'''\n"


def certificate(claims: dict[str, Any]) -> Presented:
    return Presented("HC1", None, "foreign_valid", foreign=ForeignClaims("HC1", "XX", bytes(16), 0, 2**40, claims))


def said(decision: Decision) -> tuple[str, str, object]:
    return decision.verdict, decision.reason, decision.results[0].value


# --- what a verdict makes of them ------------------------------------------------------------------------------------

PLAIN: Policy = policy(toml(FULL, KNOWN, pass_table=VISITOR), checks='["pass"]')


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (GOOD, ("allow", "all_ok", "HC1")),
        (HALF, ("deny", "foreign_rule_failed", "VR-1")),
        (OTHER, ("deny", "foreign_rule_failed", "GR-1")),
        ({"hcert": {"9": "of another kind"}}, ("deny", "foreign_rule_failed", "GR-1")),
    ],
)
def test_a_genuine_certificate_must_keep_the_policys_rules(
    claims: dict[str, Any], expected: tuple[str, str, object]
) -> None:
    assert said(decide(certificate(claims), {}, PLAIN, GATE, NOW_S)) == expected


def test_a_certificate_that_keeps_them_is_worth_no_more_than_the_policy_says() -> None:
    for worth, expected in (("escalate", "escalate"), ("deny", "deny")):
        under = policy(toml(FULL, pass_table=f'{TAKES}foreign = {{ HC1 = "{worth}" }}\n'), checks='["pass"]')
        assert said(decide(certificate(GOOD), {}, under, GATE, NOW_S))[:2] == (expected, "foreign_valid")
    assert said(decide(certificate(HALF), {}, policy(toml(FULL)), GATE, NOW_S))[:2] == ("deny", "foreign_rule_failed")


def test_what_no_rule_can_judge_or_none_is_about_is_for_a_person() -> None:
    unknown = "foreign_rule_unknown"
    over = {**FULL, "ValidTo": "2020-01-01T00:00:00Z"}
    for rules, claims, name in (
        ((UNJUDGED,), GOOD, "XX-1"),
        ((FULL,), {"t": [{}]}, NO_RULE),
        ((over,), GOOD, NO_RULE),
    ):
        under = policy(toml(*rules, pass_table=VISITOR), checks='["pass"]')
        assert said(decide(certificate(claims), {}, under, GATE, NOW_S)) == ("escalate", unknown, name)
    both = policy(toml(UNJUDGED, FULL, pass_table=VISITOR), checks='["pass"]')
    assert said(decide(certificate(HALF), {}, both, GATE, NOW_S)) == ("deny", "foreign_rule_failed", "VR-1")


def test_rules_see_the_time_of_the_verdict_and_wait_for_a_clock_that_can_be_believed() -> None:
    clock = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
    late = {"Identifier": "late", "Logic": {"after": [clock, {"plusTime": ["2027-06-01", 0, "day"]}]}}
    under = policy(toml(late, pass_table=VISITOR), checks='["pass"]')
    assert NOW_S == 1_800_000_000
    assert said(decide(certificate(GOOD), {}, under, GATE, NOW_S))[1] == "foreign_rule_failed"
    assert said(decide(certificate(GOOD), {}, under, GATE, NOW_S + 200 * 86_400))[:2] == ("allow", "all_ok")
    assert said(decide(certificate(GOOD), {}, under, gate(clock_untrusted_for_s=5.0), NOW_S))[:2] == (
        "escalate", "clock_untrusted",
    )  # fmt: skip


def test_rules_are_not_asked_of_what_is_refused_anyway_nor_of_other_systems() -> None:
    forged = replace(certificate(HALF), reason="pass_forged", foreign=None)
    assert said(decide(forged, {}, PLAIN, GATE, NOW_S))[:2] == ("deny", "pass_forged")
    under = policy(toml(FULL, pass_table='[pass]\nformats = ["GK1", "HC1", "SHC"]\nforeign = { SHC = "visitor" }\n'))
    card = Presented("SHC", None, "foreign_valid", foreign=ForeignClaims("SHC", "XX", bytes(16), 0, 2**40, HALF))
    assert said(decide(card, {"temperature": (OK,)}, under, GATE, NOW_S))[:2] == ("allow", "all_ok")


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON_VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner), max_leaves=8
)


@given(JSON_VALUES)
def test_no_claims_break_the_judgement(value: Any) -> None:
    claims = {"v": value, "t": [value]}
    found = broken_rule(json.dumps([FULL, KNOWN]), SETS, claims, 1_800_000_000)
    assert isinstance(found, Broken)
    assert found.rule in ("VR-1", "GR-1")


# --- when the policy comes -------------------------------------------------------------------------------------------


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"Identifier": "bad"}, "has no Logic"),
        ({"Identifier": "bad", "Logic": True, "CertificateType": "Pet"}, "CertificateType is one of"),
        ({"Identifier": "bad", "Logic": True, "CertificateType": ["Test"]}, "CertificateType is one of"),
        ({"Identifier": "bad", "Logic": True, "ValidFrom": "soon"}, "ValidFrom"),
        ({"Identifier": "bad", "Logic": True, "ValidTo": [1] * 10_000}, "ValidTo"),
        ({"Identifier": "bad", "Logic": {"launch": []}}, "unknown operation 'launch'"),
        ({"Identifier": "bad", "Logic": [0] * 10_001}, "10000 parts"),
    ],
)
def test_a_rule_that_could_never_be_judged_is_refused_with_its_line(rule: Any, words: str) -> None:
    text = POLICY_TOML + toml(FULL, rule, KNOWN)
    with pytest.raises(PolicyError) as refused:
        parse_policy(text.encode())
    assert words in str(refused.value)
    assert len(str(refused.value)) < 1000
    assert f"policy: pass.rules.HC1, line {line_of(text, 'bad')}: " in str(refused.value)
    assert "correct the policy file" in str(refused.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (f"{TAKES}[pass.rules]\nHC1 = '''[\n{{]'''\n", "not JSON"),
        (f"{TAKES}[pass.rules]\nHC1 = '[]'\n", "1 to 500"),
        (f"{TAKES}value_sets = '{{'\n[pass.rules]\nHC1 = '[{{\"Logic\": true}}]'\n", "value sets: not JSON"),
        (f"{TAKES}value_sets = '{{\"a\": []}}'\n", "no rule asks for them"),
        (toml(*({**FULL, "Identifier": f"VR-{at}"} for at in range(101))), "101 rules; a policy has at most 100"),
        (toml(FULL, FULL), "same Identifier"),
        (toml({**FULL, "Identifier": "x" * 65}), "1 to 64 characters"),
        (toml(FULL, pass_table='[pass]\nformats = ["GK1"]\n'), "not among pass.formats"),
        (f"{TAKES}[pass.rules]\nSHC = '[]'\n", "choose from HC1"),
        (f"{TAKES}[pass.rules]\nHC1 = [true]\n", "expected `str`"),
        (f"{TAKES}[pass.rules]\nHC1 = '{'[' * 20_000}'\n", "not JSON"),
    ],
)
def test_rules_that_are_none_are_refused(more: str, words: str) -> None:
    with pytest.raises(PolicyError, match="policy: pass") as refused:
        parse_policy((POLICY_TOML + more).encode())
    assert words in str(refused.value)


def test_the_line_is_that_of_the_policy_however_its_lines_end_and_of_the_json_where_it_is_escaped() -> None:
    text = POLICY_TOML + f"{TAKES}[pass.rules]\nHC1 = '''[\n\n{{]'''\n"
    line = line_of(text, "{]")
    for written in (text, text.replace("\n", "\r\n")):
        with pytest.raises(PolicyError, match=f"line {line}: rules: not JSON"):
            parse_policy(written.encode())
    with pytest.raises(PolicyError, match="line 2 of its JSON: rules: not JSON"):
        parse_policy((POLICY_TOML + f'{TAKES}[pass.rules]\nHC1 = "[\\n{{]"\n').encode())


@given(JSON_VALUES, st.sampled_from(["Identifier", "CertificateType", "ValidFrom", "ValidTo", "Logic", "HC1", "sets"]))
def test_whatever_stands_in_a_rule_is_taken_or_refused(value: Any, place: str) -> None:
    rules: Any = value if place == "HC1" else [{**FULL, place: value}]
    sets = value if place == "sets" else {}
    written = "".join(f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else sign for sign in json.dumps(rules))
    more = f'{TAKES}value_sets = {json.dumps(json.dumps(sets))}\n[pass.rules]\nHC1 = "{written}"\n'
    said = ""
    try:
        parse_policy((POLICY_TOML + more).encode())
    except PolicyError as error:
        said = str(error)
    assert not said or (said.startswith("policy: pass.") and len(said) < 500)


def test_a_table_by_name_is_taken_as_well() -> None:
    check_rules(json.dumps({"GR-1": {"Logic": True}, "GR-2": {"Logic": True}}), "{}")
    with pytest.raises(RuleError, match="same Identifier"):
        check_rules('{"GR-1": {"Logic": true}, "GR-1": {"Logic": false}}', "{}")


# --- how long a rule may take ----------------------------------------------------------------------------------------


def counting(levels: int, over: str = "payload.v") -> Any:
    rule: Any = {"+": [{"var": "accumulator"}, 1]}
    for _ in range(levels):
        rule = {"reduce": [{"var": over}, rule, 0]}
    return rule


def test_a_rule_that_would_take_too_long_is_not_begun() -> None:
    many: dict[str, Any] = {"v": [0] * 200}
    check_rule(counting(1))
    assert rule_holds({"===": [counting(1), 200]}, many, {}) is True
    for rule, claims, external in (
        (counting(3), many, {}),
        (counting(1), {"v": [0] * 60_000}, {}),
        (counting(2), {}, {"valueSets": {"long": [0] * 400}}),
    ):
        with pytest.raises(RuleError, match="steps"):
            rule_holds(rule, claims, external)


def test_a_long_value_set_costs_nothing_where_nothing_repeats() -> None:
    rule = {"in": ["x", {"var": "external.valueSets.long"}]}
    assert rule_holds(rule, {}, {"valueSets": {"long": ["y"] * 10_000 + ["x"]}}) is True
