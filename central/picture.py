"""One moment of the whole store, read at once: leaves, gates and cases, from which summaries and screens are made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from central.aggregate import day_start_ms, hour_start_ms
from central.cases import FROM_GATE
from central.completeness import GateProgress
from central.registry import Registry, is_under, line_of
from central.store.base import CaseRow, CaseTime, Dimension, GateRow, GateState
from central.store.sqlite import SqliteStore
from checkpoint.drill import DRILL

HOUR_MS = 3_600_000
# A local day has at most 25 hours; one more for good measure.
_LONGEST_DAY_MS = 26 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Leaf:
    """A count with its key, its bucket's start, and the path of its grid today."""

    path: str
    key: Dimension
    bucket: int
    n: int

    @property
    def figure(self) -> str:
        return self.key[5]

    @property
    def value(self) -> str:
        return self.key[6]


@dataclass(frozen=True)
class Picture:
    """`hours` reach back `hour_count` hours, `full_hour_ms` is the end of the last full one. `drills`: cases of drills,
    which are counted nowhere and call nobody."""

    registry: Registry
    as_of_ms: int
    full_hour_ms: int
    hour_count: int
    today: tuple[Leaf, ...]
    hours: tuple[Leaf, ...]
    undated: tuple[Leaf, ...]
    gates: tuple[GateRow, ...]
    states: dict[int, GateState]
    cases: tuple[CaseRow, ...]
    drills: tuple[CaseRow, ...]
    times: dict[tuple[int, bytes, int], CaseTime]
    unread: dict[int, int]
    missing: dict[int, int]
    names: dict[str, tuple[str, str]]

    @property
    def day(self) -> int:
        """Start of today in the common zone, UTC ms."""
        return day_start_ms(self.as_of_ms, self.registry.zone)

    def path_of_gate(self, gate: GateRow) -> str:
        return self.registry.path_of(gate.grid)

    def expected(self) -> list[GateProgress]:
        """Every gate that may speak."""
        return [
            GateProgress(self.path_of_gate(gate), state.complete_ms if (state := self.states.get(gate.no)) else None)
            for gate in self.gates
            if gate.revoked_ms is None
        ]

    def gates_under(self, path: str) -> list[GateRow]:
        return [gate for gate in self.gates if is_under(self.path_of_gate(gate), path)]

    def cases_under(self, path: str) -> list[tuple[GateRow, CaseRow]]:
        """Open cases of the gates under a path: highest priority first, then oldest."""
        return self._under(path, self.cases)

    def drills_under(self, path: str) -> list[tuple[GateRow, CaseRow]]:
        """The same of drills."""
        return self._under(path, self.drills)

    def _under(self, path: str, rows: tuple[CaseRow, ...]) -> list[tuple[GateRow, CaseRow]]:
        gates = {gate.no: gate for gate in self.gates_under(path)}
        return [(gates[row.gate_no], row) for row in rows if row.gate_no in gates]

    def time_of(self, row: CaseRow) -> CaseTime | None:
        """When the alarm of a case happened; None for what the collector found, and where only its end is known."""
        return self.times.get((row.gate_no, row.epoch, row.number)) if row.origin == FROM_GATE else None

    def opened_ms(self, row: CaseRow) -> int:
        """Since when a case is open: by the corrected time, or by its receipt while no time is known."""
        return opened_at(row, self.times)

    def hour_starts(self) -> list[int]:
        """Starts of the hours shown, oldest first; the last one is still running."""
        return [self.full_hour_ms - HOUR_MS * back for back in range(self.hour_count - 1, -1, -1)]


def take_picture(store: SqliteStore, registry: Registry, now_ms: int, hour_count: int = 24) -> Picture:
    """Read the store at one moment."""
    full_hour_ms = hour_start_ms(now_ms, registry.zone)
    first_hour_ms = full_hour_ms - HOUR_MS * (hour_count - 1)
    with store.snapshot():
        times = store.case_times()
        cases = sorted(store.open_cases(), key=lambda row: (row.priority, opened_at(row, times), row.number))
        return Picture(
            registry,
            now_ms,
            full_hour_ms,
            hour_count,
            _today(_leaves(store, registry, "day", now_ms - _LONGEST_DAY_MS, now_ms), registry, now_ms),
            tuple(_leaves(store, registry, "hour", first_hour_ms, now_ms)),
            tuple(_leaves(store, registry, "undated", 0, 0)),
            tuple(store.gates()),
            store.gate_states(),
            tuple(row for row in cases if row.name != DRILL),
            tuple(row for row in cases if row.name == DRILL),
            times,
            store.unread_by_gate(),
            store.gaps_by_gate(),
            registry.names(),
        )


def opened_at(row: CaseRow, times: dict[tuple[int, bytes, int], CaseTime]) -> int:
    """As `Picture.opened_ms`."""
    time = times.get((row.gate_no, row.epoch, row.number)) if row.origin == FROM_GATE else None
    if time is not None and time.clock == "corrected" and time.corrected_ms is not None:
        return time.corrected_ms
    return row.opened_ms or 0


def figures(leaves: Iterable[Leaf], path: str) -> tuple[dict[str, int], dict[str, int]]:
    """(verdicts, outcomes) by value, summed over the leaves under a path."""
    sums: dict[str, Counter[str]] = {"verdict": Counter(), "outcome": Counter()}
    for leaf in leaves:
        if is_under(leaf.path, path):
            sums[leaf.figure][leaf.value] += leaf.n
    return dict(sorted(sums["verdict"].items())), dict(sorted(sums["outcome"].items()))


def figures_by_path(leaves: Iterable[Leaf]) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """What `figures` gives, for every path with a count, in one walk over the leaves."""
    verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for leaf in leaves:
        sums = verdicts if leaf.figure == "verdict" else outcomes
        for path in line_of(leaf.path):
            sums[path][leaf.value] += leaf.n
    paths = verdicts.keys() | outcomes.keys()
    return {path: (dict(sorted(verdicts[path].items())), dict(sorted(outcomes[path].items()))) for path in paths}


def _leaves(store: SqliteStore, registry: Registry, kind: str, first: int, last: int) -> list[Leaf]:
    return [Leaf(registry.path_of(key[0]), key, bucket, n) for key, bucket, n in store.leaves(kind, first, last)]


def _today(leaves: Iterable[Leaf], registry: Registry, now_ms: int) -> tuple[Leaf, ...]:
    starts: dict[str, int] = {}
    found = []
    for leaf in leaves:
        zone = registry.zone_of(leaf.key[1])
        if zone not in starts:
            starts[zone] = day_start_ms(now_ms, zone)
        if leaf.bucket == starts[zone]:
            found.append(leaf)
    return tuple(found)
