"""The relays and inputs of an emulated board, and the log of what its contacts really did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

_FOREVER: Final = float("inf")


class WireLog:
    """One JSON line per contact that opened or closed, flushed at once: what the barrier saw, whoever ordered it."""

    def __init__(self, path: Path | None, mono_ms: Callable[[], int], at_ms: Callable[[], int]) -> None:
        self._file: IO[str] | None = path.open("a", encoding="utf-8") if path else None
        self._mono_ms = mono_ms
        self._at_ms = at_ms

    def write(self, event: str, channel: int, cause: str) -> None:
        """`open`: the relay is energised and the way opens; `close`: it has fallen back."""
        if self._file is None:
            return
        line = {
            "mono_ms": self._mono_ms(),
            "at_ms": self._at_ms(),
            "event": event,
            "channel": channel,
            "cause": cause,
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class RelayBoard:
    """State of the contacts. Times are seconds of the clock that the caller passes in."""

    def __init__(self, relays: int, inputs: int, log: WireLog) -> None:
        self.inputs = [False] * inputs
        self.relays = relays
        self._log = log
        self._ends_s: dict[int, float] = {}

    def coils(self) -> tuple[bool, ...]:
        return tuple(channel in self._ends_s for channel in range(self.relays))

    def on(self, channel: int, cause: str, until_s: float = _FOREVER) -> None:
        """Energise until `until_s`; one that is energised already takes the new end, and no contact moves."""
        if channel not in self._ends_s:
            self._log.write("open", channel, cause)
        self._ends_s[channel] = until_s

    def off(self, channel: int, cause: str) -> None:
        if self._ends_s.pop(channel, None) is not None:
            self._log.write("close", channel, cause)

    def off_all(self, cause: str) -> None:
        for channel in range(self.relays):
            self.off(channel, cause)

    def tick(self, now_s: float) -> None:
        """Let fall what is due."""
        for channel in [channel for channel, end_s in self._ends_s.items() if end_s <= now_s]:
            self.off(channel, "time")
