"""Relays and contacts on the pin header of a Raspberry Pi; a child process times the pulses and owns the pins."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Final, Literal

import msgspec

from drivers.barrier.board import BoardOptions, BoardSize
from drivers.barrier.child_board import ChildBoard
from drivers.errors import OptionError
from drivers.profile import Profile

PROFILE: Final = Profile(
    name="gpio",
    kind="board",
    hardware="relay HATs and relay boards on the pin header of a Raspberry Pi",
    wire="GPIO, through gpiozero and lgpio",
    gives=("relays", "inputs"),
    sources="C",
    sure="gpiozero's own mock pins; never driven on a real header",
    traps=(
        "nothing but software ends a pulse: a process of its own switches off",
        "an opening is never confirmed: a pin's level says nothing of the relay behind it",
        "set active_low for boards that switch on at 0 V, or the barrier is open while it should be shut",
        "before the gate runs, pins 0 to 8 are pulled up and 9 to 27 down: choose pins whose pull leaves the relay off",
        "while a low-active output is claimed its pin is low for some microseconds: no solid-state relays there",
        "3.3 V and a few milliamperes: never a relay coil directly on a pin",
    ),
    example={"relays": (17,)},
)

_Pin = Annotated[int, msgspec.Meta(ge=0, le=27)]


class Options(BoardOptions, frozen=True, kw_only=True):
    """Pins by their GPIO number, the first relay or contact first.

    `active_low`: relays that are on while their pin is low. `pull`: resistor inside the computer for every contact;
    with `up` and `none` a contact is closed while its pin is low, with `down` while it is high. `header`: for trials,
    the socket of an emulated header.
    """

    relays: Annotated[tuple[_Pin, ...], msgspec.Meta(min_length=1, max_length=16)]
    inputs: Annotated[tuple[_Pin, ...], msgspec.Meta(max_length=16)] = ()
    active_low: bool = False
    pull: Literal["up", "down", "none"] = "up"
    header: Annotated[str, msgspec.Meta(max_length=100)] = ""

    def __post_init__(self) -> None:
        pins = self.relays + self.inputs
        twice = sorted({pin for pin in pins if pins.count(pin) > 1})
        if twice:
            raise ValueError(f"pin {twice[0]} stands twice in relays and inputs; give each its own")


def size(options: Options) -> BoardSize:
    return BoardSize(len(options.relays), len(options.inputs))


def connect(options: Options) -> ChildBoard:
    for library in ("gpiozero",) if options.header else ("gpiozero", "lgpio"):
        if find_spec(library) is None:
            raise OptionError(f"board driver 'gpio' needs the library {library}: pip install 'guankou[gpio]'")
    command = ("drivers.barrier.gpio_child", msgspec.json.encode(options).decode())
    return ChildBoard(f"gpio {options.relays}", command, len(options.relays), len(options.inputs))
