"""Documents: everything that goes down to gates, signed by a key that may sign this kind for this scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import cose, wire
from checkpoint.foreign.keys import NO_KEYS, ForeignKeys
from checkpoint.foreign.trust_rows import foreign_from_content
from checkpoint.records import BAD_BYTES
from checkpoint.topics import is_slug
from checkpoint.trust import EARLIEST_END_MS, TrustList, covers, trust_from_content, trust_from_json

DOCUMENT_PURPOSE: Final = "guankou document 1"
VERSION: Final = 1
DocumentKind = Literal["keys", "trust", "status", "policy", "watch", "regions", "roster", "notice", "manifest", "gates"]
# Only the root itself may say which keys count.
_BY_ROOT: Final[frozenset[DocumentKind]] = frozenset({"keys", "trust"})
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_PUBLIC_BYTES: Final = 32
_MOST_TARGETS: Final = 1000


class DocumentError(ValueError):
    """The document can't be taken; the text names what is wrong with it and what to do."""


class Document(msgspec.Struct, array_like=True, frozen=True):
    """A document as signed. Times in ms UTC, the end excluded.

    It is taken by the gates whose place is one of `targets` (gate, site and grid ids), and by `rollout` percent of the
    scope's others. Without targets the field does not travel: programs that do not know it read the percentage alone.
    """

    version_of_form: int
    kind: DocumentKind
    scope: str
    version: int
    not_before: int
    not_after: int
    rollout: int
    content: bytes
    targets: tuple[str, ...] = ()

    @property
    def staged(self) -> bool:
        """Not every gate of the scope takes it: it travels beside the one for all, which stays as it is."""
        return bool(self.targets) or self.rollout < 100

    def concerns(self, here: Sequence[str], gate: str) -> bool:
        """Whether this gate takes it. `here`: ids of its place. Widening a roll-out takes nobody out."""
        if any(target in here for target in self.targets):
            return True
        # The same gates first at every version.
        draw = sha256(f"{gate}/{self.kind}/{self.scope}".encode()).digest()
        return int.from_bytes(draw[:4]) % 100 < self.rollout

    def standing(self, now_ms: int) -> Literal["early", "current", "over"]:
        """Whether its time has come, is there, or is past."""
        if now_ms < self.not_before:
            return "early"
        return "current" if now_ms < self.not_after else "over"


class KeyRow(msgspec.Struct, array_like=True, frozen=True):
    """One key of the key list: no kind allows nothing, no scope every place. Times in ms UTC, the end excluded."""

    kid: bytes
    public: bytes
    kinds: tuple[DocumentKind, ...]
    scopes: tuple[str, ...]
    not_before: int
    not_after: int


_document_decoder = msgspec.msgpack.Decoder(Document)
_rows_decoder = msgspec.msgpack.Decoder(tuple[KeyRow, ...])


@dataclass(frozen=True, slots=True)
class KeyList:
    """The root of trust (32 raw bytes, None: not known) and the keys that it allows to sign documents."""

    root: bytes | None
    rows: tuple[KeyRow, ...] = ()

    def with_keys(self, document: Document) -> KeyList:
        """The list that a verified document of kind `keys` brings. Raises DocumentError."""
        if document.kind != "keys":
            raise DocumentError(f"a document of kind {document.kind!r} holds no key list")
        try:
            rows = _rows_decoder.decode(document.content)
        except BAD_BYTES as error:
            raise DocumentError(f"content of the key list is malformed: {error}") from None
        for row in rows:
            _public_key(row.public, f"key {row.kid.hex()}")
        return KeyList(self.root, rows)


def encode_keys(rows: Iterable[KeyRow]) -> bytes:
    """The content of a document of kind `keys`."""
    return msgspec.msgpack.encode(tuple(rows))


