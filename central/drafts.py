"""Documents that the root signs on another machine: a draft goes there, the signed document comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import documents
from central.config import Config
from central.store.sqlite import SqliteStore
from checkpoint.documents import (
    Document,
    DocumentError,
    DocumentKind,
    KeyList,
    decode_document,
    encode_document,
    open_document,
    pack_document,
)
from checkpoint.foreign.trust_rows import foreign_from_content
from checkpoint.trust import trust_from_content
from checkpoint.wire import MAX_MESSAGE_BYTES

_MARK: Final = b"guankou document draft 1\n"


def draft(
    config: Config,
    store: SqliteStore,
    kind: DocumentKind,
    scope: str,
    file: Path | None,
    not_before_ms: int,
    not_after_ms: int,
) -> bytes:
    """The next version of a document that only the root may sign, unsigned. Raises as `publish_document` does."""
    content = documents.content_of(config, kind, file, not_before_ms, not_after_ms)
    version = documents.next_version(store, kind, scope)
    return _MARK + encode_document(Document(1, kind, scope, version, not_before_ms, not_after_ms, 100, content))


def read_draft(data: bytes) -> Document:
    """Raises DocumentError."""
    if not data.startswith(_MARK):
        raise DocumentError("this is no draft of a document: `guankou-central document draft` writes one")
    if len(data) > MAX_MESSAGE_BYTES:
        raise DocumentError(f"a draft of {len(data)} bytes: at most {MAX_MESSAGE_BYTES}")
    return decode_document(data.removeprefix(_MARK))


def read_any(data: bytes) -> Document:
    """A draft or a signed document, whose signature is not judged. Raises DocumentError."""
    return read_draft(data) if data.startswith(_MARK) else open_document(data)


def sign_draft(data: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signed document. Raises DocumentError, also for one whose content `described` can't show in words."""
    document = read_draft(data)
    described(document)
    return pack_document(key, document)


def take(config: Config, store: SqliteStore, data: bytes, now_ms: int) -> Document:
    """Keep a document that was signed elsewhere, for the running collector to publish. Raises DocumentError."""
    document = open_document(data)
    with store.transaction():
        least = documents.next_version(store, document.kind, document.scope)
        if document.version < least:
            raise DocumentError(
                f"document {document.kind}/{document.scope} has version {document.version}, and {least} is next: "
                "make a new draft and sign that"
            )
        return documents.save_signed(config, store, data, now_ms)


def described(document: Document) -> dict[str, Any]:
    """What a signature under this document says, in words for the person who gives it. Raises DocumentError."""
    if document.kind not in ("keys", "trust"):
        raise DocumentError(f"the root signs key lists and trust lists, not {document.kind!r}: publish it as it is")
    rows = _key_rows(document) if document.kind == "keys" else [*_trust_rows(document), *_foreign_rows(document)]
    return {
        "kind": document.kind,
        "scope": document.scope,
        "version": document.version,
        "not_before": _time(document.not_before),
        "not_after": _time(document.not_after),
        "rows": rows,
    }


def _key_rows(document: Document) -> list[str]:
    return [
        f"key {row.kid.hex()} may sign {', '.join(row.kinds) or 'nothing'} for {', '.join(row.scopes) or 'every place'}"
        f" until {_time(row.not_after)}"
        for row in KeyList(None).with_keys(document).rows
    ]


def _trust_rows(document: Document) -> list[str]:
    return [
        f"key {entry.kid.hex()} of {entry.issuer!r} may give passes of class {', '.join(sorted(entry.classes))}"
        f" for {', '.join(entry.scopes) or 'every place'} until {_time(entry.not_after_ms)}"
        for entry in trust_from_content(document.content).entries
    ]


def _foreign_rows(document: Document) -> list[str]:
    return [
        f"key {key.kid.hex()} of {key.issuer!r} may sign passes of {', '.join(key.formats)}"
        f" until {_time(key.not_after_s * 1000)}"
        for key in foreign_from_content(document.content).entries
    ]


def _time(at_ms: int) -> str:
    bounded = min(max(at_ms, 0), 253_402_300_799_000)
    return datetime.fromtimestamp(bounded / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
