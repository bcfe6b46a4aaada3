"""Scanners, cards, documents and plates at a lane: what they count for, whose they are, and what opens nothing."""

from __future__ import annotations

from typing import Any

import base45
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.cards import CardRow, Technology
from checkpoint.document_digest import document_digest
from checkpoint.records import Verdict
from edge import facts
from edge.effects import Commit, OpenBarrier
from edge.lane_view import view
from tests.edge.lane_bench import POLICY, Bench, a_pass

PASS_ONLY = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass"]')
CARD = bytes.fromhex("0100643b2e")
NUMBER = "11010519491231002X"
PLATE = "赣A12345"
READERS: dict[str, tuple[facts.Brings, ...]] = {
    "scanner": ("code",),
    "card": ("card",),
    "id": ("document",),
    "plate": ("plate",),
}


def ask(*checks: str, passes: str = "") -> bytes:
    asked = ", ".join(f'"{check}"' for check in checks)
    policy = POLICY.replace(b'"pass", "temperature"', asked.encode())
    return policy + f"[pass]\n{passes}\n".encode()


def row(number: bytes, code: bytes, technology: Technology = "em4100") -> CardRow:
    return CardRow(technology, number, base45.b45decode(code.removeprefix(b"GK1:")))


def plate_row(plate: str, code: bytes) -> CardRow:
    return row(plate.encode(), code, "plate")


def bench(policy: bytes = PASS_ONLY, **more: Any) -> Bench:
    return Bench(policy=policy, readers=READERS, thermometer=False, camera=False, **more)


def with_document(serial: int = 1, **more: Any) -> bytes:
    return a_pass(serial, document_digest=document_digest(NUMBER, serial.to_bytes(8, "big")), **more)


def results(made: Bench) -> dict[str, str]:
    last = [e.payload for e in made.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)][-1]
    return {check.check: check.reason for check in last.checks}


# --- scanned codes ---------------------------------------------------------------------------------------------------


def test_a_scanned_pass_opens_also_where_the_camera_is_down() -> None:
    made = Bench(policy=PASS_ONLY, readers=READERS)
    made.tell(facts.PartDown("camera", "camera_missing"))
    assert view(made.lane, recording=True).state == "wait"
    made.come()
    made.tell(facts.Scanned(a_pass()))
    assert made.verdicts == [("allow", "all_ok")]
    assert made.openings == 1


def test_without_any_source_of_passes_the_lane_is_out_of_order() -> None:
    made = Bench(policy=PASS_ONLY, readers={"scanner": ("code",)})
    made.tell(facts.PartDown("camera", "camera_missing"))
    made.tell(facts.ReaderDown("scanner", "scanner_gone"))
    seen = view(made.lane, recording=True)
    assert (seen.state, seen.reason) == ("fault", "camera_missing")
    made.tell(facts.ReaderUp("scanner"))
    assert view(made.lane, recording=True).state == "wait"


def test_a_code_scanned_twice_is_one_presentation() -> None:
    made = bench()
    made.come()
    made.tell(facts.Scanned(a_pass()))
    made.wait(200)
    made.tell(facts.Scanned(a_pass()))
    made.cross()
    made.wait(2500)
    assert made.verdicts == [("allow", "all_ok")]


def test_a_scan_by_a_hand_that_is_there_first_counts_for_who_steps_in_and_not_for_ever() -> None:
    made = bench()
    made.tell(facts.Scanned(a_pass()))
    made.wait(1000)
    made.come()
    assert made.verdicts == [("allow", "all_ok")]
    late = bench()
    late.tell(facts.Scanned(a_pass()))
    late.wait(3500)
    late.come()
    assert late.verdicts == []


def test_a_scan_of_somebody_who_left_is_not_of_who_comes_next() -> None:
    made = Bench(readers=READERS)
    made.come()
    made.tell(facts.Scanned(a_pass()))
    made.leave()
    made.come()
    made.wait(3000, object_c=36.3)
    assert made.openings == 0


def test_two_scanned_passes_in_one_presence_open_for_nobody() -> None:
    made = Bench(readers=READERS)
    made.come()
    made.tell(facts.Scanned(a_pass(1)))
    made.tell(facts.Scanned(a_pass(2)))
    assert made.verdicts == [("escalate", "two_people")]


