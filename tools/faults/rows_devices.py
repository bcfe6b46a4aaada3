"""Faults of devices: what a thermometer, a relay board or a camera does when it does not do its work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from checkpoint.records import Cleared, Fault, Verdict
from drivers.emulators.camera_card import Held
from drivers.emulators.relay_wires import Fault as BoardFault
from tools.chaos.people import Person
from tools.chaos.sides import pulses
from tools.demo.street import Street, wait
from tools.faults.lab import Lab
from tools.faults.rows import Row

# A replugged device reads again within this (the matrix asks for it); the rest is the way to the guard's page.
_BACK_S: Final = 3.0
_PAGE_S: Final = 1.0
# Silent for 2.5 s; a loaded machine takes its time to say so.
_SILENT_S: Final = 6.0
# 40 equal frames over 15 s.
_STUCK_S: Final = 22.0
_BOARD_S: Final = 6.0
# No picture for 3 s; the same one for 10 s.
_MISSING_S: Final = 8.0
_FROZEN_S: Final = 16.0
# The emulator needs some seconds for its first picture of this size.
_HUGE_S: Final = 25.0
# As long as somebody would stand there: longer than any wait of the laboratory's policy.
_STANDS_S: Final = 9.0
_HEALTHY_C: Final = 36.3


@dataclass(frozen=True, slots=True)
class Outage:
    """A fault of a device, the reason that the guard reads, and within which time."""

    fault: str
    reason: str
    shown_s: float
    back_s: float = _BACK_S


def _street(lab: Lab, gate: str) -> Street:
    return lab.town.streets[lab.place(gate).street]


def _ready(lab: Lab, gate: str) -> bool:
    return wait(lambda: _street(lab, gate).screen.lane().get("state") == "wait", 30.0)


def _openings(lab: Lab, gate: str) -> int:
    return len(pulses(_street(lab, gate).wire_log))


def _told_once_each(lab: Lab, gate: str) -> None:
    """I4 where one name comes more than once: each fault has its end on record, and no case stays open."""

    def counts() -> tuple[int, int]:
        payloads = [kept.payload for kept in lab.on_disk(gate)]
        return sum(isinstance(one, Fault) for one in payloads), sum(isinstance(one, Cleared) for one in payloads)

    def over() -> bool:
        begun, ended = counts()
        return begun == ended and all(case.closed_ms for case in lab.history.cases(gate))

    wait(over, 30.0)
    lab.check(f"I4 faults of {gate} over", over(), f"(begun, ended) = {counts()}")


def _outage(lab: Lab, gate: str, outage: Outage, break_it: Callable[[], object], mend: Callable[[], object]) -> None:
    """Break, see it said in time and nobody let in; mend, see it back in time."""
    with lab.trouble():
        break_it()
        name = f"I4 {outage.fault}: {outage.reason} shown at {gate}"
        lab.until(name, lambda: lab.shows(gate, outage.reason), outage.shown_s)
        before = _openings(lab, gate)
        lab.entrances[gate].somebody("resident")
        # A board that is gone can't have opened anything; with any other device the relay's wire says so.
        lab.check(f"I5 {outage.fault}: nobody is let in at {gate}", _openings(lab, gate) == before)
        mend()
        what = f"I4 {outage.fault}: {outage.reason} gone at {gate}"
        lab.until(what, lambda: not lab.shows(gate, outage.reason), outage.back_s + _PAGE_S)


# --- G10: thermometers ------------------------------------------------------------------------------------------------

_FAMILIES: Final = ("gate-1", "gate-2")
_NO_FRAMES: Final = tuple(
    Outage(fault, "thermometer_silent", _SILENT_S)
    for fault in ("silence", "half_frame_then_silence", "bad_checksum", "only_ff", "wrong_baud_garbage")
)
# Every third frame is spoiled; in between good ones come.
_SPOILED: Final = ("glued", "noise_ff", "flipped_bit", "dropped_byte", "garbage_before_header", "doubled_header")


def no_frames(lab: Lab) -> None:
    """Nothing that can be read arrives at either gate: said in time, nobody is measured by what came before, and it
    heals."""
    lab.start(gates=2)
    for gate in _FAMILIES:
        lab.people(1, gate)
    with lab.trouble():
        for gate in _FAMILIES:
            _silent_after_a_forehead(lab, gate)
        for outage in _NO_FRAMES:
            _both_without_frames(lab, outage)
    for gate in _FAMILIES:
        lab.people(1, gate)
    _finish(lab)


def _both_without_frames(lab: Lab, outage: Outage) -> None:
    for gate in _FAMILIES:
        _street(lab, gate).thermometer.set(fault=outage.fault)
    for gate in _FAMILIES:
        name = f"I4 {outage.fault}: {outage.reason} shown at {gate}"
        lab.until(name, partial(lab.shows, gate, outage.reason), outage.shown_s)
    if outage.fault == "bad_checksum":
        for gate in _FAMILIES:
            before = _openings(lab, gate)
            lab.entrances[gate].somebody("resident")
            lab.check(f"I5 {outage.fault}: nobody is let in at {gate}", _openings(lab, gate) == before)
    for gate in _FAMILIES:
        _street(lab, gate).thermometer.set(fault=None)
    for gate in _FAMILIES:
        what = f"I4 {outage.fault}: {outage.reason} gone at {gate}"
        lab.until(what, lambda gate=gate: not lab.shows(gate, outage.reason), outage.back_s + _PAGE_S)  # type: ignore[misc]


def _silent_after_a_forehead(lab: Lab, gate: str) -> None:
    """Somebody without a pass was measured just before it fell silent: that reading is nobody else's."""
    _ready(lab, gate)
    thermometer, before = _street(lab, gate).thermometer, _openings(lab, gate)
    thermometer.set(object_c=_HEALTHY_C)
    time.sleep(0.6)
    thermometer.set(fault="silence")
    lab.entrances[gate].somebody("resident")
    lab.check(f"I5 silence: no reading of before counts at {gate}", _openings(lab, gate) == before)
    thermometer.set(fault=None, object_c=None)
    lab.until(f"silence: over at {gate}", lambda: not lab.shows(gate, "thermometer_silent"), _BACK_S + _PAGE_S)


