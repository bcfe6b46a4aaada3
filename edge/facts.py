"""What a lane is told. Every fact is a plain value with a lane; when it happened is passed beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from checkpoint.cards import Technology
from checkpoint.temperature import Measurement

# `board`: any that the lane can't work without. `presence`, `fire`, `door`: the one that reads this contact.
# `mask`: the model that looks for masks.
Part = Literal["camera", "thermometer", "board", "presence", "fire", "door", "mask"]
# What a reader gives, as its driver's profile says it.
Brings = Literal["code", "card", "document", "plate"]


@dataclass(frozen=True, slots=True)
class CodesSeen:
    """The codes in view right now, as bytes; empty when the last one left the view.

    `still`: the camera repeats one picture. What it shows is then nobody's pass, and stays so until it has left.
    """

    payloads: tuple[bytes, ...]
    still: bool = False


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scanner read a code, once; its text as bytes."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardRead:
    """A card was held to a reader: its number, which anybody can copy."""

    technology: Technology
    number: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """An identity document was read: number as printed, last day YYYYMMDD or empty for none. Of the name only its last
    sign comes further than the driver, for the guard to compare while its holder stands there."""

    number: str = field(repr=False)
    expires: str = ""
    name_tail: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PlateSeen:
    """A camera read a number plate, as surely as its options ask for."""

    plate: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MaskSeen:
    """One look at the people in the frame grabbed at `mono_ms`. `face_share`: height of the largest face as a share of
    the frame's, 0 if there was none. `score`: how surely, from 0 to 1."""

    state: Literal["mask", "no_mask", "unsure"]
    face_share: float
    score: float
    mono_ms: int


@dataclass(frozen=True, slots=True)
class ReaderDown:
    """A reader of this lane does not work; `name` as in the gate file, `reason` a code of the reasons table."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReaderUp:
    name: str


@dataclass(frozen=True, slots=True)
class DoorMoved:
    """The contact of the door, at `mono_ms`. `first`: it was found so when its board answered."""

    open: bool
    mono_ms: int
    first: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """One valid frame of the thermometer."""

    measurement: Measurement


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """The presence sensor said, at `mono_ms`, that somebody stands in the lane, or no longer.

    The sensor's own time counts: two people must not become one because the core was busy when one followed the other.
    None: at the moment it is told.
    """

    occupied: bool
    mono_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Crossed:
    """The beam behind the barrier was broken once."""


@dataclass(frozen=True, slots=True)
class FireContact:
    """The fire input is active, or no longer. While it is, the board holds the way open."""

    active: bool


@dataclass(frozen=True, slots=True)
class AssistPressed:
    """Somebody needs more time (wheelchair button or guard's key)."""


@dataclass(frozen=True, slots=True)
class PartDown:
    """A device of this lane stopped working; `reason` is a code of the reasons table."""

    part: Part
    reason: str


@dataclass(frozen=True, slots=True)
class PartUp:
    part: Part


@dataclass(frozen=True, slots=True)
class BarrierMoved:
    """What became of the pulse that was asked for `passage`. Not `ok`: it could not be sent."""

    passage: bytes
    ok: bool


@dataclass(frozen=True, slots=True)
class WayOutFreed:
    """The rim has already opened: exit button or fire input. Not `ok`: the board did not take the order."""

    cause: Literal["exit_button", "fire"]
    opened_mono_ms: int
    ok: bool


@dataclass(frozen=True, slots=True)
class GuardDecided:
    """An authenticated guard acts; `passage` in hex as the screen showed it. Without one `stands` says for whom: see
    edge.standing; empty where nobody stood.

    `plate` and `visited` only with `walk_up`: whose car it is, and where a visitor without a pass is going. `number`
    only with `document_seen`: of the document that the guard read, empty where they only looked at it. `count` only
    with `occupants`: how many sit in the vehicle.
    """

    act: Literal[
        "admit",
        "refuse",
        "open",
        "measured",
        "clear_passback",
        "walk_up",
        "mask_seen",
        "mask_absent",
        "symptoms",
        "document_seen",
        "occupants",
    ]
    passage: str
    reason: str
    by: str
    object_c: float | None = None
    plate: str = ""
    visited: str = ""
    number: str = field(default="", repr=False)
    count: int | None = None
    stands: str = ""


@dataclass(frozen=True, slots=True)
class CityAnswered:
    """What a city's server said of the code that was asked about under `number`; `reason` is a code of the table."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time went by."""


Fact = (
    CodesSeen
    | Scanned
    | CardRead
    | DocumentRead
    | PlateSeen
    | MaskSeen
    | ReaderDown
    | ReaderUp
    | DoorMoved
    | Measured
    | PresenceChanged
    | Crossed
    | FireContact
    | AssistPressed
    | PartDown
    | PartUp
    | BarrierMoved
    | WayOutFreed
    | GuardDecided
    | CityAnswered
    | Ticked
)
