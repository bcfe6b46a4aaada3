"""Records of a drill at the collector: stored like all others, shown as practice, and in no figure."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from central import audit
from central.picture import take_picture
from central.publish import summary
from central.publisher import Publisher
from central.screen.view import board_page
from central.views import Board
from checkpoint import records, wire
from checkpoint.drill import as_drill
from tests.central.conftest import Core
from tests.central.sim import PATH, START_MS, Gate, outcome, passage_id, verdict
from tests.central.test_publish import Broker

VALUES = [("allow", "all_ok"), ("deny", "pass_expired"), ("escalate", "fever")]
# Which passage, what of it, in a drill or not, when; few of each, so that they meet.
ACTS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["verdict", "outcome", "both"]), st.booleans(), st.integers(0, 3)),
    max_size=20,
)


def append(gate: Gate, number: int, what: str, drill: bool, shift: int) -> None:
    def as_meant(payload: records.Payload) -> records.Payload:
        return as_drill(payload) if drill else payload

    at_ms = START_MS + shift * 1_700_000
    if what != "outcome":
        gate.append("verdict", as_meant(verdict(*VALUES[shift % 3])), passage_id(number), at_ms=at_ms)
    if what != "verdict":
        gate.append("outcome", as_meant(outcome(["passed", "turned_back"][shift % 2])), passage_id(number), at_ms=at_ms)


def figures(core: Core) -> tuple[object, ...]:
    leaves = [sorted(row for row in core.store.leaves(kind, 0, 2**62)) for kind in ("hour", "day", "undated")]
    said = summary(take_picture(core.store, core.registry, core.now_ms), PATH, 1)
    return (*leaves, said["today"], said["hours"], said["undated"])


def collected(folder: str, acts: list[tuple[int, str, bool, int]], clock: bool, batches: int) -> tuple[object, ...]:
    gate = Gate()
    gate.reopen()
    gate.clock = "trusted" if clock else "untrusted"
    for act in acts:
        append(gate, *act)
    if not clock:
        gate.clock = "trusted"
        gate.set_clock(3_600_000)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        core = Core(Path(own) / "central.db", gate)
        with closing(core.store):
            last = len(gate.records[gate.epochs[0]])
            for first in range(1, last + 1, batches):
                core.batch(gate, gate.batch(first, min(last, first + batches - 1)))
            assert not core.refusals()
            assert audit.recount(core.store, core.registry) == []
            return figures(core)


@settings(max_examples=20, deadline=None)
@given(ACTS, st.booleans(), st.integers(1, 25))
def test_with_drills_among_them_in_any_order_every_figure_is_what_it_is_without(
    acts: list[tuple[int, str, bool, int]], clock: bool, batches: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        meant = [act for act in acts if not act[2]]
        assert collected(folder, acts, clock, batches) == collected(folder, meant, clock, 25)


def drilled(gate: Gate, value: str = "escalate", reason: str = "fever", number: int = 1) -> None:
    gate.append("verdict", as_drill(verdict(value, reason, call="health")), passage_id(number))


def test_a_case_of_a_drill_calls_nobody_and_counts_nowhere(core, gate) -> None:
    broker = Broker()
    publisher = Publisher(core.store, core.registry, broker, lambda: core.now_ms, "urn:test")
    drilled(gate)
    core.ingest.alarm(gate.name, gate.copy_of(gate.records[gate.epochs[0]][-1]))
    core.send(gate)
    core.now_ms += 1000
    publisher.tick()

    assert [topic for topic, _ in broker.sent if "/escalation/" in topic] == []
    summaries = [json.loads(data) for topic, data in broker.sent if "/summary/" in topic]
    assert all(said["alarms"] == {"open": 0, "by_priority": {}} for said in summaries)
    board = Board(core.file, core.registry, lambda: core.now_ms)
    [alarm] = board.alarms()
    assert (alarm.name, alarm.priority, alarm.detail) == ("drill", 4, "in-1 fever")
    assert [node.open_alarms for node in board.tree().nodes if node.path == PATH] == [0]
    assert [one.open_alarms for one in board.gates()] == [0]

    gate.append("outcome", as_drill(outcome("turned_back")), passage_id(1))
    core.send(gate)
    assert board.alarms() == ()


def test_a_restarted_publisher_does_not_announce_a_case_of_a_drill(core, gate) -> None:
    drilled(gate)
    core.send(gate)
    broker = Broker()
    publisher = Publisher(core.store, core.registry, broker, lambda: core.now_ms, "urn:test")
    publisher.reconcile([])
    publisher.tick()
    assert broker.under("escalation") == []


def test_a_passage_of_a_drill_is_no_event(core, gate) -> None:
    broker = Broker()
    publisher = Publisher(core.store, core.registry, broker, lambda: core.now_ms, "urn:test")
    append(gate, 1, "both", True, 0)
    append(gate, 2, "both", False, 0)
    core.send(gate)
    core.now_ms += 1000
    publisher.tick()
    events = [json.loads(data) for topic, data in broker.sent if "/passage/" in topic]
    assert [event["id"].rpartition("/")[2] for event in events] == ["5"]


def test_a_drill_is_marked_on_the_operators_page_at_the_gate_and_at_its_alarms(core, gate) -> None:
    drilled(gate)
    core.send(gate)
    board = Board(core.file, core.registry, lambda: core.now_ms)
    for said, shown in (("stays shut", "演练中，道闸不动作"), ("moves", "演练中，道闸会动作"), ("", None)):
        hello = wire.unpack_hello(gate.hello(), gate.key.public_key())
        told = msgspec.structs.replace(hello, versions={"drill": said})
        core.ingest.hello(gate.name, wire.pack_hello(gate.key, told))
        page = board_page(board, "", "build")
        assert [one.drill.zh if one.drill else None for one in page.gates] == [shown]
        assert [one.drill for one in page.alarms] == [True]


def test_a_collector_that_knows_no_drills_stores_them_unread_and_counts_nothing(core, gate, monkeypatch) -> None:
    monkeypatch.setattr(records, "_NEWEST", {})
    append(gate, 1, "both", True, 2)
    core.send(gate)
    assert core.count("verdict", "escalate") == 0
    assert core.store.unread_by_gate() == {1: 2}
    assert core.store.open_cases() == []
    monkeypatch.undo()
    core.ingest.read_again()
    assert core.store.unread_by_gate() == {}
    assert core.count("verdict", "escalate") == core.count("outcome", "passed") == 0


def test_the_record_of_a_drill_stays_complete_in_the_chain(core, gate) -> None:
    append(gate, 1, "both", True, 0)
    core.send(gate)
    kinds = [row.kind for row in core.store.records(core.store.epochs(1)[0].id, 0)]
    assert kinds == ["opened", "verdict", "outcome"]
    assert msgspec.msgpack.decode(gate.records[gate.epochs[0]][1].sealed.payload)[-1] is True
