"""Faults of the broker: it confirms what nobody stores, and it forgets everything."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Final

from checkpoint import topics
from checkpoint.records import Note
from tools.demo.processes import Town
from tools.demo.street import ScreenWatch, wait
from tools.faults.clients import as_collector, as_gate, as_subscriber, retained
from tools.faults.evidence import believed, stored, unsent
from tools.faults.lab import Lab, now_ms
from tools.faults.restart import answered
from tools.faults.rows import Row

_SHOWN_S: Final = 8.0
# A batch that was refused is asked again after 10 s, then 20 s, then 40 s.
_AGAIN_S: Final = 90.0
_ROUND_S: Final = 12.0
_CASE_S: Final = 30.0
_DOCUMENTS: Final = 3
_RECONNECTS: Final = 30
_CONNECTED_S: Final = 15.0
_COPIES: Final = 20


# --- G9: the broker takes messages and nobody stores them ------------------------------------------------------------


def nobody_subscribes(lab: Lab) -> None:
    """The collector is dead and the broker, which was restarted, knows of nobody: it confirms with 0x10."""
    town = lab.start()
    lab.people(2)
    lab.heal()
    died_ms = now_ms()
    town.kill("collector")
    lab.kill("broker")
    _held(lab, "collector_absent")
    lab.start_again("collector", died_ms)
    _healed(lab, "collector_absent")


def forbidden(lab: Lab) -> None:
    """The broker's ACL no longer lets the gate write its records, and confirms them with 0x87; hellos are answered."""
    town = lab.start()
    lab.people(2)
    lab.heal()
    acl = town.folder / "broker" / "acl"
    text = acl.read_text()
    _allow(town, acl, text.replace(f"topic write {topics.records('gate-1')}\n", ""))
    _held(lab, "broker_refused")
    _allow(town, acl, text)
    _healed(lab, "broker_refused")


def mute_collector(lab: Lab) -> None:
    """The collector stands still, with its session: it takes what the broker hands it and never answers."""
    town = lab.start()
    lab.people(2)
    lab.heal()
    pid = town.pid("collector")
    os.kill(pid, signal.SIGSTOP)
    try:
        _held(lab, "collector_absent")
    finally:
        os.kill(pid, signal.SIGCONT)
    _healed(lab, "collector_absent")


def _held(lab: Lab, fault: str) -> None:
    """People are served and the fault is shown, and what the broker confirms is marked as stored by nobody."""
    before = stored(lab.town, "gate-1")
    lab.people(1)
    lab.alarm("gate-1", fault, _SHOWN_S)
    lab.people(2)
    # More than one round of asking again.
    time.sleep(12.0)
    came, marked, waiting = stored(lab.town, "gate-1"), believed(lab, "gate-1"), unsent(lab, "gate-1")
    lab.check("rows stay", waiting > 0 and came == before, f"{waiting} wait, {came - before} came")
    # Its disk may lag behind what it takes for stored; its page does not.
    shown = re.search(r"(\d+) waiting", _screen(lab).page["link"]["text"]["en"])
    told = f"the page says {shown.group() if shown else 'nothing waits'}; by its disk {marked} are stored, {came} are"
    lab.check("never marked as stored", marked <= came and shown and int(shown[1]) >= waiting, told)
    lab.check(f"{fault} stays shown", lab.shows("gate-1", fault))


def _healed(lab: Lab, fault: str) -> None:
    lab.people(1)
    lab.until("arrives", lambda: unsent(lab, "gate-1") == 0, _AGAIN_S)
    lab.heal()
    lab.cleared("gate-1", fault)
    lab.judge()


def _allow(town: Town, acl: Path, text: str) -> None:
    """In place, so that owner and mode stay; the broker reads it again when told to."""
    acl.write_text(text)
    os.kill(town.pid("broker"), signal.SIGHUP)


# --- C6: the broker forgets everything -------------------------------------------------------------------------------


