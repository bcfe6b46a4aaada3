"""HTTP/1.1 messages from bytes (RFC 9112), for cameras: head, then the body in pieces as it comes. Does no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal

# A camera's head has some 300 bytes.
MAX_HEAD_BYTES: Final = 8192
# Of a chunk's size line, its extensions included.
_MAX_LINE_BYTES: Final = 256
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MAX_LENGTH: Final = 2**40


class HttpError(ValueError):
    """What came is not HTTP, or more than is taken. Says what was wrong, and nothing of what was in it."""


@dataclass(frozen=True, slots=True)
class Head:
    """`start`: the request or status line. Names of fields in small letters, in the order in which they came."""

    start: str
    fields: tuple[tuple[str, str], ...]

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        """The field's only or first value; empty without one."""
        return next(iter(self.every(name)), "")

    @property
    def status(self) -> int:
        """Of a response. Raises HttpError for what is no status line."""
        match = re.fullmatch(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?", self.start)
        if match is None:
            raise HttpError("the answer does not begin with an HTTP/1 status line")
        return int(match[1])


@dataclass(frozen=True, slots=True)
class Body:
    """A piece of the body; `last`: the message is complete."""

    data: bytes
    last: bool


class _State(Enum):
    HEAD = auto()
    LENGTH = auto()
    SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    UNTIL_CLOSED = auto()


class MessageReader:
    """Messages of one connection. Keeps no more than one head; body bytes are handed on and forgotten."""

    def __init__(self, side: Literal["request", "response"]) -> None:
        self._side = side
        self._state = _State.HEAD
        self._buffer = bytearray()
        self._left = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for more; never more than MAX_HEAD_BYTES."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Head | Body]:
        """What has become clear. Raises HttpError; the connection is of no more use then."""
        self._buffer += data
        found: list[Head | Body] = []
        while (step := self._step()) is not None:
            found += step
        return found

    def _step(self) -> list[Head | Body] | None:
        """None: more bytes are needed."""
        match self._state:
            case _State.HEAD:
                return self._head()
            case _State.LENGTH | _State.CHUNK | _State.UNTIL_CLOSED:
                return self._piece()
            case _:
                return self._line()

    def _head(self) -> list[Head | Body] | None:
        # Empty lines before a request are to be skipped (RFC 9112 section 2.2).
        while self._buffer[:2] == b"\r\n":
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise HttpError(f"a head of more than {MAX_HEAD_BYTES} bytes")
            return None
        head = read_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._state, self._left = self._framing(head)
        return [head, Body(b"", True)] if self._state is _State.HEAD else [head]

    def _framing(self, head: Head) -> tuple[_State, int]:
        lengths, codings = head.every("content-length"), head.every("transfer-encoding")
        if codings:
            # Two lengths for one body: whoever is in between may have seen another one (RFC 9112 section 6.3).
            if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
                raise HttpError("a transfer coding other than chunked alone")
            return _State.SIZE, 0
        if lengths:
            if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 14):
                raise HttpError("a Content-Length that is no number")
            return (_State.LENGTH, int(lengths[0])) if int(lengths[0]) else (_State.HEAD, 0)
        return (_State.HEAD if self._side == "request" else _State.UNTIL_CLOSED), 0

    def _piece(self) -> list[Head | Body] | None:
        if not self._buffer:
            return None
        take = len(self._buffer) if self._state is _State.UNTIL_CLOSED else min(self._left, len(self._buffer))
        data = bytes(self._buffer[:take])
        del self._buffer[:take]
        if self._state is _State.UNTIL_CLOSED:
            return [Body(data, False)]
        self._left -= take
        if self._left:
            return [Body(data, False)]
        is_last = self._state is _State.LENGTH
        self._state = _State.HEAD if is_last else _State.CHUNK_END
        return [Body(data, is_last)]

    def _line(self) -> list[Head | Body] | None:
        """The lines of the chunked coding (RFC 9112 section 7.1)."""
        end = self._buffer.find(b"\r\n", 0, _MAX_LINE_BYTES)
        if end < 0:
            if len(self._buffer) >= _MAX_LINE_BYTES:
                raise HttpError("a line of the chunked coding has no end")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._state is _State.SIZE:
            self._left = _chunk_size(line)
            self._state = _State.CHUNK if self._left else _State.TRAILER
        elif self._state is _State.CHUNK_END:
            if line:
                raise HttpError("a chunk is longer than it says")
            self._state = _State.SIZE
        elif not line:
            self._state = _State.HEAD
            return [Body(b"", True)]
        return []


def read_head(data: bytes) -> Head:
    """A head without its last empty line. Raises HttpError."""
    start, *lines = data.decode("latin-1").split("\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise HttpError("a header that is no name and value")
        fields.append((name.lower(), value.strip()))
    return Head(start, tuple(fields))


def _chunk_size(line: bytes) -> int:
    digits = line.split(b";")[0].strip()
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,10}", digits):
        raise HttpError("a chunk without its size")
    size = int(digits, 16)
    if size > _MAX_LENGTH:
        raise HttpError("a chunk of more than anybody sends")
    return size
