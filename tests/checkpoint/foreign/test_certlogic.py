"""Rules: exactly `true` counts, and what can't be judged is never taken for kept."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from checkpoint.foreign.certlogic import RuleError, rule_holds
from checkpoint.foreign.rule_file import rules_from_json

CLAIMS: dict[str, Any] = {"v": [{"dn": 2, "sd": 2, "dt": "2021-05-01"}]}
EXTERNAL = {"validationClock": "2021-06-01T00:00:00Z"}


def deep(levels: int) -> Any:
    rule: Any = True
    for _ in range(levels):
        rule = {"!": [rule]}
    return rule


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}, True),
        ({"<": [{"var": "payload.v.0.dn"}, 2]}, False),
        ({"var": "payload.v.0.dn"}, False),
        ({"var": "payload.nothing"}, False),
        (
            {
                "not-after": [
                    {"plusTime": [{"var": "payload.v.0.dt"}, 14, "day"]},
                    {"plusTime": [{"var": "external.validationClock"}, 0, "day"]},
                ]
            },
            True,
        ),
        (True, True),
        ("true", False),
        (1, False),
    ],
)
def test_only_true_is_true(rule: Any, expected: bool) -> None:
    assert rule_holds(rule, CLAIMS, EXTERNAL) is expected


@pytest.mark.parametrize(
    "rule",
    [
        {"launch": [1]},
        {"plusTime": ["not a date", 1, "day"]},
        {"plusTime": ["2021-01-31", 1, "month"]},
        {"plusTime": ["2021-01-31", 1e300, "day"]},
        {"reduce": [{"var": "payload.v"}, {"after": [{"var": "current"}, 1]}, True]},
        deep(65),
        deep(100_000),
        [True] * 20_000,
    ],
)
def test_a_rule_that_cant_be_judged_says_so(rule: Any) -> None:
    with pytest.raises(RuleError, match="rule"):
        rule_holds(rule, CLAIMS, EXTERNAL)


def test_without_the_library_no_rule_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "json_logic.cert_logic", None)
    with pytest.raises(RuleError, match=r"guankou\[foreign\]"):
        rule_holds(True, CLAIMS, EXTERNAL)


# -- Rules in a file ---------------------------------------------------------------------------------------------------

AT_S = 1_625_000_000
FULL = {"Identifier": "full", "CertificateType": "Vaccination", "Logic": True}


def test_rules_are_judged_if_they_are_in_force_and_about_this_certificate() -> None:
    rules = [
        {"Identifier": "doses", "Logic": {">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}},
        {"Identifier": "listed", "Logic": {"in": [{"var": "payload.v.0.mp"}, {"var": "external.valueSets.mp"}]}},
        {"Identifier": "tests", "CertificateType": "Test", "Logic": False},
        {"Identifier": "odd", "CertificateType": "Vaccination", "Logic": {"launch": []}},
        {"Identifier": "later", "ValidFrom": "2030-01-01T00:00:00Z", "Logic": True},
        {"Identifier": "over", "ValidTo": "2020-01-01T00:00:00Z", "Logic": True},
        {"Identifier": "clock", "Logic": {"===": [{"var": "external.validationClock"}, "2021-06-29T20:53:20Z"]}},
    ]
    found = rules_from_json(json.dumps(rules).encode(), b'{"mp": ["EU/1/20/1528"]}')
    claims = {"v": [{**CLAIMS["v"][0], "mp": "EU/1/20/1528"}]}
    assert found.judge(claims, AT_S) == {"doses": True, "listed": True, "odd": None, "clock": True}
    assert found.judge(CLAIMS, AT_S)["listed"] is False
    assert found.judge(CLAIMS, 10**12) == {}


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[", b"[" * 100_000, b"[]", b"{}", b"5", b"[5]", b'{"a": {}}', b'{"a": {"Logic": true, "ValidTo": "x"}}',
        b'[{"Logic": true, "CertificateType": "Pet"}]',
    ],
)  # fmt: skip
def test_a_file_that_holds_no_rules_says_so(text: bytes) -> None:
    with pytest.raises(RuleError):
        rules_from_json(text)
    with pytest.raises(RuleError):
        rules_from_json(json.dumps([FULL]).encode(), text + b"[")
