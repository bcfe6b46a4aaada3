"""The lane's level: what the people of the last hour measured here, so that one person is judged against them.

Readings are kept per stream: place of the body, kind of value and ambient band, because a wrist in the cold says
nothing about a forehead indoors. Every valid first reading counts, accepted or not: leaving out the high ones would
pull the level down and call ever more people feverish.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from statistics import median
from types import MappingProxyType
from typing import Final

import msgspec

from checkpoint import drift
from checkpoint.drift import Drift, Reference
from checkpoint.policy_schema import KEPT_READINGS, Site, TemperatureSettings

# Scales the median absolute deviation of a normal distribution to its standard deviation.
MAD_TO_SD: Final = 1.4826


class LevelNow(msgspec.Struct, frozen=True):
    """What a reading is judged against: running median, its spread, of how many readings, of the last hour or not."""

    stream: str
    level_c: float
    mad_c: float
    count: int
    recent: bool


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One first reading: when (ms UTC) and how much (degrees Celsius). Nothing about the person."""

    at_ms: int
    value_c: float


class Stream(msgspec.Struct, frozen=True):
    """One stream's readings in order of arrival, the frozen reference once there is one, and the drift sums.

    `meaningless_since_ms`: since when (ms UTC) these readings have said nothing about fever; None while they do.
    """

    kept: tuple[Kept, ...] = ()
    reference: Reference | None = None
    drift: Drift = Drift()
    meaningless_since_ms: int | None = None


class LevelState(msgspec.Struct, frozen=True):
    """All of a lane's streams, as saved between restarts."""

    streams: dict[str, Stream] = {}


def stream_of(site: str, mode: str, ambient_c: float | None, settings: TemperatureSettings) -> str:
    """Name of the stream, for example `forehead/surface/2`: the number counts the band edges at or below ambient."""
    band = "unknown" if ambient_c is None else str(bisect_right(settings.band_edges_c, ambient_c))
    return f"{site}/{mode}/{band}"


def _spread(values: list[float]) -> tuple[float, float]:
    middle = median(values)
    return middle, median(abs(value - middle) for value in values)


def _followed(middle_c: float, reference: Reference | None, settings: TemperatureSettings) -> float:
    if reference is None:
        return middle_c
    reach = settings.level_follows_c
    return min(reference.centre_c + reach, max(reference.centre_c - reach, middle_c))


class LaneLevel:
    """One lane's level and drift. Not shared between lanes: each device has its own bias."""

    def __init__(
        self,
        settings: TemperatureSettings,
        state: LevelState | None = None,
        commissioned: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """`commissioned`: what about 30 people measured here at first, by `site/mode`, degrees Celsius."""
        self._settings = settings
        self._commissioned = dict(commissioned)
        self._streams = dict(state.streams) if state else {}

    @property
    def state(self) -> LevelState:
        """To be saved; give it back to a new LaneLevel after a restart."""
        return LevelState(dict(self._streams))

    def under(self, settings: TemperatureSettings) -> LaneLevel:
        """The same readings under other settings."""
        return LaneLevel(settings, self.state, self._commissioned)

    def now(self, stream: str, at_ms: int) -> LevelNow | None:
        """The level at `at_ms`, or None while there are too few readings to speak of one.

        Readings of the last hour if there are enough, else the latest of the stream whatever their age.
        """
        known = self._streams.get(stream)
        if known is None:
            return None
        since_ms = at_ms - round(self._settings.level_window_s * 1000)
        recent = [kept.value_c for kept in known.kept if since_ms < kept.at_ms <= at_ms]
        is_recent = len(recent) >= self._settings.level_min
        values = recent if is_recent else [kept.value_c for kept in known.kept[-self._settings.level_fallback :]]
        if len(values) < self._settings.level_min:
            return None
        middle, mad = _spread(values)
        level = _followed(middle, known.reference, self._settings)
        return LevelNow(stream, round(level, 3), round(mad, 3), len(values), is_recent)

    def latest_mad_c(self, stream: str, least: int) -> float | None:
        """How far the stream's latest readings lie apart, whatever their age; None if there are fewer than `least`."""
        most = self._settings.level_fallback
        kept = self._streams.get(stream, Stream()).kept[-most:]
        return _spread([reading.value_c for reading in kept])[1] if len(kept) >= min(least, most) else None

    def meaningless_since_ms(self, stream: str) -> int | None:
        return self._streams.get(stream, Stream()).meaningless_since_ms

    def add(self, stream: str, value_c: float, at_ms: int, meaningless_since_ms: int | None = None) -> None:
        """Takes one valid first reading, accepted or not, after it was judged."""
        known = self._streams.get(stream, Stream())
        kept = (*known.kept, Kept(at_ms, value_c))[-KEPT_READINGS:]
        reference, sums = known.reference, known.drift
        if reference is not None:
            sums = drift.watch(sums, reference, value_c, self._settings)
        elif len(kept) >= self._settings.reference_readings:
            reference = drift.freeze([reading.value_c for reading in kept])
        self._streams[stream] = Stream(kept, reference, sums, meaningless_since_ms)

    def expected_c(self, site: Site, mode: str) -> float:
        """Where this lane's people read at commissioning; before that, what the policy expects."""
        expected = self._settings.expected
        usual: float = expected.body if mode == "body" else getattr(expected, site)
        return self._commissioned.get(f"{site}/{mode}", usual)

    def offset_c(self, first: Site, second: Site, mode: str) -> float:
        """What healthy people read more at `second` than at `first`: commissioned if both are, else the policy's."""
        keys = f"{first}/{mode}", f"{second}/{mode}"
        if all(key in self._commissioned for key in keys):
            return self._commissioned[keys[1]] - self._commissioned[keys[0]]
        expected = self._settings.expected
        usual: float = getattr(expected, second) - getattr(expected, first)
        return usual

    @property
    def drifting(self) -> tuple[str, ...]:
        """Streams whose device is suspect; ask for a reference target."""
        return tuple(sorted(name for name, stream in self._streams.items() if stream.drift.alarmed))

    def device_checked(self) -> None:
        """Somebody held the device against a reference target and it was right: the sums start again."""
        for name, known in self._streams.items():
            self._streams[name] = msgspec.structs.replace(known, drift=Drift())
