"""One fixed value of everything that travels, and its bytes. `python -m tests.golden.samples` writes the files anew.

Written bytes are a promise to gates in the field: they change only together with a version number.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint import cards, cbor, chain, cose, documents, records, roster, seal, site_wire, steps, trust, wire
from checkpoint.drill import as_drill
from checkpoint.formats import gk1, gk1_variants
from checkpoint.passes import Claims, Travel
from checkpoint.site_rules import Crossing
from checkpoint.status_list import CutOff, encode_status, make_status

FOLDER = Path(__file__).parent
GATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
COLLECTOR_KEY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
ROOT_KEY = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
ISSUER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
SIGNER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
PHONE_KEY = Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32)

GATE = "gate-7"
EPOCH = bytes.fromhex("a1b2c3d4e5f60718")
EARLIER_EPOCH = bytes.fromhex("0102030405060708")
BOOT = bytes(range(16))
PASSAGE = bytes.fromhex("01950000000070008000000000000001")
NONCE = bytes.fromhex("ffeeddccbbaa9988")
AT_MS = 1_581_292_800_000  # 2020-02-10 00:00 UTC
AT_S = AT_MS // 1000
WHERE = records.Where("sunrise-garden", "in-1", "in", "person")

PAYLOADS: dict[str, records.Payload] = {
    "opened": records.Opened(1, EARLIER_EPOCH, 41, bytes([9]) * 32, "0.1.0", "started"),
    "verdict": records.Verdict(
        version=1,
        where=WHERE,
        verdict="escalate",
        reason="temperature_high",
        pass_class="resident",
        checks=(
            records.CheckResult("pass", "enforce", "ok", "pass_valid", None, None),
            records.CheckResult("temperature", "enforce", "failed", "temperature_high", 37.9, 0.8),
        ),
        pass_facts=records.PassFacts(b"pass-id1", b"subject1", "resident", b"hh01", b"kid4", 2),
        readings=(records.ReadingKept("forehead", 36.9, 21.5, None, 36.9, 36.0, 0.9, ("ok",), False),),
        policy="everyday",
        policy_version=3,
        zone_level="low",
        attendance="guard",
        tags=("offline",),
        retest_of=None,
        call="grid-head",
    ),
    "outcome": records.OutcomeOf(1, WHERE, "passed", "resident", "", 1, b"pass-id1"),
    "override": records.Override(1, WHERE, "admit", "checked by hand", "guard-1", "visitor"),
    "egress": records.Egress(1, WHERE, "exit_button", 123_456),
    "fault": records.Fault(1, "thermometer_stuck", "gy614", "in-1", "36.5 forty times", 2),
    "cleared": records.Cleared(1, "thermometer_stuck", "gy614", "in-1", EPOCH, 5),
    "clock": records.ClockSet(1, BOOT, -3_600_000, "collector"),
    "document": records.Note(1, "document_in_force", {"kind": "policy", "version": "3"}),
    "command": records.Note(1, "command_done", {"act": "open"}),
    "note": records.Note(1, "tailgate", {"admitted": "1", "crossed": "2"}),
    "reconstructed": records.Note(1, "storage_failing", {"act": "admit"}),
    "closed": records.Note(1, "stopped", {}),
}


# Kinds whose records can be of a drill.
DRILLED = ("verdict", "outcome", "override")


def _chain() -> tuple[list[bytes], list[records.Sealed]]:
    headers: list[bytes] = []
    sealed: list[records.Sealed] = []
    head = records.ZERO_HEAD
    for number, (kind, payload) in enumerate(PAYLOADS.items(), 1):
        seal = records.Sealed(bytes([number]) * 16, records.encode_payload(payload))
        header = records.Header(
            version=1,
            gate=GATE,
            epoch=EPOCH,
            number=number,
            kind=kind,
            at=AT_MS + number,
            boot_id=BOOT,
            mono_ms=1000 * number,
            clock="trusted",
            passage=PASSAGE if kind in ("verdict", "outcome") else None,
            grid="grid-0101",
            tree_version=1,
            prev=head,
            payload_digest=records.payload_digest(seal),
        )
        headers.append(records.encode_header(header))
        sealed.append(seal)
        head = records.head_of(headers[-1])
    return headers, sealed


HEADERS, SEALED = _chain()
LAST_HEAD = records.head_of(HEADERS[-1])
SIGNED_HEAD = wire.SignedHead(GATE, EPOCH, len(HEADERS), LAST_HEAD)
BATCH = wire.Batch(
    version=1,
    gate=GATE,
    epoch=EPOCH,
    first=1,
    nonce=NONCE,
    headers=tuple(msgspec.Raw(raw) for raw in HEADERS),
    sealed=tuple(SEALED),
    signed_head=wire.sign_head(GATE_KEY, SIGNED_HEAD),
)
HELLO = wire.Hello(
    version=1,
    gate=GATE,
    at=AT_MS,
    clock="trusted",
    boot_id=BOOT,
    online=True,
    nonce=NONCE,
    page=1,
    pages=1,
    epochs=(
        wire.EpochRow(EPOCH, 1, records.ZERO_HEAD, len(HEADERS), LAST_HEAD, (EARLIER_EPOCH, 41, bytes([9]) * 32)),
        wire.EpochRow(EARLIER_EPOCH, 3, bytes([8]) * 32, 41, bytes([9]) * 32, None),
    ),
    complete_through=wire.CompleteThrough(AT_MS, EPOCH, len(HEADERS)),
    outbox_depth=4,
    faults=("thermometer_stuck",),
    versions={"software": "0.1.0"},
)
ANSWER = wire.Answer(1, GATE, EPOCH, len(HEADERS), LAST_HEAD, NONCE, AT_MS)
ALARM = wire.AlarmCopy(1, GATE, msgspec.Raw(HEADERS[5]), SEALED[5])

SEEN = site_wire.Seen(
    version=1,
    site="sunrise-garden",
    gate=GATE,
    at=AT_MS,
    crossings=(
        Crossing(AT_MS - 5_000, GATE, PASSAGE, "out", b"pass-id1", b"hh01", 2),
        Crossing(AT_MS - 4_000, "gate-8", PASSAGE, "cleared", b"pass-id2", None, 1),
    ),
    stretches=(site_wire.Stretch(AT_MS // 3_600_000 - 24, 24, 0, 0), site_wire.Stretch(AT_MS // 3_600_000, 1, 2, 77)),
)
GATES = {GATE: cose.public_bytes(GATE_KEY), "gate-8": cose.public_bytes(SIGNER_KEY)}

CLAIMS = Claims(
    pass_id=b"pass-id1",
    subject=b"subject1",
    pass_class="resident",
    scope=("sunrise-garden",),
    not_before_s=AT_S,
    expires_s=AT_S + 180 * 86_400,
    household=b"hh01",
    status_index=4711,
    travel=Travel(18_302, (360_102, 360_103)),
    document_digest=bytes(range(16)),
)
ISSUER = trust.TrustEntry(
    kid=cose.key_id(cose.public_bytes(ISSUER_KEY)),
    public=cose.public_bytes(ISSUER_KEY),
    issuer="Sunrise Garden property office",
    classes=frozenset({"resident", "visitor"}),
    scopes=("sunrise-garden",),
    not_before_ms=AT_MS,
    not_after_ms=AT_MS + 365 * 86_400_000,
)
KEY_ROW = documents.KeyRow(
    kid=cose.key_id(cose.public_bytes(SIGNER_KEY)),
    public=cose.public_bytes(SIGNER_KEY),
    kinds=("policy", "status"),
    scopes=("grid-0101",),
    not_before=AT_MS,
    not_after=AT_MS + 365 * 86_400_000,
)


WEEK = steps.week_at(AT_S)
ROSTER = tuple(steps.StepSecret("sunrise-garden", WEEK + number, bytes([70 + number]) * 32) for number in (-1, 0, 1))
STEP_SECRET = ROSTER[1].secret
CARDS = (
    cards.CardRow("em4100", bytes.fromhex("0063E9AE"), b"pass 1"),
    cards.CardRow("iso14443a", bytes.fromhex("FB0EE20B"), b"pass 1"),
    cards.CardRow("plate", cards.plate_number("赣A12345"), b"pass 2"),
)
STATUS = make_status(
    {0: 1, 5: 2, 63: 3},
    64,
    AT_S,
    (
        CutOff("household", b"hh02", AT_S),
        CutOff("class", 3, AT_S - 60),
        CutOff("kid", b"key1", AT_S - 120),
        CutOff("pass", b"pass-id2", AT_S - 180),
        CutOff("all", None, AT_S - 240),
    ),
)
# Where the bits lie in a status list.
STATUS_BITS = 2


def document(
    kind: documents.DocumentKind, content: bytes, *, scope: str = "grid-0101", version: int = 1
) -> documents.Document:
    return documents.Document(1, kind, scope, version, AT_MS, AT_MS + 86_400_000, 100, content)


POLICY = document("policy", b'name = "everyday"\n')
TRUST = document("trust", trust.encode_trust([ISSUER]))
KEYS = document("keys", documents.encode_keys([KEY_ROW]))


def sealed_roster() -> bytes:
    """Sealing gives other bytes each time; by this sender's key always the same."""
    public = seal.sealing_public(GATE_KEY)
    sender = X25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    with mock.patch.object(seal, "X25519PrivateKey", SimpleNamespace(generate=lambda: sender)):
        return roster.encode_roster(ROSTER, public)


