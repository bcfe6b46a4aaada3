"""The limits that one reading is held against: relative to the lane's level if it has one, else absolute."""

from __future__ import annotations

from dataclasses import dataclass

from checkpoint.level import LevelNow
from checkpoint.policy_schema import Site, TemperatureSettings


@dataclass(frozen=True, slots=True)
class Bounds:
    """Degrees Celsius. High: `high_c` or more over `base_c`, or `always_high_c` and more.

    Low: under `low_floor_c`, or `low_excess_c` or more below `base_c` (None without a level).
    Values are compared in hundredths, which is what thermometers give: a limit of 0.80 means 0.80.
    """

    base_c: float
    high_c: float
    always_high_c: float
    low_floor_c: float
    low_excess_c: float | None

    @property
    def high_at_c(self) -> float:
        return min(round(self.base_c + self.high_c, 2), self.always_high_c)

    @property
    def low_at_c(self) -> float:
        """The limit that is shown with a low reading."""
        if self.low_excess_c is None:
            return self.low_floor_c
        return max(self.low_floor_c, round(self.base_c - self.low_excess_c, 2))

    def excess_of(self, value_c: float) -> float:
        return round(value_c - self.base_c, 2)

    def is_high(self, value_c: float) -> bool:
        return self.excess_of(value_c) >= round(self.high_c, 2) or value_c >= self.always_high_c

    def is_low(self, value_c: float) -> bool:
        under_level = self.low_excess_c is not None and self.excess_of(value_c) <= -round(self.low_excess_c, 2)
        return under_level or value_c < self.low_floor_c


def absolute_bounds(site: Site, mode: str, settings: TemperatureSettings) -> Bounds:
    """Limits while the lane has no level. The base lies `high_c` under the limit, so that both kinds are used alike."""
    limits = getattr(settings.absolute, site)
    high_at_c: float = settings.body_high_c if mode == "body" else limits.high_c
    low_c: float = settings.body_low_c if mode == "body" else limits.low_c
    high_c = settings.high_at(site)
    return Bounds(round(high_at_c - high_c, 2), high_c, _always_high(mode, settings), low_c, None)


def relative_bounds(level: LevelNow, offset_c: float, site: Site, mode: str, settings: TemperatureSettings) -> Bounds:
    """Limits around the lane's level. `offset_c`: what this place of the body usually reads more than the level's."""
    floor_c: float = settings.body_low_c if mode == "body" else getattr(settings, f"low_{site}_c")
    return Bounds(
        base_c=level.level_c + offset_c,
        high_c=max(settings.high_at(site), settings.high_mads * level.mad_c),
        always_high_c=_always_high(mode, settings),
        low_floor_c=floor_c,
        low_excess_c=max(settings.low_c, settings.low_mads * level.mad_c),
    )


def _always_high(mode: str, settings: TemperatureSettings) -> float:
    return settings.body_high_c if mode == "body" else settings.extreme_c
