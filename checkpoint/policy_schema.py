"""The policy's typed form: every table and key that a policy file may have, with its bounds and starting value.

Bounds are wide enough for any honest policy and narrow enough to catch a slip of the decimal point. The starting
values of `[temperature]` are the ones the simulation in tests/checkpoint was run with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from checkpoint.passes import PassClass
from checkpoint.policy_rule import (
    CLOSED,
    Attendance,
    CheckName,
    Mode,
    Rule,
    RuleReason,
    RuleVerdict,
    Text,
    ZoneLevel,
    joined,
)
from checkpoint.policy_time import LocalTime

__all__ = [
    "CLOSED", "HEALTH_CHECKS", "KEPT_READINGS", "AbsoluteLimits", "Attendance", "CheckName", "Condition", "FailColumn",
    "FailRow", "FailTable", "ListsRow", "LiveVariant", "LocalMatter", "LocalSettings", "Mode", "Moment", "PassSettings",
    "PassbackSettings", "Policy", "QuotaSettings", "RiskLevel", "Role", "Rule", "RuleReason", "RuleVerdict",
    "RuledFormat", "Site", "SiteLevels", "SiteLimit", "Slug", "Stands", "TemperatureSettings", "Text", "Timeouts",
    "TravelSettings", "Worth", "ZoneLevel",
]  # fmt: skip

# How risky a region counts as, from which somebody comes.
RiskLevel = Literal["low", "medium", "high"]
# What a local order may touch: stricter modes, rules for hours of the day, levels of zones, who is told.
LocalMatter = Literal["modes", "hours", "zones", "told"]
# Who is told: the guard, the six roles of a grid, and whoever repairs the gate.
Role = Literal["guard", "first_head", "head", "administrator", "health", "police", "supervisor", "maintainer"]
Site = Literal["forehead", "wrist", "neck"]
# How a phone shows a pass so that a picture of it is soon worth nothing; see passes.Variant.
LiveVariant = Literal["rotating", "step", "device"]
# What a genuine pass of another system is worth: nothing, a person's decision, or the identity of a visitor.
Worth = Literal["deny", "escalate", "visitor"]
# What a card's number, or a number plate, is worth that belongs to a good pass: anybody can copy either.
Stands = Literal["allow", "escalate", "off"]
# Passes whose content the rules of a policy can judge.
RuledFormat = Literal["HC1"]
Condition = Literal[
    "lists_stale", "policy_stale", "clock_untrusted",
    "thermometer_down", "not_obtained", "temperature_low", "camera_down", "reader_down",
]  # fmt: skip

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}$")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Celsius = Annotated[float, msgspec.Meta(ge=-40, le=60)]
Degrees = Annotated[float, msgspec.Meta(gt=0, le=10)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
# A lane keeps this many readings of a stream (an hour at one person every four seconds): no setting may ask for more.
KEPT_READINGS: Final = 900
Count = Annotated[int, msgspec.Meta(ge=1, le=KEPT_READINGS)]

# Checks that look at a person's health: a policy that asks for one of them must name its end.
HEALTH_CHECKS: Final[frozenset[CheckName]] = frozenset({"temperature", "mask", "travel"})


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is an error."""


class SiteLimit(_Table, frozen=True):
    """Limits in degrees Celsius for one place of the body: at or over `high_c`, under `low_c`."""

    high_c: Celsius
    low_c: Celsius


class AbsoluteLimits(_Table, frozen=True):
    """Used only while the lane has no level of its own yet."""

    forehead: SiteLimit = SiteLimit(36.7, 34.0)
    wrist: SiteLimit = SiteLimit(36.8, 32.5)
    neck: SiteLimit = SiteLimit(37.4, 34.5)


class SiteLevels(_Table, frozen=True):
    """Where healthy people are expected to read, until the lane is commissioned; degrees Celsius.

    Forehead after IJERPH 2022, 19:15883. The differences between the places are what a second site is judged by.
    """

    forehead: Celsius = 36.2
    wrist: Celsius = 36.3
    neck: Celsius = 36.9
    body: Celsius = 36.6


