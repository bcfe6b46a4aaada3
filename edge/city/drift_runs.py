"""How many people a change of the device goes unreported: many short runs, each with people of its own."""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from checkpoint.policy_schema import TemperatureSettings, Timeouts
from edge.city.devices import STEADY, Device
from edge.city.lane_run import LaneRun, Scene
from edge.city.people import Climate

# The change comes when the reference has been frozen; who is not found out by then counts as never.
_BEFORE: Final = 250
_AFTER: Final = 300
_NEVER: Final = 1 << 30
WITHIN: Final = 50


class Delays(msgspec.Struct, frozen=True):
    """People from the change to the report: median and 95th percentile of all runs; share of runs within 50 people."""

    climate: str
    device: str
    runs: int
    median: int
    p95: int
    within_50: float


def delays_of(
    climate: Climate, device: Device, runs: int, settings: TemperatureSettings, timeouts: Timeouts, seed: int
) -> Delays:
    """Each run with a device that reads up to 0.3 off from the start, and then changes."""
    random = Random(f"{seed} drift {climate.name} {device.name}")
    found = sorted(_delay(climate, device, settings, timeouts, random) for _ in range(runs))
    within = sum(people <= WITHIN for people in found) / runs
    return Delays(
        climate.name, device.name, runs, found[runs // 2], found[min(runs - 1, runs * 95 // 100)], round(within, 3)
    )  # fmt: skip


def _delay(
    climate: Climate, device: Device, settings: TemperatureSettings, timeouts: Timeouts, random: Random
) -> int:  # fmt: skip
    off_c = random.choice(STEADY).steady_c
    changing = Device(device.name, device.zh, off_c, device.change_c, device.over)
    scene = Scene(climate, 200, changing, _BEFORE + _AFTER, _BEFORE, probe_every=_NEVER)
    reported = LaneRun(scene, settings, timeouts, str(random.getrandbits(48))).until_report(_BEFORE)
    return _AFTER if reported is None else reported - _BEFORE + 1
