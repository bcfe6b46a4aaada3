"""LCUS relay board: it cannot time a pulse, so a child process times it and switches off at its end."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from drivers.barrier.board import BoardOptions, BoardSize
from drivers.barrier.child_board import ChildBoard
from drivers.barrier.lcus_frames import ASK_ALL, FrameReader, TextReader, ask
from drivers.profile import Profile

_MOST_RELAYS: Final = 8

PROFILE: Final = Profile(
    name="lcus",
    kind="board",
    hardware="LCUS-1, -2, -4, -8 with CH340 plug",
    wire="USB serial",
    gives=("relays", "read-back on boards that answer"),
    sources="A",
    sure="switching frames published; the two ways in which some boards answer rest on one source each",
    bauds=(9600,),
    usb_ids=("1A86:7523",),
    traps=(
        "no board of this family times a pulse: a process of its own switches off",
        "plain boards never answer: an opening is then never confirmed by the board",
        "set read_back only for a board that answers: without answers it counts as gone",
    ),
)


class Options(BoardOptions, frozen=True):
    """`read_back`: how the board tells the state of a relay; `state` to a frame with 05, `ff` to FF, in words."""

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Annotated[int, msgspec.Meta(ge=1200, le=115200)] = 9600
    relays: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    read_back: Literal["none", "state", "ff"] = "none"


def size(options: Options) -> BoardSize:
    return BoardSize(options.relays, inputs=0)


def connect(options: Options) -> ChildBoard:
    arguments = (options.port, str(options.baud), str(options.relays), options.read_back)
    return ChildBoard(f"lcus {options.port}", ("drivers.barrier.lcus_child", *arguments), options.relays)


class Recognition:
    """Knows boards that answer, by their own words. Plain ones say nothing and can't be recognised."""

    questions: tuple[bytes, ...] = (ask(0), ASK_ALL)

    def __init__(self) -> None:
        self._frames, self._text = FrameReader(), TextReader()
        self._known = False

    def feed(self, data: bytes) -> bool:
        found = [*self._frames.feed(data), *self._text.feed(data)]
        self._known = self._known or any(channel < _MOST_RELAYS for channel, _ in found)
        return self._known


def recognise() -> Recognition:
    return Recognition()
