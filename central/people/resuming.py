"""Takes up one pass again: lifts what was set against it alone, and says what else still ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from central.config import Config
from central.registry import Registry
from central.revocation import (
    Published,
    RevocationError,
    check_holder,
    class_value,
    lists_under,
    save_pass_status,
    save_status,
)
from central.store.issued import CutoffRow, Issued
from central.store.sqlite import SqliteStore
from checkpoint.status_list import REVOKED, VALID


@dataclass(frozen=True, slots=True)
class Resumed:
    """The lists that were signed; `stands`: what goes on ending the pass, a line each with its remedy."""

    lists: tuple[Published, ...]
    stands: tuple[str, ...]


def resume_pass(
    config: Config, store: SqliteStore, pass_id: bytes, why: str, now_ms: int,
    registry: Registry | None = None, scopes: Sequence[str] = (),
) -> Resumed:  # fmt: skip
    """Take back what `revoke` and `suspend` set for this pass: its status and its cut-offs wherever they are, or, where
    `scopes` of a `registry` are named, its cut-offs there alone. What ends the copies in a phone that another one has
    replaced stays.

    Opens a transaction of its own. Raises RevocationError where there is nothing to take back, or where the holder has
    another pass by now.
    """
    with store.transaction():
        row = store.issued(pass_id)
        if row is not None:
            check_holder(store, row)
        places = lists_under(store, registry, scopes) if registry is not None else sorted(store.list_scopes())
        changed = {place for place in places if _lifted(store, place, pass_id, row, now_ms)}
        listed = row is not None and row.status_index is not None
        if registry is None and (listed or not changed):
            changed.add(save_pass_status(store, pass_id, VALID, why, now_ms))
        if not changed:
            raise RevocationError(
                f"no cut-off ends pass {pass_id.hex()} at {', '.join(scopes)}: leave --scope out to lift what there is"
            )
        lists = tuple(save_status(config, store, place, now_ms) for place in sorted(changed))
        return Resumed(lists, tuple(_stands(store, pass_id)))


def _lifted(store: SqliteStore, scope: str, pass_id: bytes, row: Issued | None, now_ms: int) -> bool:
    """Whether a cut-off of this list ended the pass as it is now, and does so no longer.

    One that ends only older copies was set when another phone took the pass, and stays. The same entry may have been
    moved later by `revoke`: it goes back to where the pass of the present phone begins.
    """
    found = [cut for cut in store.cutoffs(scope) if _ends(cut, pass_id, row)]
    for cut in found:
        store.drop_cutoff(scope, cut.kind, cut.value)
        if row is not None and row.device_key is not None and scope == row.list_scope:
            store.save_cutoff(replace(cut, before_s=row.not_before_s, set_ms=now_ms, by="copies of an earlier phone"))
    return bool(found)


def _ends(cut: CutoffRow, pass_id: bytes, row: Issued | None) -> bool:
    return (cut.kind, cut.value) == ("pass", pass_id) and (row is None or row.not_before_s < cut.before_s)


def _stands(store: SqliteStore, pass_id: bytes) -> list[str]:
    row, name = store.issued(pass_id), pass_id.hex()
    words = [
        f"a cut-off at {scope} still ends pass {name}: `pass resume {name} --scope {scope}`"
        for scope in sorted(store.list_scopes())
        if any(_ends(cut, pass_id, row) for cut in store.cutoffs(scope))
    ]
    if row is None:
        return words
    if row.status != VALID:
        state = "revoked" if row.status == REVOKED else "suspended or to be asked about"
        words.append(f"pass {name} is still {state}: `pass resume {name}` without --scope")
    named = {
        ("all", b""): "--all",
        ("class", class_value(row.pass_class)): f"--class {row.pass_class}",
        ("household", row.household): f"--household {row.household.hex() if row.household else ''}",
    }
    for cut in store.cutoffs(row.list_scope) if row.list_scope else []:
        option = named.get((cut.kind, cut.value))
        if option is not None and row.not_before_s < cut.before_s:
            words.append(
                f"the cut-off {option} at {cut.scope} still ends pass {name}: `pass renew {name}`,"
                f" or `pass resume {option} --scope {cut.scope}` for all of them"
            )
    return words
