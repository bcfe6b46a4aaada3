"""What a guard declares at a lane: symptoms, and a document they have looked at; judged with everything else."""

from __future__ import annotations

from typing import Any

import pytest

from checkpoint.document_digest import document_digest
from checkpoint.records import CheckResult, Note, Verdict
from edge import facts
from edge.effects import Commit
from edge.lane_declared import document_asked
from edge.lane_view import view
from tests.edge.lane_bench import POLICY, Bench, a_pass

NUMBER = "11010519491231002X"
PASS_ONLY = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass"]')
DOCUMENT = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "document"]')
BOUND = a_pass(7, document_digest=document_digest(NUMBER, (7).to_bytes(8, "big")))


def act(name: str, **more: Any) -> facts.GuardDecided:
    return facts.GuardDecided(name, "", "", "guard", **more)  # type: ignore[arg-type]


def verdict(bench: Bench) -> Verdict:
    made = [e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)]
    return made[-1]


def notes(bench: Bench) -> list[Note]:
    return [e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Note)]


def of_document(bench: Bench) -> CheckResult:
    return next(check for check in verdict(bench).checks if check.check == "document")


def comes(policy: bytes, code: bytes = BOUND) -> Bench:
    bench = Bench(policy=policy)
    bench.come()
    bench.wait(500, codes=(code,))
    return bench


# --- symptoms ---------------------------------------------------------------------------------------------------------


def test_symptoms_declared_before_a_pass_is_shown_escalate_at_once() -> None:
    bench = Bench()
    bench.come()
    bench.wait(500)
    bench.tell(act("symptoms"))
    assert bench.verdicts == [("escalate", "symptoms_declared")]
    assert verdict(bench).call == "health"
    assert bench.openings == 0


def test_symptoms_declared_while_a_temperature_is_awaited_are_the_reason() -> None:
    bench = Bench()
    bench.come()
    bench.wait(500, codes=(a_pass(),))
    bench.tell(act("symptoms"))
    bench.wait(1000, object_c=36.3)
    assert bench.verdicts == [("escalate", "symptoms_declared")]
    assert verdict(bench).pass_facts is not None


def test_symptoms_declared_of_somebody_who_waits_are_a_new_passage() -> None:
    bench = comes(DOCUMENT)
    assert bench.verdicts == [("escalate", "document_missing")]
    bench.tell(act("symptoms"))
    assert bench.verdicts[1:] == [("escalate", "symptoms_declared")]
    assert bench.outcomes == [("turned_back", "")]


def test_symptoms_are_noted_without_a_word_of_the_person() -> None:
    bench = comes(DOCUMENT)
    bench.tell(act("symptoms"))
    assert notes(bench) == [Note(1, "symptoms_noted", {"lane": "in", "by": "guard"})]


def test_symptoms_that_nobody_stands_there_for_are_no_record() -> None:
    bench = Bench()
    bench.tell(act("symptoms"))
    bench.wait(1000)
    assert bench.effects == []


def test_symptoms_declared_after_somebody_was_let_in_close_nothing() -> None:
    bench = comes(PASS_ONLY)
    assert bench.verdicts == [("allow", "all_ok")]
    bench.tell(act("symptoms"))
    assert bench.verdicts == [("allow", "all_ok")]


# --- the document -----------------------------------------------------------------------------------------------------


def test_a_number_that_the_guard_types_is_compared_like_a_readers_and_kept_nowhere() -> None:
    bench = comes(DOCUMENT)
    bench.tell(act("document_seen", number=" 110105 19491231 002x "))
    assert bench.verdicts == [("escalate", "document_missing"), ("allow", "all_ok")]
    assert of_document(bench).reason == "document_ok"
    assert "manual" not in verdict(bench).tags
    assert notes(bench) == [Note(1, "document_noted", {"lane": "in", "by": "guard", "how": "compared"})]
    assert NUMBER[:6] not in repr(bench.effects)
    assert NUMBER not in repr(act("document_seen", number=NUMBER))


def test_another_number_is_a_mismatch() -> None:
    bench = comes(DOCUMENT)
    bench.tell(act("document_seen", number="110105199003072338"))
    assert bench.verdicts[1:] == [("escalate", "document_mismatch")]


def test_a_document_that_the_guard_looked_at_answers_the_check_by_hand() -> None:
    bench = comes(DOCUMENT, a_pass(8))
    bench.tell(act("document_seen"))
    assert bench.verdicts[1:] == [("allow", "all_ok")]
    assert (of_document(bench).result, of_document(bench).reason) == ("ok", "document_seen")
    assert "manual" in verdict(bench).tags
    assert notes(bench) == [Note(1, "document_noted", {"lane": "in", "by": "guard", "how": "looked at"})]


def test_a_number_counts_more_than_a_look() -> None:
    bench = comes(DOCUMENT)
    bench.tell(act("document_seen", number="110105199003072338"))
    bench.tell(act("document_seen"))
    # The passage before ended; this one is about the look alone.
    assert bench.verdicts[1:] == [("escalate", "document_mismatch"), ("allow", "all_ok")]


def test_the_other_checks_are_made_again() -> None:
    both = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "temperature", "document"]')
    bench = comes(both)
    bench.wait(2000, object_c=36.3)
    assert bench.verdicts == [("escalate", "document_missing")]
    bench.tell(act("document_seen", number=NUMBER))
    assert len(bench.verdicts) == 1
    bench.wait(2000, object_c=36.3)
    assert bench.verdicts[1:] == [("allow", "all_ok")]


def test_a_look_does_not_outlive_whoever_stood_there() -> None:
    bench = comes(DOCUMENT)
    bench.tell(act("document_seen"))
    bench.cross()
    bench.leave()
    bench.wait(3000)
    bench.come()
    bench.wait(500, codes=(a_pass(9),))
    assert bench.verdicts[2:] == [("escalate", "document_missing")]


def test_without_a_pass_there_is_nothing_to_compare() -> None:
    bench = Bench(policy=DOCUMENT)
    bench.come()
    bench.wait(500)
    bench.tell(act("document_seen", number=NUMBER))
    assert notes(bench) == []
    assert bench.verdicts == []


@pytest.mark.parametrize(("policy", "asked"), [(DOCUMENT, True), (PASS_ONLY, False)])
def test_the_act_is_offered_where_it_answers_something(policy: bytes, asked: bool) -> None:
    bench = comes(policy)
    assert document_asked(bench.lane) is asked
    assert view(bench.lane, recording=True).document_asked is asked


def test_an_act_for_another_passage_changes_nothing() -> None:
    bench = comes(DOCUMENT)
    bench.tell(facts.GuardDecided("document_seen", "00" * 16, "", "guard"))
    assert bench.verdicts == [("escalate", "document_missing")]
