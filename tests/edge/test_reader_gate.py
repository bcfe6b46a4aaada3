"""Readers at a running gate: from the bytes of an emulated device to a relay that moves, and to a fault with a name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import base45
import pytest

from checkpoint.cards import CardRow, Technology
from checkpoint.document_digest import document_digest
from checkpoint.records import Cleared, Fault, Verdict
from edge.reader_thread import LEFT_S
from tests.edge.reader_gate import ReaderGate, a_pass
from tests.edge.test_watchdog import process_of
from tests.notify_socket import needs_ptrace
from tests.waiting import wait_for
from tools.faults.hang import hung, thread_ids

pytestmark = pytest.mark.end_to_end
# By the fail table's row for a clock that nobody vouches for, as for every resident here.
ALLOWED = ("allow", "allowed_by_fail_table")
NUMBER = "11010519491231002X"
NAME = "张三丰"
PLATE = "赣A12345"
MakeGate = Callable[..., ReaderGate]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeGate]:
    made: list[ReaderGate] = []

    def start(*drivers: str, **more: object) -> ReaderGate:
        gate = ReaderGate(tmp_path, *drivers, **more)  # type: ignore[arg-type]
        made.append(gate)
        return gate

    yield start
    for gate in made:
        gate.close()


def test_a_scanned_pass_opens_a_lane_without_a_camera_and_a_pulled_scanner_is_a_fault_until_it_is_back(
    make: MakeGate,
) -> None:
    place = make("gm65")
    scanner = place.readers["gm65"]
    scanner.set(text=a_pass(1).decode())
    assert place.wait_verdicts(1) == [ALLOWED]
    wait_for(lambda: place.gate.openings() == 1, "an opening")
    scanner.unplug()
    wait_for(lambda: place.gate.shows_fault("Scanner unplugged reader-gm65"), "the fault", 5)
    wait_for(lambda: place.lane["state"] == "fault", "the lane says so", 5)
    scanner.replug()
    wait_for(lambda: not place.gate.faults() or not place.gate.shows_fault("Scanner"), "that it is over", 5)
    wait_for(lambda: place.lane["state"] == "wait", "the lane is back", 10)
    scanner.set(text="https://example.org/no-pass")
    assert place.wait_verdicts(2)[1:] == [("deny", "not_a_pass")]
    assert place.gate.openings() == 1


@pytest.mark.parametrize(
    ("driver", "technology", "number"),
    [("rdm6300", "em4100", "0100643b2e"), ("pn532", "iso14443a", "04a1b2c3")],
)
def test_a_card_stands_for_its_pass_and_a_strangers_is_refused(
    make: MakeGate, driver: str, technology: Technology, number: str
) -> None:
    code = a_pass(7)
    card = CardRow(technology, bytes.fromhex(number), base45.b45decode(code.removeprefix(b"GK1:")))
    place = make(driver, passes='card = "allow"', cards=[card])
    assert place.lane["prompt"] == {"zh": "请刷卡", "en": "Hold your card to the reader"}
    opened_s = time.monotonic()
    wait_for(lambda: time.monotonic() > opened_s + LEFT_S, "the reader's first second to be over", 5)
    place.readers[driver].set(card=number)
    assert place.wait_verdicts(1) == [ALLOWED]
    (verdict,) = place.gate.payloads(Verdict)
    assert "card" in verdict.tags
    place.readers[driver].set(card="")
    wait_for(lambda: place.lane["state"] == "wait", "the next one", 10)
    place.readers[driver].set(card="0a0b0c0d0e"[: len(number)])
    assert place.wait_verdicts(2)[1:] == [("deny", "card_unknown")]
    for hidden in (number, "0a0b0c0d"):
        assert bytes.fromhex(hidden) not in place.kept()
        assert hidden.encode() not in place.kept().lower()


def test_a_document_that_is_the_holders_opens_and_nothing_of_it_is_kept(make: MakeGate) -> None:
    place = make("gm65", "sam_idcard", checks=["document"])
    place.readers["gm65"].set(text=a_pass(1, document_digest=document_digest(NUMBER, (1).to_bytes(8, "big"))).decode())
    wait_for(lambda: place.lane["prompt"]["en"] == "Place your ID card on the reader", "the prompt", 5)
    place.readers["sam_idcard"].set(document=NUMBER, name=NAME, expires="")
    assert place.wait_verdicts(1) == [ALLOWED]
    (verdict,) = place.gate.payloads(Verdict)
    assert [(check.check, check.reason) for check in verdict.checks][1:] == [("document", "document_ok")]
    kept = place.kept()
    for hidden in (NUMBER, NAME, NUMBER[:-1]):
        assert hidden.encode() not in kept
        assert hidden.encode("utf-16-le") not in kept


@pytest.mark.parametrize("driver", ["hikvision", "plate_push"])
def test_a_plate_camera_answers_for_the_vehicle(make: MakeGate, driver: str) -> None:
    place = make("gm65", driver, kind="vehicle", checks=["vehicle"])
    place.readers[driver].set(plate=PLATE, confidence=97, direction="approach")
    wait_for(lambda: "赣A…345" in place.lane["holder"]["zh"], "the shortened plate", 10)
    place.readers["gm65"].set(text=a_pass(1, plate=PLATE).decode())
    assert place.wait_verdicts(1) == [ALLOWED]
    (verdict,) = place.gate.payloads(Verdict)
    assert [(check.check, check.reason) for check in verdict.checks][1:] == [("vehicle", "vehicle_ok")]
    assert PLATE.encode() not in place.kept()


def test_a_door_that_nobody_was_let_through_is_an_alarm_until_it_is_shut(make: MakeGate) -> None:
    place = make("gm65", inputs='door = {{ board = "relay", terminal = 5 }}\n')
    door = place.gate.street.relay
    door.set_input(5, True)
    wait_for(lambda: place.gate.shows_fault("The door was opened without permission door"), "the alarm", 5)
    door.set_input(5, False)
    wait_for(lambda: not place.gate.shows_fault("The door"), "its end", 5)
    place.readers["gm65"].set(text=a_pass(1).decode())
    wait_for(lambda: place.gate.openings() == 1, "an opening", 10)
    door.set_input(5, True)
    place.gate.street.wait_polled()
    door.set_input(5, False)
    place.gate.street.wait_polled()
    assert [fault.name for fault in place.gate.payloads(Fault) if fault.device == "door"] == ["door_forced"]


@needs_ptrace
def test_a_hung_reader_thread_is_replaced_and_the_fresh_one_reads(make: MakeGate) -> None:
    place = make("gm65")
    process = process_of(place.gate).pid
    old = thread_ids(process)["reader-in-gm65"]
    with hung(old):
        wait_for(
            lambda: "thread_hung" in [one.name for one in place.gate.payloads(Cleared)], "the fault and its end", 40
        )
        place.readers["gm65"].set(text=a_pass(1).decode())
        assert place.wait_verdicts(1) == [ALLOWED]
    wait_for(lambda: old not in thread_ids(process).values(), "the end of the old one")
    assert [one.device for one in place.gate.payloads(Fault) if one.name == "thread_hung"] == ["reader-gm65"]
    assert len(place.verdicts) == 1
