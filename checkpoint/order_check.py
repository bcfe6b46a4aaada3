"""Whether a policy with a local order on it asks of everybody at least what the policy without it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final, NamedTuple, get_args

from checkpoint.passes import PassClass
from checkpoint.policy_rule import CLOSED, STRICTNESS, Attendance, CheckName, Mode, Rule, RuleVerdict, ZoneLevel
from checkpoint.policy_schema import Policy
from checkpoint.policy_time import DAYS, LocalTime, minute_of
from checkpoint.records import Direction, LaneKind

_LEVELS: Final[tuple[ZoneLevel, ...]] = get_args(ZoneLevel)
# Whom a rule that refuses only holds until a person decides; see verdict_case.of_rule.
_NEVER_REFUSED: Final = ("resident", "emergency")
# From the mildest word of a rule to the strictest.
_WORDS: Final[tuple[RuleVerdict | None, ...]] = (None, "warn", "escalate", "deny")


class _Whom(NamedTuple):
    """Everything but level and hour that a rule is chosen by."""

    pass_class: str | None
    direction: str
    attendance: str
    lane_kind: str


_EVERYBODY: Final = [
    _Whom(*keys)
    for keys in product((*get_args(PassClass), None), get_args(Direction), get_args(Attendance), get_args(LaneKind))
]


def level_before(wider: Policy, grid: str) -> tuple[ZoneLevel, ...]:
    """Levels that `grid` may have under `wider`: its own, else that of any grid around it."""
    if grid in wider.zones:
        return (wider.zones[grid],)
    return tuple(dict.fromkeys((wider.zone_level, *wider.zones.values())))


def check_stricter(
    wider: Policy,
    combined: Policy,
    changed: Iterable[tuple[ZoneLevel, ZoneLevel]],
    milder: Mapping[CheckName, Mode],
) -> str:
    """What `combined` asks less of somebody at some hour, in words; empty if nothing.

    `changed`: levels of zones before and after. `milder`: how mild a check may become that this is allowed for.
    """
    seen: set[tuple[object, ...]] = set()
    for (before, after), whom in product((*((level, level) for level in _LEVELS), *changed), _EVERYBODY):
        was, now = wider.rules_for(before, *whom), combined.rules_for(after, *whom)
        # Whoever is judged alike and has the same rules to choose from has been looked at.
        alike = whom.direction, whom.pass_class in _NEVER_REFUSED
        key = (*alike, tuple(id(rule) for rule in was), tuple(id(rule) for rule in now))
        if key in seen:
            continue
        seen.add(key)
        for local in _moments((*was, *now)):
            old, new = wider.rule_for(before, *whom, local), combined.rule_for(after, *whom, local)
            if why := _less(old, new, whom, milder):
                return f"{why} (asked by rule {old.name!r} of {_said(whom, before, local)})"
    return ""


def _moments(rules: Iterable[Rule]) -> Iterator[LocalTime]:
    """One moment out of every stretch of the week in which the same of these rules hold."""
    timed = [rule for rule in rules if rule.has_hours]
    clocks = {clock for rule in timed for clock in (rule.begins, rule.ends) if clock is not None}
    minutes = sorted({0, *(minute_of(clock) for clock in clocks)})
    weekdays = range(len(DAYS)) if any(rule.days for rule in timed) else range(1)
    return (LocalTime(weekday, minute) for weekday in weekdays for minute in minutes)


def _less(old: Rule, new: Rule, whom: _Whom, milder: Mapping[CheckName, Mode]) -> str:
    """What `new` asks less than `old`. Of whom it refuses on the way in it need not ask more than the pass."""
    if new is old:
        return ""
    place = f"rule {new.name!r}"
    word, before = _word(new, whom), _word(old, whom)
    # Nobody is held on the way out: leaving a closed zone calls somebody, and that is all that can be asked there.
    is_shut = word == "deny" and (whom.direction == "in" or new is CLOSED)
    for check in old.checks:
        floor = min(old.mode_of(check), milder.get(check, "enforce"), key=STRICTNESS.index)
        if not (is_shut and check != "pass") and STRICTNESS.index(new.mode_of(check)) < STRICTNESS.index(floor):
            return f'{place} asks less: {check} = "{new.mode_of(check)}", at least "{floor}" is needed'
    if _WORDS.index(word) < _WORDS.index(before):
        return f'{place} is milder: verdict = "{word or "(none)"}", at least "{before}" is needed'
    if is_shut:
        return ""
    if (old.party, new.party) == ("each", "holder"):
        return f'{place} asks less: party = "holder", "each" is needed'
    if whom.lane_kind == "vehicle" and (old.occupants, new.occupants) == ("each", "driver"):
        return f'{place} asks less: occupants = "driver", "each" is needed'
    return ""


def _word(rule: Rule, whom: _Whom) -> RuleVerdict | None:
    return "escalate" if rule.verdict == "deny" and whom.pass_class in _NEVER_REFUSED else rule.verdict


def _said(whom: _Whom, level: str, local: LocalTime) -> str:
    who = whom.pass_class or "people without a readable pass"
    clock = f"{DAYS[local.weekday]} {local.minute // 60:02d}:{local.minute % 60:02d}"
    return f"{who}, {whom.direction}, {whom.lane_kind} lane, attendance {whom.attendance}, level {level}, at {clock}"
