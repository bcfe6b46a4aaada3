"""What a GM65 barcode module sends: codes as lines of text, and answers to commands in between. No I/O."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from typing import Final

# Longer than any code that a gate can do something with; a QR code holds at most 7089 digits.
LONGEST_TEXT: Final = 8000
READ: Final = 0x07
WRITE: Final = 0x08

_COMMAND_HEAD: Final = b"\x7e\x00"
# Head and "success" of an answer; its length and data follow, and a CRC.
_ANSWER_HEAD: Final = b"\x02\x00\x00"
# Only one or two bytes are ever asked for, so that nothing longer inside of a text is taken for an answer.
_ANSWER_DATA: Final = (1, 2)
_ENDS: Final = (b"\r", b"\n")


@dataclass(frozen=True, slots=True)
class Text:
    """A code's text, without the line's end."""

    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The answer to a command, with its one or two bytes."""

    data: bytes


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 1021, start 0."""
    return binascii.crc_hqx(data, 0)


def command(kind: int, zone: int, data: bytes) -> bytes:
    """A command as it goes out; for READ `data` is how many bytes are wanted."""
    counted = bytes((kind, 1 if kind == READ else len(data))) + zone.to_bytes(2, "big") + data
    return _COMMAND_HEAD + counted + crc16(counted).to_bytes(2, "big")


class Codec:
    """Parts lines from answers. Keeps at most one text of the longest kind; what gets longer is dropped to its end.

    `by_silence`: the module sends no line's end, so `quiet` ends a text; else it throws away what has no end.
    """

    def __init__(self, by_silence: bool = False) -> None:
        self._by_silence = by_silence
        self._raw = bytearray()
        self._text = bytearray()
        self._dropping = False
        self.dropped = 0

    @property
    def waiting_bytes(self) -> int:
        """What is not yet a whole text or answer."""
        return len(self._raw) + len(self._text)

    def feed(self, data: bytes) -> list[Text | Acknowledged]:
        """The texts and answers that are whole now."""
        heard: list[Text | Acknowledged] = []
        for start in range(0, len(data), LONGEST_TEXT):
            self._raw += data[start : start + LONGEST_TEXT]
            self._part(heard)
        return heard

    def quiet(self) -> list[Text | Acknowledged]:
        """The line has been silent for longer than within a text: what waits will get no end."""
        self._keep(bytes(self._raw))
        self._raw.clear()
        if not self._by_silence:
            self.dropped += bool(self._text)
            self._text.clear()
        heard: list[Text | Acknowledged] = []
        self._end(heard)
        return heard

    def forget(self) -> None:
        """What came up to now is a thing of the past."""
        self._raw.clear()
        self._text.clear()
        self._dropping = False

    def _part(self, heard: list[Text | Acknowledged]) -> None:
        """Take answers out first: their bytes may look like a line's end."""
        raw, start = self._raw, 0
        # From here on nothing is an answer's beginning; what ends with part of one waits for more.
        while (place := _next_answer(raw, start)) < len(raw):
            self._lines(bytes(raw[start:place]), heard)
            size = _answer_size(raw, place)
            if size > len(raw) - place:
                start = place
                break
            answer = bytes(raw[place : place + size])
            if size and crc16(answer[2:-2]) == int.from_bytes(answer[-2:], "big"):
                heard.append(Acknowledged(answer[4:-2]))
                start = place + size
            else:
                self._lines(bytes(raw[place : place + 1]), heard)
                start = place + 1
        else:
            self._lines(bytes(raw[start:]), heard)
            start = len(raw)
        del raw[:start]

    def _lines(self, data: bytes, heard: list[Text | Acknowledged]) -> None:
        first, *others = data.replace(*_ENDS).split(_ENDS[1])
        self._keep(first)
        for other in others:
            self._end(heard)
            self._keep(other)

    def _keep(self, data: bytes) -> None:
        if self._dropping or len(self._text) + len(data) > LONGEST_TEXT:
            self._dropping = True
            self._text.clear()
        else:
            self._text += data

    def _end(self, heard: list[Text | Acknowledged]) -> None:
        # An empty line is the second half of CR LF.
        if self._text:
            heard.append(Text(bytes(self._text)))
        self.dropped += self._dropping
        self._text.clear()
        self._dropping = False


def _next_answer(raw: bytearray, start: int) -> int:
    """Where an answer may begin, at the end also with a part of its head."""
    found = raw.find(_ANSWER_HEAD, start)
    if found >= 0:
        return found
    for kept in (2, 1):
        if len(raw) - start >= kept and raw.endswith(_ANSWER_HEAD[:kept]):
            return len(raw) - kept
    return len(raw)


def _answer_size(raw: bytearray, place: int) -> int:
    """How many bytes the answer at `place` has, or of its head; 0 if its length is none."""
    if len(raw) - place < 4:
        return 4
    return 6 + raw[place + 3] if raw[place + 3] in _ANSWER_DATA else 0
