"""Gates whose disks are new, old or copied, and answers that are forged: all is named, and nothing collides."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.keys import load_key
from checkpoint import topics
from checkpoint.wire import Answer, pack_answer
from edge.keys import create_key
from tools.demo.evidence import collector_records
from tools.demo.street import wait
from tools.faults.broker_talk import BrokerTalk
from tools.faults.lab import Lab, now_ms
from tools.faults.machines import Machines
from tools.faults.rows import Row

_TOLD_S: Final = 30.0
# A gate that was never answered waits half a minute before it says so.
_ABSENT_S: Final = 50.0
_DRAIN_S: Final = 90.0
_QUIET_S: Final = 4.0
_TWIN: Final = "twin"


def fresh_disk(lab: Lab) -> None:
    """The gate's card is replaced, and only its key was kept: it begins a new epoch, and no number means two things."""
    lab.start()
    machines = Machines(lab)
    lab.people(3)
    _drained(lab, machines, "before")
    _replace_disk(lab, machines, "gate.key")
    lab.people(3)
    _drained(lab, machines, "after")
    _nothing_collides(lab, machines)
    lab.check("nothing is taken for a clone", not _findings(lab), str(_findings(lab)))
    machines.judge()


def fresh_key(lab: Lab) -> None:
    """The key is lost with the card: nothing of the new one is taken until it is enrolled again; then all of it is."""
    town = lab.start()
    machines = Machines(lab)
    lab.people(2)
    _drained(lab, machines, "before")
    stored = len(collector_records(town.database, "gate-1"))
    folder = town.gate_folder("gate-1")
    died_ms = now_ms()
    town.kill("gate-1")
    machines.blank("gate-1")
    public = create_key(folder / "data" / "gate.key").hex()
    lab.start_again("gate-1", died_ms)
    with lab.trouble():
        # By a clock that nobody has confirmed its guard decides, so nobody can expect to be let in.
        lab.alarm("gate-1", "collector_absent", _ABSENT_S)
        lab.entrances["gate-1"].somebody()
    time.sleep(_QUIET_S)
    now_stored = len(collector_records(town.database, "gate-1"))
    lab.check("nothing of a strange key is taken", now_stored == stored, f"{now_stored} of {stored} records")
    (folder / "enrolment.json").unlink()
    place = lab.place("gate-1")
    town.central(
        "gate", "enrol", "--gate", "gate-1", "--grid", place.grid, "--site", place.site, "--public-key", public,
        "--out", str(folder / "enrolment.json"),
    )  # fmt: skip
    os.kill(town.pid("broker"), signal.SIGHUP)
    lab.kill("gate-1")
    _drained(lab, machines, "after")
    lab.heal()
    lab.people(1)
    _drained(lab, machines, "with the new key")
    _nothing_collides(lab, machines)
    machines.judge()


def older_disk(lab: Lab) -> None:
    """An image of the running gate's disk is put back later: which numbers are gone is said exactly, none is reused."""
    town = lab.start()
    machines = Machines(lab)
    lab.people(2)
    image = lab.folder / "image"
    machines.image("gate-1", image)
    lab.people(2)
    _drained(lab, machines, "before")
    died_ms = now_ms()
    town.kill("gate-1")
    gone = machines.look("gate-1")[-1].header
    machines.put_back("gate-1", image)
    last = machines.look("gate-1")[-1].header.number
    lab.start_again("gate-1", died_ms)
    lab.called("gate-1", "rollback", _TOLD_S)
    lab.called("gate-1", "fork", _TOLD_S)
    details = {case["detail"] for case in _findings(lab)}
    exact = f"the gate no longer holds {last + 1}..{gone.number}"
    lab.check("the lost numbers are named", exact in details, f"{exact}; said: {sorted(details)}")
    lab.people(2)
    _drained(lab, machines, "after")
    _nothing_collides(lab, machines)
    _close_findings(lab, ("fork", "rollback"))
    machines.judge()


def clone(lab: Lab) -> None:
    """Two machines with one gate's disk at once: the clone is called, both serve their people, all records are kept."""
    town = lab.start()
    machines = Machines(lab)
    lab.people(2)
    _drained(lab, machines, "before")
    died_ms = now_ms()
    town.kill("gate-1")
    machines.add_clone("gate-1", _TWIN)
    lab.start_again("gate-1", died_ms)
    town.start_gate(_TWIN)
    town.streets[_TWIN].watch_screen(town.gate_ports[_TWIN])
    began_s = time.monotonic()
    with lab.crowd():
        lab.called("gate-1", "fork", _TOLD_S)
        wait(lambda: time.monotonic() - began_s > 15.0, 20.0)
    # Both take over each other's session at the broker all the time.
    _drained(lab, machines, "while both run")
    # What a clone that never connects again still writes is lost, as the documents say: it is not looked at again.
    machines.retire(_TWIN)
    town.kill(_TWIN)
    lab.until("I4 collector_absent cleared at gate-1", lambda: not lab.shows("gate-1", "collector_absent"), _TOLD_S)
    lab.people(2)
    machines.waiting()
    lab.heal()
    _nothing_collides(lab, machines)
    forks = lab.cases("gate-1", "fork")
    lab.check("I4 the clone is called once", len(forks) == 1 and forks[0].times_opened == 1, f"{len(forks)} cases")
    _close_findings(lab, ("fork",))
    machines.judge()


