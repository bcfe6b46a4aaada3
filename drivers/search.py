"""The search for known devices on a serial port: every baud in turn, everybody who could know it listening at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.errors import DeviceGoneError
from drivers.ports import is_held
from drivers.profile import Profile
from drivers.recognise import Candidate, bauds, candidates
from drivers.serial_port import SerialPort

Clock = Callable[[], float]

_READ_BYTES: Final = 512
# Two answers make sure; a third covers one that broke.
_ROUNDS: Final = 3
# A USB adapter holds bytes back for 16 ms, and at 2400 baud one takes 4 ms.
_ANSWER_OVER_S: Final = 0.12


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to listen at each baud (the slowest module speaks once a second), how long where something was heard,
    and how long for an answer (the slowest that public drivers wait for takes 0.8 s, most 0.1 s)."""

    listen_s: float = 1.3
    listen_on_s: float = 3.2
    answer_s: float = 0.5


_USUAL: Final = Patience()


@dataclass(frozen=True, slots=True)
class Searched:
    """What a port gave. `profile`: whose device it is, None: nobody knew it. `asked`: only when asked did it speak.

    `heard`: bytes that came in all, of which nobody made sense when there is no profile. `held`: another program has
    the port, and nothing was heard. `error`: why it could not be listened to.
    """

    path: str
    profile: Profile | None = None
    baud: int | None = None
    asked: bool = False
    heard: int = 0
    held: bool = False
    error: str = ""


def search_port(
    path: str,
    ask: bool = False,
    clock: Clock = time.monotonic,
    at: Sequence[int] | None = None,
    patience: Patience = _USUAL,
) -> Searched:
    """Listen at each baud (`at`, else every known one). Sends nothing unless `ask`, then harmless questions only."""
    try:
        if is_held(path):
            return Searched(path, held=True)
        speeds = tuple(at or bauds())
        port = SerialPort(path, speeds[0], "the search")
    except OSError as error:
        return Searched(path, error=str(error))
    search = _Search(port, clock, patience)
    try:
        return search.over(speeds, ask)
    except DeviceGoneError as error:
        return Searched(path, heard=search.heard, error=error.why)
    finally:
        port.close()


class _Search:
    """One port, open."""

    def __init__(self, port: SerialPort, clock: Clock, patience: Patience) -> None:
        self._port = port
        self._patience = patience
        self._clock = clock
        self.heard = 0
        self._heard_at_s = 0.0

    def over(self, speeds: Sequence[int], ask: bool) -> Searched:
        """First everywhere without a word: what speaks by itself is not disturbed."""
        for asking in (False, True) if ask else (False,):
            for baud in speeds:
                self._port.set_baud(baud)
                self._port.flush_input()
                listeners = candidates(baud)
                known = self._ask(listeners) if asking else self._listen(listeners)
                if known is not None:
                    return Searched(self._port.path, known, baud, asking, self.heard)
        return Searched(self._port.path, heard=self.heard)

    def _listen(self, listeners: Sequence[Candidate]) -> Profile | None:
        before, begun_s = self.heard, self._clock()
        while True:
            known = self._hear(listeners, 0.1)
            if known is not None:
                return known
            if self._clock() - begun_s >= self._listening_s(self.heard > before):
                return None

    def _listening_s(self, something: bool) -> float:
        return self._patience.listen_on_s if something else self._patience.listen_s

    def _ask(self, listeners: Sequence[Candidate]) -> Profile | None:
        """Each candidate's questions in their order: together they may make one answer."""
        for listener in listeners:
            for _ in range(_ROUNDS):
                before = self.heard
                for question in listener.recogniser.questions:
                    known = self._one_question(question, listener, listeners)
                    if known is not None:
                        return known
                if self.heard == before:
                    break
        return None

    def _one_question(self, question: bytes, asking: Candidate, listeners: Sequence[Candidate]) -> Profile | None:
        self._port.flush_input()
        self._port.write(question)
        asking.asked(question)
        begun_s, before = self._clock(), self.heard
        while self._clock() - begun_s < self._patience.answer_s:
            known = self._hear(listeners, 0.05)
            if known is not None:
                return known
            if self.heard > before and self._is_quiet():
                break
        return asking.profile if self.heard > before and asking.paused() else None

    def _is_quiet(self) -> bool:
        """Whether nothing has come for a while, so that an answer is over."""
        return self._clock() - self._heard_at_s > _ANSWER_OVER_S

    def _hear(self, listeners: Sequence[Candidate], timeout_s: float) -> Profile | None:
        data = self._port.read(_READ_BYTES, timeout_s)
        if not data:
            return None
        self.heard += len(data)
        self._heard_at_s = self._clock()
        sure = [listener.profile for listener in listeners if listener.recogniser.feed(data)]
        return sure[0] if sure else None
