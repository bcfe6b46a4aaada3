"""A gate whose lanes have another device each: its file, the emulated devices, and what a person does at a lane."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from checkpoint.records import OutcomeOf, Verdict
from drivers.emulators.catalogue import Emulated, emulate
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.profile import Kind
from tools.demo.evidence import Kept, gate_records
from tools.demo.street import wait

# A skin that every lane takes for healthy, and which no wall has.
FOREHEAD_C: Final = 36.3
_SHARED_LANES: Final = 8
_PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Family:
    """One device under show. `name`: of the lane; `options`: beside those with which its emulator is reached."""

    kind: Kind
    driver: str
    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    lane_kind: str = "person"


@dataclass(slots=True)
class Lane:
    """One lane at work: its terminal on the shared board, its scanner, and the device that it shows."""

    family: Family
    number: int
    device: Emulated
    scanner: Emulated | None
    board: Emulated


@dataclass(frozen=True, slots=True)
class Came:
    """What the gate's disk says of one passage."""

    verdict: Verdict
    outcome: OutcomeOf


class Entrances:
    """Up to eight lanes. Started before the gate, so that its file can name the ports."""

    def __init__(self, folder: Path, families: Sequence[Family]) -> None:
        if len(families) > _SHARED_LANES:
            raise ValueError(f"{len(families)} lanes at one gate; the shared board has {_SHARED_LANES} relays")
        self.folder = folder
        self.families = tuple(families)
        self.lanes: dict[str, Lane] = {}
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        shared = self._emulated("board", "modbus_relay", "shared")
        for number, family in enumerate(self.families):
            # No board at all: its lane has nothing that could be emulated, or pulled out.
            device = shared if family.driver == "none" else self._device(family)
            own_scanner = family.driver == "gm65"
            scanner = device if own_scanner else self._emulated("reader", "gm65", f"{family.name}-scanner")
            self.lanes[family.name] = Lane(family, number, device, scanner, shared)
            if family.kind == "thermometer":
                device.set(object_c=None)

    def stop(self) -> None:
        self._running.close()

    def gate_file(self, head: str) -> str:
        """The gate file: `head` has everything but boards and lanes."""
        parts = [head, board_table("boards.shared", "modbus_relay", next(iter(self.lanes.values())).board.options)]
        for lane in self.lanes.values():
            if lane.family.kind == "board":
                parts.append(board_table(f"boards.{lane.family.name}", lane.family.driver, _options(lane)))
        return "\n".join([*parts, *map(_lane_table, self.lanes.values())])

    # --- what a person does, and what the gate's disk says of it --------------------------------------------------

    def step_in(self, lane: Lane) -> None:
        lane.board.set(input=lane.number, active=True)

    def step_out(self, lane: Lane) -> None:
        if lane.family.kind == "thermometer":
            lane.device.set(object_c=None)
        lane.board.set(input=lane.number, active=False)

    def is_open(self, lane: Lane) -> bool:
        """Whether the lane's contact is closed, whichever board it is on: asked of the board, not of the gate."""
        own = lane.family.kind == "board" and lane.device is not lane.board
        contacts: tuple[bool, ...] = (lane.device if own else lane.board).energised()  # type: ignore[attr-defined]
        return contacts[0 if own else lane.number]

    def scan(self, lane: Lane, code: bytes | str) -> None:
        if lane.scanner is not None:
            lane.scanner.set(text=code.decode() if isinstance(code, bytes) else code)

    def came(self, lane: Lane, since: int) -> Came | None:
        """The passage through a lane after the first `since` records, once it has its outcome."""
        verdict: Verdict | None = None
        outcome: OutcomeOf | None = None
        until_s = time.monotonic() + _PATIENCE_S
        while outcome is None and time.monotonic() < until_s:
            for kept in self.records()[since:]:
                payload = kept.payload
                if isinstance(payload, Verdict) and payload.where.lane == lane.family.name:
                    verdict = verdict or payload
                if isinstance(payload, OutcomeOf) and payload.where.lane == lane.family.name and verdict:
                    outcome = outcome or payload
            time.sleep(0.1)
        return None if verdict is None or outcome is None else Came(verdict, outcome)

    def verdict_given(self, lane: Lane, since: int) -> bool:
        """Whether the gate has decided about whoever came after the first `since` records."""

        def decided() -> bool:
            payloads = (kept.payload for kept in self.records()[since:])
            return any(isinstance(one, Verdict) and one.where.lane == lane.family.name for one in payloads)

        return wait(decided, _PATIENCE_S)

    def records(self) -> list[Kept]:
        return gate_records(self.folder / "data" / "outbox.db")

    def _device(self, family: Family) -> Emulated:
        if family.kind == "thermometer" and family.options:
            folder = self._made(family.name)
            settings = EmulatorSettings(options=family.options)
            return self._running.enter_context(ThermometerEmulator(family.driver, folder / "port", settings))
        return self._emulated(family.kind, family.driver, family.name)

    def _emulated(self, kind: Kind, driver: str, name: str) -> Emulated:
        return self._running.enter_context(emulate(kind, driver, self._made(name)))

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder


def _options(lane: Lane) -> dict[str, object]:
    reached = {} if lane.device is lane.board else lane.device.options
    return {**reached, **lane.family.options}


def _lane_table(lane: Lane) -> str:
    family = lane.family
    # A board that shows itself opens its own lane; who stands there is seen by the shared one, which has eyes for all.
    board, channel = (family.name, 0) if family.kind == "board" else ("shared", lane.number)
    lines = [
        "[[lanes]]",
        f'name = "{family.name}"',
        'direction = "in"',
        f'kind = "{family.lane_kind}"',
        f'barrier = {{ board = "{board}", channel = {channel}, pulse_s = 0.6 }}',
        f'inputs = {{ presence = {{ board = "shared", terminal = {lane.number} }} }}',
    ]
    if family.kind == "thermometer":
        lines.append(f"thermometer = {device_value(family.driver, _options(lane))}")
    if family.kind == "reader":
        lines.append(f"readers.device = {device_value(family.driver, _options(lane))}")
    if lane.scanner is not None and lane.scanner is not lane.device:
        lines.append(f"readers.scanner = {device_value('gm65', lane.scanner.options)}")
    return "\n".join(lines) + "\n"


def board_table(name: str, driver: str, options: Mapping[str, object]) -> str:
    return f'[{name}]\ndriver = "{driver}"\noptions = {_value(dict(options))}\n'


def device_value(driver: str, options: Mapping[str, object]) -> str:
    return f'{{ driver = "{driver}", options = {_value(dict(options))} }}'


def _value(value: Any) -> str:
    """TOML of plain values. Its strings, numbers and booleans are written as JSON's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
