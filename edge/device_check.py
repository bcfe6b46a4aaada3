"""What the drivers say of a gate file, before anything is opened: their options, and wires that no board has."""

from __future__ import annotations

from collections.abc import Iterator

from drivers import registry
from drivers.errors import OptionError
from drivers.profile import Kind
from firmware_config.schema import Device, GateFile


def device_problems(file: GateFile) -> tuple[str, ...]:
    """One line for each device or wire that its driver refuses; opens nothing."""
    return (*_board_problems(file), *_lane_problems(file))


def _refusal(table: str, kind: Kind, device: Device) -> Iterator[str]:
    try:
        registry.check_options(kind, device.driver, device.options)
    except OptionError as error:
        yield f"[{table}]: {error}"


def _board_problems(file: GateFile) -> Iterator[str]:
    for name, board in file.boards.items():
        yield from _refusal(f"boards / {name}", "board", board)


def _lane_problems(file: GateFile) -> Iterator[str]:
    for number, lane in enumerate(file.lanes, 1):
        table = f"lanes #{number}"
        if lane.camera is not None:
            yield from _refusal(f"{table} / camera", "camera", lane.camera)
        if lane.thermometer is not None:
            yield from _refusal(f"{table} / thermometer", "thermometer", lane.thermometer)
        for name, reader in lane.readers.items():
            yield from _refusal(f"{table} / readers / {name}", "reader", reader)
        if lane.barrier is not None:
            yield from _beyond(file, f"{table} / barrier", lane.barrier.board, "relays", lane.barrier.channel)
        for role in lane.inputs.__struct_fields__:
            wire = getattr(lane.inputs, role)
            if wire is not None:
                yield from _beyond(file, f"{table} / inputs / {role}", wire.board, "inputs", wire.terminal)


def _beyond(file: GateFile, table: str, board: str, what: str, wanted: int) -> Iterator[str]:
    device = file.boards[board]
    try:
        has: int = getattr(registry.board_size(device.driver, device.options), what)
    except OptionError:
        # The board's own line says what is wrong.
        return
    if wanted >= has:
        numbers = f"counted from 0 to {has - 1}" if has else "it has none"
        yield f"[{table}]: {wanted} is beyond the {has} {what} of board {board!r} ({device.driver}); {numbers}"
