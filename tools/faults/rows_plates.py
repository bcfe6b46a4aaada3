"""Plate cameras that go while a car waits, and that tell old plates as they come back."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any, Final

from tools.demo.street import wait
from tools.faults.fitting import Fitting, readers_pace
from tools.faults.lab import Lab
from tools.faults.rows import Row
from tools.faults.visits import OPEN, Visits, at_each, finish

_GATE: Final = "gate-1"
_DRIVERS: Final = {"gate-1": "hikvision", "gate-2": "plate_push"}
_PLATES: Final = {"gate-1": "赣A12345", "gate-2": "赣B67890"}
# A closed connection is noticed at once; a camera that pushes is silent for so long first.
_NOTICED_S: Final = 4.0
# It is looked for with pauses of up to a second, and speaks twice a second.
_BACK_S: Final = 4.0
# The policy's time for one thing to be read, and the time in which a cable may be back.
_GIVES_UP_S: Final = 5.0 + 2.0 + 1.5
_STANDS_S: Final = 3.0
# Longer than a plate that was told is not told again, or kept for whoever comes next.
_FORGOTTEN_S: Final = 15.5
_ARRIVES_S: Final = 30.0


def gone(lab: Lab) -> None:
    """The camera goes while a car waits with a good pass: a person decides, and soon; the next car is read."""
    devices = _town(lab)
    at_each(lab, lambda gate: _gone(lab, Visits(lab, gate), devices[gate]))
    finish(lab)


def _gone(lab: Lab, visits: Visits, device: Any) -> None:
    gate, plate = visits.gate, _PLATES[visits.gate]
    visits.expect(f"a car at {gate}", OPEN, partial(_arrive, visits, device, plate, plate))
    with lab.trouble():
        before = visits.openings
        began_s = time.monotonic()
        came = visits.comes(partial(_arrive_and_cut, visits, device, plate))
        told = f"{came.words} after {time.monotonic() - began_s:.1f} s"
        asked = {check.check: check.reason for check in came.verdict.checks}
        right = came.answer == "escalate" and asked.get("vehicle") == "vehicle_unchecked"
        lab.check(f"a person decides at {gate}", right and came.took_s < _GIVES_UP_S + _NOTICED_S, told)
        lab.check(f"I5 nobody is let in at {gate}", visits.openings == before)
        visits.pulled("plate_camera_gone", lambda: None, _NOTICED_S)
        visits.put_back("plate_camera_gone", device.replug, _BACK_S)
    time.sleep(_FORGOTTEN_S)
    visits.expect(f"the next car at {gate}", OPEN, partial(_arrive, visits, device, plate, plate))
    visits.told_once("plate_camera_gone")


def _arrive(visits: Visits, device: Any, pass_plate: str, plate: str) -> None:
    """A vehicle's pass is held up; the camera reads a plate, or empty: none."""
    visits.street.hold(visits.office.vehicle(pass_plate, site=visits.site))
    if plate:
        device.set(plate=plate, fault=None)


def _arrive_and_cut(visits: Visits, device: Any, pass_plate: str) -> None:
    _arrive(visits, device, pass_plate, "")
    device.unplug()


def replays(lab: Lab) -> None:
    """Where a plate opens by itself: what a camera kept back while it was away opens for nobody who stands there."""
    devices = _town(lab)
    for gate, plate in _PLATES.items():
        _give_plate(lab, gate, plate)
    at_each(lab, lambda gate: _replays(lab, Visits(lab, gate), devices[gate]))
    finish(lab)


def _replays(lab: Lab, visits: Visits, device: Any) -> None:
    gate, plate = visits.gate, _PLATES[visits.gate]
    visits.expect(f"a car by its plate at {gate}", OPEN, partial(device.set, plate=plate))
    with lab.trouble():
        visits.pulled("plate_camera_gone", device.unplug, _NOTICED_S)
        time.sleep(_FORGOTTEN_S)
        device.set(plate=plate, fault="resent")
        back = partial(visits.put_back, "plate_camera_gone", device.replug, _BACK_S)
        visits.stands_there("an old plate opens for nobody", _STANDS_S, back)
    device.set(fault=None)
    visits.expect(f"a car by its plate again at {gate}", OPEN, partial(device.set, plate=plate))
    visits.told_once("plate_camera_gone")


def _town(lab: Lab) -> dict[str, Any]:
    """Two gates for vehicles, each with a camera of its own kind."""
    lab.build(gates=2, pace=readers_pace(lab.folder))
    devices = {}
    for gate, driver in _DRIVERS.items():
        fitting = Fitting(lab, gate)
        fitting.for_vehicles()
        devices[gate] = fitting.reader(driver)
    lab.start()
    for gate in _DRIVERS:
        wait(partial(_is_there, lab, gate), _ARRIVES_S)
    return devices


def _is_there(lab: Lab, gate: str) -> bool:
    return not lab.shows(gate, "plate_camera_gone")


def _give_plate(lab: Lab, gate: str, plate: str) -> None:
    """A vehicle of the site whose plate opens, known to the gate."""
    central, site = lab.town.central, lab.place(gate).site
    made = central("people", "add", "--site", site, "--class", "vehicle", "--name", "V", "--plate", plate, "--json")
    issued = json.loads(central("pass", "issue", "--person", str(json.loads(made)["person"]), "--json"))
    rosters = lab.town.gate_folder(gate) / "data" / "documents" / f"roster@{gate}.doc"
    before = rosters.read_bytes() if rosters.exists() else b""
    central("pass", "card", "add", issued["pass_id"], "--plate", plate)
    arrived = lambda: rosters.exists() and rosters.read_bytes() != before  # noqa: E731
    lab.until(f"the plate is on the disk of {gate}", arrived, _ARRIVES_S)


ROWS: Final = (
    Row("G11", "plate camera gone while a car waits", gone, "plate-gone"),
    Row("G11", "plate camera tells old plates as it comes back", replays, "plate-replay"),
)
