"""Passages that a dead process left open are closed at the next start, whatever they began with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
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
from tests.edge.outbox_samples import ALLOW, OPENED_BY_GUARD, PASSED, WAY_OUT, WHERE, note, open_outbox

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


VEHICLE, DRIVER, BESIDE = b"v" * 16, b"d" * 16, b"b" * 16
SAT_IN_IT = msgspec.structs.replace(ALLOW, of_vehicle=VEHICLE)
TURNED_BACK = msgspec.structs.replace(PASSED, outcome="turned_back", reason="occupant_refused")


def _left_by_a_crash(folder: Path, clock: HandClock, vehicles: OutcomeOf | None, others: int = 0) -> None:
    outbox = open_outbox(folder, clock)
    for passage in (DRIVER, BESIDE):
        outbox.append("verdict", SAT_IN_IT, clock.now(), passage)
    outbox.append("verdict", ALLOW, clock.now(), VEHICLE)
    for number in range(others):
        outbox.append("note", note(f"{number}"), clock.now(), VEHICLE)
    if vehicles is not None:
        outbox.append("outcome", vehicles, clock.now(), VEHICLE)
        # The first of those in it had theirs before the power went.
        outbox.append("outcome", vehicles, clock.now(), DRIVER)
    outbox.close("stands for a kill")


def _settled(folder: Path, clock: HandClock) -> dict[bytes | None, tuple[str, str, int]]:
    outbox = open_outbox(folder, clock)
    recorder = Recorder(outbox, clock, FaultBook(folder / "faults"), lambda _stored: None, lambda: None)
    recorder.settle(())
    assert outbox.open_passages() == ()
    with closing(OutboxReader(outbox.path)) as reader:
        rows = reader.run(outbox.epoch, 1, MUCH, MUCH)
    outbox.close("test over")
    said = {}
    for row in rows:
        ended = records.decode_payload("outcome", row.sealed.payload)
        assert isinstance(ended, OutcomeOf)
        said[records.decode_header(row.raw).passage] = (ended.outcome, ended.reason, ended.crossings)
    return said


@pytest.mark.parametrize("vehicles", [PASSED, TURNED_BACK])
def test_who_sat_in_a_vehicle_shares_the_outcome_that_was_written_before_the_crash(
    tmp_path: Path, vehicles: OutcomeOf
) -> None:
    clock = HandClock()
    _left_by_a_crash(tmp_path, clock, vehicles, others=3)
    assert _settled(tmp_path, clock) == {BESIDE: (vehicles.outcome, vehicles.reason, 0)}


def test_a_vehicle_without_an_outcome_is_abandoned_with_everybody_in_it(tmp_path: Path) -> None:
    clock, gone = HandClock(), ("abandoned", "gate_restarted", 0)
    _left_by_a_crash(tmp_path, clock, None)
    assert _settled(tmp_path, clock) == {VEHICLE: gone, DRIVER: gone, BESIDE: gone}


def test_the_outcome_is_found_also_after_the_outbox_was_opened_again(tmp_path: Path) -> None:
    clock = HandClock()
    _left_by_a_crash(tmp_path, clock, PASSED)
    open_outbox(tmp_path, clock).close("killed again before anything was closed")
    assert _settled(tmp_path, clock) == {BESIDE: ("passed", "", 0)}


def test_an_outcome_that_is_damaged_on_the_disk_is_shared_by_nobody(tmp_path: Path) -> None:
    clock = HandClock()
    _left_by_a_crash(tmp_path, clock, PASSED)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as disk, disk:
        other = records.encode_payload(TURNED_BACK)
        changed = disk.execute(
            "UPDATE records SET payload = ? WHERE payload = ?", (other, records.encode_payload(PASSED))
        )
        assert changed.rowcount == 2
    assert _settled(tmp_path, clock) == {BESIDE: ("abandoned", "gate_restarted", 0)}


def test_what_a_guard_practised_while_nothing_could_be_recorded_says_so_afterwards() -> None:
    moment, error = HandClock().now(), OutboxFailingError("no disk", ())
    practised = HeldAct(as_drill(OPENED_BY_GUARD), b"p" * 16, error, moment)
    assert practised.note().facts["drill"] == "yes"
    assert "drill" not in HeldAct(OPENED_BY_GUARD, b"p" * 16, error, moment).note().facts
