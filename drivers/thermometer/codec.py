"""What the driver needs of a codec: it is fed, told what was asked, and says what the device must hear first."""

from __future__ import annotations

from typing import Protocol

from drivers.thermometer.scan import Counters, Frame


class Codec(Protocol):
    """Bytes in, values out, no I/O. `note` says in words what a device answered in place of values; empty if nothing.

    `counters.good` counts sound answers. One that brings no frame, as in the middle of a round of questions, still
    shows that the device is there.
    """

    counters: Counters
    note: str

    @property
    def waiting_bytes(self) -> int:
        """How much of an unfinished frame is held."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, oldest first. Never raises, whatever the bytes are."""

    def end_burst(self) -> list[Frame]:
        """The line fell silent: what is held is all there will be."""

    def forget(self) -> None:
        """Drop what is held without looking at it."""

    def asked(self, question: bytes) -> None:
        """`question` goes out now; what comes next may be its answer."""

    def remedy(self) -> bytes:
        """What brings a device that talks in another way back to answering; empty while there is no need."""
