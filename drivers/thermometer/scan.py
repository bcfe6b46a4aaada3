"""The search for frames in a byte stream that may lose, add and change bytes. No I/O: it is fed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from drivers.protocols import Mode


@dataclass(frozen=True, slots=True)
class Frame:
    """The values of one frame with the right checksum; None where the frame has no such value.

    `marks`: what the frame itself says takes away from them, such as a status bit; they join those of the judge.
    """

    object_c: float | None
    ambient_c: float | None
    body_c: float | None
    mode: Mode
    raw: bytes
    marks: tuple[str, ...] = ()


@dataclass(slots=True)
class Counters:
    """What a codec has met. `wrong_type`: right checksum, but no temperature in a layout we know."""

    good: int = 0
    checksum_bad: int = 0
    resync_bytes: int = 0
    wrong_type: int = 0


def sum8(data: bytes) -> int:
    """Low 8 bits of the sum of all bytes: the checksum of GY-614V3, GY-MCU9061x and LU90614 alike."""
    return sum(data) & 0xFF


class FrameScanner(ABC):
    """Finds frames that prove themselves by a checksum; a subclass knows one family's head, checksum and values.

    A head alone proves nothing, since its bytes may occur in data as well: after anything that is not a good frame
    a single byte is dropped and the search goes on at the next head.

    `buffer_cap_bytes`: never more is held; at least the longest frame. `head`: bytes with which every frame begins, if
    there are such, so that noise is passed over at once. `has_checksum`: without one, a subclass has other proof.
    """

    buffer_cap_bytes: ClassVar[int] = 64
    head: ClassVar[bytes] = b""
    has_checksum: ClassVar[bool] = True

    def __init__(self) -> None:
        self.counters = Counters()
        self._buffer = bytearray()
        self.note = ""
        self._question = b""

    @property
    def waiting_bytes(self) -> int:
        """How much of an unfinished frame is held; never above `buffer_cap_bytes`."""
        return len(self._buffer)

    def asked(self, question: bytes) -> None:
        """This question goes out now. Most answers say what they are; a subclass whose answers don't looks it up."""
        self._question = question

    def remedy(self) -> bytes:
        """What the device must hear before it answers again: nothing, unless a subclass knows such a device."""
        return b""

    def is_sound(self, raw: bytes) -> bool:
        """Whether `raw`, as long as `_wanted` said, has its family's checksum; here: a sum8 of all earlier bytes."""
        return sum8(raw[:-1]) == raw[-1]

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, oldest first. Never raises, whatever the bytes are."""
        frames: list[Frame] = []
        rest = memoryview(data)
        while rest:
            room = self.buffer_cap_bytes - len(self._buffer)
            self._buffer += rest[:room]
            rest = rest[room:]
            frames += self._scan()
        return frames

    def end_burst(self) -> list[Frame]:
        """The line fell silent in mid-frame: give that frame up, and return any whole ones that hid behind it."""
        frames: list[Frame] = []
        while self._buffer:
            self._drop_one()
            frames += self._scan()
        return frames

    def forget(self) -> None:
        """Drop what is held without looking at it."""
        self.counters.resync_bytes += len(self._buffer)
        self._buffer.clear()

    @abstractmethod
    def _wanted(self, head: bytearray) -> int:
        """Bytes needed to say more about a frame that begins with `head`, in the end its length; 0: none begins so."""

    @abstractmethod
    def _values(self, raw: bytes) -> Frame | None:
        """The frame in `raw`, whose checksum is right; None if it is not one of temperatures."""

    def _scan(self) -> list[Frame]:
        frames: list[Frame] = []
        while self._to_head():
            wanted = self._wanted(self._buffer)
            if wanted > len(self._buffer):
                break
            frame = self._checked(bytes(self._buffer[:wanted]))
            if frame is None:
                self._drop_one()
            else:
                del self._buffer[:wanted]
                self.counters.good += 1
                frames.append(frame)
        return frames

    def _checked(self, raw: bytes) -> Frame | None:
        if not raw:
            return None
        if not self.is_sound(raw):
            self.counters.checksum_bad += 1
            return None
        frame = self._values(raw)
        if frame is None:
            self.counters.wrong_type += 1
        return frame

    def _to_head(self) -> bool:
        """Drop what stands before the next head, whole or begun; whether anything is left."""
        if not self._buffer.startswith(self.head):
            place = self._buffer.find(self.head)
            self._drop(len(self._buffer) - self._head_begun() if place < 0 else place)
        return bool(self._buffer)

    def _head_begun(self) -> int:
        """How many of the last bytes held are the beginning of a head."""
        for length in range(min(len(self.head) - 1, len(self._buffer)), 0, -1):
            if self._buffer.endswith(self.head[:length]):
                return length
        return 0

    def _drop_one(self) -> None:
        self._drop(1)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self.counters.resync_bytes += count
