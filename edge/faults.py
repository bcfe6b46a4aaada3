"""What is wrong with this gate now: each fault is recorded once when it begins and once when it is over.

Open faults are kept in a small file beside the outbox, so that a fault that ends while the gate is down is cleared
by name after the restart, and not left open for ever at the collector. A fault that can't be recorded because the disk
takes nothing is held in memory: the screen shows it, and it is recorded as soon as anything can be.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from checkpoint.records import Cleared, Fault

# More kinds of faults than a gate has.
_MOST_HELD: Final = 200


class OpenFault(msgspec.Struct, frozen=True):
    """A fault and the record that told of it, number 0 if none did yet. `lane` is empty for the whole gate."""

    name: str
    device: str
    lane: str
    epoch: bytes
    number: int
    since_ms: int


@dataclass(slots=True)
class HeldFault:
    """A fault that nothing could be recorded of. `over`: it has ended since."""

    payload: Fault
    since_ms: int
    over: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return self.payload.name, self.payload.device, self.payload.lane


class FaultBook:
    """The open faults, by name, part and lane."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[tuple[str, str, str], OpenFault] = {}
        self._held: list[HeldFault] = []
        # Recorded faults that have ended while nothing could be recorded of it.
        self._ended: dict[tuple[str, str, str], OpenFault] = {}
        for fault in _read(path):
            self._open[(fault.name, fault.device, fault.lane)] = fault

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        return key in self._open or any(held.key == key for held in self._held if not held.over)

    @property
    def open(self) -> tuple[OpenFault, ...]:
        """Everything that is wrong now, recorded or not."""
        held = (OpenFault(*held.key, b"", 0, held.since_ms) for held in self._held if not held.over)
        return (*self._open.values(), *held)

    def named(self, device: str, lane: str) -> tuple[OpenFault, ...]:
        """All recorded open faults of one part."""
        return tuple(fault for fault in self._open.values() if (fault.device, fault.lane) == (device, lane))

    def opened(self, payload: Fault, epoch: bytes, number: int, since_ms: int) -> None:
        key = (payload.name, payload.device, payload.lane)
        self._open[key] = OpenFault(*key, epoch, number, since_ms)
        self._save()

    def ended(self, fault: OpenFault) -> None:
        """A recorded fault is over, and that can't be recorded now. Should it begin again, that is another fault."""
        key = (fault.name, fault.device, fault.lane)
        self._ended[key] = self._open.pop(key)

    def take_ended(self) -> tuple[OpenFault, ...]:
        """All such faults, to be cleared now; what fails again comes back by `ended`."""
        ended, self._ended = tuple(self._ended.values()), {}
        self._open |= {(fault.name, fault.device, fault.lane): fault for fault in ended}
        return ended

    def hold(self, fault: HeldFault) -> None:
        """Keep a fault that can't be recorded now; one that is over goes when there are too many."""
        self._held.append(fault)
        if len(self._held) > _MOST_HELD:
            self._held.remove(next((held for held in self._held if held.over), self._held[0]))

    def held_over(self, device: str, lane: str, name: str = "") -> None:
        """Held faults of this part have ended."""
        for held in self._held:
            if held.key[1:] == (device, lane) and name in ("", held.payload.name):
                held.over = True

    def take_held(self) -> list[HeldFault]:
        """All held faults, to be recorded now; what fails again comes back by `hold`."""
        held, self._held = self._held, []
        return held

    def cleared(self, fault: OpenFault) -> None:
        self._open.pop((fault.name, fault.device, fault.lane), None)
        self._save()

    def _save(self) -> None:
        # Not synced: after a power cut at the worst moment an alarm is told twice or cleared late, never lost.
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.msgpack.encode((*self._open.values(), *self._ended.values())))
            os.replace(fresh, self._path)
        except OSError:
            # A disk that takes no file takes no record either; that is a fault with its own alarm.
            return


def cleared_payload(fault: OpenFault) -> Cleared:
    return Cleared(1, fault.name, fault.device, fault.lane, fault.epoch, fault.number)


def _read(path: Path) -> tuple[OpenFault, ...]:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=tuple[OpenFault, ...])
    except (OSError, msgspec.DecodeError):
        return ()
