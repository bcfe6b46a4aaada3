"""An enrolled gate whose key is in wrong hands: it signs what it likes, and the collector works on for everybody."""

from __future__ import annotations

import msgspec
import pytest

from central.explaining import explained
from central.mqtt import Link
from central.publisher import Publisher
from central.views import Board
from checkpoint import wire
from checkpoint.records import (
    CheckResult,
    Cleared,
    ClockSet,
    Egress,
    Fault,
    Header,
    Note,
    Opened,
    Override,
    PassFacts,
    Payload,
    ReadingKept,
    Verdict,
    encode_header,
)
from tests.central.sim import WHERE, Gate, Record, fault, outcome, passage_id

_VERDICT = Verdict(
    1, WHERE, "escalate", "all_ok", "resident", (CheckResult("pass", "enforce", "ok", "x", 36.5, "x"),),
    PassFacts(b"12345678", b"12345678", "resident", None, b"kid4", 1),
    (ReadingKept("forehead", 36.5, 20.0, None, 36.5, 36.4, 0.1, ("ok",), False),),
    "everyday", 1, "normal", "guard", ("tag",), passage_id(3), "police", False, passage_id(4),
)  # fmt: skip
_PAYLOADS: dict[str, Payload] = {
    "verdict": _VERDICT,
    "outcome": outcome(),
    "override": Override(1, WHERE, "admit", "guard_decides", "guard", "resident"),
    "egress": Egress(1, WHERE, "fire", 5),
    "fault": fault(),
    "cleared": Cleared(1, "x", "d", "in-1", b"12345678", 1),
    "clock": ClockSet(1, b"boot-1", 5, "ntp"),
    "note": Note(1, "code", {"a": "b"}),
    "opened": Opened(1, b"12345678", 5, b"h" * 32, "0.1", "start"),
}
_NUMBERS = (2**64 - 1, 2**63, 2**62, -(2**63), -1, 0)
_TEXTS = ("", "#", "a/+/b", "\0", "x" * 66_000, "\x1b[2J", "<b>")
# Clears a terminal, then writes what it likes.
_ESCAPE = "\x1b[2J\x1b]0;owned\x07\x9b31m"
_BYTES = (b"", b"\0", b"x" * 5000)


class _Library:
    """The real connection's checks of a topic, without a broker behind it."""

    def __init__(self) -> None:
        self._link = Link("nobody", "", "", [], lambda *_: None)

    def publish(self, topic, payload, *, retain):
        assert "\0" not in topic  # A broker ends the connection of whoever sends it (MQTT 5.0, section 1.5.4).
        self._link.publish(topic, payload, retain=retain)
        return lambda: True


def _hostile(value: object) -> list[object]:
    match value:
        case bool():
            return [not value]
        case int():
            return list(_NUMBERS)
        case float():
            return [float("nan"), float("inf")]
        case str():
            return list(_TEXTS)
        case bytes():
            return list(_BYTES)
        case msgspec.Struct():
            return [changed for changed, _ in _changed(value)]
    return []


def _changed(value: msgspec.Struct) -> list[tuple[msgspec.Struct, str]]:
    """The same with one field hostile, for every field and every such value."""
    names = [field.name for field in msgspec.structs.fields(value)]
    return [
        (msgspec.structs.replace(value, **{name: bad}), name)
        for name in names
        for bad in _hostile(getattr(value, name))
    ]


def _attack(core, number: int, kind: str, payload: Payload, header: dict[str, object] | None = None) -> None:
    gate = Gate(f"gate-{number}")
    gate.reopen()
    core.enrol(gate)
    try:
        record = gate.append(kind, payload, passage_id(number))
        changed = msgspec.structs.replace(record.link.header, **header or {})
        gate.records[gate.epochs[-1]][-1] = record = Record(encode_header(changed), record.sealed)
        copy, batches = gate.copy_of(record), gate.all()
    except (OverflowError, msgspec.DecodeError):
        # What can't be written, or is no header, reaches nobody as one.
        return
    core.ingest.alarm(gate.name, copy)
    for data in batches:
        core.ingest.batch(gate.name, data)