class TemperatureSettings(_Table, frozen=True):
    """Every number of the temperature judgement. docs/temperature.md says what each one means."""

    # The window: what counts as one reading.
    window_s: Annotated[float, msgspec.Meta(ge=0.2, le=10)] = 1.5
    min_frames: Annotated[int, msgspec.Meta(ge=3, le=100)] = 5
    spread_c: Degrees = 0.3
    plausible_min_c: Celsius = 30.0
    plausible_max_c: Celsius = 43.0
    # Where to measure.
    wrist_below_c: Celsius = 5.0
    hot_above_c: Celsius = 30.0
    shade_s: Seconds = 300.0
    ambient_min_c: Celsius = 16.0
    ambient_max_c: Celsius = 35.0
    # The lane's level. A band is what lies between two neighbouring edges of ambient temperature.
    level_window_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 3600.0
    level_min: Count = 20
    level_fallback: Count = 200
    level_follows_c: Degrees = 2.0
    band_edges_c: Annotated[tuple[Celsius, ...], msgspec.Meta(max_length=8)] = (5.0, 16.0, 30.0)
    # High, fever, low.
    high_c: Degrees = 0.8
    # None: as `high_c`.
    high_forehead_c: Degrees | None = None
    high_wrist_c: Degrees | None = None
    high_neck_c: Degrees | None = None
    high_mads: Degrees = 3.5
    # Under 1 the second place hardly clears anybody whom the first has stopped (docs/temperature.md, the simulation).
    second_factor: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    low_c: Degrees = 1.0
    low_mads: Degrees = 3.5
    low_forehead_c: Celsius = 34.0
    low_wrist_c: Celsius = 32.5
    low_neck_c: Celsius = 34.5
    # A surface at or over this is high, whatever the lane's level says.
    extreme_c: Celsius = 38.5
    # Body-equivalent values have absolute limits beside the relative ones.
    body_high_c: Celsius = 37.3
    body_low_c: Celsius = 35.5
    absolute: AbsoluteLimits = AbsoluteLimits()
    # When the lane's readings mean something.
    informative_sd_c: Degrees = 0.6
    informative_off_c: Degrees = 1.0
    expected: SiteLevels = SiteLevels()
    # Drift of the device.
    reference_readings: Annotated[int, msgspec.Meta(ge=20, le=KEPT_READINGS)] = 200
    drift_slack_c: Degrees = 0.4
    drift_limit_c: Degrees = 2.0
    drift_variances: Annotated[float, msgspec.Meta(ge=0, le=100)] = 13.5
    drift_clip_sds: Annotated[float, msgspec.Meta(ge=1, le=10)] = 3.0
    # Coming back after a low reading.
    retest_after_s: Seconds = 300.0
    retest_valid_s: Seconds = 1800.0

    def high_at(self, site: Site) -> float:
        """How far over the level a reading of this place of the body is high."""
        own: float | None = getattr(self, f"high_{site}_c")
        return self.high_c if own is None else own


class Timeouts(_Table, frozen=True):
    """How long the lane waits, in seconds."""

    presentation_s: Seconds = 20.0
    measure_s: Seconds = 15.0
    crossing_s: Seconds = 10.0
    verdict_shown_s: Seconds = 5.0
    escalation_s: Seconds = 120.0
    same_code_ignored_s: Seconds = 3.0
    assisted_factor: Annotated[float, msgspec.Meta(ge=1, le=10)] = 3.0


class FailColumn(_Table, frozen=True):
    """What happens under a condition: to this site's residents, and to everybody else. What is not said is `escalate`.

    `for_s` bounds the residents' `allow`, counted from the start of the condition; after it they are as others.
    """

    residents: Literal["allow", "escalate", "deny"] = "escalate"
    others: Literal["escalate", "deny"] = "escalate"
    for_s: Annotated[float, msgspec.Meta(gt=0, le=30 * 86_400)] | None = None


