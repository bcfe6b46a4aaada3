"""A clock that the test moves by hand."""

from __future__ import annotations

from edge.clock import Moment

START_MS = 1_790_000_000_000


class HandClock:
    """Satisfies `edge.clock.Clock`. Wall and monotonic time advance together unless the test sets them apart."""

    def __init__(self, at_ms: int = START_MS, trusted: bool = True) -> None:
        self.at_ms = at_ms
        self.mono_ms = 1_000
        self.trusted = trusted
        self.boot_id = bytes(range(16))

    def now(self) -> Moment:
        return Moment(self.at_ms, self.mono_ms, self.trusted)

    def advance(self, ms: int) -> Moment:
        self.at_ms += ms
        self.mono_ms += ms
        return self.now()
