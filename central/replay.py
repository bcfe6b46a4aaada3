"""Stored verdicts decided again under another policy: what would change, for whom, where and why. Never writes.

    report = replay(store, registry, policies_of(store), parse_policy(text), since_ms, until_ms)
    for line in lines(report): ...          # central.replay_words

What a record does not say is not guessed: such records are counted apart, with the names of what they lack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from central.explaining import orders_in, policies_in
from central.registry import Registry, line_of, zone_info
from central.replay_report import Report, Tally
from central.replay_words import lines
from central.store.base import Mark
from central.store.sqlite import SqliteStore
from checkpoint.drill import is_drill
from checkpoint.local_order import LocalOrder, has_orders, recompose, with_orders_of
from checkpoint.policy_schema import Policy
from checkpoint.policy_time import local_time
from checkpoint.records import Verdict, decode_header, decode_payload
from checkpoint.replaying import Recorded, Replay

__all__ = ["ReplayError", "Report", "lines", "policies_of", "replay"]

# Policies by id and version, as records name them.
Policies = Mapping[tuple[str, int], Policy]

_VERDICTS = (
    "SELECT gate.gate, epoch.epoch, number, mark, coalesce(corrected_ms, at), header, payload"
    " FROM record JOIN epoch ON epoch.id = epoch_id JOIN gate ON gate.no = gate_no"
    " LEFT JOIN payload ON record_id = record.id"
    " WHERE kind = 'verdict' AND coalesce(corrected_ms, at) >= ? AND coalesce(corrected_ms, at) < ? AND mark <> ?"
    " ORDER BY record.id"
)


class ReplayError(ValueError):
    """The replay that was asked for can't be made; the message names why."""


class _Row(NamedTuple):
    """One stored verdict; `payload` None once it was deleted after its time."""

    gate: str
    epoch: bytes
    number: int
    mark: int
    at_ms: int
    header: bytes
    payload: bytes | None

    @property
    def place(self) -> str:
        """As `guankou-central` names records everywhere."""
        return f"{self.gate}/{self.epoch.hex()}/{self.number}"


def policies_of(store: SqliteStore) -> dict[tuple[str, int], Policy]:
    """Every policy that was ever published from here and the everyday one; of two texts of a version the later."""
    found: dict[tuple[str, int], Policy] = {}
    for policy in policies_in(store):
        found.setdefault((policy.id, policy.version), policy)
    return found


def replay(
    store: SqliteStore,
    registry: Registry,
    olds: Policies,
    new: Policy,
    since_ms: int,
    until_ms: int,
    examples: int = 3,
    *,
    scope: str | None = None,
    spared: Collection[str] = (),
) -> Report:
    """What `new` would have said of the verdicts from `since_ms` until before `until_ms`, as if it had been in force.

    `olds`: the policies that the records name, by id and version. `scope`: a grid, site or gate; None: all. `spared`:
    places in it that keep a policy of their own. `examples`: how many records are named for each kind of change.
    Raises ReplayError for an unknown scope.
    """
    if scope is not None and not _is_known(store, registry, scope):
        raise ReplayError(f"scope {scope!r} is no grid or site of the tree and no enrolled gate: correct it")
    tally, without = Tally(new, since_ms, until_ms, examples), frozenset(spared)
    with store.snapshot():
        replays = _Replays(olds, list(orders_in(store)), new)
        for row in _rows(store, since_ms, until_ms):
            _count(row, registry, replays, tally, scope, without)
    return tally.report()


class _Replays:
    """One replay for each policy that records name, with the local orders that were on it."""

    def __init__(self, olds: Policies, orders: Sequence[LocalOrder], new: Policy) -> None:
        self._olds = olds
        self._orders = orders
        self._new = new
        self._made: dict[tuple[str, int], Replay | None] = {}

    def of(self, verdict: Verdict) -> Replay | None:
        """None where the text of the policy is not known here."""
        name = (verdict.policy, verdict.policy_version)
        if name not in self._made:
            then = self._olds.get(name) or recompose(*name, self._olds.values(), self._orders)
            self._made[name] = None if then is None else Replay(then, self._new_for(verdict))
        return self._made[name]

    def _new_for(self, verdict: Verdict) -> Policy:
        """The orders that were on the old policy stay on the new one, as at a gate, if that is no order itself."""
        if has_orders(self._new):
            return self._new
        return with_orders_of(verdict.policy, verdict.policy_version, self._new, self._orders)


def _rows(store: SqliteStore, since_ms: int, until_ms: int) -> Iterator[_Row]:
    """What counts, or will: of several verdicts of one passage only the first."""
    return map(_Row._make, store.connection.execute(_VERDICTS, (since_ms, until_ms, int(Mark.REPEAT))))


def _count(
    row: _Row, registry: Registry, replays: _Replays, tally: Tally, scope: str | None, spared: frozenset[str]
) -> None:  # fmt: skip
    header = decode_header(row.header)
    grids = grids_of(registry, header.grid)
    verdict = _verdict(row)
    here = (row.gate, *([verdict.where.site] if isinstance(verdict, Verdict) else []), *grids)
    if scope is not None and scope not in here:
        return
    if spared.intersection(here):
        tally.left_out("own_policy")
        return
    if isinstance(verdict, str):
        tally.left_out(verdict)
        return
    # A drill is ignored: whoever came was acting.
    tried = None if is_drill(verdict) else replays.of(verdict)
    if tried is None:
        tally.left_out("drill" if is_drill(verdict) else "policy_unknown")
        return
    is_trusted, local = header.clock == "trusted", None
    if is_trusted and tried.needs_time:
        local = local_time(row.at_ms, zone_info(registry.zone_of(verdict.where.site)))
    answer = tried.of(Recorded(verdict, grids, is_trusted, local))
    tally.take(row.gate, row.place, verdict, answer)


def grids_of(registry: Registry, grid: str) -> tuple[str, ...]:
    """The grid of a record and all above it, nearest first, by the newest tree; an unknown one alone."""
    if grid not in registry.tree.grids:
        return (grid,)
    return tuple(path.rpartition("/")[2] for path in line_of(registry.path_of(grid)))


def _verdict(row: _Row) -> Verdict | str:
    """What the record holds, or why nobody can look into it."""
    if row.payload is None:
        return "purged"
    try:
        payload = decode_payload("verdict", row.payload)
    except msgspec.DecodeError:
        payload = None
    return payload if isinstance(payload, Verdict) else "unread"


def _is_known(store: SqliteStore, registry: Registry, scope: str) -> bool:
    tree = registry.tree
    return scope in tree.grids or scope in tree.sites or store.gate(scope) is not None
