"""`verify` with passes of other systems: a folder of keys, every format, one answer a line."""

from __future__ import annotations

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from joserfc import jwk

from checkpoint import cose
from checkpoint.foreign.trust_rows import encode_foreign
from checkpoint.formats import gk1
from edge.cli import main
from edge.trust_files import TrustFilesError, read_trust
from edge.verify_command import bounded_lines, verify_lines
from tests.checkpoint.foreign import vectors
from tests.checkpoint.foreign.makers import (
    CARD,
    CERTIFICATE,
    DAY_S,
    EC_KEY,
    ED_KEY,
    ISSUER,
    NOW_S,
    SHC_KID,
    STRANGER,
    certificate_der,
    claim169,
    hc1,
    hc1_payload,
    jws,
    key_of,
    pem,
    shc,
    shc_parts,
    token,
)
from tests.checkpoint.foreign.test_claim169 import payload
from tests.checkpoint.foreign.test_trust_import import ROOT, document, public_pem
from tests.checkpoint.pass_samples import DAY_S as PASS_DAY_S
from tests.checkpoint.pass_samples import KEY, claims, entry

DER = certificate_der(EC_KEY)
HEALTH = hc1(token(hc1_payload(), protected={1: -7, 4: sha256(DER).digest()[:8]}))
IDENTITY = claim169(token(payload(), ED_KEY, protected={1: -8}))
PASS = gk1.issue(claims(not_before_s=NOW_S, expires_s=NOW_S + PASS_DAY_S), KEY).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Everything that a gate may be told to trust, each in the form that its owner publishes."""
    keys = tmp_path / "keys"
    (keys / "XX").mkdir(parents=True)
    (keys / "XX" / "signer.pem").write_bytes(pem(DER))
    (keys / "registry.pem").write_bytes(public_pem(ED_KEY))
    card_key = {**jwk.ECKey.import_key(EC_KEY.public_key()).as_dict(private=False), "kid": SHC_KID}
    (keys / "cards.json").write_text(json.dumps({"keys": [card_key], "issuer": ISSUER}))
    native = {"public": cose.public_bytes(KEY).hex(), "classes": ["resident"]}
    (keys / "office.json").write_text(json.dumps({"keys": [native]}))
    (keys / ".hidden").write_text("nothing")
    return keys


def answers(path: Path, *lines: bytes, at_s: int = NOW_S) -> list[dict[str, Any]]:
    found = read_trust(path, None)
    return list(verify_lines(bounded_lines(io.BytesIO(b"\n".join(lines))), found.trust, at_s, found.foreign))


def test_one_folder_verifies_every_format(folder: Path) -> None:
    seen = answers(folder, PASS, HEALTH, shc(jws()), IDENTITY)
    assert [(one["valid"], one["format"], one["reason"]) for one in seen] == [
        (True, "GK1", "pass_valid"),
        (True, "HC1", "foreign_valid"),
        (True, "SHC", "foreign_valid"),
        (True, "CLAIM169", "foreign_valid"),
    ]
    assert seen[1]["claims"]["content"] == CERTIFICATE
    assert (seen[1]["claims"]["issuer"], seen[1]["claims"]["expires"]) == ("XX", NOW_S + DAY_S)
    assert (seen[2]["claims"]["issuer"], seen[2]["claims"]["content"]) == (ISSUER, CARD["vc"])
    assert seen[3]["claims"]["content"] == {"id": "ID-1", "fullName": "Li Si"}
    assert json.loads(json.dumps(seen)) == seen


def test_refusals_have_their_reason_and_show_claims_only_if_they_are_genuine(folder: Path) -> None:
    forged = hc1(token(hc1_payload(), STRANGER, protected={1: -7, 4: sha256(DER).digest()[:8]}))
    late = json.dumps({"text": HEALTH.decode(), "at": NOW_S + DAY_S}).encode()
    seen = answers(folder, forged, late, shc(jws(private=STRANGER)), b"HC1:", b"NCF")
    assert [(one["valid"], one["reason"], one["claims"] is None) for one in seen] == [
        (False, "pass_forged", True),
        (False, "pass_expired", False),
        (False, "pass_forged", True),
        (False, "pass_malformed", True),
        (False, "pass_malformed", True),
    ]


def test_the_parts_of_a_card_are_joined_as_they_come(folder: Path) -> None:
    seen = answers(folder, *shc_parts(jws(), 3))
    assert [one["reason"] for one in seen] == ["pass_incomplete", "pass_incomplete", "foreign_valid"]
    as_json = [json.dumps({"text": part.decode()}).encode() for part in shc_parts(jws(), 2)]
    assert [one["reason"] for one in answers(folder, *as_json)] == ["pass_incomplete", "foreign_valid"]


def test_a_single_file_of_any_kind_will_do(folder: Path, tmp_path: Path) -> None:
    assert answers(folder / "XX" / "signer.pem", HEALTH)[0]["reason"] == "foreign_valid"
    assert answers(folder / "cards.json", shc(jws()))[0]["reason"] == "foreign_valid"
    signed = tmp_path / "trust.doc"
    signed.write_bytes(document(encode_foreign([key_of(ED_KEY)], (entry(),))))
    found = read_trust(signed, cose.public_bytes(ROOT))
    assert (found.signed, len(found.foreign.entries), len(found.trust.entries)) == (True, 1, 1)


def test_what_cant_be_used_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("remember the milk")
    assert [problem.split(":")[0] for problem in read_trust(folder, None).problems] == ["notes.txt"]
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, words in ((empty, "no keys"), (tmp_path / "none", "No such file"), (folder / "notes.txt", "notes.txt")):
        with pytest.raises(TrustFilesError, match=words):
            read_trust(path, None)
    with pytest.raises(TrustFilesError, match="no signature of the root"):
        read_trust(folder / "XX" / "signer.pem", bytes(32))


def test_a_folder_is_not_read_beyond_its_limits(folder: Path) -> None:
    with (folder / "large.pem").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(TrustFilesError, match="larger than"):
        read_trust(folder, None)


def test_the_command_reads_a_folder_and_prints_one_line_each(folder: Path) -> None:
    (folder / "notes.txt").write_text("remember the milk")
    words = ["verify", "--trust", str(folder), "--at", str(NOW_S)]
    lines = b"\n".join([PASS, HEALTH, b"hello"])
    plain = CliRunner().invoke(main, words, input=lines)
    assert plain.exit_code == 0
    assert "left out: notes.txt" in plain.stderr
    assert plain.stdout.splitlines() == [
        "valid  GK1  pass_valid", "valid  HC1  foreign_valid", "NOT VALID  -  not_a_pass",
    ]  # fmt: skip
    as_json = CliRunner().invoke(main, [*words, "--json"], input=lines)
    told = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [sorted(one) for one in told] == [["claims", "format", "reason", "valid"]] * 3


def test_rules_are_judged_beside_the_signature(folder: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"Identifier": "R1", "Logic": {"===": [{"var": "payload.v.0.dn"}, 2]}}]))
    words = ["verify", "--trust", str(folder), "--at", str(NOW_S), "--rules", str(rules), "--json"]
    done = CliRunner().invoke(main, words, input=b"\n".join([HEALTH, PASS]))
    health, native = (json.loads(line) for line in done.stdout.splitlines())
    assert (health["valid"], health["rules"], "rules" in native) == (True, {"R1": True}, False)
    rules.write_text("nothing")
    assert CliRunner().invoke(main, words, input=HEALTH).exit_code == 2


def test_every_decided_vector_comes_out_right_through_the_command(shared_data: Path, tmp_path: Path) -> None:
    cases = vectors.lines(vectors.folder(shared_data, "dcc") / "cases.jsonl")
    blocks = [f"-----BEGIN CERTIFICATE-----\n{case['cert_b64']}\n-----END CERTIFICATE-----\n" for case in cases]
    (tmp_path / "all.pem").write_text("".join(blocks))
    decided = [case for case in cases if case["gate_verdict"] != "see_expected"]
    lines = "\n".join(json.dumps({"text": case["qr"], "at": case["clock"]}) for case in decided)
    done = CliRunner().invoke(main, ["verify", "--trust", str(tmp_path), "--at", "0", "--json"], input=lines)
    valid = {
        case["id"]: json.loads(line)["valid"] for case, line in zip(decided, done.stdout.splitlines(), strict=True)
    }
    assert valid == {case["id"]: case["gate_verdict"] == "accept" for case in decided}
