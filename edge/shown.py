"""What the lane remembers of the passage before: the verdict on its screen, and codes that have not left the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from checkpoint.passes import Pass, Presented
from checkpoint.records import ReadingKept
from checkpoint.verdict_facts import Decision

if TYPE_CHECKING:
    from checkpoint.policy_schema import Policy
    from edge.attempt import Attempt

# More codes than a camera sees at once; beyond it, those that have left the view are let go.
_MOST_CODES: Final = 16


@dataclass(slots=True)
class Shown:
    """The verdict on the screen. `open`: its outcome is still to be recorded and somebody may be waiting.

    `by_hand`: the guard measured this person, and the last of `readings` is that value. `attempt` and `policy`: what it
    was decided from, for a guard who settles what was missing.
    """

    passage: bytes
    decision: Decision
    presented: Presented | None
    readings: tuple[ReadingKept, ...]
    since_ms: int
    open: bool
    by_hand: bool = False
    attempt: Attempt | None = None
    policy: Policy | None = None

    @property
    def holder(self) -> Pass | None:
        return self.presented.pass_ if self.presented else None

    @property
    def waits(self) -> bool:
        """Somebody stands here until a person decides."""
        return self.open and self.decision.verdict == "escalate"


class CodesInView:
    """Codes that were judged, or seen in a still picture, and are still held up: not another presentation until they
    have been away for a while."""

    def __init__(self) -> None:
        self._seen_ms: dict[bytes, int] = {}

    def judged(self, payload: bytes, now_ms: int) -> None:
        self._seen_ms[payload] = now_ms

    def still(self, payload: bytes, now_ms: int, ignored_ms: float) -> bool:
        """Whether `payload` never left the view for longer than `ignored_ms`. Asking counts as seeing it."""
        last_ms = self._seen_ms.get(payload)
        if last_ms is None:
            return False
        if now_ms - last_ms > ignored_ms:
            del self._seen_ms[payload]
            return False
        self._seen_ms[payload] = now_ms
        return True

    def fresh(self, payloads: tuple[bytes, ...], now_ms: int, ignored_ms: float, *, still: bool) -> list[bytes]:
        """Those that begin a presentation. Codes of a `still` picture never do, nor while they stay afterwards."""
        fresh = [payload for payload in payloads if not self.still(payload, now_ms, ignored_ms)]
        if not still:
            return fresh
        self._seen_ms |= dict.fromkeys(payloads, now_ms)
        return []

    def let_go(self, now_ms: int, ignored_ms: float) -> None:
        if len(self._seen_ms) > _MOST_CODES:
            self._seen_ms = {code: ms for code, ms in self._seen_ms.items() if now_ms - ms <= ignored_ms}