def pack_document(key: Ed25519PrivateKey, document: Document) -> bytes:
    """Signed and compressed, as it travels. Raises DocumentError instead of signing what no gate would take."""
    signed = cose.sign(key, encode_document(document), DOCUMENT_PURPOSE)
    if len(signed) > wire.MAX_MESSAGE_BYTES:
        raise DocumentError(
            f"{_name(document)} has {len(signed)} bytes; at most {wire.MAX_MESSAGE_BYTES}: split its scope"
        )
    return wire.compress(signed)


def read_document(data: bytes, keys: KeyList, now_s: int, here: Sequence[str] = ()) -> Document:
    """A document whose form, signature and signer's right hold. Raises DocumentError.

    `here`: ids of the reader's place, narrowest first (gate, site, grid, ...); with it a key for a wider scope may sign
    for a narrower one. Whether the document's own time has come is its `standing`: one may be fetched early, and the
    last good one may be over.
    """
    message = _parse(_expand(data))
    document = _checked(message.payload)
    if document.kind in _BY_ROOT:
        _check_root(message, document, keys.root)
    else:
        _check_row(message, document, keys.rows, now_s * 1000, here)
    return document


def encode_document(document: Document) -> bytes:
    """The bytes that are signed. Raises DocumentError for what no gate would take."""
    fields = msgspec.structs.astuple(document)
    payload = msgspec.msgpack.encode(fields if document.targets else fields[:-1])
    _checked(payload)
    return payload


def decode_document(payload: bytes) -> Document:
    """The document in bytes that nobody has signed yet. Raises DocumentError."""
    return _checked(payload)


def open_document(data: bytes) -> Document:
    """A document whose form holds, by whomever it is signed: for those that this program has signed or judged itself.

    Raises DocumentError.
    """
    return _checked(_parse(_expand(data)).payload)


def accept(new: Document, in_force: Document | None, minimum: int = 1) -> bool:
    """Whether `new` replaces the document in force; False if it is that one again.

    Raises DocumentError when the version goes back, or is reused for other content. Going back to an old rule is a new
    version with the old content. `minimum` is the lowest version that enrolment or the manifest allows.
    """
    if in_force is not None and (new.kind, new.scope) != (in_force.kind, in_force.scope):
        raise DocumentError(f"{_name(new)} can't replace {_name(in_force)}")
    floor = max(minimum, in_force.version if in_force else 0)
    if new.version < floor:
        raise DocumentError(
            f"{_name(new)}: versions only grow, at least {floor} is needed: publish it again as a newer one"
        )
    if in_force is None or new.version > in_force.version:
        return True
    if new != in_force:
        raise DocumentError(f"{_name(new)} is in force with other content: publish it as version {new.version + 1}")
    return False


def applicable(documents: Iterable[Document], here: Sequence[str]) -> tuple[Document, ...]:
    """Those whose scope is this place or lies above it, the most specific first. `here`: ids, narrowest first."""
    rank = {place: number for number, place in enumerate(here)}
    return tuple(sorted((item for item in documents if item.scope in rank), key=lambda item: rank[item.scope]))


def most_specific(documents: Iterable[Document], here: Sequence[str]) -> Document | None:
    """The one that counts most here: gate over site over nearest grid over farther grid."""
    return next(iter(applicable(documents, here)), None)


@dataclass(frozen=True, slots=True)
class TrustFile:
    """A trust list from a file. `signed`: the root's signature was checked; else the operator vouches for the file."""

    trust: TrustList
    signed: bool
    foreign: ForeignKeys = NO_KEYS


def read_trust_file(data: bytes, root: bytes | None = None) -> TrustFile:
    """A trust list from a document of kind `trust` or from JSON written by hand. Raises DocumentError or TrustError.

    With `root` (32 bytes) the file must be a document that this root signed. Without it, the file is taken as it is.
    """
    if data.lstrip()[:1] == b"{":
        if root is not None:
            raise DocumentError(
                "a JSON trust file carries no signature: leave out the root key, or give a signed document"
            )
        return TrustFile(trust_from_json(data), signed=False)
    message = _parse(_expand(data) if data.startswith(_ZSTD_MAGIC) else data)
    document = _checked(message.payload)
    if document.kind != "trust":
        raise DocumentError(f"{_name(document)} is no trust list: give the document of kind 'trust'")
    if root is not None:
        _check_root(message, document, root)
    content = document.content
    return TrustFile(trust_from_content(content), root is not None, foreign_from_content(content))