def roster_opened() -> bytes:
    """What is sealed in a roster with cards: how it is packed may differ between versions of zstd."""
    content = roster.encode_roster(ROSTER, seal.sealing_public(GATE_KEY), CARDS)
    return wire.expand(seal.open_sealed(content, seal.sealing_key(GATE_KEY), roster.PURPOSE))


def status_expanded() -> bytes:
    """The content of a status list with its bits as they are: how they are packed may differ between zlibs."""
    table = cbor.loads(encode_status(STATUS), 3)
    assert isinstance(table, dict)
    return cbor.dumps({**table, STATUS_BITS: STATUS.bits})


def passes() -> dict[str, str]:
    """A pass, and the codes of the moment that a phone makes of it."""
    plain = gk1.issue(CLAIMS, ISSUER_KEY)
    bound = gk1.issue(replace(CLAIMS, device_key=cose.public_bytes(PHONE_KEY)), ISSUER_KEY)
    key, step = gk1_variants.pass_key(STEP_SECRET, CLAIMS.pass_id), steps.step_at(AT_S)
    return {
        "resident": plain,
        "key of a phone": key.hex(),
        "step": gk1_variants.step_text(plain, CLAIMS.pass_id, key, step),
        "device": gk1_variants.device_text(bound, PHONE_KEY, step),
    }


