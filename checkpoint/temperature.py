"""Temperature: one person's reading judged against the lane, by rules alone. A screening, never a diagnosis.

    judge = TemperatureJudge(policy.temperature, LaneLevel(policy.temperature, saved_state))
    site = judge.first_site(ambient_c)                        # what the screen asks for
    window = judge_window(measurements, policy.temperature)   # again with each new measurement
    if window.kind == "value":
        judged = judge.first(window, site, at_ms)
        judge.keep(judged)                                    # the lane's level learns from it, accepted or not
        if judged.wants_second:                               # high: one look at another place
            judged = judge.second(judged, second_window, second_site(site), later_ms)

When the time is over without a value, `first` takes whatever window there is and says what is missing.
A reading is judged by its excess over what people in this lane measured in the last hour, because a device's bias is
as large as the difference between people. docs/temperature.md says what that can't promise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from checkpoint.bounds import Bounds, absolute_bounds, relative_bounds
from checkpoint.level import MAD_TO_SD, LaneLevel, LevelNow, stream_of
from checkpoint.policy_schema import Site, TemperatureSettings
from checkpoint.records import ReadingKept
from checkpoint.window import Measurement, WindowResult, judge_window

__all__ = [
    "Judged", "LaneLevel", "Measurement", "TemperatureJudge", "WindowResult",
    "judge_manual", "judge_window", "second_site",
]  # fmt: skip

Result = Literal["normal", "high", "low", "fever", "unstable", "not_obtained", "missing"]
# A lane that told nothing is believed again when its latest people, at least so many, read this much closer together
# than they must to be believed on. At one limit for both, chance let a third of the people in the sun pass as normal.
_AGAIN_OF: Final = 100
_AGAIN: Final = 0.75
_REASONS: Final[dict[Result, str]] = {
    "normal": "temperature_ok",
    "high": "temperature_high",
    "low": "temperature_low",
    "fever": "fever",
    "unstable": "temperature_unstable",
    "missing": "temperature_missing",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One person's temperature as judged; degrees Celsius.

    `value_c` is the reading that decided, `limit_c` what it was held against, `excess_c` how far over the lane it was
    (mean of both places after a second one; None without a level). `readings` go into the record.
    `second_after_ms`: a second place before that time says nothing (shade first). `stream` is where `keep` puts it.
    `meaningless_since_ms`: since when (ms UTC) the lane's readings have told nothing; None while they do.
    """

    result: Result
    reason: str
    at_ms: int
    site: Site | None = None
    value_c: float | None = None
    limit_c: float | None = None
    excess_c: float | None = None
    level: LevelNow | None = None
    stream: str = ""
    second_after_ms: int = 0
    readings: tuple[ReadingKept, ...] = ()
    mode: str = "surface"
    manual: bool = False
    meaningless_since_ms: int | None = None

    @property
    def wants_second(self) -> bool:
        """High at one place: nothing is decided before another place was measured."""
        return self.result == "high"


def second_site(first: Site) -> Site:
    """Where to look after a high first reading: the wrist; after a wrist (in the cold) the neck."""
    return "neck" if first == "wrist" else "wrist"


def judge_manual(value_c: float, at_ms: int, settings: TemperatureSettings) -> Judged:
    """A value that a guard took with a clinical thermometer and typed in: held against the body limits alone."""
    kept = ReadingKept("manual", None, None, value_c, value_c, None, None, ("ok",), manual=True)
    result: Result = "normal"
    limit_c = settings.body_high_c
    if not settings.plausible_min_c <= value_c <= settings.plausible_max_c:
        result = "missing"
    elif value_c >= settings.body_high_c:
        result = "fever"
    elif value_c < settings.body_low_c:
        result, limit_c = "low", settings.body_low_c
    return Judged(
        result, _REASONS[result], at_ms, value_c=value_c, limit_c=limit_c, readings=(kept,), mode="body", manual=True
    )  # fmt: skip


