"""Thermometers of other families, each in its own way of asking and answering: silent, or stuck, under somebody."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from checkpoint.records import Verdict
from tools.demo.street import wait
from tools.faults.fitting import Fitting, slow_pace
from tools.faults.lab import Lab
from tools.faults.rows import Row
from tools.faults.visits import BACK_S, HEALTHY_C, PAGE_S, Visits, at_each, finish

# One that streams pictures, one that is asked for registers, one that is asked for words.
_FAMILIES: Final[dict[str, tuple[str, Mapping[str, object]]]] = {
    "gate-1": ("gy90640", {}),
    "gate-2": ("modbus_ir", {}),
    "gate-3": ("optris_ct", {}),
}
# Silent for 2.5 s; a device that is asked, and does not answer for 2 s, counts as gone.
_SILENT: Final = ("thermometer_silent", "thermometer_gone")
_SILENT_S: Final = 6.0
_TOLD_S: Final = 3.0
# 40 equal readings over 15 s.
_STUCK_S: Final = 28.0
_WORD_S: Final = 4.0
# Those that send tenths of a degree wait for a minute by themselves; a gate file may ask for less.
_STUCK_OPTIONS: Final = {"stuck_after_s": 15.0}


def silent(lab: Lab) -> None:
    """It falls silent while somebody with a good pass is measured: said in time, nobody let in, and it heals."""
    _town(lab)
    at_each(lab, lambda gate: _silent(lab, Visits(lab, gate)))
    finish(lab)


def _silent(lab: Lab, visits: Visits) -> None:
    gate, thermometer = visits.gate, visits.street.thermometer
    _measured(lab, gate)
    with lab.trouble():
        before = visits.openings
        visits.steps_in()
        thermometer.set(fault="silence")
        visits.street.hold(lab.entrances[gate].pass_of())
        _shown(lab, gate, _SILENT, _SILENT_S)
        visits.street.wait_answer(_WORD_S)
        visits.leaves()
        lab.check(f"I5 nobody is let in at {gate}", visits.openings == before)
        thermometer.set(fault=None)
        _gone(lab, gate, _SILENT)
    _measured(lab, gate)


def stuck(lab: Lab) -> None:
    """It repeats a healthy person's reading for ever: the next person is not measured by it, and it is found out."""
    _town(lab, _STUCK_OPTIONS)
    at_each(lab, lambda gate: _stuck(lab, Visits(lab, gate)))
    finish(lab)


def _stuck(lab: Lab, visits: Visits) -> None:
    gate, thermometer = visits.gate, visits.street.thermometer
    _measured(lab, gate)
    with lab.trouble():
        thermometer.set(object_c=HEALTHY_C)
        # The slowest of them must have told of it a few times, or nothing tells it from the next one's forehead.
        time.sleep(_TOLD_S)
        thermometer.set(fault="stuck")
        before, began_s = visits.openings, time.monotonic()
        person = lab.entrances[gate].somebody("resident")
        told = f"answered {person.tries[-1].answer!r}"
        lab.check(f"I5 the next person is not measured by it at {gate}", visits.openings == before, told)
        _shown(lab, gate, ("thermometer_stuck",), _STUCK_S - (time.monotonic() - began_s))
        thermometer.set(fault=None, object_c=None)
        _gone(lab, gate, ("thermometer_stuck",))
    _measured(lab, gate)


def _town(lab: Lab, more: Mapping[str, object] = MappingProxyType({})) -> None:
    lab.build(gates=len(_FAMILIES), pace=slow_pace(lab.folder))
    for gate, (driver, options) in _FAMILIES.items():
        Fitting(lab, gate).thermometer(driver, {**options, **more})
    lab.start()


def _shown(lab: Lab, gate: str, faults: tuple[str, ...], within_s: float) -> None:
    driver = _FAMILIES[gate][0]
    lab.until(f"I4 {driver}: fault shown at {gate}", lambda: any(lab.shows(gate, one) for one in faults), within_s)


def _gone(lab: Lab, gate: str, faults: tuple[str, ...]) -> None:
    what = f"I4 {_FAMILIES[gate][0]}: fault gone at {gate}"
    lab.until(what, lambda: not any(lab.shows(gate, one) for one in faults), BACK_S + PAGE_S)


def _measured(lab: Lab, gate: str) -> None:
    """Somebody comes in, and what is recorded of them is what was held before the sensor."""
    (person,) = lab.people(1, gate, intent="resident")

    def values() -> list[float | None]:
        for kept in lab.on_disk(gate):
            verdict = kept.payload
            if isinstance(verdict, Verdict) and verdict.pass_facts and verdict.pass_facts.pass_id == person.pass_id:
                return [reading.object_c for reading in verdict.readings]
        return []

    wait(lambda: bool(values()), _WORD_S)
    right = bool(values()) and all(c is not None and abs(c - HEALTHY_C) < 1.0 for c in values())
    lab.check(f"{_FAMILIES[gate][0]}: measured rightly at {gate}", right, f"{values()}")


ROWS: Final = (
    Row("G10", "thermometers of other families fall silent under somebody", silent, "families-silent"),
    Row("G10", "thermometers of other families stuck on a value", stuck, "families-stuck"),
)
