"""A whole gate comes back with a long backlog: start, memory, the drain, and an alarm raised in the middle of it.

Everything is real but the devices: `python -m edge run` over emulators, mosquitto, `python -m central run`.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from bench.gate_side import enrolment_of
from bench.town import quiet_town
from edge.outbox import Identity
from tools.demo.processes import PLACES, Town
from tools.demo.street import CROSSING, wait
from tools.demo.subscriber import password_of
from tools.faults.backlog import make_backlog

_PLACE: Final = PLACES[0]
_LIMIT_S: Final = 600.0
_SETTLE_S: Final = 3.0
# A record that came in before the one that it follows.
_OUT_OF_ORDER: Final = """SELECT count(*) FROM record later JOIN record earlier
    ON earlier.epoch_id = later.epoch_id AND earlier.side = later.side AND earlier.number = later.number - 1
    WHERE earlier.id > later.id"""
# The record itself of the alarm whose copy came first.
_ALARM_STORED: Final = """SELECT count(*) FROM record JOIN epoch ON epoch.id = record.epoch_id JOIN alarm_case
    ON alarm_case.epoch = epoch.epoch AND alarm_case.number = record.number WHERE alarm_case.name = 'tailgating'"""


def drain_whole(backlog: int) -> dict[str, Any]:
    """Seconds and MiB; raises RuntimeError when something is lost, doubled, out of order or counted wrongly."""
    with quiet_town(_PLACE.street) as town:
        without = _started(town)
        town.kill_gate(_PLACE.gate)
        data = town.gate_folder(_PLACE.gate) / "data" / "outbox.db"
        enrolment = enrolment_of(town.folder, _PLACE.gate)
        identity = Identity(enrolment.gate, enrolment.grid, enrolment.tree_version)
        before_bytes = data.stat().st_size
        make_backlog(data, identity, backlog, 1, site=enrolment.site)
        size = data.stat().st_size - before_bytes
        with_backlog = _started(town)
        town.start_broker()
        town.start_collector()
        return {
            "without_backlog": without,
            "with_backlog": with_backlog,
            "file_bytes_per_record": round(size / backlog),
            **_drained(town, backlog),
        }


def _started(town: Town) -> dict[str, float]:
    """Start the gate without a broker. Seconds until it says that it runs; MiB a little later."""
    log = town.folder / f"{_PLACE.gate}.log"
    if log.exists():
        log.write_bytes(b"")
    begun_s = time.monotonic()
    town.start_gate(_PLACE.gate)
    if not wait(lambda: "gate_started" in log.read_text(errors="replace"), 60):
        raise RuntimeError(f"the gate does not start: {town.tail(_PLACE.gate)}")
    start_s = time.monotonic() - begun_s
    time.sleep(_SETTLE_S)
    return {"start_s": round(start_s, 2), "core_rss_mib": _status_mib(town, "VmRSS")}


def _drained(town: Town, backlog: int) -> dict[str, Any]:
    with _escalations(town) as heard, closing(sqlite3.connect(f"file:{town.database}?mode=ro", uri=True)) as database:

        def one(question: str) -> int:
            return int(database.execute(question).fetchone()[0])

        def through() -> int:
            return one("SELECT coalesce(sum(through), 0) FROM epoch")

        def until(what: str, limit: int) -> float:
            if not wait(lambda: through() >= limit, _LIMIT_S):
                raise RuntimeError(f"{what}: {through()} records after {_LIMIT_S:.0f} s: {town.tail('collector')}")
            return time.monotonic()

        first_s = until("nothing is stored", 1)
        until("the drain stands still", backlog // 4)
        stored_at_alarm = through()
        pressed_s = time.monotonic()
        # Somebody walks through though nobody was let in.
        town.streets[_PLACE.street].press(CROSSING)
        if not wait(lambda: bool(heard), 60):
            raise RuntimeError("the alarm did not reach the escalation topic")
        alarm_s, record_was_stored = heard[0] - pressed_s, one(_ALARM_STORED) > 0
        end_s = until("the drain does not end", backlog)
        if not wait(lambda: one(_ALARM_STORED) > 0, _LIMIT_S):
            raise RuntimeError("the alarm's own record never came")
        record_s = time.monotonic() - pressed_s
        peak_mib = {"core_peak_rss_mib": _status_mib(town, "VmHWM"), "core_rss_after_mib": _status_mib(town, "VmRSS")}
        stored, out_of_order = one("SELECT count(*) FROM record"), one(_OUT_OF_ORDER)
        gaps = one("SELECT count(*) FROM gap")
    if out_of_order or gaps or stored < backlog:
        raise RuntimeError(f"{stored} records are stored, {out_of_order} out of order, {gaps} gaps")
    audit = json.loads(town.central("audit", "--json"))
    if not audit["ok"]:
        raise RuntimeError(f"the audit finds faults: {audit}")
    return {
        "drain_s": round(end_s - first_s, 1),
        "records_per_s": round(backlog / (end_s - first_s)),
        "alarm": {
            "records_stored_when_raised": stored_at_alarm,
            "to_escalation_topic_s": round(alarm_s, 2),
            "its_record_was_stored_then": record_was_stored,
            "its_record_stored_after_s": round(record_s, 1),
        },
        **peak_mib,
        "stored": stored,
        "out_of_order": out_of_order,
        "audit_and_recount_ok": True,
    }


@contextmanager
def _escalations(town: Town) -> Iterator[list[float]]:
    """The moments at which a subscriber hears of an alarm."""
    heard: list[float] = []
    command = [
        "mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(town.broker_port), "-u", "subscriber",
        "-P", password_of(town.folder / "broker"), "-t", "guankou/1/escalation/#", "-F", "%t %p",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:

        def listen() -> None:
            if process.stdout is not None:
                heard.extend(time.monotonic() for line in process.stdout if "tailgating" in line)

        thread = threading.Thread(target=listen, name="escalations")
        thread.start()
        try:
            yield heard
        finally:
            process.terminate()
            thread.join()


def _status_mib(town: Town, field: str) -> float:
    """A line of /proc/PID/status of the gate's core process, in MiB (proc(5))."""
    lines = Path(f"/proc/{town.pid(_PLACE.gate)}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024, 1)