class FailRow(_Table, frozen=True):
    """One condition; a column for who is at the gate. `after_s`: the age at which lists or policy count as stale."""

    guard: FailColumn = FailColumn()
    remote: FailColumn = FailColumn()
    none: FailColumn = FailColumn()
    after_s: Annotated[float, msgspec.Meta(gt=0, le=365 * 86_400)] = 7 * 86_400.0

    def column(self, attendance: Attendance) -> FailColumn:
        if attendance == "guard":
            return self.guard
        return self.remote if attendance == "remote" else self.none


_HOME = FailColumn(residents="allow", for_s=14_400.0)
_DAYS = FailColumn(residents="allow", for_s=14 * 86_400.0)


class ListsRow(FailRow, frozen=True):
    """Age of trust and status lists. Over `warn_after_s` a verdict says so; over `after_s` the columns decide."""

    after_s: Annotated[float, msgspec.Meta(gt=0, le=365 * 86_400)] = 72 * 3600.0
    warn_after_s: Annotated[float, msgspec.Meta(gt=0, le=365 * 86_400)] = 24 * 3600.0


class FailTable(_Table, frozen=True):
    """What the gate does when something is missing: it says so, calls, and locks nobody out of home."""

    lists_stale: ListsRow = ListsRow(guard=_DAYS, remote=_DAYS, none=_DAYS)
    policy_stale: FailRow = FailRow(guard=_DAYS, remote=_DAYS, none=_DAYS)
    clock_untrusted: FailRow = FailRow(none=_HOME)
    thermometer_down: FailRow = FailRow(none=_HOME)
    not_obtained: FailRow = FailRow(none=_HOME)
    temperature_low: FailRow = FailRow()
    camera_down: FailRow = FailRow(none=_HOME)
    # The reader that a check of documents or vehicles needs does not work.
    reader_down: FailRow = FailRow(none=_HOME)

    def row(self, condition: Condition) -> FailRow:
        row: FailRow = getattr(self, condition)
        return row


class PassSettings(_Table, frozen=True):
    """Which formats and variants this policy lets in, what each asks for, and how far clocks may disagree.

    `phone`: live variants that open. `static`: classes whose code may also be shown printed or as a picture; None: all.
    `static_needs_document`: of these classes, a printed code alone does not open. `static_repeat_per_h`: a printed code
    that has gone through so often within an hour is looked at. `foreign`: what a genuine pass of another system, by the
    name of its format, is worth; without an entry a person decides. `rules`: CertLogic rules in JSON that such a pass
    must keep, by its format; `value_sets`: the JSON table of the sets that they name. `card`: whether the number of a
    card that was given to a pass opens as that pass would; `plate`: the same of a number plate, in vehicle lanes.
    """

    formats: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=16)] = ("GK1",)
    not_before_leeway_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 300
    expires_leeway_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 0
    phone: Annotated[tuple[LiveVariant, ...], msgspec.Meta(max_length=3)] = ("rotating", "step", "device")
    static: Annotated[tuple[PassClass, ...], msgspec.Meta(max_length=6)] | None = None
    static_needs_document: Annotated[tuple[PassClass, ...], msgspec.Meta(max_length=6)] = ()
    static_repeat_per_h: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    foreign: Annotated[dict[Text, Worth], msgspec.Meta(max_length=16)] = {}
    rules: dict[RuledFormat, str] = {}
    value_sets: str = "{}"
    card: Stands = "escalate"
    plate: Stands = "off"


class PassbackSettings(_Table, frozen=True):
    """One pass in two hands. `window_s`: it went in and was not seen to leave for less than this. `walk_s`: it was at
    another gate of the site less than this ago."""

    mode: Mode = "off"
    window_s: Annotated[float, msgspec.Meta(gt=0, le=35 * 86_400)] = 12 * 3600.0
    walk_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 60.0


