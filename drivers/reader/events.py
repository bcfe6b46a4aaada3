"""What readers say, and what every reader can do. What identifies a person is never in a `repr`, and so in no log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec


class ReaderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of one reader in the gate file; an unknown one is an error."""


@dataclass(frozen=True, slots=True)
class CodeScanned:
    """A scanner read a code once; `text` as it came, without the line's end."""

    mono_ms: int
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardSeen:
    """A card came to the reader. `number`: 5 bytes of an EM4100, 4, 7 or 10 of an ISO 14443 A card's UID.

    Anybody can copy such a number with a device for a few coins: it says which card, and proves nothing.
    """

    mono_ms: int
    technology: Literal["em4100", "iso14443a"]
    number: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DocumentSeen:
    """An identity document was read. `number` as printed, `name` as printed, `expires` YYYYMMDD, empty: never.

    The rest of the document, its picture above all, stays in the driver and is dropped there.
    """

    mono_ms: int
    number: str = field(repr=False)
    name: str = field(repr=False)
    expires: str


@dataclass(frozen=True, slots=True)
class PlateSeen:
    """A camera read a number plate that is one (`plates.is_plate`), at least as surely as its options ask for.

    `confidence` in percent, None where the camera does not say. `direction`: towards the camera, away, or not said.
    """

    mono_ms: int
    plate: str = field(repr=False)
    confidence: int | None
    direction: Literal["approach", "leave", ""]


ReaderEvent = CodeScanned | CardSeen | DocumentSeen | PlateSeen


class Reader(Protocol):
    """An open reader; one thread reads."""

    def read(self, timeout_s: float) -> ReaderEvent | None:
        """The next event, or None if none came in time. Raises DeviceGoneError when it is away or does not answer."""

    def close(self) -> None:
        """Release the device. From any thread; ends a read under way. May be called twice."""

    def sever(self) -> None:
        """Take the device from a thread that hangs in it; from any thread, without waiting."""
