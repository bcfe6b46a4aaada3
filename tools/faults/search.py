"""`./dev faults --search MINUTES`: random schedules of faults against both real ends, until one breaks."""

from __future__ import annotations

import argparse
import ctypes
import logging
import multiprocessing
import secrets
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final

import structlog

from tools.faults.protocol.schedules import draw, play, shortest, shown
from tools.faults.protocol.world import Step
from tools.faults.removed_rules import REMOVED

# What one process plays before it tells.
_BLOCK: Final = 20
# Blocks given to each process ahead of time.
_AHEAD: Final = 2
_TELL_S: Final = 60.0
_LINE: Final = 120
_DEATH_SIGNAL: Final = 1
# What a search of some thousand schedules has to have met; if it has not, its being clean says nothing about that.
EXPECTED: Final = (
    "killed", "restarted", "lying disk", "disk rolled back", "cloned", "copied running", "new card", "record decayed",
    "disk moved aside", "commit error", "collector restored", "collector restarted", "transaction failed",
    "second worker waited", "lost", "carried out of order", "old message", "old answer", "forged answer",
    "changed batch", "batch too early", "clock stepped back", "big records", "newer payload version", "unread",
    "unread became readable", "payload forgotten", "purged", "gap", "repeat", "fork", "fork's other side", "rollback",
    "conflict", "set aside", "orphan", "watermark set back", "more epochs than a page", "answer conflict",
)  # fmt: skip


@dataclass(slots=True)
class SearchResult:
    """`schedules` were played; if one broke, `number` of `seed` is its name, `steps` is its shortest form."""

    seed: int
    schedules: int = 0
    took_s: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    broken: str = ""
    number: int | None = None
    drawn: list[Step] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.broken

    @property
    def never_met(self) -> list[str]:
        return [name for name in EXPECTED if not self.seen[name]]

    def lines(self) -> Iterator[str]:
        """The report, as text."""
        pace = self.schedules / self.took_s if self.took_s else 0.0
        yield f"seed {self.seed}: {self.schedules} schedules in {self.took_s:.0f} s, {pace:.1f} a second"
        yield "met: " + ", ".join(f"{name} {n}" for name, n in sorted(self.seen.items()))
        if self.never_met:
            yield "never met: " + ", ".join(self.never_met)
        if self.ok:
            yield "nothing broke"
        else:
            yield f"schedule {self.number} of seed {self.seed} breaks: {self.broken}"
            yield f"as drawn:  {shown(self.drawn)}"
            yield f"shortest:  {shown(self.steps)}"


@dataclass(frozen=True, slots=True)
class _Block:
    """What one process found in a run of schedules; `number` is the first that broke."""

    played: int
    seen: Counter[str]
    number: int | None = None
    broken: str = ""


def search(
    minutes: float, seed: int, jobs: int = 2, *, without: str = "", first: int = 0, most: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> SearchResult:  # fmt: skip
    """Play schedules `first`, `first` + 1, ... of `seed` in `jobs` processes until one breaks, `minutes` are over or
    `most` were played. `without` names a rule that is taken out of the program meanwhile; `tell` is given progress.
    """
    result, began_s = SearchResult(seed), time.monotonic()
    told_s, end_s = began_s, began_s + 60 * minutes
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), _quiet)
    waiting: deque[Future[_Block]] = deque()
    starts = _starts(first, most)
    try:
        while result.number is None:
            if time.monotonic() < end_s:
                waiting.extend(
                    pool.submit(_block, seed, *block, without) for block in islice(starts, _AHEAD * jobs - len(waiting))
                )
            if not waiting:
                break
            _add(result, waiting.popleft().result())
            result.took_s = time.monotonic() - began_s
            if tell and time.monotonic() - told_s > _TELL_S:
                told_s = time.monotonic()
                tell(f"{result.schedules} schedules so far; to go on from here: --first {first + result.schedules}")
    except KeyboardInterrupt:
        pass
    finally:
        pool.shutdown(cancel_futures=True)
    if result.number is not None:
        result.drawn = result.steps = draw(seed, result.number)
    return result


def shorten(result: SearchResult, without: str = "") -> None:
    """Find the shortest form of the schedule that broke; some hundred schedules are played for it."""
    with removed(without):
        result.steps = shortest(result.drawn, lambda steps: bool(play(steps).broken))
        result.broken = play(result.steps).broken


def removed(rule: str) -> AbstractContextManager[None]:
    """The program without that rule; the whole program for an empty name."""
    return REMOVED[rule]() if rule else nullcontext()


def _starts(first: int, most: int | None) -> Iterator[tuple[int, int]]:
    """(number of the first, how many) of each block."""
    for start in count(first, _BLOCK):
        size = _BLOCK if most is None else min(_BLOCK, first + most - start)
        if size <= 0:
            return
        yield start, size


def _block(seed: int, start: int, size: int, without: str) -> _Block:
    """In a process of its own: play some schedules, as far as the first that breaks."""
    seen: Counter[str] = Counter()
    with removed(without):
        for number in range(start, start + size):
            played = play(draw(seed, number))
            seen += played.seen
            if played.broken:
                return _Block(number - start + 1, seen, number, played.broken)
    return _Block(size, seen)


def _add(result: SearchResult, block: _Block) -> None:
    result.schedules += block.played
    result.seen += block.seen
    result.number, result.broken = block.number, block.broken


def quiet() -> None:
    """The program's own words about the faults it is given are no news here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _quiet() -> None:
    quiet()
    # Ctrl-C is for the process that gathers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ends with the process that gathers, however that ends (prctl(2), PR_SET_PDEATHSIG).
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.faults.search", description=__doc__)
    parser.add_argument("minutes", type=float, metavar="MINUTES")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="to play a search again")
    parser.add_argument("--jobs", type=int, default=2, metavar="J", help="processes at the same time")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="to go on after N schedules of that seed")
    parser.add_argument("--most", type=int, metavar="N", help="end after N schedules")
    parser.add_argument("--without", choices=sorted(REMOVED), default="", metavar="RULE", help="take a rule out first")
    parser.add_argument("--rules", action="store_true", help="take each rule out once and tell when that was found")
    options = parser.parse_args(arguments)
    quiet()
    if options.rules:
        return _rules(options.minutes, options.seed, options.jobs, options.most)
    result = search(
        options.minutes, options.seed, options.jobs, without=options.without, first=options.first, most=options.most,
        tell=_say,
    )  # fmt: skip
    if not result.ok:
        shorten(result, options.without)
    for line in result.lines():
        _say(line)
    return 0 if result.ok else 1


def _rules(minutes: float, seed: int, jobs: int, most: int | None) -> int:
    """MINUTES is for each rule. The exit code says whether the search missed any."""
    missed = 0
    for rule in REMOVED:
        result = search(minutes, seed, jobs, without=rule, most=most)
        missed += result.ok
        found = f"found by schedule {result.number}, {len(result.drawn)} steps: {result.broken[:_LINE]}"
        _say(f"{rule}: {f'not found in {result.schedules}' if result.ok else found}")
    _say(f"{missed} of {len(REMOVED)} rules were missed")
    return 1 if missed else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
