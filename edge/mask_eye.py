"""Looks for masks beside the decoders of codes, in a thread of the vision process: never more than it is asked."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.mask_worker import MaskWorker, MaskWorkerError
from edge.vision_messages import MaskFailed, MaskReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.protocols import Frame
    from edge.vision_messages import MaskModel, Message

    OpenWorker = Callable[[MaskModel], MaskWorker]

# A model that failed is tried again: a file may have been copied anew, or memory be free again.
_FIRST_PAUSE_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 600.0
# More than are said in one turn of the process.
_MOST_NEWS: Final = 64


class MaskEye:
    """`offer` and `news` are called by the thread that decodes codes, and return at once."""

    def __init__(
        self, lane: str, asked: MaskModel, open_worker: OpenWorker = MaskWorker, first_pause_s: float = _FIRST_PAUSE_S
    ) -> None:
        self._lane, self._asked = lane, asked
        self._open_worker, self._first_pause_s = open_worker, first_pause_s
        self._changed = threading.Condition()
        self._on = self._stopped = False
        self._newest: Frame | None = None
        self._due_ms = 0
        self._last_sum = -1
        self._looks = 0
        self._news: deque[Message] = deque(maxlen=_MOST_NEWS)
        self._thread = threading.Thread(target=self._run, name="mask", daemon=True)

    def start(self) -> None:
        """Load the model at once: that it can't be used is to be known before anybody comes."""
        self._thread.start()

    def stop(self) -> None:
        """End thread and process; waits for a look that is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def want(self, on: bool) -> None:
        """Whether anybody stands there whose mask is asked for."""
        with self._changed:
            self._on = on
            self._newest = None if not on else self._newest

    def offer(self, newest: Frame, small: Any) -> None:
        """A frame and its thumbnail. Taken when a look is due and the picture is another one than at the last look:
        what a hung camera repeats is not a second look."""
        if not self._on or newest.mono_ms < self._due_ms:
            return
        picture_sum = zlib.crc32(small.tobytes())
        if picture_sum == self._last_sum:
            return
        with self._changed:
            self._due_ms = newest.mono_ms + self._asked.every_ms
            self._last_sum, self._newest = picture_sum, newest
            self._changed.notify_all()

    def news(self) -> list[Message]:
        """What there is to say since the last call."""
        news = []
        while self._news:
            news.append(self._news.popleft())
        return news

    def _run(self) -> None:
        pause_s = self._first_pause_s
        while not self._stopped:
            before = self._looks
            try:
                self._use_one()
            except (MaskWorkerError, OSError) as fault:
                self._news.append(MaskFailed(self._lane, str(fault)))
            with self._changed:
                self._changed.wait_for(lambda: self._stopped, pause_s)
            # A model that never gets to a look is tried ever more rarely.
            pause_s = self._first_pause_s if self._looks > before else min(2 * pause_s, _LONGEST_PAUSE_S)

    def _use_one(self) -> None:
        """One process from start to end."""
        from drivers.mask.judge import shrunk

        worker = self._open_worker(self._asked)
        try:
            self._news.append(MaskReady(self._lane, worker.ready.sha256, worker.ready.detail))
            while (newest := self._next()) is not None:
                seen = worker.look(shrunk(newest.image, self._asked.kind))
                self._news.append(msgspec.structs.replace(seen, lane=self._lane, mono_ms=newest.mono_ms))
                self._looks += 1
        finally:
            worker.close()

    def _next(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._stopped)
            newest, self._newest = self._newest, None
            return None if self._stopped else newest
