"""One simulated lane: people arrive, wait, are judged by the gate's own rule one after another, and are counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from random import Random
from typing import Final

from checkpoint.level import LaneLevel
from checkpoint.policy_schema import TemperatureSettings, Timeouts
from checkpoint.temperature import TemperatureJudge
from edge.city.devices import Device
from edge.city.people import FEVER_SHARE, Climate, Person, draw_fever_c, draw_person
from edge.city.standing import Standing, Stood
from edge.city.tally import Ending, Probe, Tally

# Where the run's clock begins; no number depends on it.
_BEGIN_MS: Final = 1_581_292_800_000
_END_MS: Final = 1 << 60
# Walking up and showing the pass, and going through (assumed).
_APPROACH_MS: Final = 4000
_CROSSING_MS: Final = 3000
# A guard with a contact thermometer in the lane, for one person who is not simply let in (assumed).
_GUARD_MS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Scene:
    """What one lane meets. `onset`: the person from whom on the device changes; `alike`: see `Person`.

    `noted`: the policy lets on who could not be measured (mode `warn`, or residents by the fail table); else a guard
    measures them in the lane. Of one in `probe_every` it is also asked what a fever would have come to: the lane learns
    nothing by that.
    """

    climate: Climate
    people_an_hour: float
    device: Device
    people: int
    onset: int = 0
    alike: float = 1.0
    noted: bool = False
    probe_every: int = 5

    @property
    def name(self) -> str:
        """What tells it from the other scenes of a city."""
        more = (", places half alike" if self.alike < 1 else "") + (", let on" if self.noted else "")
        return f"{self.device.name}{more}"


@dataclass(order=True, slots=True, frozen=True)
class _Visit:
    ready_ms: int
    number: int
    person: Person = field(compare=False)
    rested: bool = field(compare=False, default=False)


class LaneRun:
    """Runs one scene with one seed under a policy's settings; `tally` grows with it."""

    def __init__(self, scene: Scene, settings: TemperatureSettings, timeouts: Timeouts, seed: str) -> None:
        self._scene = scene
        self._settings = settings
        self._timeouts = timeouts
        self._people = Random(f"{seed} people")
        self._standing = Standing(scene.climate, Random(f"{seed} looks"))
        self._probes = Random(f"{seed} probes")
        self._probe_standing = Standing(scene.climate, self._probes)
        self._level = LaneLevel(settings)
        self._line: deque[_Visit] = deque()
        self._resting: list[_Visit] = []
        self._free_ms = 0
        self.tally = Tally()

    def run(self) -> Tally:
        """Everybody comes, and everybody is served."""
        for _ in self._arrivals():
            pass
        self._advance(_END_MS)
        return self.tally

    def until_report(self, since: int) -> int | None:
        """Whom drift was reported at, of the people from number `since` on; None if it was not."""
        for _ in self._arrivals():
            if self.tally.drift_reports and self.tally.drift_reports[-1] >= since:
                return self.tally.drift_reports[-1]
        return None

    def _arrivals(self) -> Iterator[int]:
        now_ms = float(_BEGIN_MS)
        for number in range(self._scene.people):
            now_ms += self._people.expovariate(self._scene.people_an_hour / 3_600_000)
            self._advance(round(now_ms))
            fever_c = draw_fever_c(self._people, "F1") if self._people.random() < FEVER_SHARE else 0.0
            person = draw_person(self._people, self._scene.alike, fever_c)
            self._line.append(_Visit(round(now_ms), number, person))
            self.tally.line.append(len(self._line) - 1)
            yield number

    def _advance(self, now_ms: int) -> None:
        """Serves whoever's turn comes before `now_ms`."""
        while True:
            while self._resting and self._resting[0].ready_ms <= max(self._free_ms, now_ms):
                self._line.append(heappop(self._resting))
            if not self._line or max(self._free_ms, self._line[0].ready_ms) > now_ms:
                return
            visit = self._line.popleft()
            start_ms = max(self._free_ms, visit.ready_ms)
            self.tally.longest_wait_ms = max(self.tally.longest_wait_ms, start_ms - visit.ready_ms)
            self._free_ms = start_ms + self._serve(visit, start_ms)

    def _serve(self, visit: _Visit, at_ms: int) -> int:
        """One visit, from walking up; gives for how long the lane was taken."""
        self._standing.device_c = self._probe_standing.device_c = self._scene.device.error_c(
            visit.number, self._scene.onset
        )
        is_healthy = not visit.person.fever_c
        if is_healthy and not visit.rested and visit.number % self._scene.probe_every == 0:
            self._probe(visit.person, at_ms)
        stood = self._stand(self._standing, visit.person, self._level, at_ms, visit.rested)
        ending = ending_of(stood, visit.rested)
        if is_healthy:
            self._count(visit, stood, ending)
        if self._level.drifting:
            self.tally.drift_reports.append(visit.number)
            self._level.device_checked()
        if ending in ("rest", "shade"):
            back_ms = at_ms + stood.took_ms + round(self._settings.retest_after_s * 1000)
            heappush(self._resting, _Visit(back_ms, visit.number, visit.person, True))
            return _APPROACH_MS + stood.took_ms + round(self._timeouts.verdict_shown_s * 1000)
        goes_on = ending == "normal" or (self._scene.noted and is_not_obtained(stood))
        return _APPROACH_MS + stood.took_ms + (_CROSSING_MS if goes_on else _GUARD_MS)

    def _stand(self, standing: Standing, person: Person, level: LaneLevel, at_ms: int, rested: bool) -> Stood:
        judge = TemperatureJudge(self._settings, level)
        return standing.stand(person, judge, self._settings, at_ms, self._timeouts.measure_s, rested)

    def _probe(self, healthy: Person, at_ms: int) -> None:
        for model in self.tally.probes:
            person = replace(healthy, fever_c=draw_fever_c(self._probes, model))
            level = self._level.under(self._settings)
            stood = self._stand(self._probe_standing, person, level, at_ms, False)
            forehead_c, ending = self._forehead_c(person, stood), ending_of(stood, False)
            if ending in ("rest", "shade"):
                ending = ending_of(self._stand(self._probe_standing, person, level, at_ms, True), True)
            self.tally.probes[model].append(Probe(forehead_c, ending))

    def _forehead_c(self, person: Person, stood: Stood) -> float | None:
        """What a fixed limit would judge: the very look that the rule had first, if that was at the forehead."""
        first = stood.judged.readings[0] if stood.judged and stood.judged.readings else None
        if first is not None and first.body_site == "forehead":
            return first.judged_c
        return self._probe_standing.forehead_c(person, self._settings)

    def _count(self, visit: _Visit, stood: Stood, ending: Ending) -> None:
        tally, judged = self.tally, stood.judged
        if not visit.rested:
            tally.healthy += 1
            tally.foreheads_c.append(self._forehead_c(visit.person, stood))
        tally.seconds += stood.asked_second
        tally.rests += ending == "rest"
        tally.shades += ending == "shade"
        tally.by_hand += ending == "by_hand"
        tally.normal += ending == "normal"
        tally.outcomes += ending not in ("rest", "shade")
        tally.longest_ms = max(tally.longest_ms, stood.took_ms)
        if ending == "fever":
            tally.false_at.append(visit.number)
        if judged is not None:
            tally.not_obtained += is_not_obtained(stood)
            tally.without_level += judged.level is None
            tally.meaningless += judged.meaningless_since_ms is not None
            tally.normal_while_meaningless += ending == "normal" and judged.meaningless_since_ms is not None


def is_not_obtained(stood: Stood) -> bool:
    return stood.judged is not None and stood.judged.result == "not_obtained"


def ending_of(stood: Stood, rested: bool) -> Ending:
    """What becomes of a visit, where a warm place is attested: who had rested before is not sent to rest again."""
    if stood.judged is None:
        return "by_hand"
    if stood.shaded:
        return "shade"
    match stood.judged.result:
        case "normal":
            return "normal"
        case "fever":
            return "fever"
        case "low":
            return "by_hand" if rested else "rest"
    return "by_hand"
