"""The bytes of the wire are a promise: what was written once is written and read the same for ever."""

from __future__ import annotations

import json
import zlib

import pytest

from checkpoint import cbor, documents, records, roster, seal, site_wire, steps, topics, wire
from checkpoint.drill import as_drill
from checkpoint.formats import read_pass
from checkpoint.status_list import status_from_content
from checkpoint.trust import TrustList
from tests.golden import samples

PUBLIC = samples.GATE_KEY.public_key()


def golden(name: str) -> dict[str, str]:
    stored: dict[str, str] = json.loads((samples.FOLDER / f"{name}.json").read_text())
    return stored


@pytest.mark.parametrize("name", ["records", "wire", "documents", "passes"])
def test_everything_that_travels_is_written_as_it_always_was(name: str) -> None:
    assert samples.encoded()[name] == golden(name)


@pytest.mark.parametrize("kind", samples.PAYLOADS)
def test_stored_payloads_of_every_kind_are_still_read(kind: str) -> None:
    stored = bytes.fromhex(golden("records")[f"payload {kind}"])
    assert records.decode_payload(kind, stored) == samples.PAYLOADS[kind]


@pytest.mark.parametrize("kind", samples.DRILLED)
def test_stored_payloads_of_a_drill_are_still_read_as_such(kind: str) -> None:
    stored = bytes.fromhex(golden("records")[f"payload {kind} of a drill"])
    assert records.decode_payload(kind, stored) == as_drill(samples.PAYLOADS[kind])


def test_every_kind_of_record_has_golden_bytes() -> None:
    assert set(samples.PAYLOADS) == set(records.PAYLOADS)


def test_a_stored_header_is_still_read_and_still_has_its_head() -> None:
    raw = bytes.fromhex(golden("records")["header"])
    assert records.decode_header(raw).kind == "verdict"
    assert records.head_of(raw).hex() == golden("records")["head"]


def test_stored_messages_are_still_read() -> None:
    stored = {name: wire.compress(bytes.fromhex(text)) for name, text in golden("wire").items()}
    topic, site = topics.seen("sunrise-garden", samples.GATE), "sunrise-garden"
    assert site_wire.unpack_seen(stored["seen"], topic, site, {samples.GATE: PUBLIC}) == samples.SEEN
    assert wire.unpack_batch(stored["batch"]) == samples.BATCH
    assert wire.unpack_hello(stored["hello"], PUBLIC) == samples.HELLO
    assert wire.unpack_alarm(stored["alarm copy"], PUBLIC) == samples.ALARM
    collector = samples.COLLECTOR_KEY.public_key()
    keys = {wire.cose.key_id(wire.cose.public_bytes(collector)): collector}
    assert wire.unpack_answer(stored["answer"], keys) == samples.ANSWER
    assert wire.verify_head(bytes.fromhex(golden("wire")["signed head"]), PUBLIC) == samples.SIGNED_HEAD


def test_a_stored_list_of_gates_is_still_read() -> None:
    gates = site_wire.gates_from_content(bytes.fromhex(golden("documents")["content of gates"]))
    assert {gate: key.public_bytes_raw() for gate, key in gates.items()} == samples.GATES


def test_a_stored_roster_is_still_opened_by_its_gate() -> None:
    content = bytes.fromhex(golden("documents")["content of roster"])
    assert roster.decode_roster(content, seal.sealing_key(samples.GATE_KEY)).secrets == samples.ROSTER


def test_a_stored_roster_with_cards_is_still_read() -> None:
    plain = wire.compress(bytes.fromhex(golden("documents")["roster with cards, opened"]))
    content = seal.seal(plain, seal.sealing_public(samples.GATE_KEY), roster.PURPOSE)
    assert roster.decode_roster(content, seal.sealing_key(samples.GATE_KEY)) == (samples.ROSTER, samples.CARDS)


def test_a_stored_status_list_is_still_read() -> None:
    table = cbor.loads(bytes.fromhex(golden("documents")["content of status"]), 3)
    assert isinstance(table, dict)
    table[samples.STATUS_BITS] = zlib.compress(table[samples.STATUS_BITS])
    assert status_from_content(cbor.dumps(table)) == samples.STATUS


def test_stored_documents_are_still_read() -> None:
    stored = {name: wire.compress(bytes.fromhex(text)) for name, text in golden("documents").items()}
    root = documents.KeyList(samples.ROOT_KEY.public_key().public_bytes_raw())
    keys = root.with_keys(documents.read_document(stored["keys"], root, samples.AT_S))
    assert documents.read_document(stored["policy"], keys, samples.AT_S) == samples.POLICY
    assert documents.read_trust_file(stored["trust"], root.root).trust.entries == (samples.ISSUER,)


def test_a_stored_pass_is_still_a_pass() -> None:
    presented = read_pass(golden("passes")["resident"].encode(), TrustList([samples.ISSUER]), samples.AT_S)
    assert presented.reason == "pass_valid"
    assert presented.pass_ is not None
    assert presented.pass_.travel == samples.CLAIMS.travel


@pytest.mark.parametrize("shown", ["step", "device"])
def test_a_stored_code_of_a_moment_is_still_good_for_that_moment(shown: str) -> None:
    code, trusted = golden("passes")[shown].encode(), TrustList([samples.ISSUER])
    secrets = steps.StepSecrets(samples.ROSTER)
    presented = read_pass(code, trusted, samples.AT_S, steps=secrets)
    assert (presented.reason, presented.variant) == ("pass_valid", shown)
    assert read_pass(code, trusted, samples.AT_S + 120, steps=secrets).reason == "step_stale"
