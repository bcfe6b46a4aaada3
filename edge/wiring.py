"""What is connected to each board, gathered from the lanes of the gate file."""

from __future__ import annotations

from dataclasses import dataclass

from edge.board_facts import ReleaseCause
from firmware_config.schema import GateFile, InputWire


@dataclass(frozen=True, slots=True)
class Release:
    """A terminal that frees a way out, and the relay that does it."""

    terminal: int
    cause: ReleaseCause
    channel: int
    pulse_s: float


@dataclass(frozen=True, slots=True)
class Wiring:
    """What is connected to one board."""

    inverted: frozenset[int] = frozenset()
    releases: tuple[Release, ...] = ()


def wiring_of(file: GateFile, board: str) -> Wiring:
    """The wiring of one board, from all lanes."""
    inverted: set[int] = set()
    releases: list[Release] = []
    for lane in file.lanes:
        table = lane.inputs
        wires = (table.presence, table.crossing, table.exit_button, table.assist, table.fire, table.door)
        inverted |= {wire.terminal for wire in wires if wire and wire.board == board and wire.inverted}
        barrier = lane.barrier
        if barrier is None or barrier.board != board:
            continue
        ways_out: tuple[tuple[ReleaseCause, InputWire | None], ...] = (
            ("exit_button", table.exit_button),
            ("fire", table.fire),
        )
        for cause, wire in ways_out:
            if wire is not None and wire.board == board:
                releases.append(Release(wire.terminal, cause, barrier.channel, barrier.pulse_s))
    return Wiring(frozenset(inverted), tuple(releases))
