"""The watch list at the collector: who asked for what and until when; sealed to every gate that is to know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import structlog

from central.backup import RESTORED
from central.config import Config
from central.documents import save_content
from central.keys import KeyFileError
from central.people.secret_files import kept_secret
from central.registry import Registry
from central.store.base import GateRow
from central.store.sqlite import SqliteStore
from central.store.watched import WatchedRow
from checkpoint.document_digest import normal_number
from checkpoint.seal import SealError
from checkpoint.vehicle import normal_plate
from checkpoint.watch import (
    MAX_ROWS,
    WatchError,
    WatchKind,
    WatchRole,
    WatchRow,
    document_value,
    encode_watch,
    keyed,
)

_log = structlog.get_logger(__name__)

_KEY_FILE: Final = "watch.key"
# Bytes of what a pass says, by kind.
_CLAIM_BYTES: Final[dict[WatchKind, int]] = {"subject": 8, "pass": 8, "household": 4}
_WEEK_MS: Final = 7 * 86_400_000
# A gate that is offline for a while goes on with what it holds; entries in it end by themselves.
_LASTS_MS: Final = 3 * _WEEK_MS
_SKEW_MS: Final = 60_000
_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for. `value` as people write it: a number plate, a pass's id in hex, a document's number."""

    scope: str
    kind: WatchKind
    value: str
    call: WatchRole
    why: str
    by: str
    until_ms: int


def watch_for(config: Config, store: SqliteStore, registry: Registry, wanted: Wanted, now_ms: int) -> WatchedRow:
    """Put an entry on the list, in a transaction of the caller. Raises WatchError, KeyFileError."""
    _check(store, registry, wanted)
    secret = secret_of(config, store, now_ms)
    hashed = keyed(secret, wanted.kind, _value(wanted, secret))
    known = [row for row in store.watched() if row.counts(now_ms)]
    twin = next(
        (row for row in known if (row.scope, row.kind, row.hashed) == (wanted.scope, wanted.kind, hashed)), None
    )
    if twin is not None:
        raise WatchError(f"entry {twin.no} is the same for {wanted.scope}: `watch remove {twin.no}` first")
    if len(known) >= MAX_ROWS:
        raise WatchError(f"the list has {len(known)} entries, at most {MAX_ROWS}: remove those that are settled")
    row = WatchedRow(
        store.next_watched(), wanted.scope, wanted.kind, hashed, wanted.call, wanted.why, wanted.by, now_ms,
        wanted.until_ms,
    )  # fmt: skip
    store.add_watched(row)
    return row


def watch_no_more(store: SqliteStore, no: int, by: str, why: str, now_ms: int) -> WatchedRow:
    """Take an entry off the list, in a transaction of the caller; it stays on record. Raises WatchError."""
    row = next((row for row in store.watched() if row.no == no), None)
    if row is None or not row.counts(now_ms):
        raise WatchError(f"entry {no} is not on the list: `watch list` shows those that are")
    _check_text("why", why)
    store.end_watched(no, now_ms, by, why)
    return row


def secret_of(config: Config, store: SqliteStore, now_ms: int) -> bytes:
    """With which values are hashed, here and at gates; made when it is first needed.

    Raises KeyFileError, also where it is gone: with another one no gate would find anybody that is on the list.
    """
    file = config.keys_dir / _KEY_FILE
    if not file.exists() and any(row.counts(now_ms) for row in store.watched()):
        raise KeyFileError(
            f"{file} is gone, and the watch list finds nobody without it: put a copy of it back, or remove all entries"
        )
    return kept_secret(file)


def publish_watch(config: Config, store: SqliteStore, registry: Registry, now_ms: int) -> list[str]:
    """Seal to every gate the entries of its place; returns the gates with a new list. Raises KeyFileError.

    Nothing is published before anybody has used the list. From then on every gate that has named a sealing key has one,
    an empty one too: a gate without a list can't say that somebody is not on it. A new one follows each change, and
    each week.
    """
    rows = [row for row in store.watched() if row.counts(now_ms)]
    if not rows and not (config.keys_dir / _KEY_FILE).exists():
        return []
    secret, states = secret_of(config, store, now_ms), store.gate_states()
    made = []
    for gate in store.gates():
        state = states.get(gate.no)
        seal_key = state.versions.get("seal", "") if state is not None else ""
        if gate.revoked_ms is None and seal_key:
            here = {gate.gate, gate.site, *registry.path_of(gate.grid).split("/")}
            mine = [row for row in rows if row.scope in here]
            if _publish(config, store, gate, mine, secret, seal_key, now_ms):
                made.append(gate.gate)
    return made


def _publish(
    config: Config, store: SqliteStore, gate: GateRow, rows: list[WatchedRow], secret: bytes, seal_key: str, now_ms: int
) -> bool:
    mark = _mark(rows, seal_key, now_ms // _WEEK_MS, store.cursor(RESTORED))
    name = f"watch:{gate.gate}"
    if store.cursor(name) == mark:
        return False
    told = (WatchRow(row.hashed, row.kind, row.until_ms, row.call) for row in rows)
    try:
        sealed = encode_watch(secret, told, bytes.fromhex(seal_key))
    except (ValueError, SealError, WatchError) as error:
        # What one gate says of itself keeps no other gate from its list.
        _log.warning("watch_list_not_made", gate=gate.gate, why=str(error))
        return False
    with store.transaction():
        version = save_content(config, store, "watch", gate.gate, sealed, now_ms - _SKEW_MS, now_ms + _LASTS_MS, now_ms)
        # What was taken off the list is in no document that is still here.
        store.drop_older_documents(gate.gate, "watch", version)
        store.move_cursor(name, mark)
    return True


def _mark(rows: list[WatchedRow], seal_key: str, week: int, restored_ms: int) -> int:
    """What a list says, as a number that fits a cursor; never 0."""
    said = [seal_key, str(week), str(restored_ms)]
    said += [f"{row.kind}.{row.hashed.hex()}.{row.until_ms}.{row.call}" for row in rows]
    return int.from_bytes(hashlib.sha256("|".join(said).encode()).digest()[:7]) or 1


def _check(store: SqliteStore, registry: Registry, wanted: Wanted) -> None:
    _check_text("why", wanted.why)
    places = {*registry.tree.grids, *registry.tree.sites}
    places |= {place for gate in store.gates() for place in (gate.gate, gate.site)}
    if wanted.scope not in places:
        raise WatchError(f"{wanted.scope[:40]!r} is no site, grid or gate of this collector: use the id of one")


def _check_text(name: str, text: str) -> None:
    if not 0 < len(text.strip()) <= _MAX_TEXT or not text.isprintable():
        raise WatchError(f"{name}: give 1 to {_MAX_TEXT} signs on one line, for whoever asks later")


def _value(wanted: Wanted, secret: bytes) -> bytes:
    """What gates look up. The text itself is in no error: it may be somebody's number."""
    kind, text = wanted.kind, wanted.value.strip()
    if kind == "document":
        number = normal_number(text)
        if not 4 <= len(number) <= 64 or not number.isalnum():
            raise WatchError("a document's number has 4 to 64 letters and digits")
        return document_value(number, secret)
    if kind == "plate":
        plate = normal_plate(text)
        if not 4 <= len(plate) <= 16:
            raise WatchError("a number plate has 4 to 16 letters and digits")
        return plate.encode()
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != _CLAIM_BYTES[kind]:
        raise WatchError(f"kind {kind} needs {2 * _CLAIM_BYTES[kind]} hex digits: `people list` shows them")
    return value