def unplugged(lab: Lab) -> None:
    """The cable of each thermometer is pulled and put back."""
    lab.start(gates=2)
    for gate in _FAMILIES:
        lab.people(1, gate)
        change, outage = _street(lab, gate).thermometer.set, Outage("unplug", "thermometer_gone", _BOARD_S)
        _outage(lab, gate, outage, partial(change, fault="unplug"), partial(change, fault="replug"))
        lab.people(2, gate)
    _finish(lab)


def spoiled_frames(lab: Lab) -> None:
    """Every third frame is spoiled in one way after another: everybody is measured, and rightly."""
    lab.start(gates=2)
    for gate in _FAMILIES:
        for fault in _SPOILED:
            _street(lab, gate).thermometer.set(fault=fault)
            (person,) = lab.people(1, gate, intent="resident")
            lab.check(f"{fault}: measured rightly at {gate}", _measured(lab, gate, person))
        _street(lab, gate).thermometer.set(fault=None)
    _finish(lab)


def _measured(lab: Lab, gate: str, person: Person) -> bool:
    """Whether what was recorded of this person is what was held before the sensor."""
    for kept in lab.on_disk(gate):
        verdict = kept.payload
        if isinstance(verdict, Verdict) and verdict.pass_facts and verdict.pass_facts.pass_id == person.pass_id:
            values = [reading.object_c for reading in verdict.readings]
            return bool(values) and all(c is not None and abs(c - _HEALTHY_C) < 1.0 for c in values)
    return False


def stuck(lab: Lab) -> None:
    """Each thermometer repeats a healthy person's frame for ever: the next person is not measured by it."""
    lab.start(gates=2)
    for gate in _FAMILIES:
        lab.people(1, gate)
        with lab.trouble():
            _stuck(lab, gate)
        lab.people(2, gate)
    _finish(lab)


