"""Scenes being played: those of one gate follow each other, gates go on side by side, and a bar shows how far."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from rich.progress import Progress

from tools.demo.people import Scene

# Room between scenes, so that a late record still falls into its own.
_PAUSE_S = 0.7


class Playing:
    """Plays scenes and remembers them, for the judge."""

    def __init__(self, progress: Progress) -> None:
        self.scenes: list[Scene] = []
        self._progress = progress

    def play(self, scenes: Sequence[Scene]) -> None:
        """Returns when all of them are over."""
        self.scenes += scenes
        gates = dict.fromkeys(scene.gate for scene in scenes)
        threads = [threading.Thread(target=self._play_gate, args=(gate, scenes)) for gate in gates]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _play_gate(self, gate: str, scenes: Sequence[Scene]) -> None:
        mine = [scene for scene in scenes if scene.gate == gate]
        task = self._progress.add_task(gate, total=len(mine))
        for scene in mine:
            self._progress.update(task, description=f"{gate}: {scene.title}")
            scene.start_ms = _now_ms()
            try:
                scene.act()
            except Exception as error:
                # A scene that breaks is a finding of the judge; the others still play.
                scene.error = f"{type(error).__name__}: {error}"
            scene.end_ms = _now_ms()
            time.sleep(_PAUSE_S)
            self._progress.advance(task)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
