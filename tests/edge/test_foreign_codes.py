"""Passes of other systems at the lane: genuine ones never open by themselves, and nothing of them is recorded."""

from __future__ import annotations

import sys
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
from edge.downlink import DocumentRefused, PolicyInstalled, TrustInstalled
from edge.effects import Commit
from edge.lane_view import view
from edge.rulebook import Rulebook
from tests.checkpoint.foreign.makers import (
    CARD,
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
from tests.edge.lane_bench import POLICY, START_MS, Bench, a_pass
from tests.edge.test_downlink import ROOT_KEY, SIGNER, document, downlink, give, keys

NOW_S = START_MS // 1000
KEYS = ForeignKeys((key_of(EC_KEY, issuer="Ministry"), key_of(EC_KEY, SHC_KID.encode())))
ENABLED = POLICY + b'[pass]\nformats = ["GK1", "HC1", "SHC"]\n'
GENUINE = hc1(token(hc1_payload({4: NOW_S + 3600})))


def bench(policy: bytes = ENABLED, keys: ForeignKeys | None = KEYS, sensor: bool = True) -> Bench:
    made = Bench(policy=policy, sensor=sensor)
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


RULES = """
[pass.rules]
HC1 = '''[
  {"Identifier": "VR-2", "CertificateType": "Vaccination",
   "Logic": {">=": [{"var": "payload.v.0.dn"}, DOSES]}}
]'''
"""


@pytest.mark.parametrize(
    ("doses", "expected", "value"), [(2, ("allow", "all_ok"), "HC1"), (3, ("deny", "foreign_rule_failed"), "VR-2")]
)
def test_a_certificate_is_judged_by_the_rules_of_the_policy(doses: int, expected: tuple[str, str], value: str) -> None:
    visitor = ENABLED + b'foreign = { HC1 = "visitor" }\n' + RULES.replace("DOSES", str(doses)).encode()
    made = bench(visitor)
    made.wait(2000, codes=(GENUINE,), object_c=36.4)
    assert made.verdicts == [expected]
    (verdict,) = verdicts(made)
    assert verdict.checks[0].value == value
    assert b"1970-01-01" not in encode_payload(verdict)


def test_a_policy_with_rules_is_refused_where_the_library_for_them_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = downlink(tmp_path)
    give(link, "keys", keys())
    give(link, "policy", pack_document(SIGNER, document("policy", ENABLED)))
    with_rules = pack_document(SIGNER, document("policy", ENABLED + RULES.replace("DOSES", "2").encode(), 2))
    monkeypatch.setitem(sys.modules, "json_logic.cert_logic", None)
    (refused,) = give(link, "policy", with_rules)
    assert isinstance(refused, DocumentRefused)
    assert "pass.rules: rules need the package panzi-json-logic: install guankou[foreign] here" in refused.why
    assert [one.version for one in link.in_force("policy")] == [1]
    monkeypatch.undo()
    (installed,) = give(link, "policy", with_rules)
    assert isinstance(installed, PolicyInstalled)
    # And the same after a restart, if somebody takes the library away: the gate says that its policy is not known.
    monkeypatch.setitem(sys.modules, "json_logic.cert_logic", None)
    again = downlink(tmp_path)
    assert [type(fact) for fact in again.load() if isinstance(fact, DocumentRefused)] == [DocumentRefused]
    assert again.torn("policy") == {"grid-3"}


# --- cards in several codes ------------------------------------------------------------------------------------------

FIRST, SECOND, THIRD = shc_parts(jws(), 3)
OTHERS = shc_parts(jws(card={**CARD, "exp": NOW_S + 7200}), 3)
AS_VISITOR = ENABLED + b'foreign = { SHC = "visitor" }\n'


def test_the_codes_of_a_card_seen_together_are_one_presentation() -> None:
    made = bench()
    made.wait(3000, codes=(SECOND, FIRST, THIRD), object_c=36.4)
    assert made.verdicts == [("escalate", "foreign_valid")]


def test_the_codes_of_a_card_shown_one_after_the_other_are_waited_for() -> None:
    made = bench()
    for part in (SECOND, THIRD):
        made.wait(1200, codes=(part,))
        assert made.verdicts == []
        assert view(made.lane, recording=True).prompt == "prompt_other_parts"
    assert [tick.state for tick in view(made.lane, recording=True).ticks] == ["waiting", "waiting"]
    made.wait(2000, codes=(FIRST,))
    assert made.verdicts == [("escalate", "foreign_valid")]


def test_one_code_first_and_then_the_others_at_once() -> None:
    made = bench()
    made.wait(500, codes=(FIRST,))
    made.wait(1000)
    made.wait(500, codes=(FIRST, THIRD, SECOND))
    assert made.verdicts == [("escalate", "foreign_valid")]


def test_the_last_code_still_in_view_takes_nothing_from_the_card_that_it_made_whole() -> None:
    made = bench(AS_VISITOR)
    for part in (FIRST, SECOND, THIRD):
        made.wait(500, codes=(part,))
    # Who shows the last code while being measured has the whole time for that, and shows no other card.
    made.wait(2700, codes=(THIRD,))
    assert made.verdicts == []
    made.wait(1500, codes=(THIRD,), object_c=36.4)
    assert made.verdicts == [("allow", "all_ok")]


def test_a_card_that_stays_in_parts_is_refused_when_the_time_to_show_it_is_over() -> None:
    made = bench()
    made.wait(4900, codes=(FIRST,))
    assert made.verdicts == []
    made.wait(600, codes=(FIRST,))
    assert made.verdicts == [("deny", "pass_incomplete")]


def test_a_good_pass_is_not_made_to_wait_for_the_rest_of_a_card() -> None:
    made = bench()
    made.wait(300, codes=(FIRST,))
    made.wait(1500, codes=(a_pass(),), object_c=36.4)
    assert made.verdicts == [("allow", "all_ok")]


@pytest.mark.parametrize("sensor", [True, False])
def test_codes_of_two_people_never_make_one_card(sensor: bool) -> None:
    made = bench(sensor=sensor)
    made.wait(300, codes=(FIRST,))
    made.wait(300, codes=(SECOND,))
    made.leave()
    made.wait(3500)
    made.come()
    made.wait(300, codes=(OTHERS[2],))
    assert made.verdicts == []
    assert view(made.lane, recording=True).prompt == "prompt_other_parts"
    for part in OTHERS[:2]:
        made.wait(300, codes=(part,))
    assert made.verdicts == [("escalate", "foreign_valid")]


def test_a_code_that_was_seen_before_anybody_stood_here_is_not_the_next_ones() -> None:
    made = bench()
    made.leave()
    made.wait(1000)
    made.wait(300, codes=(FIRST,))
    made.wait(300, codes=(SECOND,))
    made.wait(500)
    made.come()
    made.wait(300, codes=(OTHERS[2],))
    assert made.verdicts == []
    assert view(made.lane, recording=True).prompt == "prompt_other_parts"


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
    for scope, some in (("city", KEYS.entries[:1]), ("garden", KEYS.entries[1:])):
        content = encode_foreign(some)
        listed = Document(1, "trust", scope, 1, START_MS, START_MS + 1000, 100, content)
        book.take(TrustInstalled(listed, trust_from_content(content), ForeignKeys(some)))
    held = book.world(None, moment).foreign
    assert held is not None
    assert set(held.entries) == set(KEYS.entries)
