"""CertLogic rules that a policy carries: checked when the policy comes, judged by what the certificate says alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from checkpoint.foreign.certlogic import RuleError, check_rule
from checkpoint.foreign.rule_file import RuleSet, rules_from_json

_LONGEST_NAME: Final = 64
# Somebody stands there while they are judged: with the longest that a rule may take, some seconds on a small board.
_MOST_RULES: Final = 100
# What a record says of a certificate that no rule is about.
NO_RULE: Final = "(none)"

RuleReason = Literal["foreign_rule_failed", "foreign_rule_unknown"]


class Broken(NamedTuple):
    """What speaks against a certificate: a reason code, and the name of the rule that it comes from."""

    reason: RuleReason
    rule: str


def check_rules(rules: str, value_sets: str) -> None:
    """Whether every rule can be judged by its form. Raises RuleError, with name or line where they are known."""
    found = _rules(rules, value_sets)
    if len(found.rules) > _MOST_RULES:
        raise RuleError(f"{len(found.rules)} rules; a policy has at most {_MOST_RULES}: take those of your own place")
    if len(found.rules) != _entries(rules):
        raise RuleError("two rules have the same Identifier: leave one of them out")
    for rule in found.rules:
        if not (rule.name.isprintable() and 1 <= len(rule.name) <= _LONGEST_NAME):
            raise RuleError(f"rule {rule.name[:40]!r}: an Identifier has 1 to {_LONGEST_NAME} characters", rule.name)
        try:
            check_rule(rule.logic)
        except RuleError as error:
            raise RuleError(f"rule {rule.name!r}: {error}", rule.name) from None


def broken_rule(rules: str, value_sets: str, claims: Mapping[str, object], at_s: int) -> Broken | None:
    """What the rules have against these claims at this time (seconds UTC); None if all that concern them are kept.

    A broken rule counts before one that can't be judged. A certificate that no rule in force is about is not cleared by
    any. `rules` and `value_sets` have passed `check_rules`.
    """
    judged = _rules(rules, value_sets).judge(claims, at_s)
    failed = next((name for name, kept in judged.items() if kept is False), None)
    if failed is not None:
        return Broken("foreign_rule_failed", failed)
    unknown = NO_RULE if not judged else next((name for name, kept in judged.items() if kept is None), None)
    return None if unknown is None else Broken("foreign_rule_unknown", unknown)


@lru_cache(maxsize=4)
def _rules(rules: str, value_sets: str) -> RuleSet:
    return rules_from_json(rules.encode(), value_sets.encode())


def _entries(rules: str) -> int:
    """How many the text lists; a table's names are not looked at twice by the reader of JSON, so they are here."""
    names: list[str] = []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        names[:] = [name for name, _ in found]
        return dict(found)

    table = json.loads(rules, object_pairs_hook=pairs)
    return len(table) if isinstance(table, list) else len(names)