def _expand(data: bytes) -> bytes:
    try:
        return wire.expand(data)
    except wire.WireError as error:
        raise DocumentError(f"document is unreadable: {error}") from None


def _parse(message: bytes) -> cose.Message:
    try:
        return cose.parse(message)
    except cose.CoseError as error:
        raise DocumentError(f"document is not signed as it must be: {error}") from None


def _checked(payload: bytes) -> Document:
    try:
        document = _document_decoder.decode(payload)
    except BAD_BYTES as error:
        raise DocumentError(f"document is malformed: {error}") from None
    name = _name(document)
    if document.version_of_form != VERSION:
        raise DocumentError(f"{name} has form {document.version_of_form}; this program reads {VERSION}: update it")
    if not is_slug(document.scope):
        raise DocumentError(f"scope {document.scope[:40]!r} is no gate, site or grid id: use 1 to 32 of a-z, 0-9, '-'")
    if document.version < 1:
        raise DocumentError(f"{name}: versions start at 1")
    if document.not_after < EARLIEST_END_MS or document.not_after <= document.not_before:
        bounds = f"{document.not_before} to {document.not_after}"
        raise DocumentError(f"{name} is valid {bounds}: give milliseconds UTC, start before end")
    if not 0 <= document.rollout <= 100:
        raise DocumentError(f"{name}: rollout is {document.rollout}: give 0 to 100 percent")
    _check_targets(name, document.targets)
    return document


def _check_targets(name: str, targets: Sequence[str]) -> None:
    if len(targets) > _MOST_TARGETS:
        raise DocumentError(f"{name}: {len(targets)} targets, at most {_MOST_TARGETS}: name sites or grids instead")
    for target in targets:
        if not is_slug(target):
            raise DocumentError(f"{name}: target {target[:40]!r} is no gate, site or grid id")


def _check_root(message: cose.Message, document: Document, root: bytes | None) -> None:
    if root is None:
        raise DocumentError(f"{_name(document)} needs the root key, and this place has none: enrol it")
    if not cose.signature_holds(message, _public_key(root, "the root key"), DOCUMENT_PURPOSE):
        raise DocumentError(
            f"{_name(document)} is not signed by the root key {cose.key_id(root).hex()}: refuse its sender"
        )


def _check_row(
    message: cose.Message, document: Document, rows: Iterable[KeyRow], now_ms: int, here: Sequence[str]
) -> None:
    kid = message.kid.hex()
    candidates = [row for row in rows if row.kid == message.kid]
    if not candidates:
        raise DocumentError(
            f"{_name(document)} is signed by key {kid}, which the key list does not name: update the list"
        )
    signers = [row for row in candidates if _holds(message, row)]
    if not signers:
        raise DocumentError(f"{_name(document)}: the signature by key {kid} does not hold: refuse its sender")
    rightful = [row for row in signers if document.kind in row.kinds and covers(row.scopes, document.scope, here)]
    if not rightful:
        raise DocumentError(f"{_name(document)}: key {kid} may not sign this kind for this scope: use one that may")
    if not any(row.not_before <= now_ms < row.not_after for row in rightful):
        raise DocumentError(f"{_name(document)}: key {kid} is not in use at this time: check the clock, or sign anew")


def _holds(message: cose.Message, row: KeyRow) -> bool:
    return cose.signature_holds(message, _public_key(row.public, f"key {row.kid.hex()}"), DOCUMENT_PURPOSE)


def _public_key(raw: bytes, name: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise DocumentError(f"{name} has {len(raw)} bytes: an Ed25519 public key has {_PUBLIC_BYTES}") from None


def _name(document: Document) -> str:
    return f"document {document.kind}/{document.scope[:40]} version {document.version}"
