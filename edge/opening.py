"""An opened lane: counts who goes through, until the outcome is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from checkpoint.records import Outcome

# After the last expected crossing: the time in which one more is a tailgater of this passage.
SETTLE_MS: Final = 700

By = Literal["verdict", "guard", "exit_button", "fire"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of an opening; `reason` is empty when everything went as meant."""

    outcome: Outcome
    reason: str

    @property
    def went_through(self) -> bool:
        """Whether the holder of the pass did, as far as is known: by the machine's word or by a guard's."""
        by_guard = self.outcome == "admitted_by_guard" and self.reason in ("", "opened_unconfirmed")
        return by_guard or self.outcome in ("passed", "opened_unconfirmed")


class Opening:
    """One opening from the pulse to its outcome. `admitted` people may go through.

    `began_ms`: when it was asked for.
    `shared`: it was opened again meanwhile, by a button or a guard; whoever crosses may be somebody else.
    """

    def __init__(self, passage: bytes, by: By, admitted: int, now_ms: int, pulse_ms: int, wait_ms: int) -> None:
        self.passage = passage
        self.by = by
        self.admitted = admitted
        self.crossings = 0
        self.shared = False
        self.began_ms = now_ms
        self._expected = admitted
        self._opened_ms = now_ms
        self._pulse_ms = pulse_ms
        self._wait_ms = max(wait_ms, pulse_ms + SETTLE_MS)
        self._crossed_ms = 0
        self._failed = False

    def moved(self, ok: bool, now_ms: int) -> None:
        """What became of the pulse. A relay that was busy opened later than it was asked: the time begins then."""
        self._failed = not ok
        if ok:
            self._opened_ms = max(self._opened_ms, now_ms)

    def share(self, now_ms: int) -> None:
        """Opened once more, for somebody else or the same: the time begins again."""
        self.shared = True
        self._expected += 1
        self._opened_ms = now_ms

    def crossed(self, now_ms: int) -> None:
        self.crossings += 1
        self._crossed_ms = now_ms

    @property
    def tailgated(self) -> bool:
        return self.by == "verdict" and not self.shared and self.crossings > self.admitted

    def ended(self, now_ms: int, beam_works: bool) -> Ended | None:
        """The outcome once it is known, else None. Without a working beam nobody knows who went through."""
        if self._failed:
            return Ended("turned_back", "barrier_not_moved")
        pulse_over_ms = self._opened_ms + self._pulse_ms + SETTLE_MS
        if not beam_works:
            return self._end("opened_unconfirmed") if now_ms >= pulse_over_ms else None
        if self.crossings >= self._expected and now_ms >= max(pulse_over_ms, self._crossed_ms + SETTLE_MS):
            return self._end("passed")
        if now_ms >= self._opened_ms + self._wait_ms:
            crossed: Outcome = "opened_unconfirmed" if self.shared else "passed"
            return self._end(crossed if self.crossings else "abandoned")
        return None

    def _end(self, unattended: Outcome) -> Ended:
        if self.by == "guard":
            return Ended("admitted_by_guard", "" if unattended == "passed" else unattended)
        if self.by == "exit_button":
            return Ended("egress", "")
        if self.by == "fire":
            return Ended("fire", "")
        if self.tailgated:
            return Ended(unattended, "tailgating")
        return Ended(unattended, "party_incomplete" if 0 < self.crossings < self.admitted else "")
