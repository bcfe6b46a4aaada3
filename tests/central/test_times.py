"""Corrected and original time: what moves when a gate learns the time, and what people and programs are told of it."""

from __future__ import annotations

import json

import pytest

from central import audit
from central.publisher import Publisher
from central.screen.view import BoardPage, board_page
from central.views import Board
from tests.central.sim import PATH, START_MS, Gate, fault, passage_id, verdict
from tests.central.test_publish import Broker, tick
from webscreen.words import age

SHOWN = "08-29 18:39"
BOOT_MS = 1_000_000


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def publisher(core, broker) -> Publisher:
    return Publisher(core.store, core.registry, broker, lambda: core.now_ms, "urn:test")


def page(core) -> BoardPage:
    return board_page(Board(core.file, core.registry, lambda: core.now_ms), PATH, "build")


def in_the_dark(gate: Gate) -> None:
    """The gate starts without the time: 1970, by its clock."""
    gate.clock, gate.at_ms = "untrusted", BOOT_MS


def learn_the_time(gate: Gate, true_ms: int) -> None:
    """The clock record of the boot: its first untrusted record happened at `true_ms`."""
    gate.clock = "trusted"
    offset_ms = true_ms - (BOOT_MS + 10)
    gate.at_ms = gate.at_ms + offset_ms
    gate.set_clock(offset_ms)


def test_an_alarm_of_unknown_time_is_marked_with_both_and_corrected_when_the_gate_learns_the_time(core, gate):
    in_the_dark(gate)
    gate.append("fault", fault())
    gate.passage(1)
    core.send(gate)
    before = page(core)
    [alarm] = before.alarms
    assert alarm.clock.zh == f"时间未校正，收到 {alarm.since}，原记 1970-01-01 08:16"
    assert alarm.clock.en.startswith("time not corrected yet")
    assert before.undated.zh == "时间未校正、未计入任何一天：判定 1，结果 1"
    assert before.nodes[-1].verdicts == {}
    learn_the_time(gate, START_MS - 20_000)
    core.send(gate)
    after = page(core)
    [alarm] = after.alarms
    assert alarm.since == SHOWN
    assert alarm.clock.zh == f"校正 {SHOWN}，原记 1970-01-01 08:16"
    # By the corrected time, and not since its receipt.
    assert alarm.age == age(80.0 - 0.01)
    assert after.undated is None
    [node] = [node for node in after.nodes if node.path == PATH]
    assert node.verdicts == {"allow": 1}
    assert audit.recount(core.store, core.registry) == []


def test_a_trusted_alarm_shows_one_time(core, gate):
    gate.append("fault", fault())
    core.send(gate)
    [alarm] = page(core).alarms
    assert alarm.clock is None


def test_the_copy_of_an_untrusted_alarm_shows_its_original_time_too(core, gate):
    in_the_dark(gate)
    core.ingest.alarm(gate.name, gate.copy_of(gate.append("fault", fault())))
    [alarm] = page(core).alarms
    assert "原记 1970-01-01 08:16" in alarm.clock.zh


def test_a_time_that_is_no_date_does_not_break_the_page(core, gate):
    gate.clock = "untrusted"
    gate.append("fault", fault(), at_ms=2**61)
    core.send(gate)
    [alarm] = page(core).alarms
    assert alarm.clock.zh.endswith("原记 —")


def test_what_came_with_the_record_that_dates_it_is_no_live_alarm(core, gate):
    """Both in one batch: the escalation is a day old, and the collector knows."""
    in_the_dark(gate)
    gate.append("verdict", verdict("escalate", "fever"), passage_id(1))
    learn_the_time(gate, START_MS - 86_400_000)
    core.send(gate)
    [case] = core.store.open_cases()
    assert case.late
    assert case.opened_ms == START_MS - 86_400_000


def test_an_escalation_is_published_again_with_both_times(core, gate, broker, publisher):
    in_the_dark(gate)
    gate.append("fault", fault())
    core.send(gate)
    tick(core, publisher)
    [topic] = broker.under("escalation")
    body = json.loads(broker.retained[topic])
    assert (body["clock"], body["original"]) == ("untrusted", "1970-01-01T00:16:40.010Z")
    learn_the_time(gate, START_MS - 20_000)
    core.send(gate)
    tick(core, publisher)
    body = json.loads(broker.retained[topic])
    assert (body["clock"], body["original"]) == ("corrected", "1970-01-01T00:16:40.010Z")
    assert body["opened"] == "2026-08-29T10:39:40.000Z"


def test_a_passage_is_announced_at_its_corrected_time_with_the_original_beside_it(core, gate, broker, publisher):
    in_the_dark(gate)
    gate.passage(1)
    learn_the_time(gate, START_MS)
    core.send(gate)
    tick(core, publisher)
    [event] = [json.loads(body) for topic, body in broker.sent if "/passage/" in topic]
    assert event["time"] == "2026-08-29T10:40:00.010Z"
    assert (event["clockstate"], event["originaltime"]) == ("corrected", "1970-01-01T00:16:40.020Z")


def test_a_passage_of_unknown_time_is_announced_without_one(core, gate, broker, publisher):
    in_the_dark(gate)
    gate.passage(1)
    core.send(gate)
    tick(core, publisher)
    [event] = [json.loads(body) for topic, body in broker.sent if "/passage/" in topic]
    assert "time" not in event
    assert event["clockstate"] == "untrusted"
