"""Which policy is in force, also while nobody can say what time it is."""

from __future__ import annotations

from checkpoint.documents import Document
from checkpoint.policy import parse_policy
from edge.clock import Moment
from edge.downlink import PolicyInstalled
from edge.rulebook import Rulebook
from tests.edge.lane_bench import POLICY, START_MS

DAY_MS = 86_400_000
YEAR_2019_MS = 1_546_300_800_000
YEAR_2101_MS = 4_133_894_400_000


def rulebook() -> Rulebook:
    book = Rulebook("guard", ("garden", "city"), START_MS, 30.0)
    document = Document(1, "policy", "city", 1, START_MS, START_MS + DAY_MS, 100, POLICY)
    book.take(PolicyInstalled(document, parse_policy(POLICY)))
    return book


def policy_at(book: Rulebook, at_ms: int, *, trusted: bool) -> str:
    return book.policy(Moment(at_ms, 1, trusted)).id


def test_a_policy_begins_and_ends_by_a_trusted_clock() -> None:
    book = rulebook()
    ids = [policy_at(book, at_ms, trusted=True) for at_ms in (YEAR_2019_MS, START_MS, YEAR_2101_MS)]
    assert ids == ["everyday", "bench", "everyday"]


def test_a_wrong_clock_does_not_end_the_checks_of_the_policy_in_force() -> None:
    book = rulebook()
    assert policy_at(book, START_MS, trusted=True) == "bench"
    assert policy_at(book, YEAR_2019_MS, trusted=False) == "bench"
    assert policy_at(book, YEAR_2101_MS, trusted=False) == "bench"


def test_a_gate_that_starts_with_a_wrong_clock_asks_what_its_policy_asks() -> None:
    assert policy_at(rulebook(), YEAR_2019_MS, trusted=False) == "bench"


def test_a_policy_that_a_trusted_clock_has_ended_stays_ended() -> None:
    book = rulebook()
    assert policy_at(book, YEAR_2101_MS, trusted=True) == "everyday"
    assert policy_at(book, START_MS, trusted=False) == "everyday"


def ages(book: Rulebook, at_ms: int, mono_ms: int, *, trusted: bool) -> float | None:
    return book.world(None, Moment(at_ms, mono_ms, trusted)).policy_age_s


def test_no_step_of_the_wall_clock_makes_what_is_in_force_older() -> None:
    book = rulebook()
    assert ages(book, START_MS + 5_000, 1_000, trusted=True) == 5.0
    book.confirmed(Moment(START_MS + 6_000, 2_000, True))
    for at_ms in (YEAR_2019_MS, YEAR_2101_MS):
        assert ages(book, at_ms, 12_000, trusted=False) == 10.0


def test_a_gate_that_starts_with_a_wrong_clock_counts_from_its_start() -> None:
    book = rulebook()
    assert ages(book, YEAR_2101_MS, 1_000, trusted=False) == 0.0
    assert ages(book, YEAR_2101_MS, 61_000, trusted=False) == 60.0
    assert ages(book, START_MS + DAY_MS, 62_000, trusted=True) == 86_400.0