def encoded() -> dict[str, dict[str, str]]:
    """File name -> name of the value -> its bytes in hex, uncompressed; text as it is."""
    return {
        "records": {
            "header": HEADERS[1].hex(),
            "head": records.head_of(HEADERS[1]).hex(),
            **{f"payload {kind}": records.encode_payload(payload).hex() for kind, payload in PAYLOADS.items()},
            **{
                f"payload {kind} of a drill": records.encode_payload(as_drill(PAYLOADS[kind])).hex() for kind in DRILLED
            },
        },
        "wire": {
            "batch": wire.expand(wire.pack_batch(BATCH)).hex(),
            "signed head": BATCH.signed_head.hex(),
            "hello": wire.expand(wire.pack_hello(GATE_KEY, HELLO)).hex(),
            "answer": wire.expand(wire.pack_answer(COLLECTOR_KEY, ANSWER)).hex(),
            "seen": wire.expand(site_wire.pack_seen(GATE_KEY, SEEN)).hex(),
            "digest of a crossing": f"{site_wire.digest_of(SEEN.crossings[0]):016x}",
            "alarm copy": wire.expand(wire.pack_alarm(GATE_KEY, ALARM)).hex(),
        },
        "documents": {
            "policy": wire.expand(documents.pack_document(SIGNER_KEY, POLICY)).hex(),
            "trust": wire.expand(documents.pack_document(ROOT_KEY, TRUST)).hex(),
            "keys": wire.expand(documents.pack_document(ROOT_KEY, KEYS)).hex(),
            "content of gates": site_wire.encode_gates(GATES).hex(),
            "content of roster": sealed_roster().hex(),
            "roster with cards, opened": roster_opened().hex(),
            "content of status": status_expanded().hex(),
        },
        "passes": passes(),
    }


def links() -> list[chain.Link]:
    return [chain.link(raw) for raw in HEADERS]


if __name__ == "__main__":
    for name, values in encoded().items():
        (FOLDER / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n")
