"""Faults of those who use the broker beside the gates: bad messages under a gate's name, slow and dead readers."""

from __future__ import annotations

import time
from itertools import cycle, islice
from typing import Final

from checkpoint import topics
from checkpoint.records import OutcomeOf
from tools.demo.street import wait
from tools.faults.clients import Consumer, Peer, as_collector, as_gate, as_subscriber, retained, wait_ready
from tools.faults.evidence import longest_quarantined, longest_way_s, memory_mib, quarantined, stored, unsent
from tools.faults.lab import Lab, now_ms
from tools.faults.restart import with_backlog
from tools.faults.rows import Row
from tools.faults.spoiled import Spoiled, spoiled
from tools.faults.told import event_id

_FLOOD: Final = 2_000
# Of a refused message only its beginning is kept.
_KEPT_BYTES: Final = 4_096
_QUARANTINED_S: Final = 30.0
# A record's way to the collector while others flood it: one round of asking again, on a loaded machine.
_ARRIVES_S: Final = 30.0
# A batch that is lost among the others is asked again after so long.
_ASKED_AGAIN_S: Final = 10.0
_BACKLOG: Final = 6_000
_DRAIN_S: Final = 90.0
# The same drain twice on a machine that others use as well.
_SLOWER: Final = 3.0
_QUICK_S: Final = 3.0
_GROWTH_MIB: Final = 48.0
_TOLD_S: Final = 60.0


# --- C10: bad messages under a gate's own credential -----------------------------------------------------------------


def bad_messages(lab: Lab) -> None:
    """Random, torn, turned, foreign, future and huge messages on all topics of gate-1, by somebody with its password;
    then two thousand more as fast as the broker takes them. People keep coming at both gates."""
    town = lab.start(gates=2)
    listener = as_collector(town, f"{topics.PREFIX}/gate/+/+")
    lab.at_end(listener.close)
    for gate in lab.gates:
        lab.people(1, gate)
    batches = [topics.records(gate) for gate in lab.gates]
    wait(lambda: all(topic in listener.got for topic in (*batches, topics.state("gate-1"))), _ARRIVES_S)
    genuine, others = (listener.got[topic] for topic in batches)
    bad = spoiled(genuine, others, listener.got[topics.state("gate-1")], lab.chance)
    stranger = as_gate(town, "gate-1")
    lab.at_end(stranger.close)
    _each_has_its_reason(lab, stranger, bad)
    _flood(lab, stranger, bad)
    for gate in lab.gates:
        lab.people(1, gate)
    lab.heal()
    lab.judge()


def _each_has_its_reason(lab: Lab, stranger: Peer, bad: list[Spoiled]) -> None:
    for one in bad:
        stranger.publish(one.topic("gate-1"), one.payload)
    wait(lambda: _refused(lab) >= len(bad), _QUARANTINED_S)
    reasons = [reason for kind in _topics() for reason in quarantined(lab.town, kind)]
    told = f"{len(reasons)} of {len(bad)} messages, {len(set(reasons))} reasons"
    lab.check("quarantined with a reason", len(reasons) == len(bad) and all(reasons), told)


def _flood(lab: Lab, stranger: Peer, bad: list[Spoiled]) -> None:
    pid = lab.town.pid("collector")
    before_mib = memory_mib(pid)
    with lab.crowd():
        began_s, began_ms = time.monotonic(), now_ms()
        for one in islice(cycle(bad), _FLOOD):
            stranger.publish(one.topic("gate-1"), one.payload)
        took_s = time.monotonic() - began_s
    for gate in lab.gates:
        lab.until(f"{gate} is not starved", lambda gate=gate: unsent(lab, gate) == 0, _ARRIVES_S)  # type: ignore[misc]
        way_s = longest_way_s(lab.town, gate, began_ms)
        told = f"the longest way of a record took {way_s:.1f} s; {_FLOOD} messages in {took_s:.0f} s"
        lab.check(f"{gate} is not asked to wait for the others", way_s < _ASKED_AGAIN_S, told)
    after_mib = memory_mib(pid)
    lab.check("collector's memory bounded", after_mib - before_mib < _GROWTH_MIB, f"{before_mib:.0f}, {after_mib:.0f}")
    most = longest_quarantined(lab.town)
    lab.check("only beginnings are kept", 0 < most <= _KEPT_BYTES, f"{_refused(lab)} kept, the longest {most} bytes")


