"""The policy, read from its TOML: errors name table, key, value, bound and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec

from checkpoint.foreign.certlogic import RuleError
from checkpoint.foreign.policy_rules import check_rules
from checkpoint.passes import PassClass
from checkpoint.policy_schema import (
    HEALTH_CHECKS,
    Attendance,
    CheckName,
    FailTable,
    LiveVariant,
    Mode,
    PassSettings,
    Policy,
    Rule,
    RuledFormat,
    Stands,
    TemperatureSettings,
    Worth,
    ZoneLevel,
)
from checkpoint.records import Direction, LaneKind

MAX_POLICY_BYTES: Final = 64 * 1024
_PLACE = re.compile(r"\s+- at (`key` in )?`(?P<path>[^`]+)`$")
# Words that a key may have, by the last name of its path: msgspec's message does not list them.
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "level": get_args(ZoneLevel), "zone_level": get_args(ZoneLevel), "zones": get_args(ZoneLevel),
    "checks": get_args(CheckName), "modes": (*get_args(CheckName), "=", *get_args(Mode)),
    "class": get_args(PassClass), "attendance": get_args(Attendance), "direction": get_args(Direction),
    "lane_kind": get_args(LaneKind), "party": ("each", "holder"),
    "residents": ("allow", "escalate", "deny"), "others": ("escalate", "deny"),
    "phone": get_args(LiveVariant), "static": get_args(PassClass), "static_needs_document": get_args(PassClass),
    "foreign": get_args(Worth), "rules": get_args(RuledFormat), "mode": get_args(Mode),
    "card": get_args(Stands), "plate": get_args(Stands),
}  # fmt: skip
_REMEDY: Final = "correct the policy file; docs/policy.md lists every key with its bounds"


class PolicyError(ValueError):
    """The text is no policy that a gate may follow."""


def parse_policy(text: bytes) -> Policy:
    """A policy out of its exact TOML bytes. Raises PolicyError and nothing else."""
    if len(text) > MAX_POLICY_BYTES:
        raise PolicyError(f"policy has {len(text)} bytes, at most {MAX_POLICY_BYTES} are read: {_REMEDY}")
    try:
        tables = tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"policy is not TOML: {error}: {_REMEDY}") from error
    try:
        policy = msgspec.convert(tables, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(_explain(str(error), tables)) from error
    _check_header(policy)
    _check_rules(policy.rules)
    _check_temperature(policy.temperature)
    _check_fail_table(policy.fail)
    _check_passes(policy.passes)
    _check_certificate_rules(policy.passes, text)
    return policy


def in_force(policies: Iterable[Policy], now_s: float) -> Policy | None:
    """The first of `policies` whose time it is. Give the narrowest scope first and the everyday policy last."""
    return next((policy for policy in policies if policy.in_force_at(now_s)), None)


def _explain(message: str, tables: dict[str, Any]) -> str:
    """msgspec's message as: table, key, value, bound, remedy."""
    found = _PLACE.search(message)
    bound = message[: found.start()] if found else message
    bound = f"{bound[:1].lower()}{bound[1:]}"
    path = found["path"].removeprefix("$").removeprefix(".") if found else ""
    if not path:
        return f"policy header: {bound}: {_REMEDY}"
    words = _WORDS.get(_names(path)[-1]) if "enum" in bound else None
    choice = f", choose from {' '.join(words)}" if words else ""
    return f"policy: {path} = {_value_at(tables, path)}: {bound}{choice}: {_REMEDY}"


def _names(path: str) -> list[str]:
    return re.findall(r"[a-z_]+", path)


def _value_at(tables: dict[str, Any], path: str) -> str:
    """The value that a path of msgspec names, cut to a length that fits a line."""
    value: Any = tables
    for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            value = value[int(number)] if number else value[name]
        except (KeyError, IndexError, TypeError):
            return "(see there)"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse(place: str, value: object, bound: str, remedy: str) -> None:
    raise PolicyError(f"policy: {place} = {value}: {bound}: {remedy}")


