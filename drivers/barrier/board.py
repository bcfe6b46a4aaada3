"""What every board can do, whatever its wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from drivers.protocols import Pulse


@dataclass(frozen=True, slots=True)
class BoardSize:
    """Number of relays and of inputs."""

    relays: int
    inputs: int


class BoardOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of one board in the gate file; an unknown one is an error."""


class Board(Protocol):
    """A board that is open; one thread owns it."""

    def pulse(self, channel: int, seconds: float) -> Pulse:
        """Energise relay `channel` (from 0) for `seconds`; returns as soon as the board has the order.

        Sends one order and never repeats it. Raises DeviceGoneError when the relay has not moved or nobody can say,
        DeviceRefusedError when the board refused, ValueError for a channel or time that the board cannot do.
        """

    def read_inputs(self) -> tuple[bool, ...]:
        """Each input, first terminal first; () for a board without any. Raises DeviceGoneError when it is gone."""

    def close(self) -> None:
        """Leave the relays off and release the port. May be called twice."""

    def sever(self) -> None:
        """Take the board from a thread that hangs in it, which can move nothing any more. Any thread; never waits."""
