"""Rules as their publishers hand them out: JSON, each with logic, kind of certificate and time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from checkpoint.foreign.certlogic import RuleError, rule_holds
from checkpoint.instants import instant_ms

_USAGE_BY_TYPE: Final = {"General": "", "Vaccination": "v", "Test": "t", "Recovery": "r"}
_MAX_RULES: Final = 500
# The last second of the year 9999.
_LATEST_S: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `usage`: it is about certificates with this kind of statement; "" about all. Times in seconds UTC."""

    name: str
    logic: object
    usage: str
    valid_from_s: int
    valid_to_s: int

    def concerns(self, claims: Mapping[str, object], at_s: int) -> bool:
        """Whether it is in force at this time and about this certificate."""
        return self.valid_from_s <= at_s < self.valid_to_s and (not self.usage or bool(claims.get(self.usage)))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one zone, and the value sets that they ask for by name."""

    rules: tuple[Rule, ...]
    value_sets: Mapping[str, object]

    def judge(self, claims: Mapping[str, object], at_s: int) -> dict[str, bool | None]:
        """By rule: kept or broken; None where it can't be judged, which must not pass for kept."""
        clock = datetime.fromtimestamp(min(at_s, _LATEST_S), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        external = {"validationClock": clock, "valueSets": self.value_sets}
        return {rule.name: _judged(rule, claims, external) for rule in self.rules if rule.concerns(claims, at_s)}


def _judged(rule: Rule, claims: Mapping[str, object], external: Mapping[str, object]) -> bool | None:
    try:
        return rule_holds(rule.logic, claims, external)
    except RuleError:
        return None


def rules_from_json(text: bytes, value_sets: bytes = b"{}") -> RuleSet:
    """Rules in a list, or in a table by their names; value sets in a table. Raises RuleError naming the rule."""
    table, sets = _json(text, "rules"), _json(value_sets, "value sets")
    if isinstance(table, list):
        table = {
            str(item.get("Identifier", at)) if isinstance(item, dict) else at: item for at, item in enumerate(table)
        }
    if not isinstance(table, dict) or not isinstance(sets, dict) or not 0 < len(table) <= _MAX_RULES:
        raise RuleError(f"rules are a list or a table of 1 to {_MAX_RULES}, value sets are a table")
    return RuleSet(tuple(_rule(str(name), item) for name, item in table.items()), sets)


def _rule(name: str, item: object) -> Rule:
    if not isinstance(item, dict) or "Logic" not in item:
        raise RuleError(f"rule {name[:40]!r} has no Logic", name)
    kind = item.get("CertificateType", "General")
    if not isinstance(kind, str) or kind not in _USAGE_BY_TYPE:
        raise RuleError(f"rule {name[:40]!r}: CertificateType is one of {', '.join(_USAGE_BY_TYPE)}", name)
    try:
        begins = instant_ms(item.get("ValidFrom", 0), "ValidFrom") // 1000
        ends = instant_ms(item.get("ValidTo", "9999-01-01T00:00:00Z"), "ValidTo") // 1000
    except ValueError as error:
        raise RuleError(f"rule {name[:40]!r}: {error}"[:200], name) from None
    return Rule(name, item["Logic"], _USAGE_BY_TYPE[kind], begins, ends)


def _json(text: bytes, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} of it, column {error.colno}"
        raise RuleError(
            f"{name}: not JSON: {error.msg} ({where})", line=error.lineno if name == "rules" else 0
        ) from None
    except (ValueError, RecursionError) as error:
        raise RuleError(f"{name}: not JSON: {error}"[:200]) from None
