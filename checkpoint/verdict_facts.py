"""What a verdict is decided from: facts of the checks and the state of the gate; and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from checkpoint.policy_schema import Attendance, CheckName, Condition, ZoneLevel
from checkpoint.policy_time import LocalTime
from checkpoint.records import CheckResult, Direction, LaneKind, VerdictName
from checkpoint.status_list import StatusAnswer
from checkpoint.temperature import Judged

FactResult = Literal["ok", "failed", "missing", "not_obtained"]


@dataclass(frozen=True, slots=True)
class CheckFact:
    """What came of one check for one person. `reason` is a code of the table of reasons.

    `manual`: a person measured it, not the device. `for_s`: how long the cause of `not_obtained` has lasted.
    """

    result: FactResult
    reason: str
    value: float | str | None = None
    limit: float | str | None = None
    manual: bool = False
    for_s: float = 0.0


# Facts by check, one for each person of the party; a check that nobody has made is left out.
Facts = Mapping[CheckName, tuple[CheckFact, ...]]


def temperature_fact(judged: Judged) -> CheckFact:
    """The fact that a judged temperature is."""
    result: FactResult = "failed"
    if judged.result == "normal":
        result = "ok"
    elif judged.result in ("missing", "not_obtained"):
        result = "missing" if judged.result == "missing" else "not_obtained"
    since_ms = judged.at_ms if judged.meaningless_since_ms is None else judged.meaningless_since_ms
    for_s = max(0.0, (judged.at_ms - since_ms) / 1000)
    return CheckFact(result, judged.reason, judged.value_c, judged.limit_c, judged.manual, for_s)


@dataclass(frozen=True, slots=True)
class Retest:
    """An earlier passage of this pass that ended with a low reading, and how long ago that was."""

    passage: bytes
    age_s: float


@dataclass(frozen=True, slots=True)
class PassUse:
    """What the gates of the site have seen of this pass: who went through, never who was only let.

    `entries`: how often it let somebody in, None if it lives longer than they remember; `last_hour`: how often it went
    through either way within the hour. `passback`: code of what speaks for two hands, empty if nothing does.
    """

    entries: int | None
    last_hour: int
    passback: str = ""


@dataclass(frozen=True, slots=True)
class GateState:
    """What the gate knows beside pass and checks. Every duration is in seconds and by the monotonic clock.

    `here`: ids of this place, narrowest first (site, grid, grids above); `grids` the grids alone.
    `clock_untrusted_for_s`: None while the clock is trusted. `lists_age_s`, `policy_age_s`: since trust and status
    lists, and the policy, were last confirmed; None: never, which counts as too old.
    `down_for_s`: how long a device of the lane has been down (`thermometer_down`, `camera_down`).
    `halt`: code of something in the lane that stops this passage whatever the checks say; empty if nothing does.
    `status`: what the status lists say of the pass; None: nobody has looked. `use`: what the site's gates know of it;
    None: nothing can be known. `apart`: the site's other gates can't be heard. `local`: the time of day at the place;
    None: it can't be told.
    """

    site: str
    here: tuple[str, ...]
    grids: tuple[str, ...]
    direction: Direction
    lane_kind: LaneKind
    attendance: Attendance
    lists_age_s: float | None
    policy_age_s: float | None
    clock_untrusted_for_s: float | None = None
    down_for_s: Mapping[Condition, float] = field(default_factory=lambda: MappingProxyType({}))
    warm_place: bool = False
    other_free_exit: bool = False
    weak_binding: bool = False
    offline: bool = False
    assisted: bool = False
    halt: str = ""
    retest: Retest | None = None
    status: StatusAnswer | None = None
    use: PassUse | None = None
    apart: bool = False
    local: LocalTime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and everything that led to it. `warnings`: codes that held nobody up; `rule`: the policy's, by name.

    `call`: who must be called (see reasons.Call), several with a space between them, empty if nobody. `retest_of`: the
    earlier passage this one repeats.
    """

    verdict: VerdictName
    reason: str
    results: tuple[CheckResult, ...]
    tags: tuple[str, ...]
    warnings: tuple[str, ...]
    call: str
    rule: str
    zone_level: ZoneLevel
    retest_of: bytes | None = None
