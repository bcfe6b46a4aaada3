"""Messages and documents, as the network or a memory card may bring them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from checkpoint import (
    cards,
    cose,
    documents,
    grid,
    local_order,
    policy,
    records,
    roster,
    seal,
    site_wire,
    status_list,
    steps,
    topics,
    trust,
    wire,
)
from checkpoint.documents import DocumentError
from checkpoint.foreign import trust_import, trust_rows
from checkpoint.foreign.algorithms import KeyFormError
from checkpoint.passes import Pass
from checkpoint.status_list import CutOff, StatusBook, StatusError
from checkpoint.trust import TrustError
from fuzz.wrong import must
from tests.checkpoint.mutation_samples import FOREIGN
from tests.golden import samples

_GATE: Final = samples.GATE_KEY.public_key()
_GATES: Final = {samples.GATE: _GATE}
_COLLECTOR: Final = {
    cose.key_id(cose.public_bytes(samples.COLLECTOR_KEY)): samples.COLLECTOR_KEY.public_key(),
}
_ROOT: Final = documents.KeyList(cose.public_bytes(samples.ROOT_KEY))
_KEYS: Final = documents.KeyList(_ROOT.root, (samples.KEY_ROW,))
_SITE: Final = samples.WHERE.site
_TOPIC: Final = topics.seen(_SITE, samples.GATE)
_SEALER: Final = seal.sealing_key(samples.GATE_KEY)
_SEALED_FOR: Final = seal.sealing_public(samples.GATE_KEY)
_HELD: Final = Pass(
    **{name: getattr(samples.CLAIMS, name) for name in samples.CLAIMS.__dataclass_fields__},
    format="GK1",
    key_id=b"kid4",
)
_SEEN: Final = site_wire.Seen(1, _SITE, samples.GATE, samples.AT_MS, (), (site_wire.Stretch(400_000, 24, 3, 12345),))


# -- Documents ---------------------------------------------------------------------------------------------------------


def document(data: bytes) -> None:
    """Any file or retained message: refused, or signed by a key that may."""
    for keys in (_ROOT, _KEYS):
        try:
            found = documents.read_document(data, keys, samples.AT_S, (samples.GATE, _SITE))
        except DocumentError:
            continue
        must(found in (samples.POLICY, samples.TRUST, samples.KEYS), found)
    for root in (None, _ROOT.root):
        try:
            trust_import.import_file("file", data, root)
        except (DocumentError, TrustError, KeyFormError):
            continue


def document_seeds() -> Iterator[bytes]:
    signers = (
        (samples.SIGNER_KEY, samples.POLICY),
        (samples.ROOT_KEY, samples.TRUST),
        (samples.ROOT_KEY, samples.KEYS),
    )
    yield from (documents.pack_document(key, item) for key, item in signers)
    yield b'{"keys": [{"public": "%b", "classes": ["resident"]}]}' % (b"ab" * 32)
    yield b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}]}'


def _keys(content: bytes) -> None:
    _KEYS.with_keys(msgspec.structs.replace(samples.KEYS, content=content))


def _roster(content: bytes) -> None:
    roster.decode_roster(content, _SEALER)


def _sealed_roster(plain: bytes) -> None:
    held = roster.decode_roster(seal.seal(plain, _SEALED_FOR, roster.PURPOSE), _SEALER)
    steps.StepSecrets(held.secrets).candidates(["site-a"], 52_000_000)


def _roster_with_cards(plain: bytes) -> None:
    held = roster.decode_roster(seal.seal(wire.compress(plain), _SEALED_FOR, roster.PURPOSE), _SEALER)
    known = cards.Cards(held.cards)
    for row in held.cards:
        must(cards.pass_text(row.pass_bytes) in known.lookup(row.technology, row.number), row)


def _tree(content: bytes) -> None:
    grid.parse_tree(content.decode(errors="replace"))


# Reader of one kind of content, and all that it may raise for bad content. The first byte of an input chooses.
_CONTENTS: Final[tuple[tuple[Callable[[bytes], object], tuple[type[Exception], ...]], ...]] = (
    (_keys, (DocumentError,)),
    (trust.trust_from_content, (TrustError,)),
    (trust_rows.foreign_from_content, (TrustError,)),
    (site_wire.gates_from_content, (site_wire.SiteError,)),
    (_roster, (roster.RosterError,)),
    (_sealed_roster, (roster.RosterError,)),
    (policy.parse_policy, (policy.PolicyError,)),
    (_tree, (grid.GridError,)),
    (trust.trust_from_json, (TrustError,)),
    (_roster_with_cards, (roster.RosterError,)),
    (local_order.parse_order, (policy.PolicyError,)),
)


def content(data: bytes) -> None:
    """Any content under a good signature: a mistake in the office must not stop a gate."""
    read, errors = _CONTENTS[data[0] % len(_CONTENTS) if data else 0]
    try:
        read(data[1:])
    except errors as error:
        must(len(str(error)) < 4000)


def content_seeds() -> Iterator[bytes]:
    row = steps.StepSecret("site-a", 2614, bytes(32))
    tree = b'version = 1\n[[grid]]\nid = "nc"\nlevel = "city"\nname_zh = "a"\nname_en = "b"\n'
    contents = (
        samples.KEYS.content,
        samples.TRUST.content,
        trust_rows.encode_foreign(FOREIGN.entries, [samples.ISSUER]),
        site_wire.encode_gates({samples.GATE: cose.public_bytes(samples.GATE_KEY)}),
        roster.encode_roster([row], _SEALED_FOR),
        msgspec.msgpack.encode([row]),
        b'name = "everyday"\n[pass]\nformats = ["GK1"]\n',
        tree,
        b'{"keys": [{"public": "%b", "classes": [1], "not_after": "2020-08-01T00:00:00+08:00"}]}' % (b"ab" * 32),
        msgspec.msgpack.encode((2, (row,), samples.CARDS)),
    )
    yield from (bytes([number]) + item for number, item in enumerate(contents))


def status(data: bytes) -> None:
    """Any status list: read whole or not at all; what is read is written again and means the same."""
    try:
        found = status_list.status_from_content(data)
    except StatusError:
        return
    must(status_list.status_from_content(status_list.encode_status(found)) == found)
    for index in (-1, 0, found.size - 1, found.size, 2**40):
        must((found.value(index) is None) == (not 0 <= index < found.size))
    StatusBook({_SITE: found}).lookup(_HELD, (_SITE,))


def status_seeds() -> Iterator[bytes]:
    cuts = (CutOff("all", None, 5), CutOff("household", b"hh01", 5), CutOff("class", 1, 5), CutOff("kid", b"kid4", 5))
    for size in (0, 1, 10_000):
        values = {number: number % 4 for number in range(0, size, 7)}
        yield status_list.encode_status(status_list.make_status(values, size, 1_581_292_800, cuts))


# -- Messages ----------------------------------------------------------------------------------------------------------

_REFUSALS: Final = (wire.WireError, cose.CoseError, site_wire.SiteError)
_READERS: Final[tuple[Callable[[bytes], object], ...]] = (
    wire.unpack_batch,
    lambda data: wire.unpack_hello(data, _GATE),
    lambda data: wire.unpack_alarm(data, _GATE),
    lambda data: wire.unpack_answer(data, _COLLECTOR),
    lambda data: site_wire.unpack_seen(data, _TOPIC, _SITE, _GATES),
    lambda data: wire.verify_head(data, _GATE),
)
# The same messages, given what would be signed.
_SIGNERS: Final = (
    (samples.GATE_KEY, wire.HELLO_PURPOSE, 1),
    (samples.GATE_KEY, wire.ALARM_PURPOSE, 2),
    (samples.COLLECTOR_KEY, wire.WATERMARK_PURPOSE, 3),
    (samples.GATE_KEY, site_wire.SEEN_PURPOSE, 4),
)
_PLAIN: Final = (samples.HELLO, samples.ALARM, samples.ANSWER, _SEEN)


def wired(data: bytes) -> None:
    """Any message on any topic: refused, or what one of the senders signed."""
    topics.from_site(data.decode(errors="replace"))
    for read in _READERS:
        try:
            found = read(data)
        except _REFUSALS:
            continue
        # A batch is checked later, record by record: its signature is over the last of them.
        must(isinstance(found, wire.Batch) or found in (*_PLAIN, samples.SIGNED_HEAD), found)


def wired_seeds() -> Iterator[bytes]:
    yield wire.pack_batch(samples.BATCH)
    yield wire.pack_hello(samples.GATE_KEY, samples.HELLO)
    yield wire.pack_alarm(samples.GATE_KEY, samples.ALARM)
    yield wire.pack_answer(samples.COLLECTOR_KEY, samples.ANSWER)
    yield site_wire.pack_seen(samples.GATE_KEY, _SEEN)
    yield samples.BATCH.signed_head


def signed(data: bytes) -> None:
    """Any message that a known sender signed: a stolen gate must not stop the collector or its neighbours."""
    key, purpose, reader = _SIGNERS[data[0] % len(_SIGNERS) if data else 0]
    try:
        _READERS[reader](wire.compress(cose.sign(key, data[1:], purpose)))
    except _REFUSALS as error:
        must(len(str(error)) < 1000)


def signed_seeds() -> Iterator[bytes]:
    yield from (bytes([number]) + msgspec.msgpack.encode(item) for number, item in enumerate(_PLAIN))


def record(data: bytes) -> None:
    """Any record: refused as such, or read; what is read is written as the same bytes' meaning."""
    kind = _KINDS[data[0] % len(_KINDS) if data else 0]
    try:
        payload = records.decode_payload(kind, data[1:])
        must(payload is None or records.decode_payload(kind, records.encode_payload(payload)) == payload)
    except msgspec.DecodeError:
        pass
    try:
        header = records.decode_header(data[1:])
        must(records.decode_header(records.encode_header(header)) == header)
    except msgspec.DecodeError:
        pass


def record_seeds() -> Iterator[bytes]:
    for number, kind in enumerate(_KINDS):
        yield bytes([number]) + records.encode_payload(samples.PAYLOADS[kind])
        yield bytes([number]) + samples.HEADERS[number % len(samples.HEADERS)]


_KINDS: Final = tuple(samples.PAYLOADS)