class QuotaSettings(_Table, frozen=True):
    """`people` of one household may go out in `every_days` days of the calendar, each back within `back_within_h`."""

    every_days: Annotated[int, msgspec.Meta(ge=1, le=35)]
    back_within_h: Annotated[float, msgspec.Meta(gt=0, le=24 * 35)] = 24.0
    people: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1


class TravelSettings(_Table, frozen=True):
    """What the check of travel asks of a pass: a statement at most `attested_within_days` old, and within the last
    `days` no stay in a region listed at `risk_level` or over. A statement covers 14 days: more can't be asked."""

    attested_within_days: Annotated[int, msgspec.Meta(ge=0, le=14)] = 7
    risk_level: RiskLevel = "medium"
    days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 14


class LocalSettings(_Table, frozen=True):
    """What a local order may do to this policy. `may`: what it changes; `max_days`: how long it lasts at most.

    Everything that an order changes must be at least as strict as here, but for the checks in `milder`, each down to
    the mode named there; see checkpoint.local_order.
    """

    may: Annotated[tuple[LocalMatter, ...], msgspec.Meta(min_length=1, max_length=8)]
    max_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 14
    milder: dict[CheckName, Mode] = {}


class Policy(_Table, frozen=True, rename={"rules": "rule", "passes": "pass"}):
    """A whole policy, as signed. Times with their offset; `valid_until` may be left out only without health checks."""

    id: Slug
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    title_zh: Text
    title_en: Text
    authority: Text
    valid_from: Moment
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1, max_length=64)]
    valid_until: Moment | None = None
    zone_level: ZoneLevel = "low"
    zones: dict[Slug, ZoneLevel] = {}
    accept_weak_binding: bool = False
    temperature: TemperatureSettings = TemperatureSettings()
    timeouts: Timeouts = Timeouts()
    fail: FailTable = FailTable()
    passes: PassSettings = PassSettings()
    passback: PassbackSettings = PassbackSettings()
    # None: a rule that asks for `quota` can't be answered, and its mode decides.
    quota: QuotaSettings | None = None
    travel: TravelSettings = TravelSettings()
    # Reason code = who is told, in place of whom the table of reasons names.
    told: Annotated[dict[str, Role | tuple[Role, ...]], msgspec.Meta(max_length=200)] = {}
    # What a local order may change of this policy. None: nothing, and none is taken.
    local: LocalSettings | None = None

    def in_force_at(self, now_s: float) -> bool:
        """From `valid_from` on, and before `valid_until`."""
        until = self.valid_until
        return self.valid_from.timestamp() <= now_s and (until is None or now_s < until.timestamp())

    def level_of(self, grids: tuple[str, ...]) -> ZoneLevel:
        """Zone level of the first of `grids` (nearest first) that the policy names, else its default."""
        return next((self.zones[grid] for grid in grids if grid in self.zones), self.zone_level)

    def rule_for(
        self,
        level: str,
        pass_class: str | None,
        direction: str,
        attendance: str,
        lane_kind: str,
        local: LocalTime | None = None,
    ) -> Rule:
        """The first rule that matches. There is always one: the last rule of a parsed policy matches everything, and at
        the level `closed` there is CLOSED.

        `local`: the time at the place. None: it can't be told; where that makes a difference, the rules that might hold
        are joined to one that asks everything that any of them asks.
        """
        found = self.rules_for(level, pass_class, direction, attendance, lane_kind, local)
        return found[0] if len(found) == 1 else joined(found)

    def rules_for(
        self,
        level: str,
        pass_class: str | None,
        direction: str,
        attendance: str,
        lane_kind: str,
        local: LocalTime | None = None,
    ) -> tuple[Rule, ...]:
        """The rule that holds; several only if the time can't be told: each of them holds at some time."""
        found: list[Rule] = []
        for rule in self.rules:
            if not rule.matches(level, pass_class, direction, attendance, lane_kind):
                continue
            if local is None or not rule.has_hours or rule.holds_at(local):
                found.append(rule)
                if local is not None or not rule.has_hours:
                    return tuple(found)
        return (*found, CLOSED if level == "closed" else self.rules[-1])
