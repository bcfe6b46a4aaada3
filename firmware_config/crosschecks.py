"""What no single value of a gate file can show: names that must exist, wires that must be used once, ways out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from firmware_config.forms import Problem, likely, shown
from firmware_config.schema import BarrierWire, GateFile, InputWire, Lane


def crosschecks(file: GateFile) -> Iterator[Problem]:
    """Every contradiction of a gate file whose single values are right."""
    yield from _timezone(file)
    yield from _pin(file)
    yield from _lane_names(file)
    for number, lane in enumerate(file.lanes, 1):
        yield from _boards_exist(file, lane, number)
        yield from _ways_out(lane, number)
        yield from _mask(lane, number)
    yield from _wires_used_once(file)
    yield from _ports_used_once(file)


def _timezone(file: GateFile) -> Iterator[Problem]:
    name = file.gate.timezone
    try:
        ZoneInfo(name)
    # A folder or a path outside of the zone files is no zone either.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Problem("gate", "timezone", shown("timezone", name), "no such time zone; write one like 'Asia/Shanghai'")


def _pin(file: GateFile) -> Iterator[Problem]:
    pin_hash = file.screen.guard_pin_hash
    if pin_hash is not None and not pin_hash.startswith("$argon2"):
        what = "must be an Argon2 hash ($argon2id$...), never the PIN itself"
        yield Problem("screen", "guard_pin_hash", shown("guard_pin_hash", pin_hash), what)


def _lane_names(file: GateFile) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, lane in enumerate(file.lanes, 1):
        if lane.name in seen:
            yield Problem(f"lanes #{number}", "name", repr(lane.name), "another lane has this name; names are unique")
        seen.add(lane.name)


def _wires(lane: Lane, number: int) -> Iterator[tuple[str, BarrierWire | InputWire]]:
    if lane.barrier is not None:
        yield f"lanes #{number} / barrier", lane.barrier
    for role in lane.inputs.__struct_fields__:
        wire = getattr(lane.inputs, role)
        if wire is not None:
            yield f"lanes #{number} / inputs / {role}", wire


def _boards_exist(file: GateFile, lane: Lane, number: int) -> Iterator[Problem]:
    for table, wire in _wires(lane, number):
        if wire.board not in file.boards:
            known = ", ".join(file.boards) or "none"
            what = f"no such board{likely(wire.board, file.boards) or f'; there are: {known}'}"
            yield Problem(table, "board", repr(wire.board), what)


def _ways_out(lane: Lane, number: int) -> Iterator[Problem]:
    if lane.direction == "out" and lane.barrier is not None and not lane.other_free_exit:
        what = "a lane that leads out may not hold people back; remove the barrier, or attest other_free_exit = true"
        yield Problem(f"lanes #{number}", "barrier", "", what)
    for role, wire in (("exit_button", lane.inputs.exit_button), ("fire", lane.inputs.fire)):
        if wire is not None and lane.barrier is not None and wire.board != lane.barrier.board:
            what = f"must be on {lane.barrier.board!r}, the board of the barrier that it frees"
            yield Problem(f"lanes #{number} / inputs / {role}", "board", repr(wire.board), what)


def _mask(lane: Lane, number: int) -> Iterator[Problem]:
    if lane.mask is not None and lane.camera is None:
        yield Problem(f"lanes #{number}", "mask", "", "looks through the lane's camera, and there is none; add one")


def _wires_used_once(file: GateFile) -> Iterator[Problem]:
    first: dict[tuple[str, str, int], str] = {}
    for number, lane in enumerate(file.lanes, 1):
        for table, wire in _wires(lane, number):
            key = "channel" if isinstance(wire, BarrierWire) else "terminal"
            place: int = getattr(wire, key)
            user = first.setdefault((wire.board, key, place), table)
            if user != table:
                yield Problem(table, key, str(place), f"[{user}] uses this {key} of board {wire.board!r} already")


def _own_port(options: Mapping[str, Any]) -> str:
    """What one driver alone can have: a serial port, or a network port that it listens on. Two may call one host."""
    port = options.get("port", "")
    if isinstance(port, str):
        return port
    return f"{options['address']}:{port}" if "address" in options else ""


def _ports_used_once(file: GateFile) -> Iterator[Problem]:
    users: defaultdict[str, list[str]] = defaultdict(list)
    for name, board in file.boards.items():
        users[_own_port(board.options)].append(f"boards / {name}")
    for number, lane in enumerate(file.lanes, 1):
        for role in ("camera", "thermometer"):
            device = getattr(lane, role)
            if device is not None:
                users[_own_port(device.options)].append(f"lanes #{number} / {role}")
        for name, reader in lane.readers.items():
            users[_own_port(reader.options)].append(f"lanes #{number} / readers / {name}")
    for port, tables in users.items():
        for table in tables[1:] if port else []:
            yield Problem(f"{table} / options", "port", repr(port), f"[{tables[0]}] has this port already")
