"""From what the threads at the rim say to what the core understands: which lane, which part, which reason code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from checkpoint.temperature import Measurement
from drivers.protocols import Reading
from edge import board_facts, facts, vision_messages
from edge.core import FaultOver, FaultSeen, Item, LaneFact
from firmware_config.schema import GateFile

Post = Callable[[Item], None]
Role = str
_ROLES: Final = ("presence", "crossing", "exit_button", "assist", "fire")
_MARKS: Final = {"stuck": "thermometer_stuck", "out_of_range": "thermometer_range"}


def roles_of(file: GateFile) -> dict[tuple[str, int], tuple[str, Role]]:
    """(board, terminal) -> (lane, role) for every input of the gate file."""
    found: dict[tuple[str, int], tuple[str, Role]] = {}
    for lane in file.lanes:
        for role in _ROLES:
            wire = getattr(lane.inputs, role)
            if wire is not None:
                found[(wire.board, wire.terminal)] = (lane.name, role)
    return found


def lanes_on(file: GateFile, board: str) -> tuple[str, ...]:
    """Lanes that can't work without this board."""
    return tuple(lane.name for lane in file.lanes if _uses(lane.inputs, lane.barrier, board))


def _uses(inputs: object, barrier: object, board: str) -> bool:
    wires = [getattr(inputs, role) for role in _ROLES] + [barrier]
    return any(wire is not None and wire.board == board for wire in wires)


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
            case board_facts.InputChanged(board, terminal, active):
                yield from self._input(board, terminal, active)
            case board_facts.Released():
                lane = self._roles.get((fact.board, fact.terminal))
                if lane is not None:
                    yield LaneFact(lane[0], facts.WayOutFreed(fact.cause, fact.opened_mono_ms, fact.ok))
            case board_facts.BoardGone(board, why):
                for lane_name in lanes_on(self._file, board):
                    yield LaneFact(lane_name, facts.PartDown("board", "board_gone"))
                yield FaultSeen("board_gone", board, "", why, 2)
            case board_facts.BoardBack(board):
                for lane_name in lanes_on(self._file, board):
                    yield LaneFact(lane_name, facts.PartUp("board"))
                yield FaultOver(board, "")

    def _input(self, board: str, terminal: int, active: bool) -> Iterator[Item]:
        lane, role = self._roles.get((board, terminal), ("", ""))
        if role == "presence":
            yield LaneFact(lane, facts.PresenceChanged(active))
        elif role == "crossing" and active:
            yield LaneFact(lane, facts.Crossed())
        elif role == "assist" and active:
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
                self._post(LaneFact(lane, facts.CodesSeen(message.codes)))
            case vision_messages.CameraFault():
                self._down(message.name, message.detail)
            case vision_messages.VisionDied():
                self._down("vision_died", message.why)
            case vision_messages.CameraOk():
                self._post(LaneFact(lane, facts.PartUp("camera")))
                self._post(FaultOver("camera", lane))
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

    def reading(self, reading: Reading) -> None:
        """One frame. A stuck device or one out of its range measures nobody; its frames go no further."""
        bad = next((code for mark, code in _MARKS.items() if mark in reading.quality), "")
        if bad == "thermometer_stuck":
            self.down(bad, reading.raw.hex())
            return
        self.up()
        measurement = Measurement(
            reading.mono_ms, reading.object_c, reading.ambient_c, reading.body_c, reading.mode, reading.quality
        )
        self._post(LaneFact(self._lane, facts.Measured(measurement)))

    def down(self, code: str, detail: str) -> None:
        if self._fault == code:
            return
        if self._fault:
            self.up()
        self._fault = code
        self._post(LaneFact(self._lane, facts.PartDown("thermometer", code)))
        self._post(FaultSeen(code, "thermometer", self._lane, detail, 2))

    def up(self) -> None:
        if self._fault != "":
            self._post(LaneFact(self._lane, facts.PartUp("thermometer")))
            self._post(FaultOver("thermometer", self._lane))
            self._fault = ""
