"""Builds the devices of a gate file as threads: boards, cameras, thermometers, readers. Starts and stops them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from drivers.barrier import open_board
from drivers.errors import DeviceGoneError
from drivers.protocols import Pulse
from drivers.reader import open_reader
from drivers.thermometer import reopening
from edge.boards import BoardThread
from edge.reader_ear import ReaderEar, reader_gives
from edge.reader_thread import ReaderThread
from edge.rim import BoardEar, Post, ThermometerEar, VisionEar
from edge.thermometer_thread import ThermometerThread
from edge.vision import Vision
from edge.wiring import wiring_of
from firmware_config.schema import BarrierWire, GateFile
from webscreen.heart import Heart

_Part = BoardThread | Vision | ThermometerThread | ReaderThread


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Replaced:
    """A device's thread hung and was replaced; `heart` is that of the fresh one."""

    device: str
    lane: str
    heart: Heart


@dataclass(frozen=True, slots=True)
class Parts:
    """All device threads of one gate."""

    boards: dict[str, BoardThread]
    visions: dict[str, Vision]
    thermometers: dict[str, ThermometerThread]
    barriers: dict[str, BarrierWire]
    # By lane and name.
    readers: dict[tuple[str, str], ReaderThread] = field(default_factory=dict)

    def start(self) -> None:
        for part in self._all:
            part.start()

    def stop(self) -> None:
        for part in self._all:
            part.stop()

    def hearts(self) -> tuple[tuple[Heart, Callable[[], Replaced]], ...]:
        """Every device thread's, and what puts a fresh thread in its place."""
        return (
            *((board.heart, partial(_replace, self.boards, name, name, "")) for name, board in self.boards.items()),
            *((eye.heart, partial(_replace, self.visions, lane, "camera", lane)) for lane, eye in self.visions.items()),
            *(
                (thread.heart, partial(_replace, self.thermometers, lane, "thermometer", lane))
                for lane, thread in self.thermometers.items()
            ),
            *(
                (thread.heart, partial(_replace, self.readers, key, f"reader-{key[1]}", key[0]))
                for key, thread in self.readers.items()
            ),
        )

    @property
    def _all(self) -> tuple[_Part, ...]:
        return (*self.boards.values(), *self.visions.values(), *self.thermometers.values(), *self.readers.values())

    def want_mask(self, lane: str, on: bool) -> None:
        """Whether somebody stands at a lane whose mask is asked for."""
        if lane in self.visions:
            self.visions[lane].want_mask(on)

    def move(self, lane: str) -> Future[Pulse]:
        """One pulse of a lane's barrier."""
        wire = self.barriers.get(lane)
        if wire is None:
            refused: Future[Pulse] = Future()
            refused.set_exception(DeviceGoneError(lane, "the lane has no barrier"))
            return refused
        return self.boards[wire.board].pulse(wire.channel, wire.pulse_s)


def _replace(parts: dict[Any, Any], key: object, device: str, lane: str) -> Replaced:
    """First the old thread loses its device, so that the fresh one can have it and two never act."""
    parts[key].abandon()
    fresh = parts[key] = parts[key].fresh()
    fresh.start()
    return Replaced(device, lane, fresh.heart)


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
            visions[lane.name] = Vision(lane.name, lane.camera, VisionEar(lane.name, post), mono_ms, mask=lane.mask)
        if lane.thermometer is not None:
            connect = partial(reopening, lane.thermometer.driver, lane.thermometer.options)
            thermometers[lane.name] = ThermometerThread(lane.name, connect, ThermometerEar(lane.name, post))
    barriers = {lane.name: lane.barrier for lane in file.lanes if lane.barrier is not None}
    return Parts(boards, visions, thermometers, barriers, _readers(file, post))


def _readers(file: GateFile, post: Post) -> dict[tuple[str, str], ReaderThread]:
    threads = {}
    for lane in file.lanes:
        for name, device in lane.readers.items():
            ear = ReaderEar(lane.name, name, reader_gives(device), post)
            connect = partial(open_reader, device.driver, device.options)
            threads[lane.name, name] = ReaderThread(lane.name, name, connect, ear)
    return threads
