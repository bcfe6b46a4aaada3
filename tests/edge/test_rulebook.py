"""Which policy is in force, also while nobody can say what time it is."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from checkpoint import seal
from checkpoint.documents import Document, DocumentKind
from checkpoint.foreign.keys import ForeignKey
from checkpoint.foreign.trust_rows import encode_foreign, foreign_from_content
from checkpoint.policy import parse_policy
from checkpoint.roster import encode_roster
from checkpoint.status_list import make_status
from checkpoint.steps import NO_STEPS, SECRET_BYTES, StepSecret
from checkpoint.trust import encode_trust, trust_from_content
from edge.clock import Moment
from edge.downlink import PolicyInstalled, StatusInstalled, TrustInstalled
from edge.rosters import Rosters
from edge.rulebook import Rulebook
from edge.world import World
from tests.edge.lane_bench import ISSUER, POLICY, START_MS, trust

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


def document(kind: DocumentKind, content: bytes, scope: str = "city", version: int = 1) -> Document:
    return Document(1, kind, scope, version, START_MS, START_MS + DAY_MS, 100, content)


def world(book: Rulebook, *, apart: bool = False) -> World:
    return book.world(None, Moment(START_MS, 1, True), apart)


def test_answers_that_go_on_do_not_hide_that_newer_lists_are_kept_back() -> None:
    book, day_s = rulebook(), 86_400
    book.take(TrustInstalled(document("trust", b"", "city"), trust()))
    book.take(StatusInstalled(document("status", b"", "garden"), make_status({}, 1, START_MS // 1000)))
    later = Moment(START_MS + 4 * day_s * 1000, 1_000, True)
    book.confirmed(later)
    assert book.world(0.0, later).lists_age_s == 3.5 * day_s
    book.take(StatusInstalled(document("status", b"", "garden"), make_status({}, 1, START_MS // 1000 + 4 * day_s)))
    assert book.world(0.0, later).lists_age_s == 0


def test_each_status_list_stands_for_its_scope_and_a_newer_one_replaces_it() -> None:
    book = rulebook()
    for scope, value in (("city", 1), ("garden", 2), ("city", 3)):
        book.take(StatusInstalled(document("status", b"", scope), make_status({0: value}, 1, 0)))
    lists = world(book).status.lists
    assert {scope: lists[scope].value(0) for scope in lists} == {"city": 3, "garden": 2}


def test_foreign_keys_are_there_only_once_a_trust_list_brings_some() -> None:
    book = rulebook()
    native = encode_trust(trust().entries)
    book.take(TrustInstalled(document("trust", native), trust_from_content(native)))
    assert world(book).foreign is None
    public = ISSUER.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    both = encode_foreign([ForeignKey(b"12345678", public)], list(trust().entries))
    book.take(TrustInstalled(document("trust", both), trust_from_content(both), foreign_from_content(both)))
    keys = world(book).foreign
    assert keys is not None
    assert [entry.kid for entry in keys.entries] == [b"12345678"]
    assert len(world(book).trust.entries) == 1


def test_a_roster_is_opened_by_its_gate_alone_and_a_bad_one_changes_nothing() -> None:
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    rosters = Rosters(seal.sealing_key(mine))
    row = StepSecret("garden", 5, bytes(SECRET_BYTES))
    week_step = 5 * 604_800 // 30
    held = rosters.take(document("roster", encode_roster([row], seal.sealing_public(mine)), "gate-1"))
    assert list(held.candidates(["garden"], week_step)) == [bytes(SECRET_BYTES)]
    with capture_logs() as logs:
        for bad in (encode_roster([row], seal.sealing_public(other)), b"nonsense"):
            held = rosters.take(document("roster", bad, "gate-1", 2))
            assert list(held.candidates(["garden"], week_step)) == [bytes(SECRET_BYTES)]
    assert [entry["event"] for entry in logs] == ["roster_not_opened"] * 2


@pytest.mark.parametrize("apart", [False, True])
def test_the_world_says_whether_the_sites_gates_are_apart(apart: bool) -> None:
    book = rulebook()
    assert world(book).steps is NO_STEPS
    assert world(book, apart=apart).apart is apart


def test_a_policy_that_can_not_be_read_is_as_old_as_one_that_nobody_confirmed() -> None:
    book = rulebook()
    now = Moment(START_MS, 1, True)
    assert book.world(None, now).policy_age_s is not None
    book.torn = frozenset({"garden"})
    assert book.world(None, now).policy_age_s is None


def test_lists_that_can_not_be_read_are_as_old_as_ones_that_nobody_confirmed() -> None:
    """Else a revoked pass is let in by what is left, and a good one refused for a key that stands in the torn list."""
    book, now = rulebook(), Moment(START_MS, 1, True)
    book.take(TrustInstalled(document("trust", b"", "city"), trust()))
    assert book.world(None, now).lists_age_s is not None
    book.torn_lists = frozenset({"garden"})
    assert book.world(None, now).lists_age_s is None