def test_without_a_sensor_who_scanned_is_waited_for_to_be_measured() -> None:
    made = Bench(readers=READERS, sensor=False, policy=b"accept_weak_binding = true\n" + POLICY)
    made.tell(facts.Scanned(a_pass()))
    made.wait(3000)
    assert made.lane.attempt is not None
    assert made.lane.attempt.holder is not None
    made.wait(1000, object_c=36.3)
    assert made.verdicts == [("allow", "all_ok")]


def test_without_a_sensor_who_scans_while_another_goes_through_is_next() -> None:
    made = Bench(readers=READERS, sensor=False, policy=b"accept_weak_binding = true\n" + PASS_ONLY)
    made.tell(facts.Scanned(a_pass(1)))
    made.wait(200)
    made.tell(facts.Scanned(a_pass(1)))
    made.tell(facts.Scanned(a_pass(2)))
    assert made.openings == 1
    made.cross()
    made.wait(2500)
    assert made.verdicts == [("allow", "all_ok")] * 2
    made.cross()
    made.wait(6000)
    assert made.openings == 2


# --- cards -----------------------------------------------------------------------------------------------------------


def test_a_card_opens_as_its_pass_would_where_the_policy_allows_it() -> None:
    made = bench(ask("pass", passes='card = "allow"'), cards=[row(CARD, a_pass())])
    made.come()
    made.tell(facts.CardRead("em4100", CARD))
    assert made.verdicts == [("allow", "all_ok")]
    (verdict,) = [e.payload for e in made.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)]
    assert verdict.tags == ("card",)
    assert verdict.pass_facts is not None
    assert verdict.pass_facts.pass_id == (1).to_bytes(8, "big")


@pytest.mark.parametrize(
    ("passes", "said"),
    [
        ("", ("escalate", "card_ask")),
        ('card = "escalate"', ("escalate", "card_ask")),
        ('card = "off"', ("deny", "card_off")),
    ],
)
def test_a_number_that_anybody_can_copy_opens_nothing_unless_the_policy_says_so(
    passes: str, said: tuple[str, str]
) -> None:
    made = bench(ask("pass", passes=passes), cards=[row(CARD, a_pass())])
    made.come()
    made.tell(facts.CardRead("em4100", CARD))
    assert made.verdicts == [said]
    assert made.openings == 0


def test_a_card_that_belongs_to_nobody_is_refused_and_its_number_is_in_no_record() -> None:
    made = bench()
    made.come()
    made.tell(facts.CardRead("iso14443a", bytes.fromhex("04a1b2c3")))
    assert made.verdicts == [("deny", "card_unknown")]
    assert "04a1b2c3" not in repr(made.effects)
    assert "hmac:" in repr(made.effects)


def test_the_card_of_a_pass_that_is_over_is_refused_and_after_a_renewal_the_good_one_counts() -> None:
    policy = ask("pass", passes='card = "allow"')
    made = bench(policy, cards=[row(CARD, a_pass(expired=True))])
    made.come()
    made.tell(facts.CardRead("em4100", CARD))
    assert made.verdicts == [("deny", "pass_expired")]
    renewed = bench(policy, cards=[row(CARD, a_pass(expired=True)), row(CARD, a_pass(2))])
    renewed.come()
    renewed.tell(facts.CardRead("em4100", CARD))
    assert renewed.verdicts == [("allow", "all_ok")]


def test_the_holders_document_settles_what_a_card_leaves_open() -> None:
    made = bench(cards=[row(CARD, with_document())])
    made.come()
    made.tell(facts.CardRead("em4100", CARD))
    assert made.verdicts == []
    assert view(made.lane, recording=True).prompt == "prompt_document"
    made.tell(facts.DocumentRead(NUMBER))
    assert made.verdicts == [("allow", "all_ok")]


# --- documents -------------------------------------------------------------------------------------------------------

DOCUMENT = ask("pass", "document")


@pytest.mark.parametrize("first", ["pass", "document"])
def test_pass_and_document_of_one_person_open_in_either_order(first: str) -> None:
    made = bench(DOCUMENT)
    made.come()
    acts: list[facts.Fact] = [facts.Scanned(with_document()), facts.DocumentRead(NUMBER, "20990101")]
    for act in acts if first == "pass" else acts[::-1]:
        assert made.verdicts == []
        made.tell(act)
        made.wait(300)
    assert made.verdicts == [("allow", "all_ok")]
    assert results(made) == {"pass": "pass_valid", "document": "document_ok"}


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (facts.DocumentRead("110105194912310038"), ("escalate", "document_mismatch")),
        (facts.DocumentRead(NUMBER, "20200101"), ("deny", "document_expired")),
        (None, ("escalate", "document_missing")),
    ],
)
def test_another_persons_document_one_that_is_over_and_none_at_all_open_nothing(
    read: facts.DocumentRead | None, said: tuple[str, str]
) -> None:
    made = bench(DOCUMENT)
    made.come()
    made.tell(facts.Scanned(with_document()))
    if read is not None:
        made.tell(read)
    made.wait(4200)
    assert made.verdicts == [said]
    assert made.openings == 0