class TemperatureJudge:
    """Judges one lane's readings. It reads the lane's level, and changes it only in `keep`."""

    def __init__(self, settings: TemperatureSettings, level: LaneLevel) -> None:
        self._settings = settings
        self._level = level

    def first_site(self, ambient_c: float | None) -> Site:
        """Forehead; in the cold the wrist under the sleeve. An unknown ambient counts as warm."""
        return "wrist" if ambient_c is not None and ambient_c < self._settings.wrist_below_c else "forehead"

    def first(self, window: WindowResult, site: Site, at_ms: int) -> Judged:
        """Judges a first reading at the place the screen asked for; without a value it is `unstable` or `missing`."""
        value = window.judged_c
        if window.kind != "value" or value is None:
            return _without_value(window, site, at_ms)
        stream = stream_of(site, window.mode, window.ambient_c, self._settings)
        level = self._level.now(stream, at_ms)
        bounds = self._bounds(level, site, site, window.mode)
        result: Result = "high" if bounds.is_high(value) else "low" if bounds.is_low(value) else "normal"
        judged = Judged(
            result=result,
            reason=_REASONS[result],
            at_ms=at_ms,
            site=site,
            value_c=value,
            limit_c=bounds.low_at_c if result == "low" else bounds.high_at_c,
            excess_c=None if level is None else bounds.excess_of(value),
            level=level,
            stream=stream,
            second_after_ms=at_ms + self._shade_ms(window.ambient_c),
            readings=(self._kept(window, site, level, bounds),),
            mode=window.mode,
            meaningless_since_ms=self._since(stream, level, site, window, at_ms),
        )
        return self._if_informative(judged, site, window.ambient_c)

    def second(self, first: Judged, window: WindowResult, site: Site, at_ms: int) -> Judged:
        """Judges a high first reading together with one at another place: `fever`, or not.

        Nothing but a high reading is ever changed by a second place: a low one stays low. Too early, at the same place,
        of another kind or without a value it says nothing, and the first stays as it was.
        """
        value = window.judged_c
        is_reading = window.kind == "value" and window.mode == first.mode
        if value is None or not is_reading or first.site in (None, site) or at_ms < first.second_after_ms:
            return first
        if first.result != "high" or first.value_c is None or first.site is None:
            return first
        at_first = self._bounds(first.level, first.site, first.site, first.mode)
        bounds = self._bounds(first.level, site, first.site, first.mode)
        both = replace(first, readings=(*first.readings, self._kept(window, site, first.level, bounds)))
        if bounds.is_low(value):
            # One place hot and another too cold says nothing about the person.
            return replace(both, result="unstable", reason=_REASONS["unstable"], site=site, value_c=value)
        judged = self._together(both, at_first, bounds, site, value)
        return self._if_informative(judged, first.site, window.ambient_c)

    def keep(self, judged: Judged) -> None:
        """Lets the lane's level and the drift watch learn from a first reading, whatever came of it."""
        if judged.stream and (value := judged.readings[0].judged_c) is not None:
            self._level.add(judged.stream, value, judged.at_ms, judged.meaningless_since_ms)

    def _together(self, first: Judged, at_first: Bounds, bounds: Bounds, site: Site, value_c: float) -> Judged:
        """Two places as one judgement: `limit_c` is what the second had to reach for a fever, given the first."""
        before_c = first.value_c if first.value_c is not None else value_c
        fever_c = round(self._settings.second_factor * at_first.high_c, 2)
        mean_c = (at_first.excess_of(before_c) + bounds.excess_of(value_c)) / 2
        is_always_high = min(before_c, value_c) >= bounds.always_high_c
        result: Result = "fever" if round(mean_c, 3) >= fever_c or is_always_high else "normal"
        return replace(
            first,
            result=result,
            reason=_REASONS[result],
            site=site,
            value_c=value_c,
            limit_c=round(bounds.base_c + 2 * fever_c - at_first.excess_of(before_c), 2),
            excess_c=None if first.level is None else round(mean_c, 2),
        )

    def _since(self, stream: str, level: LevelNow | None, site: Site, window: WindowResult, at_ms: int) -> int | None:
        """Since when this stream's people read too far apart, or too far from where they should; None if they don't."""
        if not self._is_untold(window.ambient_c) if level is None else self._is_informative(level, site, window.mode):
            return None
        known = self._level.meaningless_since_ms(stream)
        return at_ms if known is None else min(known, at_ms)

    def _is_untold(self, ambient_c: float | None) -> bool:
        """In frost and heat a lane without a level has to show first that its readings mean something there."""
        return ambient_c is not None and not self._settings.wrist_below_c <= ambient_c <= self._settings.hot_above_c

    def _is_informative(self, level: LevelNow, site: Site, mode: str) -> bool:
        off_c = abs(round(level.level_c - self._level.expected_c(site, mode), 2))
        return off_c <= self._settings.informative_off_c and self._is_narrow(level)

    def _is_narrow(self, level: LevelNow) -> bool:
        """People read close together; where they did not before, closer, and over many of them."""
        most_c = self._settings.informative_sd_c
        if self._level.meaningless_since_ms(level.stream) is None:
            return round(MAD_TO_SD * level.mad_c, 2) <= most_c
        mad_c = self._level.latest_mad_c(level.stream, _AGAIN_OF)
        return mad_c is not None and round(MAD_TO_SD * mad_c, 2) <= _AGAIN * most_c

    def _if_informative(self, judged: Judged, first: Site, ambient_c: float | None) -> Judged:
        """Nothing is called normal while the lane's readings tell nothing."""
        if judged.result != "normal" or judged.meaningless_since_ms is None:
            return judged
        level = judged.level
        off_c = 0.0 if level is None else level.level_c - self._level.expected_c(first, judged.mode)
        return replace(judged, result="not_obtained", reason=f"not_obtained_{self._why(off_c, ambient_c)}")

    def _why(self, off_c: float, ambient_c: float | None) -> Literal["cold", "heat"]:
        if ambient_c is not None and ambient_c < self._settings.ambient_min_c:
            return "cold"
        if ambient_c is not None and ambient_c > self._settings.hot_above_c:
            return "heat"
        return "cold" if off_c < 0 else "heat"

    def _shade_ms(self, ambient_c: float | None) -> int:
        is_hot = ambient_c is not None and ambient_c > self._settings.hot_above_c
        return round(self._settings.shade_s * 1000) if is_hot else 0

    def _bounds(self, level: LevelNow | None, site: Site, first: Site, mode: str) -> Bounds:
        """`level` is that of the place measured first; another place's is that plus their usual difference."""
        if level is None:
            return absolute_bounds(site, mode, self._settings)
        offset_c = 0.0 if site == first else self._level.offset_c(first, site, mode)
        return relative_bounds(level, offset_c, site, mode, self._settings)

    def _kept(self, window: WindowResult, site: Site, level: LevelNow | None, bounds: Bounds) -> ReadingKept:
        value = window.judged_c
        return ReadingKept(
            body_site=site,
            object_c=window.object_c,
            ambient_c=window.ambient_c,
            body_c=window.body_c,
            judged_c=value,
            level_c=None if level is None else round(bounds.base_c, 2),
            excess_c=None if level is None or value is None else bounds.excess_of(value),
            quality=self._marks(window.ambient_c, level),
            manual=False,
        )

    def _marks(self, ambient_c: float | None, level: LevelNow | None) -> tuple[str, ...]:
        """Quality marks: nothing is decided by them."""
        marks = []
        if ambient_c is not None and ambient_c < self._settings.ambient_min_c:
            marks.append("ambient_low")
        if ambient_c is not None and ambient_c > self._settings.ambient_max_c:
            marks.append("ambient_high")
        if level is None:
            marks.append("no_level")
        return tuple(marks) or ("ok",)


def _without_value(window: WindowResult, site: Site, at_ms: int) -> Judged:
    if window.kind == "unstable":
        return Judged("unstable", _REASONS["unstable"], at_ms, site)
    return Judged("missing", "thermometer_stuck" if window.kind == "stuck" else _REASONS["missing"], at_ms, site)
