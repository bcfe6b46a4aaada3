"""Taking one person's temperature (or a party's, one after another): first site, second site if asked for, result."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from checkpoint.policy_schema import Site, TemperatureSettings
from checkpoint.temperature import Judged, Measurement, TemperatureJudge, WindowResult, judge_window, second_site

# From the first site to the second: without the target leaving in between, wait this long for the arm to come up.
_CHANGE_MS: Final = 1500


class Taking:
    """Fed with measurements of one presence; `people` holds one result for each person measured to the end.

    `shade_over_ms`: when a second site may be measured after a wait in the shade (monotonic), 0 if none was asked for.
    `before`: the newest frame of before this presence. Frames that repeat its values measure nobody: a device that got
    stuck on somebody would otherwise measure the next one too, until it is found out.
    """

    def __init__(
        self, judge: TemperatureJudge, settings: TemperatureSettings, before: Measurement | None = None
    ) -> None:
        self._judge = judge
        self._settings = settings
        self._before = before
        self._window: deque[Measurement] = deque()
        self._first: Judged | None = None
        self._site: Site | None = None
        self._not_before_ms = 0
        self._rested = False
        self.shade_over_ms = 0
        # After a result the target must leave once, so that one forehead is not two people.
        self._wait_for_gap = False
        self.people: list[Judged] = []
        self.unstable = False
        self.last: Measurement | None = None

    @property
    def prompt_site(self) -> Site:
        """Where the screen asks the person to be measured now."""
        ambient_c = self.last.ambient_c if self.last else None
        return self._site or self._judge.first_site(ambient_c)

    @property
    def wants_second(self) -> bool:
        return self._first is not None

    @property
    def in_shade(self) -> bool:
        """The second site waits until skin that the sun has heated has cooled."""
        return self._first is not None and self.last is not None and self.last.mono_ms < self.shade_over_ms

    @property
    def pending_high(self) -> Judged | None:
        """A high first reading that nobody has confirmed or cleared yet."""
        return self._first

    def rested(self) -> None:
        """This person has been in the shade already: a second site is measured at once."""
        self._rested, self.shade_over_ms = True, 0

    def wait_for_gap(self) -> None:
        """Somebody else has just been measured: the target must leave before anybody counts."""
        self._wait_for_gap = True

    def forget(self) -> None:
        """What was taken so far is nobody's. Who has been measured must still leave the sensor first."""
        self._window.clear()
        self._first, self._site, self.people, self.unstable, self.shade_over_ms = None, None, [], False, 0

    def feed(self, measurement: Measurement, at_ms: int) -> str:
        """Take one frame. `at_ms` is the wall time for the lane's level.

        Returns the stream of the level that has learned a first reading by it; empty if none has.
        """
        if self._before is not None and _values(measurement) == _values(self._before):
            return ""
        self._before = None
        self.last = measurement
        if not _target(measurement, self._settings):
            self._window.clear()
            self._wait_for_gap = False
            self._not_before_ms = min(self._not_before_ms, measurement.mono_ms)
            return ""
        if self._wait_for_gap or measurement.mono_ms < max(self._not_before_ms, self.shade_over_ms):
            return ""
        self._window.append(measurement)
        oldest_ms = measurement.mono_ms - round(self._settings.window_s * 1000)
        while self._window[0].mono_ms < oldest_ms:
            self._window.popleft()
        window = judge_window(list(self._window), self._settings)
        self.unstable = window.kind == "unstable"
        if window.kind != "value":
            return ""
        self._window.clear()
        if self._first is None:
            return self._take_first(window, at_ms)
        self._finish(self._judge.second(self._first, window, self._site or "wrist", at_ms))
        return ""

    def _take_first(self, window: WindowResult, at_ms: int) -> str:
        site = self._judge.first_site(window.ambient_c)
        judged = self._judge.first(window, site, at_ms)
        self._judge.keep(judged)
        if judged.wants_second:
            self._ask_second(judged, site)
        else:
            self._finish(judged)
        return judged.stream

    def _ask_second(self, judged: Judged, site: Site) -> None:
        now_ms = self.last.mono_ms if self.last else 0
        shade_ms = 0 if self._rested else max(0, judged.second_after_ms - judged.at_ms)
        # The wait is kept here by the monotonic clock: a step of the wall clock must neither shorten nor prolong it.
        self._first, self._site = replace(judged, second_after_ms=0), second_site(site)
        self._not_before_ms = now_ms + _CHANGE_MS
        self.shade_over_ms = now_ms + shade_ms if shade_ms else 0

    def _finish(self, judged: Judged) -> None:
        self.people.append(judged)
        self._first, self._site, self._wait_for_gap = None, None, True
        self.shade_over_ms = 0


def _values(measurement: Measurement) -> tuple[float | None, ...]:
    return measurement.object_c, measurement.ambient_c, measurement.body_c


def _target(measurement: Measurement, settings: TemperatureSettings) -> bool:
    """Somebody is in front of the sensor: the value that is judged lies where people's skin can be."""
    value_c = measurement.body_c if measurement.object_c is None else measurement.object_c
    return value_c is not None and settings.plausible_min_c <= value_c <= settings.plausible_max_c
