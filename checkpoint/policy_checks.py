"""What no form alone can say of a policy: keys that contradict each other, and what a policy may never do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from checkpoint.policy_reading import Flaw
from checkpoint.policy_rule import Rule, covers
from checkpoint.policy_schema import HEALTH_CHECKS, FailTable, PassSettings, Policy, Role, TemperatureSettings
from checkpoint.reasons import ALL

# A day from any of their ends is a day of the calendar in every zone of the earth.
_YEARS: Final = (1970, 9998)


def check(policy: Policy) -> None:
    """Raises Flaw."""
    _check_header(policy)
    check_rules(policy.rules)
    _check_last(policy.rules)
    check_told(policy.told)
    if policy.local is not None and "pass" in policy.local.milder:
        raise Flaw(
            "local.milder.pass", repr(policy.local.milder["pass"]), "the pass is asked everywhere", "take it out"
        )
    _check_temperature(policy.temperature)
    _check_fail_table(policy.fail)
    _check_passes(policy.passes)


def check_moments(valid_from: datetime, valid_until: datetime | None) -> None:
    """That both can be shown in the time of any place, and follow one another. Raises Flaw."""
    for key, moment in (("valid_from", valid_from), ("valid_until", valid_until)):
        if moment is not None and not _YEARS[0] <= moment.year <= _YEARS[1]:
            bound = f"must be in the years {_YEARS[0]} to {_YEARS[1]}"
            raise Flaw(key, moment.isoformat(), bound, "give the day that is meant")
    if valid_until is not None and valid_until <= valid_from:
        raise Flaw("valid_until", valid_until.isoformat(), "must be after valid_from", "correct one of the two")


def _check_header(policy: Policy) -> None:
    check_moments(policy.valid_from, policy.valid_until)
    if policy.valid_until is None:
        asked = {check for rule in policy.rules for check in rule.checks if rule.mode_of(check) != "off"}
        if health := sorted(asked & HEALTH_CHECKS):
            raise Flaw(
                "valid_until", "(missing)", f"a policy that checks {', '.join(health)} must end", "add valid_until"
            )


def check_rules(rules: tuple[Rule, ...]) -> None:
    """Each of them, and that none of them keeps a resident from home. Raises Flaw."""
    for at, rule in enumerate(rules):
        _check_checks(rule, (at, rule.name))
        _check_hours(rule, (at, rule.name))
        _check_word(rule, (at, rule.name))
        _check_residents(rules, at)


def _check_last(rules: tuple[Rule, ...]) -> None:
    if not rules[-1].matches_all:
        raise Flaw(
            "name", repr(rules[-1].name), "the last rule must match everything, so that nobody is without one",
            "add a last [[rule]] with name and checks alone", (len(rules) - 1, rules[-1].name),
        )  # fmt: skip


def _check_checks(rule: Rule, at: tuple[int, str]) -> None:
    if len(set(rule.checks)) != len(rule.checks):
        raise Flaw("checks", rule.checks, "names a check twice", "name each once", at)
    if stray := sorted(set(rule.modes) - set(rule.checks)):
        raise Flaw("modes", stray, "is not among the rule's checks", "add it to checks or take the mode out", at)
    pass_mode = rule.mode_of("pass")
    if rule.direction != "out" and "pass" in rule.checks and pass_mode not in ("enforce", "off"):
        raise Flaw(
            "modes.pass", repr(pass_mode), "a forged pass is refused on every way in",
            'use enforce, leave the pass out of checks, or restrict the rule to direction = "out"', at,
        )  # fmt: skip
    if rule.occupants == "each" and rule.lane_kind == "person":
        raise Flaw("occupants", "'each'", "means nothing in a lane for people on foot", "take it out", at)


def _check_hours(rule: Rule, at: tuple[int, str]) -> None:
    if (rule.begins is None) != (rule.ends is None):
        given, lacks = ("from", "until") if rule.ends is None else ("until", "from")
        raise Flaw(given, rule.begins or rule.ends, f"has no {lacks} beside it", f"add {lacks}", at)
    if rule.begins is not None and rule.begins == rule.ends:
        raise Flaw("until", rule.ends, "is the time of from", "leave out both for the whole day", at)
    if rule.days and len(set(rule.days)) != len(rule.days):
        raise Flaw("days", rule.days, "names a day twice", "name each once", at)


def _check_word(rule: Rule, at: tuple[int, str]) -> None:
    if (rule.verdict is None) == (rule.reason is None):
        return
    given, lacks = ("verdict", "reason") if rule.reason is None else ("reason", "verdict")
    said = repr(getattr(rule, given))
    raise Flaw(given, said, f"has no {lacks} beside it", f"add {lacks}, or take it out", at)


def _check_residents(rules: tuple[Rule, ...], at: int) -> None:
    """Nobody who lives here is refused the way home because of the hour or the zone: at most a person is asked."""
    rule = rules[at]
    is_met = rule.classes is None or "resident" in rule.classes
    if rule.verdict != "deny" or rule.direction == "out" or not is_met:
        return
    if not any(covers(before, rule, "resident") for before in rules[:at]):
        raise Flaw(
            "verdict", "'deny'", "would refuse residents the way home",
            'put a rule for class = ["resident"] of the same levels, lanes and hours before it, or name classes',
            (at, rule.name),
        )  # fmt: skip


def check_told(told: Mapping[str, Role | tuple[Role, ...]]) -> None:
    """Codes of the table of reasons, each with somebody. Raises Flaw."""
    for code, roles in told.items():
        if code not in ALL:
            raise Flaw(f"told.{code}", repr(roles), "is no reason code", "docs/reasons.md lists them")
        if not roles:
            raise Flaw(f"told.{code}", "[]", "names nobody", "name a role, or take it out")


def _check_temperature(settings: TemperatureSettings) -> None:
    low, high = settings.plausible_min_c, settings.plausible_max_c
    if low >= high:
        raise Flaw(
            "temperature.plausible_min_c", low, f"must be under plausible_max_c = {high}", "correct one of the two"
        )
    edges = settings.band_edges_c
    if list(edges) != sorted(set(edges)):
        raise Flaw("temperature.band_edges_c", edges, "must rise", "sort the edges")
    if settings.level_min > settings.level_fallback:
        raise Flaw(
            "temperature.level_min", settings.level_min, "must not be over level_fallback", "correct one of the two"
        )
    for site in ("forehead", "wrist", "neck"):
        limits = getattr(settings.absolute, site)
        if limits.low_c >= limits.high_c:
            raise Flaw(
                f"temperature.absolute.{site}", limits.low_c, f"low_c must be under {limits.high_c}", "correct it"
            )
    if settings.body_low_c >= settings.body_high_c:
        raise Flaw("temperature.body_low_c", settings.body_low_c, "must be under body_high_c", "correct it")
    if settings.retest_after_s >= settings.retest_valid_s:
        raise Flaw("temperature.retest_after_s", settings.retest_after_s, "must be under retest_valid_s", "correct it")


def _check_fail_table(table: FailTable) -> None:
    for condition in FailTable.__struct_fields__:
        column = getattr(table, condition).none
        if column.residents == "allow" and column.for_s is None:
            raise Flaw(
                f"fail.{condition}.none.for_s", "(missing)", "what opens with nobody there must be limited in time",
                "add for_s in seconds",
            )  # fmt: skip


def _check_passes(settings: PassSettings) -> None:
    if stray := sorted(set(settings.foreign) - set(settings.formats)):
        raise Flaw("pass.foreign", stray, "is not among pass.formats", "add it to formats or take it out of foreign")
