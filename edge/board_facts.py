"""What the thread of a board tells the core: contacts that changed, ways out that were freed, boards gone and back."""

from __future__ import annotations

from typing import Literal

import msgspec

ReleaseCause = Literal["exit_button", "fire"]


class InputChanged(msgspec.Struct, frozen=True):
    """A contact, debounced, `inverted` taken into account. After each `BoardBack` every terminal is told as `first`."""

    board: str
    terminal: int
    active: bool
    mono_ms: int
    first: bool = False


class Released(msgspec.Struct, frozen=True):
    """A way out was freed before anybody was asked: relay `channel`, ordered at `opened_mono_ms`.

    One for each opening. `ok` is False when the board did not take the order; while the fire contact stays active it is
    asked again, and another Released with `ok` follows.
    """

    board: str
    terminal: int
    cause: ReleaseCause
    opened_mono_ms: int
    ok: bool
    channel: int


class BoardGone(msgspec.Struct, frozen=True):
    """The board does not answer; its inputs are unknown and every pulse fails at once. Told once until it is back."""

    board: str
    why: str


class BoardBack(msgspec.Struct, frozen=True):
    """The board answers: at the start, and after each `BoardGone`."""

    board: str


BoardFact = InputChanged | Released | BoardGone | BoardBack
