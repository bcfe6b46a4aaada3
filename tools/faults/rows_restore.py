"""The collector is brought back from an old backup: what comes again, what is missing for good, what is old news."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from central.config import load_config
from central.ingest import Ingest
from central.keys import load_key
from central.registry import take_registry
from central.store.sqlite import SqliteStore
from edge.downlink import Downlink, PolicyInstalled
from edge.keys import load_key as load_gate_key
from edge.outbox import Identity
from edge.outbox_reader import OutboxReader
from edge.uplink_messages import Packer
from tools.chaos.run import PACE
from tools.demo.evidence import collector_records
from tools.demo.processes import SetupError
from tools.demo.street import wait
from tools.faults import told
from tools.faults.backlog import Backlog, make_backlog
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row

_SHOWN_S: Final = 15.0
_AGAIN_S: Final = 60.0
# Longer than a collector that starts takes to look at what the broker retains.
_CUT_S: Final = 6.0
# The gate looks for what it may delete once a minute.
_PURGED_S: Final = 150.0
_FAULT: Final = "camera_missing"
# One record every three hours: most of them are older than the one day that the gate keeps.
_OLD: Final = 30
_OLD_PACE_MS: Final = 3 * 3_600_000
_IN_BACKUP: Final = 10


def restored(lab: Lab) -> None:
    """The store is at hand when it is replaced: what operators did since is carried over."""
    _restored(lab, lost=False)


def restored_after_loss(lab: Lab) -> None:
    """The disk is lost: only the backup is there, and gates connect some time after the collector has."""
    _restored(lab, lost=True)


def _restored(lab: Lab, *, lost: bool) -> None:
    """People pass before and after the backup. One alarm was open in it and is over, another one began after it and
    stands; a document was published after it."""
    town = lab.start(2)
    lab.people(2)
    east, west = (town.streets[lab.place(gate).street] for gate in lab.gates)
    east.camera.fault("missing")
    lab.called("gate-1", _FAULT, _SHOWN_S)
    backup = lab.folder / "backup.db"
    lab.people(2, "gate-2")
    town.central("backup", str(backup))
    east.camera.fault(None)
    lab.cleared("gate-1", _FAULT)
    lab.people(2)
    lab.people(2, "gate-2")
    policy = _publish_policy(lab)
    west.camera.fault("missing")
    lab.called("gate-2", _FAULT, _SHOWN_S)
    lab.until("drained before", lambda: not any(lab.waiting(gate) for gate in lab.gates), _AGAIN_S)
    time.sleep(1.0)
    stood, stored = told.open_cases(lab), _stored(lab)
    since_ms = _restore(lab, backup, lost=lost)
    lab.check("the backup is older", _stored(lab) < stored, f"{_stored(lab)} of {stored} records")
    town.start_collector()
    if lost:
        time.sleep(_CUT_S)
        for gate in lab.gates:
            lab.proxies[gate].listen()
    lab.until("gates send again", lambda: _stored(lab) >= stored, _AGAIN_S)
    lab.people(2)
    west.camera.fault(None)
    lab.cleared("gate-2", _FAULT)
    lab.people(2, "gate-2")
    lab.heal()
    told.check_events(lab)
    told.check_versions(lab)
    _documents_go_on(lab, policy)
    lab.judge()
    told.check_nothing_old_as_new(lab, since_ms, stood)


def _restore(lab: Lab, backup: Path, *, lost: bool) -> int:
    """Stop the collector as an operator would, and put the backup back. Gives the time of the stop."""
    town = lab.town
    os.kill(town.pid("collector"), signal.SIGTERM)
    wait(lambda: town.ended("collector") is not None, 20.0)
    town.kill("collector")
    since_ms = now_ms()
    if lost:
        for gate in lab.gates:
            lab.proxies[gate].refuse()
        town.database.write_bytes(os.urandom(20_000))
    town.central("restore", str(backup))
    return since_ms


def _stored(lab: Lab) -> int:
    return sum(len(collector_records(lab.town.database, gate)) for gate in lab.gates)


def _publish_policy(lab: Lab) -> int:
    """The policy once more, with another title; gives the document's version once every gate has it in force."""
    source, title = PACE.policy.read_text(encoding="utf-8"), f"Kill test {lab.chance.randrange(10**9)}"
    file = lab.folder / "policy.toml"
    file.write_text(source.replace("Kill test", title), encoding="utf-8")
    words = ("document", "publish", "--kind", "policy", "--scope", "nanchang", "--json", str(file))
    version: int = json.loads(lab.town.central(*words))["version"]
    lab.until(f"every gate takes {title}", lambda: all(_policy_at(lab, gate) == title for gate in lab.gates), _AGAIN_S)
    return version


def _policy_at(lab: Lab, gate: str) -> str:
    """The title of the policy on a gate's disk."""
    folder = lab.town.gate_folder(gate)
    root = bytes.fromhex(json.loads((folder / "enrolment.json").read_text())["root_key"])
    facts = Downlink(folder / "data" / "documents", root, (gate, "nanchang"), {}).load()
    return next((fact.policy.title_en for fact in facts if isinstance(fact, PolicyInstalled)), "")


def _documents_go_on(lab: Lab, before: int) -> None:
    after = _publish_policy(lab)
    lab.check("a new document is newer than every old one", after > before, f"{before}, then {after}")


# --- beyond what a gate still has ------------------------------------------------------------------------------------


