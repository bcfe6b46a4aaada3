"""The search for frames in a byte stream that may lose, add and change bytes. No I/O: it is fed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from drivers.protocols import Mode

# No family here has a frame above 21 bytes; a buffer of this size always holds a whole one and is always enough.
BUFFER_CAP_BYTES = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """The values of one frame with the right checksum; None where the frame has no such value."""

    object_c: float | None
    ambient_c: float | None
    body_c: float | None
    mode: Mode
    raw: bytes


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
    """Finds frames that end in the sum of all their earlier bytes; a subclass knows one family's head and values.

    A head alone proves nothing, since its bytes may occur in data as well: after anything that is not a good frame
    a single byte is dropped and the search goes on at the next.
    """

    def __init__(self) -> None:
        self.counters = Counters()
        self._buffer = bytearray()

    @property
    def waiting_bytes(self) -> int:
        """How much of an unfinished frame is held; never above BUFFER_CAP_BYTES."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, oldest first. Never raises, whatever the bytes are."""
        frames: list[Frame] = []
        rest = memoryview(data)
        while rest:
            room = BUFFER_CAP_BYTES - len(self._buffer)
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
        while self._buffer:
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
        if sum8(raw[:-1]) != raw[-1]:
            self.counters.checksum_bad += 1
            return None
        frame = self._values(raw)
        if frame is None:
            self.counters.wrong_type += 1
        return frame

    def _drop_one(self) -> None:
        del self._buffer[0]
        self.counters.resync_bytes += 1