def _stuck(lab: Lab, gate: str) -> None:
    """Somebody's forehead is before the sensor, without a pass, when it gets stuck; then the next person comes."""
    _ready(lab, gate)
    street = _street(lab, gate)
    street.thermometer.set(object_c=_HEALTHY_C)
    time.sleep(0.5)
    street.thermometer.set(fault="stuck")
    before, began_s = _openings(lab, gate), time.monotonic()
    person = lab.entrances[gate].somebody("resident")
    let_in = _openings(lab, gate) > before or person.tries[-1].answer == "open"
    told = f"answered {person.tries[-1].answer!r}"
    lab.check(f"I5 stuck: the next person is not measured by it at {gate}", not let_in, told)
    shown = wait(lambda: lab.shows(gate, "thermometer_stuck"), _STUCK_S - (time.monotonic() - began_s))
    told = f"{time.monotonic() - began_s:.1f} s after it got stuck, at most {_STUCK_S:g} s"
    lab.check(f"I4 stuck: thermometer_stuck shown at {gate}", shown, told)
    street.thermometer.set(fault=None, object_c=None)
    gone = f"I4 stuck: thermometer_stuck gone at {gate}"
    lab.until(gone, lambda: not lab.shows(gate, "thermometer_stuck"), _BACK_S + _PAGE_S)


# --- G10: relay board -------------------------------------------------------------------------------------------------


def board(lab: Lab) -> None:
    """The relay board is pulled, falls silent, and answers noise or with wrong checksums."""
    lab.start()
    relay = _street(lab, "gate-1").relay
    lab.people(1)
    _outage(lab, "gate-1", Outage("unplug", "board_gone", _BOARD_S), relay.unplug, relay.replug)
    lab.people(1)
    faults: tuple[BoardFault, ...] = ("silent", "wrong_crc", "noise", "exception")
    for fault in faults:
        outage = Outage(fault, "board_gone", _BOARD_S)
        _outage(lab, "gate-1", outage, partial(relay.set_fault, fault), partial(relay.set_fault, "none"))
    lab.people(2)
    _finish(lab)


# --- G11: camera ------------------------------------------------------------------------------------------------------

_BLIND: Final = (
    Outage("missing", "camera_missing", _MISSING_S),
    Outage("black", "camera_black", _MISSING_S),
    Outage("silent", "camera_missing", _MISSING_S),
    Outage("last_picture", "camera_frozen", _FROZEN_S),
)
_BAD_STREAMS: Final = tuple(
    Outage(fault, "camera_missing", _MISSING_S) for fault in ("garbage", "endless", "breaks_off")
)


def blind(lab: Lab) -> None:
    """No camera, a covered lens, a stream without pictures."""
    _cameras(lab, _BLIND)


def bad_streams(lab: Lab) -> None:
    """Pictures that are none, one that never ends, and a camera that hangs up in the middle of each."""
    _cameras(lab, _BAD_STREAMS)


def _cameras(lab: Lab, outages: tuple[Outage, ...]) -> None:
    lab.start()
    camera = _street(lab, "gate-1").camera
    lab.people(1)
    for outage in outages:
        _outage(
            lab,
            "gate-1",
            # It is asked again after its time-out of 2 s and a pause of up to 1 s.
            Outage(outage.fault, outage.reason, outage.shown_s, 6.0),
            partial(camera.fault, outage.fault),
            partial(camera.fault, None),
        )
        lab.people(1)
    _finish(lab)


def huge(lab: Lab) -> None:
    """Pictures of 100 megapixels: nobody decodes them, and the guard is told that there is no picture."""
    lab.start()
    street = _street(lab, "gate-1")
    lab.people(1)
    with lab.trouble():
        street.camera.fault("huge")
        lab.until("I4 huge: camera_missing shown", lambda: lab.shows("gate-1", "camera_missing"), _HUGE_S)
        lab.check("huge: way out is free", lab.entrances["gate-1"].somebody("leaves").done)
        street.camera.fault(None)
        lab.until("I4 huge: over", lambda: not lab.shows("gate-1", "camera_missing"), _BACK_S + _PAGE_S)
    lab.people(2)
    _finish(lab)