def test_a_pass_without_a_document_is_not_waited_for() -> None:
    made = bench(DOCUMENT)
    made.come()
    made.tell(facts.Scanned(a_pass()))
    assert made.verdicts == [("escalate", "document_missing")]


def test_the_document_of_who_left_is_not_of_who_comes_next() -> None:
    made = bench(DOCUMENT)
    made.come()
    made.tell(facts.DocumentRead(NUMBER))
    made.leave()
    made.come()
    made.tell(facts.Scanned(with_document()))
    made.wait(4200)
    assert made.verdicts == [("escalate", "document_missing")]


def test_a_document_reader_that_is_gone_locks_no_resident_out_of_an_unattended_gate() -> None:
    for attendance, said in (("none", "allow"), ("guard", "escalate")):
        made = bench(DOCUMENT, attendance=attendance)
        made.tell(facts.ReaderDown("id", "id_reader_gone"))
        assert {tick.check: tick.state for tick in view(made.lane, recording=True).ticks}["document"] == "missing"
        made.wait(2500)
        made.come()
        made.tell(facts.Scanned(with_document()))
        made.wait(4200)
        assert [verdict for verdict, _ in made.verdicts] == [said]
        assert results(made)["document"] == "document_unchecked"


def test_nothing_of_a_document_is_kept_by_the_lane_its_records_or_its_screen() -> None:
    made = bench(DOCUMENT)
    made.come()
    made.tell(facts.Scanned(with_document()))
    made.tell(facts.DocumentRead(NUMBER, "20990101"))
    assert NUMBER not in repr(made.effects) + repr(view(made.lane, recording=True))
    assert made.lane.attempt is None
    assert made.lane.early.take(facts.DocumentRead) == []
    assert NUMBER not in repr(facts.DocumentRead(NUMBER))


# --- plates ----------------------------------------------------------------------------------------------------------

VEHICLE = ask("pass", "vehicle")


def car(policy: bytes = VEHICLE, **more: Any) -> Bench:
    return bench(policy, lane_kind="vehicle", **more)


@pytest.mark.parametrize(
    ("plates", "said"),
    [
        ((PLATE,), ("allow", "all_ok")),
        (("赣A12346", PLATE), ("allow", "all_ok")),
        (("粤B99999",), ("escalate", "plate_mismatch")),
        ((PLATE, "粤B99999"), ("escalate", "plate_several")),
        ((), ("escalate", "plate_unread")),
    ],
)
def test_the_vehicle_is_the_one_that_the_pass_names(plates: tuple[str, ...], said: tuple[str, str]) -> None:
    made = car()
    made.come()
    for plate in plates:
        made.tell(facts.PlateSeen(plate))
    made.tell(facts.Scanned(a_pass(plate=PLATE)))
    made.wait(4200)
    assert made.verdicts == [said]
    assert PLATE not in repr(made.effects)


def test_a_plate_read_on_the_way_to_the_loop_counts() -> None:
    made = car()
    made.tell(facts.PlateSeen(PLATE))
    made.wait(4000)
    made.come()
    made.tell(facts.Scanned(a_pass(plate=PLATE)))
    assert made.verdicts == [("allow", "all_ok")]


def test_the_next_vehicles_plate_waits_for_it_and_the_first_ones_is_not_the_next_ones() -> None:
    made = car()
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.Scanned(a_pass(plate=PLATE)))
    for plate in (PLATE, "赣A12346", "粤B99999"):
        made.tell(facts.PlateSeen(plate))
    made.cross()
    made.wait(2500)
    assert made.lane.plates == ["粤B99999"]
    made.tell(facts.Scanned(a_pass(2, plate="粤B99999")))
    assert made.verdicts == [("allow", "all_ok")] * 2


