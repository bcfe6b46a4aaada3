"""Takes passes back: which list a pass is on, the list as gates get it, and what ends many passes at once.

Functions named `save_...` run inside the caller's transaction; the others make their own.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from central import documents
from central.config import Config
from central.registry import Registry, line_of
from central.store.issued import CutoffRow, Issued
from central.store.sqlite import SqliteStore
from checkpoint.documents import open_document
from checkpoint.passes import NUMBER_BY_CLASS, PassClass
from checkpoint.status_list import (
    MAX_SIZE,
    RENEWED_S,
    REVOKED,
    SUSPENDED,
    VALID,
    CutOff,
    CutOffKind,
    StatusList,
    encode_status,
    make_status,
    status_from_content,
)

_log = structlog.get_logger(__name__)

_DAY_S: Final = 86_400
_DAY_MS: Final = 1000 * _DAY_S
# A gate whose clock is a little behind must not find a fresh list early.
_SKEW_MS: Final = 60_000
_LASTS_MS: Final = 30 * _DAY_MS
_RENEW_MS: Final = 1000 * RENEWED_S
_SMALLEST: Final = 4096
# At most one index in four is in use: a random one is soon found, and the size tells little of how many passes exist.
_SPARSE: Final = 4
# Longer than any pass lives: what began before such a cut-off is over.
_CUT_OFF_LIVES_S: Final = 366 * _DAY_S


class RevocationError(ValueError):
    """Nothing was changed; the message names the pass or the place, and the remedy."""


@dataclass(frozen=True, slots=True)
class Published:
    """A status list as it was signed for the gates of `scope`."""

    scope: str
    version: int


# --- which list ------------------------------------------------------------------------------------------------------


def list_scope_of(registry: Registry, scopes: Sequence[str]) -> str | None:
    """The community on whose list a pass for these sites and grids is; None if they lie in different ones.

    A pass for an area above communities is on that area's own list. Raises RevocationError for an unknown id.
    """
    found = {_list_of(registry, scope) for scope in scopes}
    return found.pop() if len(found) == 1 else None


def _list_of(registry: Registry, scope: str) -> str:
    tree = registry.tree
    grid = tree.sites[scope].grid if scope in tree.sites else scope
    area = tree.grids.get(grid)
    if area is None:
        raise RevocationError(f"{scope!r} is no site or grid of tree version {tree.version}: correct it, or the tree")
    return area.parent if area.level == "grid" and area.parent is not None else area.id


def free_index(store: SqliteStore, scope: str) -> int:
    """A random index of this list that no pass has, so that neighbours on the list are strangers."""
    count, highest = store.list_extent(scope)
    size = _size(count + 1, highest)
    while True:
        index = secrets.randbelow(size)
        if not store.index_in_use(scope, index):
            return index


def _size(count: int, highest: int) -> int:
    """0 without passes: a list that is there for its cut-offs answers for no index."""
    if count == 0:
        return 0
    size = _SMALLEST
    while size < _SPARSE * count or size <= highest:
        size *= 2
    if size > MAX_SIZE:
        raise RevocationError(f"{count} passes are too many for one list: give parts of the area lists of their own")
    return size


# --- publishing ------------------------------------------------------------------------------------------------------


def publish_status(config: Config, store: SqliteStore, scope: str, now_ms: int) -> int:
    """Sign the list of a scope as the store has it now, for the running collector to publish; returns its version."""
    with store.transaction():
        return save_status(config, store, scope, now_ms).version


def save_if_grown(config: Config, store: SqliteStore, scope: str, now_ms: int) -> int | None:
    """Where passes were issued, in the same transaction: a new list if the last one does not hold all their indices;
    its version."""
    last = last_status(store, scope)
    if last is not None and last.size >= _size(*store.list_extent(scope)):
        return None
    return save_status(config, store, scope, now_ms).version


def save_status(config: Config, store: SqliteStore, scope: str, now_ms: int) -> Published:
    """As `publish_status`, in a transaction of the caller."""
    now_s = now_ms // 1000
    cut_offs = [_cut_off(row) for row in store.cutoffs(scope) if row.before_s > now_s - _CUT_OFF_LIVES_S]
    status = make_status(store.status_values(scope), _size(*store.list_extent(scope)), now_s, cut_offs)
    bounds = now_ms - _SKEW_MS, now_ms + _LASTS_MS
    version = documents.save_content(config, store, "status", scope, encode_status(status), *bounds, now_ms)
    store.drop_older_documents(scope, "status", version)
    return Published(scope, version)


def renew_status(config: Config, store: SqliteStore, now_ms: int) -> list[str]:
    """Sign every list anew whose last signature is half a day old; returns their scopes."""
    due = [scope for scope, at_ms, _ in store.newest_documents("status") if now_ms - at_ms >= _RENEW_MS]
    for scope in due:
        publish_status(config, store, scope, now_ms)
    return due


def last_status(store: SqliteStore, scope: str) -> StatusList | None:
    """The list that was signed last for this scope."""
    data = next((data for place, _, data in store.newest_documents("status") if place == scope), None)
    return None if data is None else status_from_content(open_document(data).content)


def _cut_off(row: CutoffRow) -> CutOff:
    return CutOff(row.kind, _value_of(row), row.before_s)  # type: ignore[arg-type]  # StatusList checks the kind


def _value_of(row: CutoffRow) -> bytes | int | None:
    if row.kind == "all":
        return None
    return int.from_bytes(row.value) if row.kind == "class" else row.value


# --- single passes and households ------------------------------------------------------------------------------------


def set_status(
    config: Config, store: SqliteStore, pass_ids: Sequence[bytes], status: int, why: str, now_ms: int
) -> list[Published]:
    """Revoke, suspend or take up again these passes, and sign the lists that they are on. Raises RevocationError."""
    with store.transaction():
        scopes = {save_pass_status(store, pass_id, status, why, now_ms) for pass_id in pass_ids}
        return [save_status(config, store, scope, now_ms) for scope in sorted(scopes)]


def save_pass_status(store: SqliteStore, pass_id: bytes, status: int, why: str, now_ms: int) -> str:
    """Set the status of one pass, in a transaction of the caller; returns the list that is to be signed for it."""
    row = store.issued(pass_id)
    if row is None:
        raise RevocationError(f"pass {pass_id.hex()} is not in this register: name the place of its gates with --scope")
    if row.list_scope is None or row.status_index is None:
        raise RevocationError(
            f"pass {pass_id.hex()} is on no status list: name the place of its gates with --scope to end it for good"
        )
    if status == SUSPENDED and row.status == REVOKED:
        # Less than it is now: a guard could let it pass, and the end of the suspension would make it valid.
        raise RevocationError(f"pass {pass_id.hex()} is revoked, which is more than suspended: it stays so")
    if status == VALID:
        check_holder(store, row)
    store.set_status(pass_id, status, why, now_ms)
    return row.list_scope


def check_holder(store: SqliteStore, row: Issued) -> None:
    """Raises RevocationError for a pass that may not count again: its holder is forgotten, or has another one now."""
    if row.person is None:
        return
    holder, name = store.person(row.person), row.pass_id.hex()
    if holder is None:
        raise RevocationError(f"pass {name} ended long ago and its holder is forgotten: register them again")
    if holder.pass_id != row.pass_id:
        raise RevocationError(
            f"pass {name} was replaced by pass {holder.pass_id.hex()}, and nobody has two: it stays ended;"
            f" `people link {holder.no}` gives a link to the new one"
        )


def standing(store: SqliteStore, row: Issued) -> int:
    """What gates are told of this pass: its status, or revoked where a cut-off ends it. Mint nothing for 1 and 2."""
    if row.status == REVOKED or row.list_scope is None:
        return row.status
    about = {
        ("all", b""),
        ("class", class_value(row.pass_class)),
        ("household", row.household),
        ("pass", row.pass_id),
    }
    cut = any(
        (cut.kind, cut.value) in about and row.not_before_s < cut.before_s for cut in store.cutoffs(row.list_scope)
    )
    return REVOKED if cut else row.status


def class_value(name: PassClass) -> bytes:
    """A class of pass as cut-offs have it in the store."""
    return bytes([NUMBER_BY_CLASS[name]])


# --- many at once ----------------------------------------------------------------------------------------------------


def cut_off(
    config: Config,
    store: SqliteStore,
    registry: Registry,
    scopes: Sequence[str],
    kind: CutOffKind,
    value: bytes,
    before_s: int,
    by: str,
    now_ms: int,
) -> list[Published]:
    """End every pass of this kind that began before `before_s`, at the gates of these places.

    Raises RevocationError.
    """
    with store.transaction():
        lists = lists_under(store, registry, scopes)
        for scope in lists:
            store.save_cutoff(CutoffRow(scope, kind, value, before_s, now_ms, by))
        return [save_status(config, store, scope, now_ms) for scope in lists]


def lift(
    config: Config,
    store: SqliteStore,
    registry: Registry,
    scopes: Sequence[str],
    kind: CutOffKind,
    value: bytes,
    now_ms: int,
    *,
    must: bool = True,
) -> list[Published]:
    """Take a cut-off back. Raises RevocationError if there `must` be one and is none."""
    with store.transaction():
        lifted = [scope for scope in lists_under(store, registry, scopes) if store.drop_cutoff(scope, kind, value)]
        if must and not lifted:
            raise RevocationError(f"no cut-off of kind {kind} with this value at {', '.join(scopes)}: name its place")
        return [save_status(config, store, scope, now_ms) for scope in lifted]


def lists_under(store: SqliteStore, registry: Registry, scopes: Sequence[str]) -> list[str]:
    """The lists that gates of these places read: of the place itself, and all that there are below it."""
    tops = {_list_of(registry, scope) for scope in scopes}
    below = {known for known in store.list_scopes() if not tops.isdisjoint(_line(registry, known))}
    return sorted(tops | below)


def _line(registry: Registry, scope: str) -> set[str]:
    return {path.rpartition("/")[2] for path in line_of(registry.path_of(scope))}
