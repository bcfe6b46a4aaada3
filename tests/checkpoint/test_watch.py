"""The watch list: sealed to one gate, without a number in it; who is on it is found, and nobody else."""

from __future__ import annotations

import math

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import seal, wire
from checkpoint.documents import Document, encode_document
from checkpoint.passes import Presented
from checkpoint.reasons import Call, reason
from checkpoint.verdict import CheckFact, Decision, Facts, decide
from checkpoint.verdict_watch import DISCREET, discreet
from checkpoint.watch import (
    KEY_BYTES,
    MAX_CONTENT_BYTES,
    MAX_ROWS,
    PURPOSE,
    WATCH_KINDS,
    WATCH_ROLES,
    Hit,
    Watched,
    WatchError,
    WatchKind,
    WatchList,
    WatchRow,
    decode_watch,
    document_value,
    encode_watch,
    keyed,
    watch_fact,
)
from tests.checkpoint.verdict_kit import FEVER, NOW_S, OK, gate, policy, shown

GATE = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
SECRET = bytes(range(32))
SUBJECT = b"subject1"
UNTIL_MS = 10_000
ROW = WatchRow(keyed(SECRET, "subject", SUBJECT), "subject", UNTIL_MS, "police")
LISTED = WatchList(SECRET, [ROW])
KINDS, ROLES = st.sampled_from(WATCH_KINDS), st.sampled_from(WATCH_ROLES)


def sealed(*rows: WatchRow, secret: bytes = SECRET) -> bytes:
    return encode_watch(secret, rows, seal.sealing_public(GATE))


def opened(content: bytes, key: Ed25519PrivateKey = GATE) -> WatchList:
    return decode_watch(content, seal.sealing_key(key))


@given(st.lists(st.tuples(KINDS, st.binary(min_size=1, max_size=40), ROLES), max_size=10, unique_by=lambda e: e[:2]))
def test_the_gate_finds_who_is_on_its_list_by_kind_and_value(entries: list[tuple[WatchKind, bytes, str]]) -> None:
    rows = [WatchRow(keyed(SECRET, kind, value), kind, UNTIL_MS, call) for kind, value, call in entries]  # type: ignore[arg-type]
    listed = opened(sealed(*rows))
    for kind, value, call in entries:
        assert listed.hit(kind, value, 0) == Hit(call)  # type: ignore[arg-type]
        assert listed.hit(kind, value + b"\0", 0) is None
    assert len(listed) == len(entries)


def test_one_value_of_another_kind_is_somebody_else() -> None:
    assert LISTED.hit("subject", SUBJECT, 0) == Hit("police")
    assert LISTED.hit("pass", SUBJECT, 0) is None


def test_an_entry_ends_and_does_not_while_nobody_knows_the_time() -> None:
    assert LISTED.hit("subject", SUBJECT, UNTIL_MS - 1) is not None
    assert LISTED.hit("subject", SUBJECT, UNTIL_MS) is None
    assert LISTED.hit("subject", SUBJECT, None) is not None


def test_of_two_entries_for_one_value_the_one_that_lasts_counts() -> None:
    ended = WatchRow(ROW.hashed, "subject", 5, "guard")
    assert WatchList(SECRET, [ended, ROW]).hit("subject", SUBJECT, 6) == Hit("police")


def test_another_secret_knows_nobody() -> None:
    assert WatchList(bytes(32), [ROW]).hit("subject", SUBJECT, 0) is None


def test_no_other_gate_can_open_it_and_no_number_is_in_it() -> None:
    content = sealed(ROW)
    with pytest.raises(WatchError, match="can't be opened"):
        opened(content, STRANGER)
    plain = wire.expand(seal.open_sealed(content, seal.sealing_key(GATE), PURPOSE))
    assert SUBJECT not in plain
    assert ROW.hashed in plain


def test_a_document_number_is_hashed_slowly_and_however_it_is_written() -> None:
    value = LISTED.document_value("11010519491231002x")
    assert value == document_value("110105 19491231 002X", SECRET)
    assert value != document_value("11010519491231002X", bytes(32))
    row = WatchRow(keyed(SECRET, "document", value), "document", UNTIL_MS, "health")
    assert WatchList(SECRET, [row]).hit("document", value, 0) == Hit("health")


def test_the_bytes_of_a_hash_are_these() -> None:
    assert ROW.hashed.hex() == "3af3d5138ba0496438b9dd334cef906e"


def test_the_longest_list_fits_into_one_document() -> None:
    # Hashes don't compress.
    rows = [
        WatchRow(keyed(SECRET, "subject", number.to_bytes(4, "big")), "household", 2**62, "administrator")
        for number in range(MAX_ROWS)
    ]
    content = sealed(*rows)
    assert len(content) <= MAX_CONTENT_BYTES
    assert len(opened(content)) == MAX_ROWS
    document = Document(1, "watch", "gate-1", 1, 0, 10**14, 100, content)
    assert len(encode_document(document)) < wire.MAX_MESSAGE_BYTES
    with pytest.raises(WatchError, match="10001 entries, at most 10000"):
        sealed(*rows, ROW)


