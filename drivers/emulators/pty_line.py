"""A serial line without a cable: a pseudo-terminal behind a stable link, paced and torn like the real thing."""

from __future__ import annotations

import os
import random
import tty
from pathlib import Path
from typing import Final, Literal

Split = Literal["torn", "whole", "bytes"]

_READ_BYTES: Final = 4096
# One start bit, eight data bits, one stop bit.
_BITS_PER_BYTE: Final = 10
# An adapter hands over what has come in since its last tick, so pieces of a frame have any length up to this.
_LONGEST_PIECE: Final = 6


class PtyLine:
    """The device's end of a line. `link` points at the other end while plugged in.

    Raises FileExistsError if something that is no link stands in the place of `link`.
    """

    def __init__(self, link: Path, baud: int, split: Split, rng: random.Random) -> None:
        self.link = link
        self._byte_s = _BITS_PER_BYTE / baud
        self._split = split
        self._rng = rng
        self._master: int | None = None
        self._slave: int | None = None
        self.path = ""

    @property
    def master(self) -> int | None:
        """The file descriptor to wait on; None while unplugged."""
        return self._master

    def plug(self) -> None:
        """Open a new pseudo-terminal and point the link at it."""
        self.unplug()
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(f"{self.link} is not a link; name another path for the emulated port")
        self._master, self._slave = os.openpty()
        # Without raw mode on both ends the bytes 0A, 0D, 11 and 13 would be changed on the way.
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._point_link()

    def unplug(self) -> None:
        """Take the link and the pseudo-terminal away, as pulling the cable does. May be called twice."""
        if self._master is None or self._slave is None:
            return
        if self.link.is_symlink() and os.readlink(self.link) == self.path:
            self.link.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None

    def read(self) -> bytes:
        """What the program at the other end has sent, without waiting."""
        if self._master is None:
            return b""
        try:
            return os.read(self._master, _READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, piece: bytes) -> None:
        """Send without waiting. If nobody reads, bytes are lost, as on a real line."""
        if self._master is None:
            return
        try:
            os.write(self._master, piece)
        except BlockingIOError:
            return

    def pieces(self, data: bytes) -> list[tuple[bytes, float]]:
        """`data` as it will arrive: each piece with the seconds it takes on the line."""
        pieces = []
        start = 0
        while start < len(data):
            piece = data[start : start + self._cut(len(data))]
            pieces.append((piece, len(piece) * self._byte_s))
            start += len(piece)
        return pieces

    def _cut(self, whole: int) -> int:
        if self._split == "whole":
            return whole
        return 1 if self._split == "bytes" else self._rng.randint(1, _LONGEST_PIECE)

    def _point_link(self) -> None:
        # Made aside and moved, so that at no time the link points at nothing.
        aside = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        aside.unlink(missing_ok=True)
        aside.symlink_to(self.path)
        aside.replace(self.link)