def purged(lab: Lab) -> None:
    """The gate has deleted records that the backup does not have: the exact numbers are said, once, and life goes on.

    I3 and I6 do not hold across a gap, and are asked about on both sides of it: by the collector's audit.
    """
    lab.not_judged |= {"I3", "I6"}
    town = lab.build()
    old = _old_records(lab)
    backup = lab.folder / "backup.db"
    town.central("backup", str(backup))
    with (town.gate_folder("gate-1") / "gate.toml").open("a", encoding="utf-8") as file:
        file.write("\n[outbox]\nretain_days = 1\n")
    lab.start()
    lab.people(2)
    lab.until("the gate deletes what is old and stored", lambda: _floor(lab, old) > _IN_BACKUP + 1, _PURGED_S)
    wait(lambda: False, 1.0)
    floor = _floor(lab, old)
    since_ms = _restore(lab, backup, lost=False)
    town.start_collector()
    exact = f"{_IN_BACKUP + 1}..{floor - 1} purged"
    lab.called("gate-1", "gap", _AGAIN_S)
    lab.people(2)
    lab.heal()
    said = [item.body["detail"] for item in lab.history.heard if item.body and item.body.get("name") == "gap"]
    lab.check("the gap is exact", set(said) == {exact}, f"{exact}; said: {said}")
    summary = [item.body for item in lab.history.heard if item.body and item.topic.endswith("/summary/nanchang")][-1]
    missing = floor - 1 - _IN_BACKUP
    lab.check("sums say what is missing", summary["missing"] == missing, f"{summary['missing']} of {missing}")
    _audit_names(lab, f"gaps {exact}")
    told.check_nothing_old_as_new(lab, since_ms, frozenset())
    told.check_versions(lab)
    case = lab.cases("gate-1", "gap")[0]
    town.central("alarm", "close", case.topic.rpartition("/")[2])
    lab.until("I4 gap is told as over", lambda: all(one.closed_ms for one in lab.cases("gate-1", "gap")), _SHOWN_S)
    lab.people(1)
    lab.heal()
    cases = lab.cases("gate-1", "gap")
    lab.check("I4 gap is called once", len(cases) == 1 and cases[0].times_opened == 1, f"{len(cases)} cases")
    lab.judge()


def _old_records(lab: Lab) -> Backlog:
    """A card with records of four days, of which the collector has the first few."""
    folder = lab.town.gate_folder("gate-1")
    enrolment = json.loads((folder / "enrolment.json").read_text())
    identity = Identity("gate-1", enrolment["grid"], enrolment["tree_version"])
    path = folder / "data" / "outbox.db"
    old = make_backlog(path, identity, _OLD, lab.chance.randrange(2**32), pace_ms=_OLD_PACE_MS)
    config = load_config(lab.town.collector_file)
    reader = OutboxReader(path)
    packer = Packer("gate-1", load_gate_key(folder / "data" / "gate.key"), bytes(16), {})
    with closing(SqliteStore(config.database)) as store:
        key = load_key(config.keys_dir, "collector")
        ingest = Ingest(store, key, take_registry(config, store, now_ms()), now_ms)
        for state in reader.epochs():
            run = reader.run(state.epoch, 0, _IN_BACKUP, 200_000)
            answers = ingest.batch("gate-1", packer.batch(state.epoch, os.urandom(8), run))
            if [answer.stored_through for answer in answers] != [run[-1].number]:
                raise SetupError(f"the collector did not take the first records: {answers}")
    reader.close()
    return old


def _floor(lab: Lab, old: Backlog) -> int:
    with closing(sqlite3.connect(f"file:{lab.outbox('gate-1')}?mode=ro", uri=True, timeout=10)) as connection:
        row = connection.execute("SELECT floor FROM epochs WHERE epoch = ?", (old.epoch,)).fetchone()
    return int(row[0])


def _audit_names(lab: Lab, text: str) -> None:
    try:
        words = lab.town.central("audit")
    except SetupError as error:
        lab.check("I6 the audit holds beside the gap", ok=False, detail=str(error))
        return
    lab.check("the audit holds and names the gap", text in words, f"{text!r}; it says: {words[-300:]}")


# --- a gate that never comes back ------------------------------------------------------------------------------------


def rescued(lab: Lab) -> None:
    """After the restore one gate is dead for good, with records that never left it: its card is imported, twice."""
    town = lab.start(2)
    lab.people(1)
    lab.people(1, "gate-2")
    backup = lab.folder / "backup.db"
    town.central("backup", str(backup))
    lab.people(1)
    lab.people(1, "gate-2")
    lab.until("drained before", lambda: not any(lab.waiting(gate) for gate in lab.gates), _AGAIN_S)
    lab.proxies["gate-2"].refuse()
    lab.people(2, "gate-2")
    town.kill("gate-2")
    since_ms = _restore(lab, backup, lost=True)
    waiting = lab.waiting("gate-2")
    for _ in range(2):
        town.central("rescue", str(lab.outbox("gate-2")), "--gate", "gate-2", "--by", "row")
    lab.check("the card had what nobody else had", waiting > 0 and lab.waiting("gate-2") == 0, f"{waiting} records")
    town.start_collector()
    lab.proxies["gate-1"].listen()
    lab.people(1)
    lab.until("drained", lambda: not any(lab.waiting(gate) for gate in lab.gates), _AGAIN_S)
    told.check_events(lab)
    lab.judge()
    told.check_nothing_old_as_new(lab, since_ms, frozenset())


ROWS: Final = (
    Row("C3", "brought back from an old backup", restored, "kept"),
    Row("C3", "its disk lost, brought back from an old backup", restored_after_loss, "lost"),
    Row("C3", "a backup older than what a gate still has", purged, "gap"),
    Row("C3", "an old backup and a gate that is dead for good", rescued, "rescue"),
)
