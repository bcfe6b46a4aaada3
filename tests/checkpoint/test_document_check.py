"""The document check: a document that was read, against the digest in the pass."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.document_check import document_fact
from checkpoint.document_digest import document_digest
from checkpoint.passes import Claims
from checkpoint.verdict import Facts, decide
from tests.checkpoint.pass_samples import claims
from tests.checkpoint.verdict_kit import NOW_S, gate, policy, shown

# The example of GB 11643.
NUMBER = "11010519491231002X"
ID = b"pass-id1"
TODAY = date(2026, 2, 10)
BOUND = claims(pass_id=ID, document_digest=document_digest(NUMBER, ID))


def said(number: str = NUMBER, expires: str = "", pass_: Claims = BOUND, today: date | None = TODAY) -> tuple[str, str]:
    fact = document_fact(number, expires, pass_, today)
    return fact.result, fact.reason


def test_the_document_of_the_pass_is_ok() -> None:
    assert said() == ("ok", "document_ok")


def test_spaces_and_small_letters_make_no_other_document() -> None:
    assert said("110105 19491231 002x") == ("ok", "document_ok")


def test_another_document_is_a_mismatch() -> None:
    assert said("440524188001010014") == ("failed", "document_mismatch")


def test_the_right_document_fits_no_other_pass() -> None:
    other = claims(pass_id=b"pass-id2", document_digest=BOUND.document_digest)
    assert said(pass_=other) == ("failed", "document_mismatch")


def test_a_pass_without_a_digest_fits_no_document() -> None:
    assert said(pass_=claims()) == ("missing", "document_unbound")


@pytest.mark.parametrize(
    ("expires", "reason"),
    [("20260211", "document_ok"), ("20260210", "document_ok"), ("20260209", "document_expired"), ("", "document_ok")],
)
def test_a_document_is_good_on_its_last_day_and_not_after(expires: str, reason: str) -> None:
    assert said(expires=expires)[1] == reason


def test_somebody_elses_document_is_a_mismatch_even_when_it_is_over() -> None:
    assert said("440524188001010014", expires="20100101") == ("failed", "document_mismatch")


def test_a_gate_that_does_not_know_the_day_does_not_guess() -> None:
    assert said(expires="20300101", today=None) == ("not_obtained", "document_undated")
    assert said(expires="", today=None) == ("ok", "document_ok")


@pytest.mark.parametrize("expires", ["20261301", "2026-2-1", "长期", "2026021", "２０２６０２１０", "20260230"])
def test_a_date_that_is_none_is_never_taken_for_never(expires: str) -> None:
    assert said(expires=expires) == ("missing", "document_unreadable")


@pytest.mark.parametrize("number", ["", "   ", "--", "1" * 65, "1" * 100_000, "\ud800" * 18, "1101\x00"])
def test_what_is_no_number_is_not_looked_up(number: str) -> None:
    assert said(number) == ("missing", "document_unreadable")


def test_a_number_that_is_not_latin_is_one_all_the_same() -> None:
    bound = claims(pass_id=ID, document_digest=document_digest("军字第1234567号", ID))
    assert said("军字第1234567号", pass_=bound) == ("ok", "document_ok")
    bound = claims(pass_id=ID, document_digest=document_digest("A123456(7)", ID))
    assert said("a123456(7)", pass_=bound) == ("ok", "document_ok")


def test_no_fact_holds_a_number_because_facts_are_recorded() -> None:
    for fact in (document_fact(NUMBER, "", BOUND, TODAY), document_fact("440524188001010014", "", BOUND, TODAY)):
        assert (fact.value, fact.limit) == (None, None)
        assert "1949" not in repr(fact)
        assert "4405" not in repr(fact)


def test_whatever_is_not_ok_never_becomes_an_allow() -> None:
    asked = policy(checks='["pass", "document"]')
    tried = [
        ("440524188001010014", "", TODAY),
        (NUMBER, "20200101", TODAY),
        (NUMBER, "20300101", None),
        ("", "", TODAY),
    ]
    for number, expires, today in tried:
        facts: Facts = {"document": (document_fact(number, expires, BOUND, today),)}
        assert decide(shown(), facts, asked, gate(), NOW_S).verdict != "allow"
    right: Facts = {"document": (document_fact(NUMBER, "20300101", BOUND, TODAY),)}
    assert decide(shown(), right, asked, gate(), NOW_S).verdict == "allow"


@settings(max_examples=40)
@given(st.text(max_size=70), st.text(max_size=10))
def test_whatever_a_reader_says_gives_a_fact_and_never_ok_by_chance(number: str, expires: str) -> None:
    assert document_fact(number, expires, BOUND, TODAY).result != "ok"
