"""Documents that go down: content from files, signed, kept in the store, published by the running collector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import keys, policy_standing
from central.backup import RESTORED
from central.carried import save_adopted
from central.config import Config
from central.foreign_trust import trust_content
from central.keys import REGISTER
from central.region_files import region_content
from central.rollout_heard import take_up
from central.store.rollouts import LIVE
from central.store.sqlite import SqliteStore
from checkpoint import cose, topics
from checkpoint.documents import (
    Document,
    DocumentError,
    DocumentKind,
    KeyList,
    KeyRow,
    encode_keys,
    open_document,
    pack_document,
    read_document,
)
from checkpoint.local_order import is_order, parse_either
from checkpoint.regions import regions_from_content
from checkpoint.site_wire import gates_from_content
from checkpoint.status_list import status_from_content
from checkpoint.trust import trust_from_content

_VALID_MS: Final = 30 * 86_400_000
# Only the root itself may say which keys count.
_ROOT_KINDS: Final[frozenset[DocumentKind]] = frozenset({"keys", "trust"})
# What the collector's own key may sign, by the key list that `keys` publishes.
_COLLECTOR_KINDS: Final[tuple[DocumentKind, ...]] = (
    "status", "policy", "watch", "regions", "roster", "notice", "manifest", "gates",
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
    content = content_of(config, kind, file, not_before_ms, not_after_ms)
    with store.transaction():
        if kind == "policy":
            _check_takes_no_place(store, scope, content)
        return _publish(config, store, kind, scope, content, not_before_ms, not_after_ms, now_ms)


def taken_until_ms(kind: DocumentKind, file: Path | None, valid_ms: int, now_ms: int) -> int:
    """Until when gates take what is published from FILE. `valid_ms` 0: 30 days; a policy or order until its own end.

    Raises PolicyError or OSError.
    """
    if kind == "policy" and file is not None:
        return policy_standing.taken_until_ms(parse_either(file.read_bytes()), valid_ms, now_ms)
    return now_ms + (valid_ms or _VALID_MS)


def publish_tried(
    config: Config,
    store: SqliteStore,
    scope: str,
    content: bytes,
    tried_on: frozenset[tuple[str, str, int]],
    not_before_ms: int,
    not_after_ms: int,
    now_ms: int,
) -> int:
    """The same for a policy or local order whose effect was shown to somebody while `tried_on` was out.

    Raises DocumentError or KeyFileError; also if anything else was published since.
    """
    with store.transaction():
        if policies_out(store) != tried_on:
            raise DocumentError(
                f"policy/{scope}: another policy was published meanwhile, so nothing was published: look at it again"
            )
        return _publish(config, store, "policy", scope, content, not_before_ms, not_after_ms, now_ms)


def policies_out(store: SqliteStore) -> frozenset[tuple[str, str, int]]:
    """Scope, kind and version of every policy and local order that is out, staged ones too."""
    slots = ("policy", topics.staged_slot("policy"))
    return frozenset((place, what, version) for place, what, version, _ in store.documents() if what in slots)


def _publish(
    config: Config,
    store: SqliteStore,
    kind: DocumentKind,
    scope: str,
    content: bytes,
    not_before_ms: int,
    not_after_ms: int,
    now_ms: int,
) -> int:
    _check_stages(store, kind, scope)
    version = save_content(config, store, kind, scope, content, not_before_ms, not_after_ms, now_ms)
    # Left of a roll-out that a store put back from a backup knows nothing of.
    if any((place, what) == (scope, topics.staged_slot(kind)) for place, what, _, _ in store.documents()):
        end_stages(store, kind, scope)
    return version


def _check_takes_no_place(store: SqliteStore, scope: str, content: bytes) -> None:
    """Raises DocumentError for a local order in the place of a policy, without which gates may ask for less."""
    if not is_order(content):
        return
    out = [data for place, what, _, data in store.documents() if (place, what) == (scope, "policy")]
    if any(not is_order(open_document(data).content) for data in out):
        raise DocumentError(
            f"policy/{scope} has a policy of its own, whose place this local order would take: use `policy publish`,"
            " which says what that would change, or give the order to a narrower place"
        )


def _check_stages(store: SqliteStore, kind: str, scope: str) -> None:
    """Raises DocumentError while a roll-out is under way."""
    if kind == "policy" and any(row.scope == scope and row.state in LIVE for row in store.rollouts()):
        raise DocumentError(
            f"{kind}/{scope} is being rolled out in stages: go on with `rollout next`, or undo it with `rollout back`,"
            " before publishing another"
        )


def end_stages(store: SqliteStore, kind: str, scope: str) -> None:
    """Nobody needs the document for some gates any more: its retained message is emptied."""
    store.drop_documents(scope, topics.staged_slot(kind))
    store.touch([topics.staged(scope, kind)])


def save_content(
    config: Config,
    store: SqliteStore,
    kind: DocumentKind,
    scope: str,
    content: bytes,
    not_before_ms: int,
    not_after_ms: int,
    now_ms: int,
) -> int:
    """Sign this content as the next version, in a transaction of the caller; returns its version.

    Raises DocumentError or KeyFileError.
    """
    version = next_version(store, kind, scope)
    document = Document(1, kind, scope, version, not_before_ms, not_after_ms, 100, content)
    sign_and_save(config, store, document, now_ms)
    return version


def sign_and_save(config: Config, store: SqliteStore, document: Document, now_ms: int) -> None:
    """The same for a document that was made elsewhere. Raises DocumentError or KeyFileError."""
    save_signed(config, store, pack_document(_key(config, document.kind), document), now_ms)


def save_signed(config: Config, store: SqliteStore, data: bytes, now_ms: int) -> Document:
    """Keep a signed document for the running collector to publish, in a transaction of the caller.

    Raises DocumentError: what no gate would take is not published.
    """
    document = open_document(data)
    keys_then = _key_list(config, document.not_before, document.not_after)
    read_document(data, keys_then, -(-max(now_ms, document.not_before) // 1000))
    store.save_document(document.scope, slot(document), document.version, data, now_ms)
    store.touch([topics.document(document.scope, slot(document))])
    return document


def slot(document: Document) -> str:
    """The end of its topic, under which the store keeps it: one for some gates lies beside the one for all."""
    return topics.staged_slot(document.kind) if document.staged else document.kind


def next_version(store: SqliteStore, kind: str, scope: str) -> int:
    """One more than the last; in a store that was put back more than any that it may have forgotten.

    Gates refuse a number that they have seen with other content. Nobody publishes once a second, so the second of the
    restore is above whatever was counted before it.
    """
    slots = (kind, topics.staged_slot(kind))
    last = max((held for place, what, held, _ in store.documents() if place == scope and what in slots), default=0)
    return max(last + 1, store.cursor(RESTORED) // 1000)


def take_back(config: Config, store: SqliteStore, retained: Mapping[str, bytes], now_ms: int) -> list[str]:
    """Keep what the broker still has in a newer version than the store: a restored one must not undo a document.

    `retained`: by topic. Only what this collector's keys have signed is taken. Returns the topics taken.
    """
    # A document is judged by the second, which began up to 999 ms ago.
    keys_then = _key_list(config, now_ms - 1000, now_ms + 1)
    known = {(scope, kind): version for scope, kind, version, _ in store.documents()}
    taken = []
    for topic, data in retained.items():
        try:
            document = read_document(data, keys_then, now_ms // 1000)
            _check_usable(document, now_ms)
        except ValueError:
            continue
        # One for some gates is over once there is a newer one for all.
        newest = max(known.get((document.scope, what), 0) for what in {slot(document), document.kind})
        if topic == topics.document(document.scope, slot(document)) and document.version > newest:
            with store.transaction():
                store.save_document(document.scope, slot(document), document.version, data, now_ms)
                take_up(store, document, now_ms)
                known[document.scope, slot(document)] = document.version
                if document.kind == "status":
                    # The next list is made from the store, which must know what this one knew.
                    save_adopted(store, document)
            taken.append(topic)
    return taken


def _check_usable(document: Document, now_ms: int) -> None:
    """Raises ValueError for what every gate would refuse: it must not become the newest here."""
    if document.standing(now_ms) == "over":
        raise DocumentError(f"{document.kind}/{document.scope} is past its end")
    match document.kind:
        case "policy":
            parse_either(document.content)
        case "status":
            status_from_content(document.content)
        case "trust":
            trust_from_content(document.content)
        case "gates":
            gates_from_content(document.content)
        case "regions":
            regions_from_content(document.content)
        case "keys":
            KeyList(None).with_keys(document)


def replaced(store: SqliteStore, heard: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of these messages, by topic, that are not the document which the store has for their topic; also what is
    left, or was put back, of a roll-out that is over."""
    ours = {topics.document(scope, kind): data for scope, kind, _, data in store.documents()}
    return {topic: data for topic, data in heard.items() if _is_ours(topic, ours) and data != ours.get(topic, b"")}


