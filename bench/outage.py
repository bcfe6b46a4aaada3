"""How long a verdict takes while the broker is down, and with a long backlog: online and not, in turns, in one run.

Broker and collector are real processes; a gate is core, lanes, outbox and uplink in a process of its own, without
devices. One gate has no backlog, the other a long one. While one is asked the other is stopped (SIGSTOP).
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from bench.drain_whole import drain_whole
from bench.figures import at_rank, spread_ms
from bench.gate_side import enrolment_of
from bench.town import quiet_town
from edge.outbox import Identity
from tools.demo.processes import PLACES, Town
from tools.faults.backlog import make_backlog

_LANES: Final = 24
_EMPTY, _FULL = PLACES[0].gate, PLACES[1].gate


def run(backlog: int = 1_000_000, passages: int = 150, rounds: int = 7) -> dict[str, object]:
    """Milliseconds to the barrier's order in four situations, the ratios to online, and the drain of the backlog."""
    with quiet_town() as town:
        make(town, _FULL, backlog)
        town.start_broker()
        town.start_collector()
        situations = _situations(town, passages, rounds)
    return {"backlog": backlog, "passages_a_block": passages, **situations, "drain": drain_whole(backlog)}


def make(town: Town, gate: str, records: int) -> None:
    """Give a gate that has never run a backlog."""
    enrolment = enrolment_of(town.folder, gate)
    identity = Identity(enrolment.gate, enrolment.grid, enrolment.tree_version)
    path = town.gate_folder(gate) / "data" / "outbox.db"
    make_backlog(path, identity, records, 1, site=enrolment.site)


def _situations(town: Town, passages: int, rounds: int) -> dict[str, object]:
    took: dict[str, list[list[float]]] = defaultdict(list)
    bare: dict[str, list[float]] = defaultdict(list)

    def ask(situation: str, gate: _Asked) -> None:
        said = gate.ask(passages)
        took[situation].append(said["took_ms"])
        bare[situation] += said["bare_ms"]

    with _asked(town, _EMPTY) as empty, _asked(town, _FULL) as full:
        for gate in (empty, full):
            gate.ask(passages)
        for _ in range(rounds):
            ask("online", empty)
            town.stop_broker()
            ask("broker_down", empty)
            ask("broker_down_full_backlog", full)
            town.start_broker()
        for _ in range(rounds):
            ask("online_beside_draining", empty)
            ask("draining", full)
            if full.depth == 0:
                raise RuntimeError("the backlog is too short: it was drained before the verdicts were timed")
    return {
        **{name: _said(blocks, bare[name]) for name, blocks in took.items()},
        "p99_ratio": {
            "broker_down_over_online": _ratio(took["broker_down"], took["online"]),
            "full_over_online": _ratio(took["broker_down_full_backlog"], took["online"]),
            "full_over_empty_both_down": _ratio(took["broker_down_full_backlog"], took["broker_down"]),
            "draining_over_online": _ratio(took["draining"], took["online_beside_draining"]),
        },
    }


def _said(blocks: list[list[float]], bare: list[float]) -> dict[str, object]:
    every = [time for block in blocks for time in block]
    return {
        **spread_ms(every),
        "p99_of_blocks_median_ms": round(statistics.median(at_rank(block, 0.99) for block in blocks), 2),
        "bare_write_median_ms": round(statistics.median(bare), 2),
        "bare_write_p99_ms": round(at_rank(bare, 0.99), 2),
    }


def _ratio(blocks: list[list[float]], others: list[list[float]]) -> dict[str, float]:
    """Of the p99: of medians over the blocks, so that one bad moment of the disk does not decide, and of all times."""
    of_blocks = [statistics.median(at_rank(block, 0.99) for block in side) for side in (blocks, others)]
    pooled = [at_rank([time for block in side for time in block], 0.99) for side in (blocks, others)]
    return {"of_blocks": round(of_blocks[0] / of_blocks[1], 2), "pooled": round(pooled[0] / pooled[1], 2)}


class _Asked:
    """A gate's process, stopped except while it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.depth = 0
        if self._read() != "ready":
            raise RuntimeError("the gate of the bench does not start; its words are on standard error")
        self._process.send_signal(signal.SIGSTOP)

    def ask(self, passages: int) -> dict[str, Any]:
        self._process.send_signal(signal.SIGCONT)
        try:
            _pipe(self._process.stdin).write(f"{passages}\n")
            _pipe(self._process.stdin).flush()
            said: dict[str, Any] = json.loads(self._read())
        finally:
            self._process.send_signal(signal.SIGSTOP)
        self.depth = said["depth"]
        return said

    def _read(self) -> str:
        return _pipe(self._process.stdout).readline().strip()


@contextmanager
def _asked(town: Town, gate: str) -> Iterator[_Asked]:
    words = [str(town.folder), gate, str(town.broker_port), str(_LANES)]
    command = [sys.executable, "-m", "bench.outage_gate", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Asked(process)
        finally:
            os.kill(process.pid, signal.SIGKILL)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("no pipe")
    return pipe
