"""The measurement window: many frames of a thermometer become one value, or a named reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Final, Literal

from checkpoint.policy_schema import TemperatureSettings

WindowKind = Literal["none", "value", "unstable", "out_of_range", "stuck"]
# A driver's marks under which a frame is no reading.
UNUSABLE: Final = frozenset({"out_of_range", "stuck", "stale", "mode_mismatch"})


@dataclass(frozen=True, slots=True)
class Measurement:
    """One frame of a thermometer: surface in view, the module's surroundings, its body-equivalent; degrees Celsius.

    `mode` is `surface` or `body`. `quality` is `("ok",)` or the driver's marks.
    """

    mono_ms: int
    object_c: float | None
    ambient_c: float | None
    body_c: float | None
    mode: str
    quality: tuple[str, ...]

    @property
    def judged_c(self) -> float | None:
        """What the judgement looks at: the body-equivalent if the module gives one, else the surface."""
        return self.body_c if self.mode == "body" else self.object_c


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What a window of measurements amounts to; degrees Celsius, None unless `kind` is `value`.

    `none`: too little yet. `unstable`: enough frames, too far apart. `out_of_range`: nobody in reach.
    `stuck`: the device repeats itself.
    """

    kind: WindowKind
    judged_c: float | None = None
    object_c: float | None = None
    body_c: float | None = None
    ambient_c: float | None = None
    mode: str = "surface"


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 2) if known else None


def _latest(measurements: Iterable[Measurement], window_s: float) -> list[Measurement]:
    """Frames of the last `window_s` in the newest frame's mode, whatever order they came in."""
    ordered = sorted(measurements, key=lambda frame: frame.mono_ms)
    if not ordered:
        return []
    newest = ordered[-1]
    since_ms = newest.mono_ms - round(window_s * 1000)
    return [frame for frame in ordered if frame.mono_ms >= since_ms and frame.mode == newest.mode]


def _usable(frames: list[Measurement], settings: TemperatureSettings) -> list[tuple[float, Measurement]]:
    """Frames that are readings, hottest first. A value that is no number fails the comparison."""
    found = [
        (value, frame)
        for frame in frames
        if (value := frame.judged_c) is not None
        and settings.plausible_min_c <= value <= settings.plausible_max_c
        and UNUSABLE.isdisjoint(frame.quality)
    ]
    return sorted(found, key=lambda pair: (-pair[0], pair[1].mono_ms))


def _value(usable: list[tuple[float, Measurement]]) -> WindowResult:
    """The median of the top quartile: the hottest skin that is seen steadily, not the one hottest frame."""
    top = usable[: ceil(len(usable) / 4)]
    return WindowResult(
        "value",
        _middle(value for value, _ in top),
        _middle(frame.object_c for _, frame in top),
        _middle(frame.body_c for _, frame in top),
        _middle(frame.ambient_c for _, frame in usable),
        usable[0][1].mode,
    )


def judge_window(measurements: Iterable[Measurement], settings: TemperatureSettings) -> WindowResult:
    """One value out of the latest frames of one presence. Give only frames of the person who stands there now."""
    frames = _latest(measurements, settings.window_s)
    usable = _usable(frames, settings)
    if len(usable) >= settings.min_frames:
        spread = round(usable[0][0] - usable[-1][0], 2)
        return _value(usable) if spread <= settings.spread_c else WindowResult("unstable")
    if len(frames) < settings.min_frames:
        return WindowResult("none")
    if any("stuck" in frame.quality for frame in frames):
        return WindowResult("stuck")
    return WindowResult("out_of_range" if len(frames) - len(usable) >= settings.min_frames else "none")
