"""When to ask a thermometer, and what: listen first, ask while nothing comes, keep asking only who answers. No I/O.

Questions are alternatives, of which the answered one is kept, or a round that is asked through for each reading.
"""

from __future__ import annotations

from drivers.thermometer.model import Model

# A module at its slowest rate (1 Hz) must not be taken for one that has to be asked.
_LEAST_QUIET_S = 1.5
# Questions to a module that is slow must not pile up: what it answers later would be ever older.
_PATIENCE_GROWTH = 1.5
_LONGEST_PATIENCE_S = 2.0


class Dialogue:
    """Times the questions of one connection. All times are seconds of one monotonic clock."""

    def __init__(self, model: Model, poll_s: float, now_s: float) -> None:
        self._model = model
        self._poll_s = poll_s
        self._quiet_s = max(3 * model.period_s, _LEAST_QUIET_S) if model.streams else poll_s
        self.restart(now_s)

    def restart(self, now_s: float) -> None:
        """Listen, then begin with the first question again."""
        self._turn = 0
        self._round_at_s = now_s
        self._patience_s = self._model.answer_s
        self._asked_at_s: float | None = None
        self._asked_again = False
        self._missed = 0
        self.next_ask_at_s = now_s + self._model.listen_s

    @property
    def unanswered(self) -> int:
        """Questions since the last good frame, the newest included."""
        return self._missed + (self._asked_at_s is not None)

    def question(self, now_s: float) -> bytes | None:
        """What to send now, if it is time. A question left without answer gives its turn to the next alternative.

        In a round it ends the round: the first question comes again.
        """
        if now_s < self.next_ask_at_s:
            return None
        if self._asked_at_s is not None:
            self._asked_again = True
            self._turn = 0 if self._model.is_round else self._turn + 1
            self._missed += 1
            self._patience_s = min(self._patience_s * _PATIENCE_GROWTH, _LONGEST_PATIENCE_S)
        self._asked_at_s = now_s
        self.next_ask_at_s = now_s + self._patience_s
        place = self._turn % len(self._model.asks)
        if place == 0:
            self._round_at_s = now_s
        return self._model.asks[place]

    def answered(self, now_s: float) -> None:
        """A good answer came. One that nobody asked for means a stream: then be quiet as long as it flows."""
        self._missed = 0
        if self._asked_at_s is None:
            self.next_ask_at_s = now_s + self._quiet_s
            return
        # As in Karn's algorithm for TCP: an answer after a repeated question tells nothing about how long it took.
        if not self._asked_again:
            self._patience_s = max(self._model.answer_s, 2 * (now_s - self._asked_at_s))
        self.next_ask_at_s = self._next_after(now_s, self._asked_at_s)
        self._asked_at_s = None
        self._asked_again = False

    def _next_after(self, now_s: float, asked_at_s: float) -> float:
        if not self._model.is_round:
            return max(now_s, asked_at_s + self._poll_s)
        self._turn = (self._turn + 1) % len(self._model.asks)
        return now_s if self._turn else max(now_s, self._round_at_s + self._poll_s)
