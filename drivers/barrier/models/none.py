"""No barrier: an open site, where the screen alone says go."""

from __future__ import annotations

from typing import Final

from drivers.barrier.board import BoardOptions, BoardSize
from drivers.profile import Profile
from drivers.protocols import Pulse

PROFILE: Final = Profile(
    name="none",
    kind="board",
    hardware="no board: an open site, where the screen alone says go",
    wire="none",
    gives=(),
    sources="A",
    sure="nothing to be sure of",
    bauds=(),
    usb_ids=(),
    traps=(),
)


class Options(BoardOptions, frozen=True):
    """It has none."""


def size(_options: Options) -> BoardSize:
    """As many channels as a gate file can name: each of them does nothing."""
    return BoardSize(relays=32, inputs=0)


class NoBoard:
    """Takes every order, moves nothing, and says so."""

    def pulse(self, channel: int, seconds: float) -> Pulse:
        return Pulse(confirmed=False)

    def read_inputs(self) -> tuple[bool, ...]:
        return ()

    def close(self) -> None:
        return

    def sever(self) -> None:
        return


def connect(options: Options) -> NoBoard:
    return NoBoard()
