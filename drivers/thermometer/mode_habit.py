"""When a thermometer is told its mode again: when it may have forgotten it, or wants it before every measurement."""

from __future__ import annotations

from typing import Final

# So many questions without an answer, and the module may have forgotten its mode.
_UNANSWERED: Final = 2
# So often in a row it answered only after being told its mode: then it is told before each question.
_REVIVALS: Final = 3
# A module keeps its mode in memory that wears out: one that stays silent is told less and less often.
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class ModeHabit:
    """One connection. All times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._each = False
        self._told = False
        self._revivals = 0
        self._pause_s = _FIRST_PAUSE_S
        self._not_before_s = float("-inf")

    def wants_mode(self, now_s: float, unanswered: int) -> bool:
        """Whether the mode goes out before the question that is due now."""
        if self._each and not self._told:
            return True
        return unanswered >= _UNANSWERED and now_s >= self._not_before_s

    def told(self, now_s: float) -> None:
        """The mode was sent."""
        self._told = True
        self._not_before_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def answered(self) -> None:
        """A good frame came."""
        self._revivals = self._revivals + 1 if self._told else 0
        self._each = self._each or self._revivals >= _REVIVALS
        self._told = False
        self._pause_s = _FIRST_PAUSE_S
        self._not_before_s = float("-inf")
