"""Documents that go down: content from files, signed, kept in the store, published by the running collector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import keys
from central.backup import RESTORED
from central.config import Config
from central.store.sqlite import SqliteStore
from checkpoint import cose, topics
from checkpoint.documents import (
    Document,
    DocumentError,
    DocumentKind,
    KeyList,
    KeyRow,
    encode_keys,
    pack_document,
    read_document,
)
from checkpoint.policy import parse_policy
from checkpoint.trust import encode_trust, trust_from_json

# Only the root itself may say which keys count.
_ROOT_KINDS: Final[frozenset[DocumentKind]] = frozenset({"keys", "trust"})
# What the collector's own key may sign, by the key list that `keys` publishes.
_COLLECTOR_KINDS: Final[tuple[DocumentKind, ...]] = (
    "status", "policy", "watch", "regions", "roster", "notice", "manifest",
)  # fmt: skip


def publish_document(
    config: Config,
    store: SqliteStore,
    kind: DocumentKind,
    scope: str,
    file: Path | None,
    not_before_ms: int,
    not_after_ms: int,
    now_ms: int,
) -> int:
    """Sign the next version of a document and mark it for publishing; returns its version.

    Raises DocumentError, TrustError, PolicyError, KeyFileError or OSError, and nothing is published.
    """
    content = _content(config, kind, file, not_before_ms, not_after_ms)
    with store.transaction():
        version = _next_version(store, kind, scope)
        document = Document(1, kind, scope, version, not_before_ms, not_after_ms, 100, content)
        data = pack_document(_key(config, kind), document)
        # What no gate would take is not published.
        read_document(data, _key_list(config, not_before_ms, not_after_ms), -(-max(now_ms, not_before_ms) // 1000))
        store.save_document(scope, kind, version, data, now_ms)
        store.touch([topics.document(scope, kind)])
    return version


def _next_version(store: SqliteStore, kind: str, scope: str) -> int:
    """One more than the last; in a store that was put back more than any that it may have forgotten.

    Gates refuse a number that they have seen with other content. Nobody publishes once a second, so the second of the
    restore is above whatever was counted before it.
    """
    last = max((held for place, what, held, _ in store.documents() if (place, what) == (scope, kind)), default=0)
    return max(last + 1, store.cursor(RESTORED) // 1000)


def take_back(config: Config, store: SqliteStore, retained: Mapping[str, bytes], now_ms: int) -> list[str]:
    """Keep what the broker still has in a newer version than the store: a restored one must not undo a document.

    `retained`: by topic. Only what this collector's keys have signed is taken. Returns the topics taken.
    """
    keys_then = _key_list(config, now_ms - 1, now_ms + 1)
    known = {topics.document(scope, kind): version for scope, kind, version, _ in store.documents()}
    taken = []
    for topic, data in retained.items():
        try:
            document = read_document(data, keys_then, now_ms // 1000)
        except DocumentError:
            continue
        if topic == topics.document(document.scope, document.kind) and document.version > known.get(topic, 0):
            with store.transaction():
                store.save_document(document.scope, document.kind, document.version, data, now_ms)
            taken.append(topic)
    return taken


def _content(config: Config, kind: DocumentKind, file: Path | None, not_before_ms: int, not_after_ms: int) -> bytes:
    if kind == "keys":
        return encode_keys(_rows(config, not_before_ms, not_after_ms))
    if file is None:
        raise ValueError(f"a document of kind {kind!r} needs a file with its content")
    data = file.read_bytes()
    if kind == "trust":
        return encode_trust(trust_from_json(data).entries)
    if kind == "policy":
        # The exact bytes are signed; a policy that can't be read is refused here and not at the gates.
        parse_policy(data)
    return data


def _rows(config: Config, not_before_ms: int, not_after_ms: int) -> tuple[KeyRow, ...]:
    public = cose.public_bytes(keys.load_key(config.keys_dir, "collector"))
    return (KeyRow(cose.key_id(public), public, _COLLECTOR_KINDS, (), not_before_ms, not_after_ms),)


def _key(config: Config, kind: DocumentKind) -> Ed25519PrivateKey:
    return keys.load_key(config.keys_dir, "root" if kind in _ROOT_KINDS else "collector")


def _key_list(config: Config, not_before_ms: int, not_after_ms: int) -> KeyList:
    root = cose.public_bytes(keys.load_key(config.keys_dir, "root"))
    return KeyList(root, _rows(config, not_before_ms, not_after_ms))
