"""The device's side of a Raytek or Fluke pyrometer that speaks ASCII."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen

_LONGEST_COMMAND: Final = 64
_QUESTION: Final = re.compile(rb"(\d{3})?\?([1-8])?([A-Z]+\$?)")
_ORDER: Final = re.compile(rb"(\d{3})?([1-8])?([A-Z]+|\$)=(\S+)")
_SYNTAX_ERROR: Final = b"*Syntax Error\r\n"
# An LT head. Beyond it a text stands in place of the number; of these texts the manuals print examples only.
_LOW_C, _HIGH_C = -40.0, 600.0
_TOO_LOW, _TOO_HIGH = b"EUUU", b"EHHH"
# After any character a burst rests for some seconds: three, at ten lines a second.
_RESTS_LINES: Final = 30


class Device(Module):
    """Answers questions; in burst mode it sends lines, and obeys nothing but `V=P` while it rests from that."""

    period_s = 0.1
    header = b"!"
    command_length = 3
    step_c = 0.1
    answers_a_reading = 5

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming=False, options=options)
        box = options.get("box")
        self._box = b"" if box is None else b"%03d" % int(str(box))
        self._settings = {b"U": b"C", b"E": b"0.950", b"V": b"P", b"$": b"UTIE"}
        self._rests = 0

    def frame(self, seen: Seen) -> bytes:
        """A line of the burst: each letter of the burst string with its value."""
        if self._rests:
            self._rests -= 1
            return b""
        letters = (bytes((letter,)) for letter in self._settings[b"$"])
        return b" ".join(letter + self._value(letter, seen) for letter in letters) + b"\r\n"

    def wrong_type(self) -> bytes:
        return _SYNTAX_ERROR

    def hear(self, data: bytes, seen: Seen) -> list[bytes]:
        self._rests = _RESTS_LINES
        *lines, rest = bytes(self._heard + data).replace(b"\n", b"").split(b"\r")
        self._heard = bytearray(rest[-_LONGEST_COMMAND:])
        return [answer for line in lines if (answer := self.obey(line, seen))]

    def obey(self, command: bytes, seen: Seen) -> bytes:
        order = _ORDER.fullmatch(command)
        if self.streaming and not (order and order[3] == b"V"):
            return b""
        if order:
            return self._set(order)
        question = _QUESTION.fullmatch(command)
        if question is None:
            return _SYNTAX_ERROR
        if (question[1] or b"") != self._box:
            return b""
        letter = question[3].removeprefix(b"X") if question[3] == b"X$" else question[3]
        value = self._value(letter, seen)
        return self._answer(question[2], question[3], value) if value else _SYNTAX_ERROR

    def _set(self, order: re.Match[bytes]) -> bytes:
        if order[1] == b"000":
            # To all boxes: carried out and never answered.
            self._settings[order[3]] = order[4]
            return b""
        if (order[1] or b"") != self._box:
            return b""
        if order[3] not in self._settings:
            return _SYNTAX_ERROR
        self._settings[order[3]] = order[4]
        self.streaming = self._settings[b"V"] == b"B"
        return self._answer(order[2], order[3], order[4])

    def _answer(self, head: bytes | None, name: bytes, value: bytes) -> bytes:
        return self._box + b"!" + (head or b"") + name + value + b"\r\n"

    def _value(self, letter: bytes, seen: Seen) -> bytes:
        if letter == b"T":
            too_far = _TOO_LOW if seen.object_c < _LOW_C else _TOO_HIGH if seen.object_c > _HIGH_C else b""
            return too_far or self._shown(seen.object_c)
        if letter == b"I":
            return self._shown(seen.ambient_c)
        return self._settings.get(letter, b"")

    def _shown(self, value_c: float) -> bytes:
        return b"%.1f" % (value_c if self._settings[b"U"] == b"C" else value_c * 1.8 + 32)
