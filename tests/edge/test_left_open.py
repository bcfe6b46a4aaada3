"""Passages that a dead process left open are closed at the next start, whatever they began with."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from checkpoint import records
from checkpoint.drill import as_drill, is_drill
from checkpoint.records import OutcomeOf, Override, Verdict
from edge.faults import FaultBook
from edge.held import HeldAct
from edge.outbox_reader import OutboxReader
from edge.outbox_values import OutboxFailingError
from edge.recorder import Recorder
from tests.edge.gate_clock import HandClock
from tests.edge.outbox_samples import ALLOW, OPENED_BY_GUARD, WAY_OUT, WHERE, open_outbox

MUCH = 1_000_000


@pytest.mark.parametrize(
    ("kind", "began", "pass_class"),
    [("verdict", ALLOW, "resident"), ("override", OPENED_BY_GUARD, "none"), ("egress", WAY_OUT, "none")],
)
def test_a_passage_left_open_is_closed_as_abandoned_once(
    tmp_path: Path, kind: records.Kind, began: records.Payload, pass_class: str
) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append(kind, began, clock.now(), b"p" * 16)
    outbox.close("stands for a kill")
    again = open_outbox(tmp_path, clock)
    recorder = Recorder(again, clock, FaultBook(tmp_path / "faults"), lambda _stored: None, lambda: None)
    recorder.settle(())
    recorder.settle(())
    with closing(OutboxReader(again.path)) as reader:
        rows = reader.run(again.epoch, 1, MUCH, MUCH)
    again.close("test over")
    payloads = [records.decode_payload("outcome", row.sealed.payload) for row in rows]
    assert payloads == [OutcomeOf(1, WHERE, "abandoned", pass_class, "gate_restarted", 0, None)]


@pytest.mark.parametrize(("kind", "began"), [("verdict", ALLOW), ("override", OPENED_BY_GUARD)])
def test_a_passage_of_a_drill_that_was_left_open_ends_as_one(
    tmp_path: Path, kind: records.Kind, began: Verdict | Override
) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append(kind, as_drill(began), clock.now(), b"p" * 16)
    recorder = Recorder(outbox, clock, FaultBook(tmp_path / "faults"), lambda _stored: None, lambda: None)
    recorder.settle(())
    with closing(OutboxReader(outbox.path)) as reader:
        *_, last = reader.run(outbox.epoch, 1, MUCH, MUCH)
    outbox.close("test over")
    assert is_drill(records.decode_payload("outcome", last.sealed.payload))


def test_what_a_guard_practised_while_nothing_could_be_recorded_says_so_afterwards() -> None:
    moment, error = HandClock().now(), OutboxFailingError("no disk", ())
    practised = HeldAct(as_drill(OPENED_BY_GUARD), b"p" * 16, error, moment)
    assert practised.note().facts["drill"] == "yes"
    assert "drill" not in HeldAct(OPENED_BY_GUARD, b"p" * 16, error, moment).note().facts
