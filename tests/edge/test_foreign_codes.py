"""Passes of other systems at the lane: genuine ones never open by themselves, and nothing of them is recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from checkpoint.documents import Document, pack_document
from checkpoint.foreign.keys import ForeignKeys
from checkpoint.foreign.trust_rows import encode_foreign
from checkpoint.records import Verdict, encode_payload
from checkpoint.trust import trust_from_content
from edge.clock import Moment
from edge.downlink import DocumentRefused, TrustInstalled
from edge.effects import Commit
from edge.rulebook import Rulebook
from tests.checkpoint.foreign.makers import (
    EC_KEY,
    SHC_KID,
    STRANGER,
    hc1,
    hc1_payload,
    jws,
    key_of,
    shc_parts,
    token,
)
from tests.edge.lane_bench import POLICY, START_MS, Bench
from tests.edge.test_downlink import ROOT_KEY, document, downlink, give

NOW_S = START_MS // 1000
KEYS = ForeignKeys((key_of(EC_KEY, issuer="Ministry"), key_of(EC_KEY, SHC_KID.encode())))
ENABLED = POLICY + b'[pass]\nformats = ["GK1", "HC1", "SHC"]\n'
GENUINE = hc1(token(hc1_payload({4: NOW_S + 3600})))


def bench(policy: bytes = ENABLED, keys: ForeignKeys | None = KEYS) -> Bench:
    made = Bench(policy=policy)
    made.lane.enter(replace(made.lane.world, foreign=keys))
    made.come()
    return made


def verdicts(made: Bench) -> list[Verdict]:
    return [one.payload for one in made.effects if isinstance(one, Commit) and isinstance(one.payload, Verdict)]


@pytest.mark.parametrize(
    ("code", "policy", "keys", "expected"),
    [
        (GENUINE, ENABLED, KEYS, ("escalate", "foreign_valid")),
        (hc1(token(hc1_payload({4: NOW_S + 3600}), STRANGER)), ENABLED, KEYS, ("deny", "pass_forged")),
        (hc1(token(hc1_payload())), ENABLED, KEYS, ("deny", "pass_expired")),
        (hc1(token(hc1_payload({4: NOW_S + 3600}), signature=b"")), ENABLED, KEYS, ("deny", "unsigned")),
        (GENUINE, POLICY, KEYS, ("deny", "format_not_enabled")),
        (GENUINE, ENABLED, None, ("deny", "format_not_enabled")),
    ],
)
def test_a_genuine_certificate_calls_a_person_and_any_other_is_refused(
    code: bytes, policy: bytes, keys: ForeignKeys | None, expected: tuple[str, str]
) -> None:
    made = bench(policy, keys)
    made.wait(9000, codes=(code,), object_c=36.4)
    assert made.verdicts[0] == expected
    assert made.openings == 0


def test_what_it_says_stays_out_of_the_record() -> None:
    made = bench()
    made.wait(9000, codes=(GENUINE,), object_c=36.4)
    (verdict, *_) = verdicts(made)
    written = encode_payload(verdict)
    assert b"HC1" in written
    for private in (b"Li", b"1970-01-01", b"URN:UVCI", GENUINE[:40]):
        assert private not in written


def test_a_card_in_two_codes_is_one_presentation() -> None:
    first, second = shc_parts(jws(), 2)
    made = bench()
    made.wait(9000, codes=(first, second), object_c=36.4)
    assert made.verdicts[0] == ("escalate", "foreign_valid")
    made = bench()
    made.wait(300, codes=(first,))
    assert made.verdicts == [("deny", "pass_incomplete")]
    made.wait(2500)
    made.wait(9000, codes=(second,), object_c=36.4)
    assert made.verdicts[1] == ("escalate", "foreign_valid")


def test_a_list_whose_foreign_keys_cant_be_read_leaves_the_one_in_force(tmp_path: Path) -> None:
    link = downlink(tmp_path)
    good = document("trust", encode_foreign(KEYS.entries))
    (installed,) = give(link, "trust", pack_document(ROOT_KEY, good))
    assert isinstance(installed, TrustInstalled)
    assert installed.foreign == KEYS
    bad = document("trust", msgspec.msgpack.encode(["foreign", [[b"k", b"no key", "", ["HC1"], [], 0, 1]], []]), 2)
    (refused,) = give(link, "trust", pack_document(ROOT_KEY, bad))
    assert isinstance(refused, DocumentRefused)
    assert "foreign key" in refused.why
    assert [one.version for one in link.in_force("trust")] == [1]


def test_the_keys_reach_the_lanes_with_the_trust_document() -> None:
    book = Rulebook("guard", ("garden", "city"), START_MS, 30.0)
    moment = Moment(START_MS, 1, True)
    assert book.world(None, moment).foreign is None
    for scope, keys in (("city", KEYS.entries[:1]), ("garden", KEYS.entries[1:])):
        content = encode_foreign(keys)
        document = Document(1, "trust", scope, 1, START_MS, START_MS + 1000, 100, content)
        book.take(TrustInstalled(document, trust_from_content(content), ForeignKeys(keys)))
    held = book.world(None, moment).foreign
    assert held is not None
    assert set(held.entries) == set(KEYS.entries)
