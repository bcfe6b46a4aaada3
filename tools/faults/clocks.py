"""Clocks of the laboratory: gates whose wall clock is steered, what they say is complete, and how they are dated."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from checkpoint.records import ClockSet, Header, Verdict, decode_header
from tools.chaos.people import Person
from tools.demo.subscriber import password_of, summaries
from tools.faults.lab import Lab, now_ms
from tools.faults.steered_gate import BOOT_BYTES, Steering

# Half of what separates an answer's signing from its hearing, on a loaded machine.
NEAR_MS: Final = 2000
_SAMPLE_S: Final = 0.05


class Clocks:
    """The steered clocks of a town; make it between `lab.build` and `lab.start`. Every gate begins with a true one."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._steerings: dict[str, Steering] = {}
        for name in [*lab.gates, "collector"]:
            steering = self._steerings[name] = Steering(lab.town.folder / f"{name}.clock")
            lab.at_end(steering.close)
            steering.write(0, False, lab.chance.randbytes(BOOT_BYTES))
            module = "tools.faults.steered_collector" if name == "collector" else "tools.faults.steered_gate"
            lab.town.module[name] = [module, str(steering.path)]
        # Gate and laboratory share this machine's monotonic clock, which nothing steers.
        self._true_ms = now_ms() - time.monotonic_ns() // 1_000_000
        lab.dated = lambda kept: replace(kept, header=self.dated(kept.header))

    def dated(self, header: Header) -> Header:
        return msgspec.structs.replace(header, at=self.true_ms(header))

    def true_ms(self, header: Header) -> int:
        """When a record was made, by the world's clock."""
        return header.mono_ms + self._true_ms

    def set(self, name: str, off_ms: int, kernel: bool = False) -> None:
        """From now on this clock is so far off."""
        _, _, boot_id = self._steerings[name].read()
        self._steerings[name].write(off_ms, kernel, boot_id)

    def boot(self, gate: str, at_ms: int, kernel: bool = False) -> None:
        """The machine loses its power and starts again with this time."""
        died_ms = now_ms()
        self._lab.town.kill(gate)
        off_ms = at_ms - now_ms()
        self._steerings[gate].write(off_ms, kernel, self._lab.chance.randbytes(BOOT_BYTES))
        self._lab.start_again(gate, died_ms)

    def trusted(self, gate: str) -> bool | None:
        """What the guard's page says of the clock; None while there is no page."""
        page = self._lab.town.streets[self._lab.place(gate).street].screen.page
        return not page["clock"]["bad"] if page else None

    def becomes(self, gate: str, trusted: bool, timeout_s: float) -> bool:
        word = "trusted" if trusted else "not trusted"
        return self._lab.until(f"clock of {gate} {word}", lambda: self.trusted(gate) is trusted, timeout_s)


@dataclass(frozen=True, slots=True)
class Dated:
    """A record at the collector: its id there, its header, and the time it counts under."""

    id: int
    header: Header
    corrected_ms: int | None


def dated_records(lab: Lab, gate: str) -> list[Dated]:
    query = (
        "SELECT r.id, r.header, r.corrected_ms FROM record r JOIN epoch e ON e.id = r.epoch_id"
        " JOIN gate g ON g.no = e.gate_no WHERE g.gate = ? ORDER BY r.id"
    )
    with closing(sqlite3.connect(f"file:{lab.town.database}?mode=ro", uri=True, timeout=10)) as connection:
        return [Dated(key, decode_header(raw), ms) for key, raw, ms in connection.execute(query, (gate,))]


def check_dates(lab: Lab, clocks: Clocks, gate: str, name: str = "") -> None:
    """Every record whose clock was not believed counts under its true time, and no wrong time is called trusted."""

    def off_ms() -> list[int | None]:
        records = dated_records(lab, gate)
        return [None if one.corrected_ms is None else one.corrected_ms - clocks.true_ms(one.header) for one in records]

    def good() -> bool:
        return not lab.waiting(gate) and all(off is not None and abs(off) <= NEAR_MS for off in off_ms())

    lab.until(f"dated {gate}{name}", good, 45.0)
    known = [off for off in off_ms() if off is not None]
    doubted = sum(one.header.clock == "untrusted" for one in dated_records(lab, gate))
    worst = max(map(abs, known), default=0)
    detail = f"{len(known)} records, {doubted} made untrusted, none further off than {worst} ms"
    lab.check(f"dates {gate}{name}", good(), detail if good() else f"{off_ms()}")


def check_undated_is_empty(lab: Lab) -> None:
    """What subscribers get: nothing is left without a date, at any level."""

    def left() -> dict[str, str]:
        said = summaries(lab.town.broker_port, "subscriber", password_of(lab.town.folder / "broker"), wait_s=1)
        counts = {path: one["undated"] for path, one in said.items()}
        return {path: json.dumps(count) for path, count in counts.items() if any(map(sum_of, count.values()))} or (
            {} if counts else {"": "nothing is published"}
        )

    lab.until("undated bucket empty", lambda: not left(), 20.0)


def sum_of(counts: dict[str, int]) -> int:
    return sum(counts.values())


def doubtful(lab: Lab, gate: str, person: Person) -> None:
    """Somebody came while the clock could not be believed: a person was asked, and the record says why."""

    def reasons() -> list[tuple[str, str, str]]:
        return [
            (kept.payload.verdict, kept.payload.reason, kept.header.clock)
            for kept in lab.on_disk(gate)
            if isinstance(kept.payload, Verdict)
            and kept.payload.pass_facts is not None
            and kept.payload.pass_facts.pass_id == person.pass_id
        ]

    wanted = [("escalate", "clock_untrusted", "untrusted")]
    lab.check(f"uncertain time asks a person ({person.intent})", reasons() == wanted, f"{reasons()}")


def clock_records(lab: Lab, gate: str) -> list[ClockSet]:
    return [kept.payload for kept in lab.on_disk(gate) if isinstance(kept.payload, ClockSet)]


class Claims:
    """Watches what the collector takes as complete, from its disk, and what comes in afterwards."""

    def __init__(self, lab: Lab, gate: str) -> None:
        self._lab = lab
        self._gate = gate
        self._seen: list[tuple[int, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="claims", daemon=True)
        self._thread.start()
        lab.at_end(self._stop)

    def _stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        query = (
            "SELECT complete_ms, (SELECT max(id) FROM record) FROM gate_state"
            " JOIN gate ON gate.no = gate_no WHERE gate = ?"
        )
        uri = f"file:{self._lab.town.database}?mode=ro"
        while not self._over.wait(_SAMPLE_S):
            with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
                row = connection.execute(query, (self._gate,)).fetchone()
            if row is not None and row[0] is not None and (not self._seen or row[0] != self._seen[-1][0]):
                self._seen.append((row[0], row[1]))

    def judge(self) -> None:
        """No record that came after a claim counts under a time before it."""
        self._stop()
        wrong = []
        latest_ms, position = 0, 0
        for one in dated_records(self._lab, self._gate):
            while position < len(self._seen) and self._seen[position][1] < one.id:
                latest_ms, position = max(latest_ms, self._seen[position][0]), position + 1
            counts_ms = one.header.at if one.corrected_ms is None else one.corrected_ms
            if counts_ms < latest_ms:
                wrong.append(f"{one.header.kind} {one.header.number} by {latest_ms - counts_ms} ms")
        detail = f"{len(self._seen)} claims seen"
        self._lab.check("complete_through holds", not wrong and len(self._seen) > 1, "; ".join(wrong) or detail)