def frozen(lab: Lab) -> None:
    """The picture stands still with a good pass in it: nobody else comes in on it, neither before nor after it is
    found out, and not when the camera lives again."""
    lab.start()
    street, entrance = _street(lab, "gate-1"), lab.entrances["gate-1"]
    lab.people(1)
    with lab.trouble():
        _shows_pass_and_leaves(lab, street, entrance.pass_of())
        froze_s = time.monotonic()
        before = _openings(lab, "gate-1")
        _stands_there(street, _STANDS_S)
        lab.check("I5 frozen: nobody is let in before it is found out", _openings(lab, "gate-1") == before)
        lab.until("I4 frozen: camera_frozen shown", lambda: lab.shows("gate-1", "camera_frozen"), _FROZEN_S)
        lab.check("frozen: found out", True, f"{time.monotonic() - froze_s:.1f} s after it froze, nobody let in")
        _stands_there(street, _STANDS_S)
        lab.check("I5 frozen: nobody is let in afterwards", _openings(lab, "gate-1") == before)
        street.camera.fault(None)
        lab.until("I4 frozen: camera_frozen gone", lambda: not lab.shows("gate-1", "camera_frozen"), _BACK_S + _PAGE_S)
    lab.people(2)
    _finish(lab)


def _shows_pass_and_leaves(lab: Lab, street: Street, code: bytes) -> None:
    """Somebody holds up a good pass and walks away unmeasured, just as the camera freezes."""
    _ready(lab, "gate-1")
    street.step_in()
    street.hold(code)
    lab.until("frozen: the pass was seen", lambda: bool(street.screen.lane()["holder"]["en"]), 5.0)
    street.camera.fault("frozen")
    street.step_away()
    street.lower()
    # The presence ends 0.3 s after its sensor lets go; the picture counts for a second after it stood still.
    time.sleep(1.5)


def _stands_there(street: Street, for_s: float) -> None:
    street.step_in()
    street.forehead(_HEALTHY_C)
    time.sleep(for_s)
    street.forehead(None)
    street.step_away()
    time.sleep(0.5)


def two_codes(lab: Lab) -> None:
    """Two good passes in view at once: nobody is judged until they come one by one."""
    lab.start()
    street, entrance = _street(lab, "gate-1"), lab.entrances["gate-1"]
    lab.people(1)
    with lab.trouble():
        _ready(lab, "gate-1")
        before = _openings(lab, "gate-1")
        street.step_in()
        street.show(Held(entrance.pass_of(), x=0.28), Held(entrance.pass_of(), x=0.72))
        street.forehead(_HEALTHY_C)
        lab.until("two codes: refused", lambda: street.screen.lane().get("state") == "deny", 10.0)
        time.sleep(2.0)
        street.lower()
        street.forehead(None)
        street.step_away()
        time.sleep(0.5)
        lab.check("I5 two codes: nobody is let in", _openings(lab, "gate-1") == before)
    reasons = [kept.payload.reason for kept in lab.on_disk("gate-1") if isinstance(kept.payload, Verdict)]
    lab.check("two codes: one by one", reasons[-1] == "two_codes", f"{reasons}")
    lab.people(2)
    _finish(lab)


def _finish(lab: Lab) -> None:
    lab.heal()
    for gate in lab.gates:
        _told_once_each(lab, gate)
    lab.judge()


ROWS: Final = (
    Row("G10", "thermometers without frames", no_frames, "no-frames"),
    Row("G10", "thermometers pulled and put back", unplugged, "unplugged"),
    Row("G10", "thermometers with spoiled frames", spoiled_frames, "spoiled"),
    Row("G10", "thermometers stuck on a value", stuck, "stuck"),
    Row("G10", "relay board gone, silent, garbled", board, "board"),
    Row("G11", "camera gone, covered, silent", blind, "blind"),
    Row("G11", "camera with a bad stream", bad_streams, "bad-stream"),
    Row("G11", "camera with huge pictures", huge, "huge"),
    Row("G11", "camera frozen on a good pass", frozen, "frozen"),
    Row("G11", "two passes in view", two_codes, "two-codes"),
)