def test_a_plate_is_a_credential_only_in_a_vehicle_lane_whose_policy_says_so() -> None:
    allowed = ask("pass", passes='plate = "allow"')
    asked, cards = ask("pass", passes='plate = "escalate"'), [plate_row(PLATE, a_pass())]
    for made, said in (
        (car(allowed, cards=cards), [("allow", "all_ok")]),
        (car(asked, cards=cards), [("escalate", "plate_ask")]),
        (car(ask("pass"), cards=cards), []),
        (bench(allowed, cards=cards), []),
        (car(allowed), []),
    ):
        made.come()
        made.tell(facts.PlateSeen("赣A·12345"))
        made.wait(500)
        assert made.verdicts == said


def test_with_two_plates_in_view_neither_opens() -> None:
    made = car(ask("pass", passes='plate = "allow"'), cards=[plate_row(PLATE, a_pass())])
    made.come()
    made.tell(facts.PlateSeen("粤B99999"))
    made.tell(facts.PlateSeen(PLATE))
    made.wait(500)
    assert made.verdicts == []


def test_a_driver_with_a_pass_of_their_own_is_not_two_people() -> None:
    policy = ask("pass", "document", passes='plate = "allow"')
    made = car(policy, cards=[plate_row(PLATE, with_document(7))])
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.Scanned(with_document(1)))
    made.tell(facts.DocumentRead(NUMBER))
    assert made.verdicts == [("allow", "all_ok")]


def test_the_screen_shows_a_shortened_plate() -> None:
    made = car()
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    assert view(made.lane, recording=True).plate == "赣A…345"


def test_the_screen_shows_the_last_sign_of_a_name_while_its_holder_stands_there() -> None:
    made = bench(policy=DOCUMENT)
    made.come()
    made.tell(facts.Scanned(with_document()))
    made.tell(facts.DocumentRead("110105194912310038", "", "明"))
    assert made.verdicts == [("escalate", "document_mismatch")]
    assert view(made.lane, recording=True).name_tail == "明"
    made.leave()
    assert view(made.lane, recording=True).name_tail == ""


# --- prompts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readers", "camera", "prompt"),
    [
        ({}, True, "prompt_scan"),
        ({"card": ("card",)}, True, "prompt_scan_or_card"),
        ({"card": ("card",)}, False, "prompt_card"),
        ({"card": ("card",), "scanner": ("code",)}, False, "prompt_scan_or_card"),
    ],
)
def test_the_screen_asks_for_what_the_lane_can_read(readers: dict[str, Any], camera: bool, prompt: str) -> None:
    made = Bench(policy=PASS_ONLY, readers=readers, camera=camera)
    assert view(made.lane, recording=True).prompt == prompt
    made.come()
    assert view(made.lane, recording=True).prompt == prompt


# --- whatever comes in whatever order --------------------------------------------------------------------------------

ACTS = st.sampled_from(
    [
        facts.Scanned(with_document(1, plate=PLATE)),
        facts.Scanned(a_pass(2)),
        facts.Scanned(b"no pass"),
        facts.CardRead("em4100", CARD),
        facts.CardRead("em4100", bytes(5)),
        facts.DocumentRead(NUMBER),
        facts.DocumentRead("\ud800" * 70, "never"),
        facts.PlateSeen(PLATE),
        facts.PlateSeen("\udcff"),
        facts.PresenceChanged(True),
        facts.PresenceChanged(False),
        facts.ReaderDown("id", "id_reader_gone"),
        facts.ReaderUp("id"),
        facts.Crossed(),
        None,
    ]
)


@settings(max_examples=150, deadline=None)
@given(acts=st.lists(ACTS, max_size=25), sensor=st.booleans())
def test_every_opening_has_a_verdict_that_allows_it_and_every_verdict_one_outcome(
    acts: list[facts.Fact | None], sensor: bool
) -> None:
    policy = b"accept_weak_binding = true\n" + ask(
        "pass", "document", "vehicle", passes='card = "allow"\nplate = "allow"'
    )
    made = car(policy, sensor=sensor, cards=[row(CARD, with_document(3)), plate_row(PLATE, a_pass(4))])
    for act in acts:
        made.wait(300) if act is None else made.tell(act)
        view(made.lane, recording=True)
    made.tell(facts.PresenceChanged(False))
    made.wait(20_000)
    assert made.openings == sum(verdict == "allow" for verdict, _ in made.verdicts)
    assert len(made.outcomes) >= len(made.verdicts)
    opened = [effect.passage for effect in made.effects if isinstance(effect, OpenBarrier)]
    assert len(opened) == len(set(opened))
    assert NUMBER not in repr(made.effects)
    assert PLATE not in repr(made.effects)