def _check_header(policy: Policy) -> None:
    if policy.valid_until is None:
        asked = {check for rule in policy.rules for check in rule.checks if rule.mode_of(check) != "off"}
        if health := sorted(asked & HEALTH_CHECKS):
            _refuse("valid_until", "(missing)", f"a policy that checks {', '.join(health)} must end", "add valid_until")
    elif policy.valid_until <= policy.valid_from:
        _refuse("valid_until", policy.valid_until.isoformat(), "must be after valid_from", "correct one of the two")


def _check_rules(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        _check_rule(rule)
    if not rules[-1].matches_all:
        _refuse(
            "the last rule", repr(rules[-1].name), "must match everything, so that nobody is without a rule",
            "add a last [[rule]] with name and checks alone",
        )  # fmt: skip


def _check_rule(rule: Rule) -> None:
    place = f"rule {rule.name!r}"
    if len(set(rule.checks)) != len(rule.checks):
        _refuse(f"{place}.checks", rule.checks, "names a check twice", "name each once")
    if stray := sorted(set(rule.modes) - set(rule.checks)):
        _refuse(f"{place}.modes", stray, "is not among the rule's checks", "add it to checks or take the mode out")
    pass_mode = rule.mode_of("pass")
    if rule.direction != "out" and "pass" in rule.checks and pass_mode not in ("enforce", "off"):
        _refuse(
            f"{place}.modes.pass", repr(pass_mode), "a forged pass is refused on every way in",
            'use enforce, leave the pass out of checks, or restrict the rule to direction = "out"',
        )  # fmt: skip


def _check_temperature(settings: TemperatureSettings) -> None:
    low, high = settings.plausible_min_c, settings.plausible_max_c
    if low >= high:
        _refuse("temperature.plausible_min_c", low, f"must be under plausible_max_c = {high}", "correct one of the two")
    edges = settings.band_edges_c
    if list(edges) != sorted(set(edges)):
        _refuse("temperature.band_edges_c", edges, "must rise", "sort the edges")
    if settings.level_min > settings.level_fallback:
        _refuse(
            "temperature.level_min", settings.level_min, "must not be over level_fallback", "correct one of the two"
        )
    for site in ("forehead", "wrist", "neck"):
        limits = getattr(settings.absolute, site)
        if limits.low_c >= limits.high_c:
            _refuse(f"temperature.absolute.{site}", limits.low_c, f"low_c must be under {limits.high_c}", "correct it")
    if settings.body_low_c >= settings.body_high_c:
        _refuse("temperature.body_low_c", settings.body_low_c, "must be under body_high_c", "correct it")
    if settings.retest_after_s >= settings.retest_valid_s:
        _refuse("temperature.retest_after_s", settings.retest_after_s, "must be under retest_valid_s", "correct it")


def _check_fail_table(table: FailTable) -> None:
    for condition in FailTable.__struct_fields__:
        column = getattr(table, condition).none
        if column.residents == "allow" and column.for_s is None:
            _refuse(
                f"fail.{condition}.none.for_s", "(missing)", "what opens with nobody there must be limited in time",
                "add for_s in seconds",
            )  # fmt: skip


def _check_passes(settings: PassSettings) -> None:
    if stray := sorted(set(settings.foreign) - set(settings.formats)):
        _refuse("pass.foreign", stray, "is not among pass.formats", "add it to formats or take it out of foreign")


def _check_certificate_rules(settings: PassSettings, source: bytes) -> None:
    if stray := sorted(set(settings.rules) - set(settings.formats)):
        _refuse("pass.rules", stray, "is not among pass.formats", "add it to formats or take its rules out")
    if settings.value_sets != "{}" and not settings.rules:
        _refuse("pass.value_sets", "(given)", "no rule asks for them", "add pass.rules or take them out")
    for name, rules in settings.rules.items():
        try:
            check_rules(rules, settings.value_sets)
        except RuleError as error:
            place = _line_in(source, rules, error)
            raise PolicyError(f"policy: pass.rules.{name}{place}: {error}: {_REMEDY}") from None


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
