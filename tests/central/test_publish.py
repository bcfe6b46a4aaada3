"""What subscribers get: summaries with completeness, escalations while open, passages once; repeated after a crash."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from central.backup import backup
from central.cases import CaseError, close_finding
from central.picture import take_picture
from central.publish import iso, summary
from central.publisher import Publisher
from central.store.sqlite import SqliteStore
from central.views import Board
from tests.central.sim import PATH, START_MS, Gate, fault, passage_id, verdict

GOLDEN = Path(__file__).parents[1] / "golden" / "summary.json"
SUMMARY = f"guankou/1/summary/{PATH}"


class Broker:
    """Takes messages when it is up; keeps what is retained, as a broker does."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}

    def publish(self, topic, payload, *, retain):
        up = self.up
        if up:
            self.sent.append((topic, payload))
            if retain and payload:
                self.retained[topic] = payload
            elif retain:
                self.retained.pop(topic, None)
        return lambda: up

    def under(self, kind: str) -> list[str]:
        return sorted(topic for topic in self.retained if topic.startswith(f"guankou/1/{kind}/"))


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def publisher(core, broker):
    return Publisher(core.store, core.registry, broker, lambda: core.now_ms, "urn:test")


def tick(core, publisher) -> None:
    core.now_ms += 1000
    publisher.tick()


def test_every_level_of_the_tree_gets_the_same_sum(core, gate, broker, publisher):
    gate.passage(1)
    core.send(gate)
    tick(core, publisher)
    assert len(broker.under("summary")) == 5
    for topic in broker.under("summary"):
        body = json.loads(broker.retained[topic])
        assert body["today"]["verdict"] == {"allow": 1}
        assert body["completeness"]["expected"] == 1


def test_a_version_grows_with_every_publishing_and_across_a_restore(core, gate, broker, publisher, tmp_path):
    core.send(gate)
    gate.passage(1)
    core.send(gate)
    backup(core.file, tmp_path / "old.db")
    versions = []
    for number in range(2, 5):
        gate.passage(number)
        core.send(gate)
        tick(core, publisher)
        versions.append(json.loads(broker.retained[SUMMARY])["version"])
    with closing(SqliteStore(tmp_path / "old.db")) as old:
        restored = Publisher(old, core.registry, broker, lambda: core.now_ms, "urn:test")
        restored.reconcile([])
        tick(core, restored)
    versions.append(json.loads(broker.retained[SUMMARY])["version"])
    assert versions == sorted(set(versions))


def test_a_topic_is_published_at_most_twice_a_second(core, gate, broker, publisher):
    for number in range(10):
        gate.passage(number)
        core.send(gate)
        core.now_ms += 100
        publisher.tick()
    assert len([topic for topic, _ in broker.sent if topic == SUMMARY]) == 2


def test_what_the_broker_did_not_confirm_is_published_again(core, gate, broker, publisher):
    gate.passage(1)
    core.send(gate)
    broker.up = False
    tick(core, publisher)
    assert broker.sent == []
    broker.up = True
    tick(core, publisher)
    events = [json.loads(body) for topic, body in broker.sent if "/passage/" in topic]
    assert [event["id"] for event in events] == [f"{gate.name}/{gate.epochs[0].hex()}/3"]
    assert broker.under("summary")


def test_a_passage_is_announced_once_with_its_verdict_and_without_the_person(core, gate, broker, publisher):
    gate.passage(1, "deny", "turned_back", "pass_expired")
    core.send(gate)
    core.send(gate)
    for _ in range(3):
        tick(core, publisher)
    [(topic, body)] = [message for message in broker.sent if "/passage/" in message[0]]
    event = json.loads(body)
    assert topic == f"guankou/1/passage/{PATH}"
    assert (event["data"]["verdict"], event["data"]["outcome"]) == ("deny", "turned_back")
    assert event["data"]["late"] is False
    assert b"subject_id" not in body
    assert b"object_c" not in body


def test_a_late_passage_says_so(core, gate, broker, publisher):
    gate.passage(1)
    core.now_ms += 11 * 60_000
    core.send(gate)
    tick(core, publisher)
    [body] = [body for topic, body in broker.sent if "/passage/" in topic]
    assert json.loads(body)["data"]["late"] is True


def test_an_escalation_is_retained_while_open_and_emptied_when_closed(core, gate, broker, publisher):
    gate.append("verdict", verdict("escalate", "fever"), passage_id(1))
    core.send(gate)
    tick(core, publisher)
    [topic] = broker.under("escalation")
    body = json.loads(broker.retained[topic])
    assert topic == f"guankou/1/escalation/{PATH}/{body['case']}"
    assert (body["name"], body["priority"], body["late"]) == ("fever", 1, False)
    gate.clear(gate.records[gate.epochs[0]][1])
    core.send(gate)
    tick(core, publisher)
    assert broker.under("escalation") == []
    rows = core.store.connection.execute("SELECT count(*) FROM publish WHERE topic LIKE '%escalation%'")
    assert rows.fetchone() == (0,)


