"""Builds the devices of a gate file as threads: boards, cameras, thermometers. Starts and stops them together."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from drivers.barrier import open_board
from drivers.errors import DeviceGoneError
from drivers.protocols import Pulse
from drivers.thermometer import reopening
from edge.boards import BoardThread
from edge.rim import BoardEar, Post, ThermometerEar, VisionEar
from edge.thermometer_thread import ThermometerThread
from edge.vision import Vision
from edge.wiring import wiring_of
from firmware_config.schema import BarrierWire, GateFile


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """All device threads of one gate."""

    boards: dict[str, BoardThread]
    visions: dict[str, Vision]
    thermometers: dict[str, ThermometerThread]
    barriers: dict[str, BarrierWire]

    def start(self) -> None:
        for part in self._all:
            part.start()

    def stop(self) -> None:
        for part in self._all:
            part.stop()

    @property
    def _all(self) -> tuple[BoardThread | Vision | ThermometerThread, ...]:
        return (*self.boards.values(), *self.visions.values(), *self.thermometers.values())

    def move(self, lane: str) -> Future[Pulse]:
        """One pulse of a lane's barrier."""
        wire = self.barriers.get(lane)
        if wire is None:
            refused: Future[Pulse] = Future()
            refused.set_exception(DeviceGoneError(lane, "the lane has no barrier"))
            return refused
        return self.boards[wire.board].pulse(wire.channel, wire.pulse_s)


def build_parts(file: GateFile, post: Post) -> Parts:
    """Raises drivers.errors.OptionError for options that no driver takes."""
    ear = BoardEar(file, post)
    boards = {
        name: BoardThread(name, partial(open_board, board.driver, board.options), wiring_of(file, name), ear, mono_ms)
        for name, board in file.boards.items()
    }
    visions, thermometers = {}, {}
    for lane in file.lanes:
        if lane.camera is not None:
            visions[lane.name] = Vision(lane.name, lane.camera, VisionEar(lane.name, post), mono_ms)
        if lane.thermometer is not None:
            connect = partial(reopening, lane.thermometer.driver, lane.thermometer.options)
            thermometers[lane.name] = ThermometerThread(lane.name, connect, ThermometerEar(lane.name, post))
    barriers = {lane.name: lane.barrier for lane in file.lanes if lane.barrier is not None}
    return Parts(boards, visions, thermometers, barriers)