def forgetful_broker(lab: Lab) -> None:
    """Twice the broker loses all it had: sessions, queues, retained topics. Documents, sums and an open case come back;
    people keep coming at the other gate."""
    town = lab.start(gates=2)
    lab.people(1, "gate-1")
    town.streets["gate-2"].thermometer.set(fault="unplug")
    lab.called("gate-2", "thermometer_gone", _CASE_S)
    documents, cases = _documents(town), _cases(town)
    lab.check("something to lose", len(documents) >= _DOCUMENTS and cases, f"{len(documents)} documents, {len(cases)}")
    for _ in range(2):
        lab.kill("broker")
        lab.people(2, "gate-1")
    lab.until("documents are retained again", lambda: _documents(town) == documents, _AGAIN_S)
    lab.until("the open case is retained again", lambda: _cases(town).keys() == cases.keys(), _AGAIN_S)
    _start_anew(lab, "gate-2")
    town.streets["gate-2"].thermometer.set(fault=None)
    lab.until("I4 the case is over for a new subscriber", lambda: not _cases(town), _AGAIN_S)
    lab.people(1, "gate-2")
    lab.heal()
    # With the sums as a new subscriber is given them.
    lab.judge()


def _documents(town: Town) -> dict[str, bytes]:
    return retained(as_gate(town, "gate-1", topics.document("+", "+")))


def _cases(town: Town) -> dict[str, bytes]:
    return retained(as_subscriber(town, f"{topics.PREFIX}/escalation/#"))


def _start_anew(lab: Lab, gate: str) -> None:
    """A gate whose documents are lost gets them from the broker that had lost them too."""
    town, folder = lab.town, lab.town.gate_folder(gate) / "data" / "documents"
    died_ms = now_ms()
    town.kill(gate)
    shutil.rmtree(folder)
    lab.start_again(gate, died_ms)
    lab.until("a gate that starts anew gets them", lambda: len(list(folder.glob("*.doc"))) >= _DOCUMENTS, _AGAIN_S)


# --- G14: the same documents again and again -------------------------------------------------------------------------


def pushed_again(lab: Lab) -> None:
    """Identical documents are published again and again, and the gate reconnects thirty times: nothing is recorded."""
    town = lab.start()
    lab.people(2)
    lab.heal()
    before, policy = _recorded(lab), _policy(lab)
    _push(lab)
    _storm(lab)
    _push(lab)
    answered(lab)
    after = _recorded(lab)
    told = f"{after[0]} records, {after[1]} of documents, {after[2]} epochs"
    lab.check("outbox untouched", after == before, f"{told}; before: {before}")
    lab.check("policy stays in force", _policy(lab) == policy, policy)
    lab.people(2)
    content = town.folder / "policy.toml"
    shutil.copyfile(Path(__file__).parent.parent / "chaos" / "policy.toml", content)
    town.central("document", "publish", "--kind", "policy", "--scope", "nanchang", str(content))
    lab.until("a new version is recorded", lambda: _recorded(lab)[1] == before[1] + 1, _AGAIN_S)
    _push(lab)
    lab.people(1)
    lab.check("and only once", _recorded(lab)[1] == before[1] + 1)
    lab.heal()
    lab.judge()


def _push(lab: Lab) -> None:
    """What is retained, once more and many times, by somebody with the collector's rights."""
    peer = as_collector(lab.town)
    try:
        for topic, payload in _documents(lab.town).items():
            peer.publish(topic, *[payload] * _COPIES, retain=True)
    finally:
        peer.close()


def _storm(lab: Lab) -> None:
    proxy = lab.proxies["gate-1"]
    first = proxy.accepted
    for number in range(_RECONNECTS):
        proxy.reset()
        if not wait(lambda number=number: proxy.accepted > first + number, _CONNECTED_S):  # type: ignore[misc]
            break
    lab.check("reconnects", proxy.accepted >= first + _RECONNECTS, f"{proxy.accepted - first} connections")


def _recorded(lab: Lab) -> tuple[int, int, int]:
    kept = lab.on_disk("gate-1")
    documents = sum(isinstance(one.payload, Note) and one.payload.code == "document_installed" for one in kept)
    return len(kept), documents, len({one.header.epoch for one in kept})


def _policy(lab: Lab) -> str:
    return str(_screen(lab).page["policy"]["text"]["en"])


def _screen(lab: Lab) -> ScreenWatch:
    return lab.town.streets[lab.place("gate-1").street].screen


ROWS: Final = (
    Row("G9", "PUBACK ok, nobody subscribes", nobody_subscribes, "nobody"),
    Row("G9", "PUBACK 0x87, records not allowed", forbidden, "forbidden"),
    Row("G9", "PUBACK ok, the collector stands still", mute_collector, "mute"),
    Row("C6", "the broker forgets everything, twice", forgetful_broker),
    Row("G14", "identical documents pushed again, 30 reconnects", pushed_again),
)