@pytest.fixture
def publisher(core):
    return Publisher(core.store, core.registry, _Library(), lambda: core.now_ms, "urn:test")


def _works_on(core, publisher) -> None:
    """Sums, cases and passages are published, and good gates are counted."""
    good = Gate("good")
    good.reopen()
    core.enrol(good)
    good.passage(1)
    core.send(good)
    for _ in range(20):
        core.now_ms += 1000
        publisher.tick()
    assert not [item for item in core.store.due(100) if "good" in item.topic]
    assert core.count("outcome", "passed") >= 1


@pytest.mark.parametrize("grid", ["#", "a/+/b", "a\0b", "x" * 66_000, "\x1b[2J", "../up", "", "Donghu-7"])
def test_a_record_whose_grid_is_no_grid_id_is_refused_and_the_publisher_lives(core, publisher, grid):
    bad = Gate("bad", grid)
    bad.reopen()
    bad.passage(1)
    core.enrol(bad)
    assert [core.ingest.batch("bad", data) for data in bad.all()] == [[]]
    assert "is no grid id" in core.refusals()[0]
    _works_on(core, publisher)


def test_what_a_gate_says_of_itself_is_cut_before_anybody_reads_it(core):
    bad = Gate("bad")
    bad.reopen()
    core.enrol(bad)
    hello = wire.unpack_hello(bad.hello(), bad.key.public_key())
    names = tuple(f"fault_{number}_{_ESCAPE}" for number in range(10_000))
    versions = {"software": _ESCAPE + "y" * 100_000, "policy": "everyday 4", **{f"part-{n}": "" for n in range(5000)}}
    core.ingest.hello("bad", wire.pack_hello(bad.key, msgspec.structs.replace(hello, faults=names, versions=versions)))
    [view] = [one for one in Board(core.file, core.registry, lambda: core.now_ms).gates() if one.gate == "bad"]
    assert (len(view.faults), view.policy) == (64, "everyday 4")
    assert len(msgspec.json.encode(view)) < 100_000
    assert all(text.isprintable() for text in (*view.faults, view.software))


def test_no_control_sequence_of_a_gate_reaches_a_case(core):
    bad = Gate("bad")
    bad.reopen()
    core.enrol(bad)
    bad.append("fault", Fault(1, "x" * 5000 + _ESCAPE, _ESCAPE, "in-1", f"a\nb{_ESCAPE}", 1))
    bad.append("fault", Fault(1, _ESCAPE, "door", "in-1", "\u202egnp.exe", 1))
    core.send(bad)
    alarms = Board(core.file, core.registry, lambda: core.now_ms).alarms()
    assert len(alarms) == 2
    assert all((alarm.name + alarm.name_zh + alarm.detail).isprintable() for alarm in alarms)
    assert max(len(alarm.name) for alarm in alarms) == 64


@pytest.mark.parametrize("kind", sorted(_PAYLOADS))
def test_whatever_a_signed_payload_says_the_collector_works_on(core, publisher, kind):
    for number, (payload, _) in enumerate(_changed(_PAYLOADS[kind])):
        _attack(core, number, kind, payload)
        explained(core.store, passage_id(number).hex())
    _works_on(core, publisher)


def test_whatever_a_signed_header_says_the_collector_works_on(core, publisher):
    gate = Gate("gate-x")
    gate.reopen()
    header: Header = gate.append("verdict", _VERDICT, passage_id(1)).link.header
    for number, (changed, name) in enumerate(_changed(header)):
        if name not in ("gate", "prev", "payload_digest"):
            _attack(core, number, "verdict", _VERDICT, {name: getattr(changed, name)})
    _works_on(core, publisher)
