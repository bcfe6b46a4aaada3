"""One rule of a policy: whom it is for and when, what it asks of them, and what it says itself."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from checkpoint.passes import PassClass
from checkpoint.policy_time import ClockTime, Day, LocalTime, is_in_hours
from checkpoint.records import Direction, LaneKind

# `closed`: nobody comes in but by a rule that names this level.
ZoneLevel = Literal["low", "medium", "high", "closed"]
Attendance = Literal["guard", "remote", "none"]
CheckName = Literal["pass", "temperature", "mask", "travel", "document", "vehicle", "quota", "watch"]
Mode = Literal["enforce", "warn", "record", "off"]
# What a rule itself says to whoever it is for, whatever the checks find.
RuleVerdict = Literal["deny", "escalate", "warn"]
RuleReason = Literal["curfew", "zone_closed"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is an error."""


class Rule(_Table, frozen=True, rename={"classes": "class", "begins": "from", "ends": "until"}):
    """Which checks are asked of whom and when, in order. An omitted key matches anything; the first match is used.

    `from` and `until`: local time, over midnight if `until` is the earlier; `days`: those on which the time begins.
    `verdict`: what the rule itself says, with its `reason`; None: the checks alone decide.
    """

    name: Text
    checks: Annotated[tuple[CheckName, ...], msgspec.Meta(max_length=8)]
    modes: dict[CheckName, Mode] = {}
    level: tuple[ZoneLevel, ...] | None = None
    classes: tuple[PassClass, ...] | None = None
    direction: Direction | None = None
    attendance: tuple[Attendance, ...] | None = None
    lane_kind: LaneKind | None = None
    # `each`: everybody of a party is measured; `holder`: only the one who shows the pass.
    party: Literal["each", "holder"] = "each"
    begins: ClockTime | None = None
    ends: ClockTime | None = None
    days: Annotated[tuple[Day, ...], msgspec.Meta(min_length=1, max_length=7)] | None = None
    verdict: RuleVerdict | None = None
    reason: RuleReason | None = None
    # Who in a vehicle is asked: the driver alone, or everybody in it, each with a pass of their own.
    occupants: Literal["each", "driver"] = "driver"

    def mode_of(self, check: CheckName) -> Mode:
        """`off` for a check that the rule does not list, `enforce` for one it lists without a mode."""
        return self.modes.get(check, "enforce") if check in self.checks else "off"

    def matches(
        self, level: str, pass_class: str | None, direction: str, attendance: str, lane_kind: str
    ) -> bool:  # fmt: skip
        """Whether the rule is for such a passage at some time of the week; `holds_at` says whether it is that time.

        `pass_class` None: nobody has shown a pass that could be read; only rules without `class` match.
        """
        return (
            (level != "closed" if self.level is None else level in self.level)
            and (self.classes is None or pass_class in self.classes)
            and self.direction in (None, direction)
            and (self.attendance is None or attendance in self.attendance)
            and self.lane_kind in (None, lane_kind)
        )

    @property
    def has_hours(self) -> bool:
        """Whether it depends on the time of day or the day of the week."""
        return self.begins is not None or self.days is not None

    def holds_at(self, local: LocalTime) -> bool:
        return is_in_hours(local, self.begins, self.ends, self.days)

    @property
    def matches_all(self) -> bool:
        """Everybody at every level but `closed`, at any time."""
        omitted = (self.level, self.classes, self.direction, self.attendance, self.lane_kind)
        return not self.has_hours and all(key is None for key in omitted)


# Holds at the level `closed` for whoever no rule of the policy names there.
CLOSED: Final = Rule(
    "封闭区域 closed zone", ("pass",), level=("closed",), verdict="deny", reason="zone_closed"
)  # fmt: skip


def covers(earlier: Rule, later: Rule, pass_class: str | None) -> bool:
    """Whether `earlier` takes every passage of this class that `later` might be for, so that it never reaches it."""
    if not (earlier.classes is None or pass_class in earlier.classes):
        return False
    if earlier.level is None and "closed" in (later.level or ()):
        return False
    keys = ((getattr(earlier, name), getattr(later, name)) for name in ("level", "attendance", "days"))
    ones = ((getattr(earlier, name), getattr(later, name)) for name in ("direction", "lane_kind"))
    hours = (earlier.begins, earlier.ends)
    return (
        all(mine is None or (theirs is not None and set(theirs) <= set(mine)) for mine, theirs in keys)
        and all(mine in (None, theirs) for mine, theirs in ones)
        and hours in ((None, None), (later.begins, later.ends))
    )


# From the mildest to the strictest.
STRICTNESS: Final[tuple[Mode, ...]] = ("off", "record", "warn", "enforce")


def joined(rules: tuple[Rule, ...]) -> Rule:
    """One rule that asks what any of `rules` asks, each check in its strictest mode.

    What a rule itself says is kept only if all say it: which of them holds is not known.
    """
    first = rules[0]
    checks = tuple(dict.fromkeys(check for rule in rules for check in rule.checks))
    same = all((rule.verdict, rule.reason) == (first.verdict, first.reason) for rule in rules)
    return msgspec.structs.replace(
        first,
        name=" / ".join(rule.name for rule in rules)[:120],
        checks=checks,
        modes={check: max((rule.mode_of(check) for rule in rules), key=STRICTNESS.index) for check in checks},
        party="each" if any(rule.party == "each" for rule in rules) else "holder",
        occupants="each" if any(rule.occupants == "each" for rule in rules) else "driver",
        verdict=first.verdict if same else None,
        reason=first.reason if same else None,
    )
