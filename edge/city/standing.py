"""One synthetic person before the thermometer: frames go through the gate's own `Taking`, as at a lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from checkpoint.policy_schema import Site, TemperatureSettings
from checkpoint.temperature import Judged, Measurement, TemperatureJudge, judge_window
from edge.city.people import LOOK_SD_C, Climate, Person, Skin
from edge.taking import Taking

FRAME_MS: Final = 200
# Jitter between frames of one steady look, standard deviation (assumed); all of it averages into the window's value.
_FRAME_SD_C: Final = 0.03


@dataclass(frozen=True, slots=True)
class Stood:
    """What came of one visit: the judgement (None: the time was over without one), and how long it took.

    `asked_second`: another place was asked for. `shaded`: after a wait in the shade, as a new visit.
    """

    judged: Judged | None
    took_ms: int
    asked_second: bool
    shaded: bool


class Standing:
    """Shows people's skin to one device. `device_c` is its own error at this moment."""

    def __init__(self, climate: Climate, random: Random) -> None:
        self._climate = climate
        self._random = random
        self.device_c = 0.0

    def _look_c(self, person: Person, site: Site, rested: bool) -> float:
        """What this device says of one look at one place, before the jitter of single frames."""
        skins: Mapping[Site, Skin] = self._climate.rested if rested else self._climate.at_once
        return person.skin_c(site, skins) + self.device_c + self._random.gauss(0, LOOK_SD_C[site])

    def _frame(self, mono_ms: int, look_c: float) -> Measurement:
        object_c = round(look_c + self._random.gauss(0, _FRAME_SD_C), 2)
        return Measurement(mono_ms, object_c, self._climate.ambient_c, None, "surface", ("ok",))

    def forehead_c(self, person: Person, settings: TemperatureSettings) -> float | None:
        """The window's value of a look at the forehead, for rules that know nothing else; None if it is no reading."""
        look_c = self._look_c(person, "forehead", False)
        frames = [self._frame(number * FRAME_MS, look_c) for number in range(settings.min_frames)]
        return judge_window(frames, settings).judged_c

    def stand(
        self,
        person: Person,
        judge: TemperatureJudge,
        settings: TemperatureSettings,
        at_ms: int,
        limit_s: float,
        rested: bool = False,
    ) -> Stood:
        """One visit until there is a result, the shade is asked for, or `limit_s` is over."""
        taking = Taking(judge, settings)
        if rested:
            taking.rested()
        # Before somebody stands there the thermometer says how warm the lane is, and sees nobody.
        taking.feed(Measurement(0, None, self._climate.ambient_c, None, "surface", ("out_of_range",)), at_ms)
        looks: dict[Site, float] = {}
        mono_ms, asked_second = 0, False
        while mono_ms < limit_s * 1000 and not taking.people and not taking.in_shade:
            mono_ms += FRAME_MS
            site = taking.prompt_site
            if site not in looks:
                looks[site] = self._look_c(person, site, rested)
            taking.feed(self._frame(mono_ms, looks[site]), at_ms + mono_ms)
            asked_second = asked_second or taking.wants_second
        judged = taking.people[0] if taking.people else taking.pending_high
        return Stood(judged, mono_ms, asked_second, taking.in_shade)