def _topics() -> tuple[str, str, str]:
    return topics.records("gate-1"), topics.alarm("gate-1"), topics.state("gate-1")


def _refused(lab: Lab) -> int:
    return sum(len(quarantined(lab.town, topic)) for topic in _topics())


# --- C9: readers that are slow or dead -------------------------------------------------------------------------------


def slow_readers(lab: Lab) -> None:
    """One program stops reading with its connection open, another dies; both have sessions at the broker.

    What is promised: the sums are exact whenever a reader comes back, since each is retained whole with a growing
    version; passages are told at QoS 1 with an id, and a reader that is away for longer than the broker's queue
    (200 messages) has missed some. Storing never waits for a reader.
    """
    town = lab.start()
    slow, dead = (Consumer(town, name, lab.folder) for name in ("slow", "dead"))
    for consumer in (slow, dead):
        lab.at_end(consumer.end)
    lab.check("readers are there", wait_ready(slow) and wait_ready(dead))
    with_readers_s = _drained_s(lab)
    lab.until("both heard all", lambda: _missing(lab, slow) == _missing(lab, dead) == 0, _TOLD_S)
    dead.end()
    slow.stand_still()
    lab.people(3)
    dead.start()
    lab.until("nothing is missing within the broker's queue", lambda: _missing(lab, dead) == 0, _TOLD_S)
    dead.end()
    before_mib = _memory(lab)
    without_s = _drained_s(lab)
    lab.people(1)
    lab.until("records arrive", lambda: unsent(lab, "gate-1") == 0, _ARRIVES_S)
    pace = f"{with_readers_s:.1f} s with readers, {without_s:.1f} s without"
    lab.check("ingestion unaffected", without_s <= _SLOWER * max(with_readers_s, _QUICK_S), pace)
    after_mib = _memory(lab)
    grown = {name: round(after_mib[name] - before_mib[name]) for name in after_mib}
    lab.check("memory bounded", all(mib < _GROWTH_MIB for mib in grown.values()), f"MiB more: {grown}")
    slow.go_on()
    dead.start()
    lab.people(1)
    lab.heal()
    for name, consumer in (("slow", slow), ("dead", dead)):
        _resumes(lab, name, consumer)
    lab.judge()


def _drained_s(lab: Lab) -> float:
    """How long the collector takes for a backlog of the gate."""
    with_backlog(lab, _BACKLOG)
    began_s, before = time.monotonic(), stored(lab.town, "gate-1")
    wait(lambda: unsent(lab, "gate-1") == 0, _DRAIN_S)
    lab.check("backlog drained", unsent(lab, "gate-1") == 0, f"{before} records were there when it was first looked at")
    return time.monotonic() - began_s


def _memory(lab: Lab) -> dict[str, float]:
    return {name: memory_mib(lab.town.pid(name)) for name in ("broker", "collector")}


def _ids(lab: Lab) -> set[str]:
    return {event_id(kept) for kept in lab.on_disk("gate-1") if isinstance(kept.payload, OutcomeOf)}


def _missing(lab: Lab, consumer: Consumer) -> int:
    return len(_ids(lab) - set(consumer.passages()))


def _resumes(lab: Lab, name: str, consumer: Consumer) -> None:
    newest = _ids(lab)
    lab.until(f"{name} reader has the newest sums", lambda: _up_to_date(lab, consumer), _TOLD_S)
    got = consumer.passages()
    back = [topic for topic, versions in consumer.versions().items() if versions != sorted(versions)]
    lab.check(f"{name} reader: versions never go back", not back, ", ".join(back))
    told = f"{len(set(got))} of {len(newest)} passages, {len(got) - len(set(got))} twice"
    lab.check(f"{name} reader got no passage that was none", set(got) <= newest, told)


def _up_to_date(lab: Lab, consumer: Consumer) -> bool:
    peer = as_subscriber(lab.town, f"{topics.PREFIX}/summary/#")
    said = retained(peer)
    last = {topic: versions[-1] for topic, versions in consumer.versions().items()}
    return bool(said) and all(f'"version":{last.get(topic)},'.encode() in payload for topic, payload in said.items())


ROWS: Final = (
    Row("C9", "a reader stops reading, another dies", slow_readers, alone=True),
    Row("C10", "bad messages under a gate's own credential, and a flood of them", bad_messages),
)
