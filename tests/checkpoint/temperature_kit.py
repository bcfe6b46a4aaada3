"""Frames, windows and lanes with a known level, for the tests of the temperature judgement."""

from __future__ import annotations

from checkpoint.level import LaneLevel, LevelState
from checkpoint.policy_schema import TemperatureSettings
from checkpoint.temperature import TemperatureJudge
from checkpoint.window import Measurement, WindowResult

SETTINGS = TemperatureSettings()
NOW_MS = 1_800_000_000_000


def frame(mono_ms: int, object_c: float | None, ambient_c: float | None = 22.0, *marks: str) -> Measurement:
    return Measurement(mono_ms, object_c, ambient_c, None, "surface", marks or ("ok",))


def frames(*values_c: float, every_ms: int = 100) -> list[Measurement]:
    return [frame(number * every_ms, value_c) for number, value_c in enumerate(values_c)]


def value(judged_c: float, ambient_c: float | None = 22.0, mode: str = "surface") -> WindowResult:
    body_c = judged_c if mode == "body" else None
    return WindowResult("value", judged_c, judged_c, body_c, ambient_c, mode)


def level_at(
    level_c: float,
    mad_c: float = 0.1,
    stream: str = "forehead/surface/2",
    settings: TemperatureSettings = SETTINGS,
    state: LevelState | None = None,
) -> LaneLevel:
    """A lane whose last hour has exactly this median and MAD."""
    lane = LaneLevel(settings, state)
    for number in range(21):
        offset_c = (number % 3 - 1) * mad_c
        lane.add(stream, round(level_c + offset_c, 3), NOW_MS - 60_000 - number)
    return lane


def judge_at(level_c: float, mad_c: float = 0.1, stream: str = "forehead/surface/2") -> TemperatureJudge:
    return TemperatureJudge(SETTINGS, level_at(level_c, mad_c, stream))
