"""What is wrong with this gate now: each fault is recorded once when it begins and once when it is over.

Open faults are kept in a small file beside the outbox, so that a fault that ends while the gate is down is cleared
by name after the restart, and not left open for ever at the collector.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from checkpoint.records import Cleared, Fault


class OpenFault(msgspec.Struct, frozen=True):
    """A fault and the record that told of it. `lane` is empty for the whole gate."""

    name: str
    device: str
    lane: str
    epoch: bytes
    number: int
    since_ms: int


class FaultBook:
    """The open faults, by name, part and lane."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[tuple[str, str, str], OpenFault] = {}
        for fault in _read(path):
            self._open[(fault.name, fault.device, fault.lane)] = fault

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        return key in self._open

    @property
    def open(self) -> tuple[OpenFault, ...]:
        return tuple(self._open.values())

    def named(self, device: str, lane: str) -> tuple[OpenFault, ...]:
        """All open faults of one part."""
        return tuple(fault for fault in self._open.values() if (fault.device, fault.lane) == (device, lane))

    def opened(self, payload: Fault, epoch: bytes, number: int, since_ms: int) -> None:
        key = (payload.name, payload.device, payload.lane)
        self._open[key] = OpenFault(*key, epoch, number, since_ms)
        self._save()

    def cleared(self, fault: OpenFault) -> None:
        self._open.pop((fault.name, fault.device, fault.lane), None)
        self._save()

    def _save(self) -> None:
        # Not synced: after a power cut at the worst moment an alarm is told twice or cleared late, never lost.
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.msgpack.encode(self.open))
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