def test_what_opened_and_closed_within_one_message_is_never_announced(core, gate, broker, publisher):
    record = gate.append("fault", fault())
    gate.clear(record)
    core.send(gate)
    tick(core, publisher)
    assert not [topic for topic, _ in broker.sent if "/escalation/" in topic]


def test_at_start_the_broker_is_brought_in_line_with_the_store(core, gate, broker, publisher):
    gate.append("fault", fault())
    core.send(gate)
    stale = f"guankou/1/escalation/{PATH}/gate-1-0000000000000000-7"
    gone = "guankou/1/summary/nowhere"
    broker.retained |= {stale: b"{}", gone: b"{}"}
    publisher.reconcile(list(broker.retained))
    tick(core, publisher)
    assert len(broker.under("escalation")) == 1
    assert stale not in broker.retained
    assert len(broker.under("summary")) == 6
    assert gone not in broker.retained


def test_documents_are_published_again_when_the_broker_lost_them(core, broker, publisher):
    with core.store.transaction():
        core.store.save_document("wuhan", "policy", 1, b"old", 0)
        core.store.save_document("wuhan", "policy", 2, b"new", 0)
    publisher.reconcile([])
    tick(core, publisher)
    assert broker.retained["guankou/1/document/wuhan/policy"] == b"new"


def test_a_new_hour_is_published_without_any_event(core, broker, publisher):
    publisher.tick()
    core.now_ms += 3_600_000
    publisher.tick()
    tick(core, publisher)
    assert len(broker.under("summary")) == 6


def test_a_finding_of_the_collector_can_be_closed_by_hand_and_an_alarm_of_a_gate_can_not(core, gate):
    clone = gate.clone()
    gate.reopen("one")
    clone.reopen("two")
    record = gate.append("fault", fault())
    core.send(gate)
    core.send(clone)
    board = Board(core.file, core.registry, lambda: core.now_ms)
    fork = next(view for view in board.alarms() if view.name == "fork")
    close_finding(core.store, core.registry, fork.case, core.now_ms)
    assert [view.name for view in board.alarms()] == ["thermometer_silent"]
    with pytest.raises(CaseError, match="no open finding"):
        close_finding(core.store, core.registry, f"gate-1-{gate.epochs[-1].hex()}-{record.number}", core.now_ms)


def test_times_are_rfc_3339_even_when_they_are_no_dates():
    assert iso(START_MS) == "2026-08-29T10:40:00.000Z"
    assert iso(-5) == "1970-01-01T00:00:00.000Z"
    assert iso(2**61).startswith("9999-")


def test_the_summary_keeps_its_form(core, gate):
    fill(core, gate)
    body = summary(take_picture(core.store, core.registry, core.now_ms, 2), PATH, 7)
    assert json.loads(GOLDEN.read_text()) == body


def fill(core, gate: Gate) -> None:
    gate.passage(1)
    gate.passage(2, "deny", "turned_back", "pass_expired")
    gate.append("verdict", verdict("escalate", "fever"), passage_id(3))
    gate.clock = "untrusted"
    gate.passage(4)
    gate.clock = "trusted"
    core.send(gate)
    complete = (core.now_ms, gate.epochs[0], 8)
    core.ingest.hello(gate.name, gate.hello(complete=complete))


def test_the_board_shows_tree_gates_alarms_and_hours(core, gate):
    fill(core, gate)
    core.now_ms += 2500
    board = Board(core.file, core.registry, lambda: core.now_ms)
    tree = board.tree()
    assert [node.depth for node in tree.nodes] == [0, 1, 2, 3, 4, 4]
    city, seventh, eighth = tree.nodes[0], tree.nodes[4], tree.nodes[5]
    assert city.verdicts == seventh.verdicts == {"allow": 1, "deny": 1, "escalate": 1}
    assert (seventh.grid, seventh.name_zh, seventh.open_alarms) == ("donghu-7", "东湖第七网格", 1)
    assert (eighth.verdicts, eighth.completeness.gates_expected) == ({}, 0)
    assert city.completeness.gates_complete == city.completeness.gates_expected == 1
    [view] = board.gates(PATH)
    assert (view.gate, view.software, view.policy, view.link_age_s) == ("gate-1", "0.1.0", "everyday 4", 2.5)
    [alarm] = board.alarms("wuhan")
    assert (alarm.name, alarm.name_zh, alarm.priority) == ("fever", "需要人工复测", 1)
    assert board.alarms(PATH.replace("-7", "-8")) == ()
    hours = board.hours(PATH, 3)
    assert [hour.label for hour in hours] == ["16:00", "17:00", "18:00"]
    assert hours[-1].outcomes == {"passed": 1, "turned_back": 1}


def test_a_grid_that_the_tree_does_not_name_is_shown_apart(core):
    stranger = Gate("gate-2", "elsewhere")
    core.enrol(stranger)
    stranger.reopen()
    stranger.passage(1)
    core.send(stranger)
    nodes = Board(core.file, core.registry, lambda: core.now_ms).tree().nodes
    assert [node.path for node in nodes[-2:]] == ["unregistered", "unregistered/elsewhere"]
    assert nodes[-1].outcomes == {"passed": 1}