def test_what_can_not_be_a_list_is_refused_by_name() -> None:
    with pytest.raises(WatchError, match="has 32 bytes, this one 5"):
        sealed(ROW, secret=b"short")
    with pytest.raises(WatchError, match=f"a hash of 3 bytes: it has {KEY_BYTES}"):
        sealed(WatchRow(b"abc", "subject", 1, "guard"))
    with pytest.raises(WatchError, match=f"at most {MAX_CONTENT_BYTES}"):
        opened(bytes(MAX_CONTENT_BYTES + 1))
    newer = seal.seal(wire.compress(msgspec.msgpack.encode((2, SECRET, ()))), seal.sealing_public(GATE), PURPOSE)
    with pytest.raises(WatchError, match="has form 2; this program reads 1: update it"):
        opened(newer)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_list_or_refused(data: bytes, compressed: bool) -> None:
    plain = wire.compress(data) if compressed else data
    with pytest.raises(WatchError, match="watch list"):
        opened(seal.seal(plain, seal.sealing_public(GATE), PURPOSE))


# --- the check --------------------------------------------------------------------------------------------------------

OTHER, HERE = Watched("pass", b"pass-id1"), Watched("subject", SUBJECT)


def test_everything_that_is_known_of_somebody_is_looked_up_and_none_of_it_is_kept() -> None:
    assert watch_fact(LISTED, [OTHER], 0) == CheckFact("ok", "watch_ok")
    hit = watch_fact(LISTED, [OTHER, HERE], 0)
    assert hit == CheckFact("failed", "watch_hit", "police")


def test_without_a_list_nobody_is_cleared() -> None:
    fact = watch_fact(None, [OTHER], 0)
    assert (fact.result, fact.reason, fact.for_s) == ("not_obtained", "watch_unlisted", math.inf)


def decided(fact: CheckFact | None, modes: str = "", attendance: str = "guard") -> Decision:
    rule = {"checks": '["pass", "watch"]', **({"modes": modes} if modes else {})}
    facts: Facts = {"watch": (fact,)} if fact else {}
    return discreet(decide(shown(), facts, policy(**rule), gate(attendance=attendance), NOW_S))


HIT = CheckFact("failed", "watch_hit", "police")


def test_a_hit_escalates_in_neutral_words_and_says_whom_to_call() -> None:
    decision = decided(HIT)
    assert (decision.verdict, decision.reason, decision.call) == ("escalate", DISCREET, "police")


def test_the_record_keeps_what_the_check_found() -> None:
    (check,) = [result for result in decided(HIT).results if result.check == "watch"]
    assert (check.result, check.reason, check.value) == ("failed", "watch_hit", "police")


@pytest.mark.parametrize("fact", [CheckFact("not_obtained", "watch_unlisted", for_s=math.inf), None])
def test_a_list_that_is_not_there_looks_the_same_from_outside(fact: CheckFact | None) -> None:
    decision = decided(fact)
    assert (decision.verdict, decision.reason) == ("escalate", DISCREET)
    assert decision.call in ("guard", "administrator")


def test_a_clear_list_lets_go_on() -> None:
    assert decided(CheckFact("ok", "watch_ok")).verdict == "allow"


def test_a_policy_that_only_warns_calls_and_shows_nothing() -> None:
    decision = decided(HIT, '{ watch = "warn" }')
    assert (decision.verdict, decision.warnings, decision.call) == ("allow", (), "police")


def test_a_policy_that_only_records_calls_nobody() -> None:
    decision = decided(HIT, '{ watch = "record" }')
    assert (decision.verdict, decision.warnings, decision.call) == ("allow", (), "")


@pytest.mark.parametrize(
    ("presented", "temperature", "expected"),
    [
        (shown(), (), ("escalate", DISCREET, "police")),
        (shown(), (FEVER,), ("escalate", "fever", "health")),
        (shown("pass_expired"), (OK,), ("deny", "pass_expired", "")),
    ],
    ids=["nothing measured", "fever", "an expired pass"],
)
def test_a_hit_beside_another_failing_step(
    presented: Presented, temperature: tuple[CheckFact, ...], expected: tuple[str, str, str]
) -> None:
    facts: Facts = {"watch": (HIT,), "temperature": temperature}
    decision = discreet(decide(presented, facts, policy(checks='["pass", "temperature", "watch"]'), gate(), NOW_S))
    assert (decision.verdict, decision.reason, decision.call) == expected


def test_the_words_are_the_same_for_a_hit_and_for_no_list_and_name_no_list() -> None:
    texts = {(reason(code).zh, reason(code).en) for code in (DISCREET, "watch_hit", "watch_unlisted")}
    assert texts == {("请稍候，工作人员即将到来", "Please wait, staff are coming")}


def test_every_role_is_one_that_a_verdict_can_call() -> None:
    assert set(WATCH_ROLES) <= set(Call.__args__)  # type: ignore[attr-defined]
