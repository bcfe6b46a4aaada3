"""From what the threads at the rim say to what the core understands: which lane, which part, which reason code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

import structlog

from checkpoint.temperature import Measurement
from drivers.protocols import Reading
from edge import board_facts, facts, vision_messages
from edge.core import FaultOver, FaultSeen, Item, LaneFact
from firmware_config.schema import GateFile

_log = structlog.get_logger(__name__)

Post = Callable[[Item], None]
Role = str
_ROLES: Final = ("presence", "crossing", "exit_button", "assist", "fire", "door")
# Contacts whose state is not known while their board is away.
_KNOWN_BY: Final[tuple[Literal["presence", "fire", "door"], ...]] = ("presence", "fire", "door")
_MARKS: Final = {"stuck": "thermometer_stuck", "out_of_range": "thermometer_range"}
# Slower than the slowest module's stream; a device that says nothing for this long measures nobody.
SILENT_MS: Final = 2500
_DEVICE_FAULTS: Final = ("thermometer_gone", "thermometer_silent", *_MARKS.values())


def roles_of(file: GateFile) -> dict[tuple[str, int], tuple[str, Role]]:
    """(board, terminal) -> (lane, role) for every input of the gate file."""
    found: dict[tuple[str, int], tuple[str, Role]] = {}
    for lane in file.lanes:
        for role in _ROLES:
            wire = getattr(lane.inputs, role)
            if wire is not None:
                found[(wire.board, wire.terminal)] = (lane.name, role)
    return found


def parts_on(file: GateFile, board: str) -> Iterator[tuple[str, facts.Part]]:
    """Lanes that can't work without this board, and what of each goes with it."""
    for lane in file.lanes:
        wires = [getattr(lane.inputs, role) for role in _ROLES] + [lane.barrier]
        if any(wire is not None and wire.board == board for wire in wires):
            yield lane.name, "board"
        for part in _KNOWN_BY:
            contact = getattr(lane.inputs, part)
            if contact is not None and contact.board == board:
                yield lane.name, part


class BoardEar:
    """Hears one gate's board threads."""

    def __init__(self, file: GateFile, post: Post) -> None:
        self._file = file
        self._roles = roles_of(file)
        self._post = post

    def __call__(self, fact: board_facts.BoardFact) -> None:
        for item in self._items(fact):
            self._post(item)

    def _items(self, fact: board_facts.BoardFact) -> Iterator[Item]:
        match fact:
            case board_facts.InputChanged():
                yield from self._input(fact)
            case board_facts.Released():
                lane = self._roles.get((fact.board, fact.terminal))
                if lane is not None:
                    yield LaneFact(lane[0], facts.WayOutFreed(fact.cause, fact.opened_mono_ms, fact.ok))
            case board_facts.BoardGone(board, why):
                for lane_name, part in parts_on(self._file, board):
                    yield LaneFact(lane_name, facts.PartDown(part, "board_gone"))
                yield FaultSeen("board_gone", board, "", why, 2)
            case board_facts.BoardBack(board):
                for lane_name, part in parts_on(self._file, board):
                    yield LaneFact(lane_name, facts.PartUp(part))
                yield FaultOver(board, "")

    def _input(self, fact: board_facts.InputChanged) -> Iterator[Item]:
        lane, role = self._roles.get((fact.board, fact.terminal), ("", ""))
        if role == "presence":
            yield LaneFact(lane, facts.PresenceChanged(fact.active, fact.mono_ms))
        elif role == "fire":
            yield LaneFact(lane, facts.FireContact(fact.active))
        elif role == "door":
            yield LaneFact(lane, facts.DoorMoved(fact.active, fact.mono_ms, fact.first))
        elif fact.first:
            # A beam or button found active when the board comes back says nothing about now.
            return
        elif role == "crossing" and fact.active:
            yield LaneFact(lane, facts.Crossed())
        elif role == "assist" and fact.active:
            yield LaneFact(lane, facts.AssistPressed())


class VisionEar:
    """Hears the vision process of one lane."""

    def __init__(self, lane: str, post: Post) -> None:
        self._lane = lane
        self._post = post

    def __call__(self, message: object) -> None:
        lane = self._lane
        match message:
            case vision_messages.Seen():
                self._post(LaneFact(lane, facts.CodesSeen(message.codes, message.still)))
            case vision_messages.CameraFault():
                self._down(message.name, message.detail)
            case vision_messages.VisionDied():
                self._down("vision_died", message.why)
            case vision_messages.CameraOk():
                self._post(LaneFact(lane, facts.PartUp("camera")))
                self._post(FaultOver("camera", lane))
            case vision_messages.MaskSeen(_, mono_ms, state, face_share, score):
                self._post(LaneFact(lane, facts.MaskSeen(state, face_share, score, mono_ms)))
            case vision_messages.MaskReady():
                _log.info("mask_model", lane=lane, sha256=message.sha256, tensors=message.detail)
                self._post(LaneFact(lane, facts.PartUp("mask")))
                self._post(FaultOver("mask", lane))
            case vision_messages.MaskFailed():
                self._post(LaneFact(lane, facts.PartDown("mask", "mask_model_failed")))
                self._post(FaultSeen("mask_model_failed", "mask", lane, message.why, 3))
            case vision_messages.VisionBack():
                self._post(FaultOver("camera", lane, "vision_died"))

    def _down(self, name: str, detail: str) -> None:
        self._post(LaneFact(self._lane, facts.PartDown("camera", name)))
        self._post(FaultSeen(name, "camera", self._lane, detail, 2))


class ThermometerEar:
    """Hears one lane's thermometer: readings become measurements, marks and silence become faults."""

    def __init__(self, lane: str, post: Post) -> None:
        self._lane = lane
        self._post = post
        # None: not known yet; an earlier run of the gate may have left a fault open.
        self._fault: str | None = None
        self._other_mode_since_ms: int | None = None

    def reading(self, reading: Reading) -> None:
        """One frame. A stuck device or one out of its range measures nobody; its frames go no further."""
        bad = next((code for mark, code in _MARKS.items() if mark in reading.quality), "")
        if bad:
            self.down(bad, reading.raw.hex())
            return
        if self._in_other_mode(reading):
            return
        self.up()
        measurement = Measurement(
            reading.mono_ms, reading.object_c, reading.ambient_c, reading.body_c, reading.mode, reading.quality
        )
        self._post(LaneFact(self._lane, facts.Measured(measurement)))

    def _in_other_mode(self, reading: Reading) -> bool:
        """A device that answers in another mode than asked for says nothing usable: as if it were silent."""
        if "mode_mismatch" not in reading.quality:
            self._other_mode_since_ms = None
            return False
        if self._other_mode_since_ms is None:
            self._other_mode_since_ms = reading.mono_ms
        if reading.mono_ms - self._other_mode_since_ms > SILENT_MS:
            self.down("thermometer_silent", f"it answers in mode {reading.mode}, which was not asked for")
        return True

    def down(self, code: str, detail: str) -> None:
        if self._fault == code:
            return
        self._over()
        self._fault = code
        self._post(LaneFact(self._lane, facts.PartDown("thermometer", code)))
        self._post(FaultSeen(code, "thermometer", self._lane, detail, 2))

    def up(self) -> None:
        if self._fault != "":
            self._post(LaneFact(self._lane, facts.PartUp("thermometer")))
            self._over()
            self._fault = ""

    def _over(self) -> None:
        """By name: what a lane's readings say of the device (drift) does not end because it speaks again."""
        for name in _DEVICE_FAULTS if self._fault is None else (self._fault,) if self._fault else ():
            self._post(FaultOver("thermometer", self._lane, name))
