"""From what one reader says to what its lane understands, and to a fault when it is away."""

from __future__ import annotations

from collections import deque
from typing import Final, get_args

from drivers.errors import OptionError
from drivers.reader import CardSeen, CodeScanned, DocumentSeen, PlateSeen, ReaderEvent, profile_of
from edge import facts
from edge.core import FaultOver, FaultSeen, LaneFact
from edge.lane_readers import ReaderFact
from edge.rim import Post
from firmware_config.schema import Device

_FAULTS: Final[dict[facts.Brings, str]] = {
    "code": "scanner_gone",
    "card": "card_reader_gone",
    "document": "id_reader_gone",
    "plate": "plate_camera_gone",
}
# No hand is faster; a scanner that hears noise is, and each of its codes would cost the core a signature.
_MOST_ACTS: Final = 20
_WITHIN_MS: Final = 1000


def reader_gives(device: Device) -> tuple[facts.Brings, ...]:
    """What a lane gets from this reader, as its driver's profile says. Raises OptionError."""
    known: tuple[facts.Brings, ...] = get_args(facts.Brings)
    gives = profile_of(device.driver).gives
    if found := tuple(what for what in known if what in gives):
        return found
    raise OptionError(f"reader driver {device.driver!r} gives {', '.join(gives)}: a lane uses {', '.join(known)}")


class ReaderEar:
    """Hears one reader of one lane. `gives`: what its driver says it gives; a fault is named after the first of it."""

    def __init__(self, lane: str, name: str, gives: tuple[facts.Brings, ...], post: Post) -> None:
        self._lane, self._name = lane, name
        self._fault = _FAULTS[gives[0]]
        self._post = post
        # None: not known yet; an earlier run of the gate may have left the fault open.
        self._is_down: bool | None = None
        self._said_ms: deque[int] = deque(maxlen=_MOST_ACTS)

    @property
    def _device(self) -> str:
        return f"reader-{self._name}"

    def said(self, event: ReaderEvent) -> None:
        """Hand it on, unless the reader says more than anybody can have done."""
        if len(self._said_ms) == _MOST_ACTS and event.mono_ms - self._said_ms[0] < _WITHIN_MS:
            return
        self._said_ms.append(event.mono_ms)
        self._post(LaneFact(self._lane, _fact(event)))

    def down(self, why: str) -> None:
        if self._is_down:
            return
        self._is_down = True
        self._post(LaneFact(self._lane, facts.ReaderDown(self._name, self._fault)))
        self._post(FaultSeen(self._fault, self._device, self._lane, why, 2))

    def up(self) -> None:
        if self._is_down is False:
            return
        self._is_down = False
        self._post(LaneFact(self._lane, facts.ReaderUp(self._name)))
        self._post(FaultOver(self._device, self._lane, self._fault))


def _fact(event: ReaderEvent) -> ReaderFact:
    match event:
        case CodeScanned(text=text):
            return facts.Scanned(text)
        case CardSeen(technology=technology, number=number):
            return facts.CardRead(technology, number)
        case DocumentSeen(number=number, name=name, expires=expires):
            return facts.DocumentRead(number, expires, name[-1:])
        case PlateSeen(plate=plate):
            return facts.PlateSeen(plate)
