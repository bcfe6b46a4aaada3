"""The policy, read from its TOML: errors name table, key, value, line, bound and remedy."""

from __future__ import annotations

from collections.abc import Iterable

from checkpoint.foreign.certlogic import RuleError
from checkpoint.foreign.policy_rules import check_rules
from checkpoint.policy_checks import check
from checkpoint.policy_reading import MAX_POLICY_BYTES, REMEDY, Flaw, PolicyError, flawed, read
from checkpoint.policy_schema import PassSettings, Policy

__all__ = ["MAX_POLICY_BYTES", "PolicyError", "in_force", "parse_policy"]


def parse_policy(text: bytes) -> Policy:
    """A policy out of its exact TOML bytes. Raises PolicyError and nothing else."""
    policy, lines = read(text, Policy)
    try:
        check(policy)
        _check_certificate_rules(policy.passes, text)
    except Flaw as flaw:
        raise flawed("policy", flaw, lines) from None
    return policy


def in_force(policies: Iterable[Policy], now_s: float) -> Policy | None:
    """The first of `policies` whose time it is. Give the narrowest scope first and the everyday policy last."""
    return next((policy for policy in policies if policy.in_force_at(now_s)), None)


def _check_certificate_rules(settings: PassSettings, source: bytes) -> None:
    if stray := sorted(set(settings.rules) - set(settings.formats)):
        raise Flaw("pass.rules", stray, "is not among pass.formats", "add it to formats or take its rules out")
    if settings.value_sets != "{}" and not settings.rules:
        raise Flaw("pass.value_sets", "(given)", "no rule asks for them", "add pass.rules or take them out")
    for name, rules in settings.rules.items():
        try:
            check_rules(rules, settings.value_sets)
        except RuleError as error:
            place = _line_in(source, rules, error)
            raise PolicyError(f"policy: pass.rules.{name}{place}: {error}: {REMEDY}") from None


def _line_in(source: bytes, rules: str, error: RuleError) -> str:
    """Where in the policy's text the error is, as far as it can be told."""
    at = rules.find(f'"{error.rule}"') if error.rule else -1
    line = error.line or (rules.count("\n", 0, at) + 1 if at >= 0 else 0)
    begins = source.decode("utf-8").replace("\r\n", "\n").find(rules)
    if not line:
        return ""
    # With escapes in it the text of the file is not the text of the rules.
    before = source.decode("utf-8").replace("\r\n", "\n").count("\n", 0, begins) if begins >= 0 else 0
    return f", line {before + line}" + ("" if begins >= 0 else " of its JSON")