def _is_ours(topic: str, ours: Mapping[str, bytes]) -> bool:
    # Another collector's stages are its own.
    return topic in ours or topic.removesuffix(topics.staged_slot("")) in ours


def content_of(config: Config, kind: DocumentKind, file: Path | None, not_before_ms: int, not_after_ms: int) -> bytes:
    """What a document of this kind says. Raises TrustError, PolicyError, KeyFileError, ValueError or OSError."""
    if kind == "keys":
        return encode_keys(_rows(config, not_before_ms, not_after_ms))
    if kind == "trust" and file is None:
        file = config.keys_dir / REGISTER
        if not file.exists():
            raise ValueError("no issuer is registered: `guankou-central issuer add`, or name a trust FILE")
    if file is None:
        raise ValueError(f"a document of kind {kind!r} needs a file with its content")
    if kind == "trust":
        return trust_content(file)
    if kind == "regions":
        return region_content(file)
    if kind == "watch":
        raise ValueError("watch lists are sealed to each gate: `guankou-central watch add` makes and publishes them")
    data = file.read_bytes()
    if kind == "policy":
        # The exact bytes are signed; a policy that can't be read is refused here and not at the gates.
        parse_either(data)
    if kind == "gates":
        gates_from_content(data)
    return data


def _rows(config: Config, not_before_ms: int, not_after_ms: int) -> tuple[KeyRow, ...]:
    public = cose.public_bytes(keys.load_key(config.keys_dir, "collector"))
    return (KeyRow(cose.key_id(public), public, _COLLECTOR_KINDS, (), not_before_ms, not_after_ms),)


def _key(config: Config, kind: DocumentKind) -> Ed25519PrivateKey:
    if kind not in _ROOT_KINDS:
        return keys.load_key(config.keys_dir, "collector")
    if not (config.keys_dir / "root.key").exists():
        raise keys.KeyFileError(
            f"{config.keys_dir / 'root.key'} is not here: `document draft`, `document sign` where it is kept, and"
            " `document take`"
        )
    return keys.load_key(config.keys_dir, "root")


def _key_list(config: Config, not_before_ms: int, not_after_ms: int) -> KeyList:
    return KeyList(keys.root_public(config.keys_dir), _rows(config, not_before_ms, not_after_ms))