def forged_answers(lab: Lab) -> None:
    """Somebody with the collector's broker password, but without its key, sends answers; and an old one, another
    gate's, and one that was not asked for but has the collector's own signature. While the collector is away nothing
    on the gate's disk changes."""
    town = lab.start(2)
    password = (town.folder / "broker" / "collector.password").read_text().strip()
    talk = BrokerTalk(town.broker_port, "collector", password, (topics.watermark("+"),))
    lab.at_end(talk.close)
    lab.people(2)
    lab.people(1, "gate-2")
    lab.heal()
    # A heartbeat is answered every second: the gate knows that all of this is stored.
    time.sleep(_QUIET_S)
    died_ms = now_ms()
    town.kill("collector")
    stored = collector_records(town.database, "gate-1")
    told = {kept.header.epoch.hex(): kept.header.number for kept in stored}
    lab.people(2)
    own, others = (talk.heard(topics.watermark(gate)) for gate in lab.gates)
    lab.check("answers were recorded", len(own) > 2 and others, f"{len(own)} and {len(others)}")
    held = len(lab.on_disk("gate-1"))
    sent = [*own, *others, *_made_up(lab, Ed25519PrivateKey.generate())]
    # By the right key, and all the same no answer to anything that was asked.
    sent += _made_up(lab, load_key(town.folder / "central" / "keys", "collector"))
    sent += [b"", b"\x00", b"junk" * 1000]
    for payload in sent:
        talk.say(topics.watermark("gate-1"), payload, retain=False)
    time.sleep(_QUIET_S)
    # What it believes is on its disk at the latest when it ends.
    ended_ms = now_ms()
    os.kill(town.pid("gate-1"), signal.SIGTERM)
    wait(lambda: town.ended("gate-1") is not None, 20.0)
    town.kill("gate-1")
    after, holds = _watermarks(lab), len(lab.on_disk("gate-1"))
    right = [(epoch, 1, number, 0) for epoch, number in told.items()]
    lab.check("no answer changed anything", after == right, f"{len(sent)} answers; {after}, right {right}")
    lab.check("nothing was deleted", holds >= held, f"{held}, then {holds} records")
    lab.start_again("gate-1", ended_ms)
    lab.people(1)
    lab.start_again("collector", died_ms)
    lab.heal()
    lab.judge()


def _made_up(lab: Lab, key: Ed25519PrivateKey) -> list[bytes]:
    """Answers about each epoch on the gate's disk: nothing stored, all stored, and far more than there is."""
    found = []
    for epoch, last, head in _heads(lab):
        for through in (0, last, last + 1000):
            found.append(pack_answer(key, Answer(1, "gate-1", epoch, through, head, os.urandom(8), now_ms())))
    return found


def _heads(lab: Lab) -> list[tuple[bytes, int, bytes]]:
    found = {}
    for kept in lab.on_disk("gate-1"):
        found[kept.header.epoch] = (kept.header.epoch, kept.header.number, kept.head)
    return list(found.values())


def _watermarks(lab: Lab) -> list[tuple[Any, ...]]:
    """(epoch, floor, watermark, set aside) of each epoch on the gate's disk."""
    with closing(sqlite3.connect(f"file:{lab.outbox('gate-1')}?mode=ro", uri=True, timeout=10)) as connection:
        query = "SELECT lower(hex(epoch)), floor, watermark, set_aside FROM epochs ORDER BY id"
        return connection.execute(query).fetchall()


# --- in common -------------------------------------------------------------------------------------------------------


def _replace_disk(lab: Lab, machines: Machines, *kept: str) -> None:
    died_ms = now_ms()
    lab.town.kill("gate-1")
    machines.blank("gate-1", *kept)
    lab.start_again("gate-1", died_ms)


def _drained(lab: Lab, machines: Machines, when: str) -> None:
    lab.until(f"every record is kept, {when}", lambda: machines.waiting() == 0, _DRAIN_S)


def _nothing_collides(lab: Lab, machines: Machines) -> None:
    """No number of an epoch ever stood for two records."""
    heads: dict[Any, set[bytes]] = {}
    for kept in machines.ever("gate-1"):
        heads.setdefault(kept.key, set()).add(kept.head)
    twice = [f"{key[1].hex()}/{key[2]}" for key, held in heads.items() if len(held) > 1]
    epochs = {key[1] for key in heads}
    lab.check("no number stands for two records", not twice, f"{len(heads)} numbers in {len(epochs)} epochs; {twice}")


def _findings(lab: Lab) -> list[dict[str, Any]]:
    """Open cases that the collector found by itself."""
    views: list[dict[str, Any]] = json.loads(lab.town.central("alarm", "list", "--json"))
    return [view for view in views if re.search(r"-(fork|rollback|conflict|gap)$", view["case"])]


def _close_findings(lab: Lab, names: tuple[str, ...]) -> None:
    """Somebody has looked at it: told to subscribers as over, and not said again."""
    for view in _findings(lab):
        lab.town.central("alarm", "close", view["case"])
    lab.until(
        "closed findings are told as over",
        lambda: all(case.closed_ms for name in names for case in lab.cases("gate-1", name)),
        _TOLD_S,
    )
    lab.people(1)
    lab.check("closed findings are not said again", not _findings(lab), str(_findings(lab)))


ROWS: Final = (
    Row("C4", "a new card with the gate's key", fresh_disk, "card"),
    Row("C4", "a new card and a new key", fresh_key, "key"),
    Row("C4", "an old image of the card", older_disk, "rollback"),
    Row("C5", "two machines with one gate's card", clone, "clone"),
    Row("C5", "forged, replayed, too high and other gates' answers", forged_answers, "watermarks"),
)
