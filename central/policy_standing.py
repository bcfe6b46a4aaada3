"""Which policy a place follows: published for it or for a wider scope, else the one that ships with every gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Final

import msgspec

from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint.documents import open_document
from checkpoint.local_order import LocalOrder, combine, parse_either
from checkpoint.policy import PolicyError, in_force, parse_policy
from checkpoint.policy_schema import Policy

_ENDLESS_MS: Final = 30 * 86_400_000


class ScopeError(ValueError):
    """There is no such place here; the text names it."""


class Standing(msgspec.Struct, frozen=True):
    """The policy that a place follows, and the scope that it was published for; empty: the one that gates ship with."""

    policy: Policy
    scope: str


def standing(store: SqliteStore, registry: Registry, scope: str, now_ms: int) -> Standing:
    """What a gate at the narrowest place of `scope` follows now. Raises ScopeError for a place that is not known.

    As at a gate: the narrowest policy whose time it is, with the local orders of narrower places on top. What can't be
    read any more, and an order that asks less than it may, is passed over.
    """
    return _composed(dict(_published(store, now_ms)), line_of(store, registry, scope), now_ms / 1000)


def under(store: SqliteStore, registry: Registry, scope: str, now_ms: int) -> Standing:
    """What an order for `scope` comes on top of. Raises ScopeError; also where it would take a policy's place."""
    published, line, now_s = dict(_published(store, now_ms)), line_of(store, registry, scope), now_ms / 1000
    own = published.pop(scope, None)
    if isinstance(own, Policy) and not (_is_over(own, now_s) or _is_wider_too(own, published, line, now_s)):
        raise ScopeError(
            f"{scope} has a policy of its own, whose place an order would take: give the order to a narrower place, or"
            " publish that policy for a wider one first"
        )
    return _composed(published, line, now_s)


def _is_wider_too(own: Policy, published: Mapping[str, Policy | LocalOrder], line: Sequence[str], now_s: float) -> bool:
    """Whether a place is left with the same policy, in this version or a later one, when its own goes."""
    wider = [one for place in line if isinstance(one := published.get(place), Policy)]
    found = in_force(wider, now_s)
    return found is not None and found.id == own.id and found.version >= own.version


def on_top(old: Policy, text: bytes) -> Policy:
    """The policy that this text makes where `old` holds: itself, or `old` with this order on it. Raises PolicyError."""
    new = parse_either(text)
    return new if isinstance(new, Policy) else combine(old, new)


def _composed(published: Mapping[str, Policy | LocalOrder], line: Sequence[str], now_s: float) -> Standing:
    timely = [(place, one) for place in line if (one := published.get(place)) and one.in_force_at(now_s)]
    found = next((Standing(one, place) for place, one in timely if isinstance(one, Policy)), Standing(_everyday(), ""))
    for place, one in reversed(timely):
        if isinstance(one, LocalOrder):
            with suppress(PolicyError):
                found = Standing(combine(found.policy, one), place)
    return found


def line_of(store: SqliteStore, registry: Registry, scope: str) -> tuple[str, ...]:
    """The place and everything around it, narrowest first. Raises ScopeError."""
    tree = registry.tree
    if scope in tree.grids:
        return tree.upwards(scope)
    if scope in tree.sites:
        return tree.here(scope)
    gate = store.gate(scope)
    if gate is None or gate.revoked_ms is not None:
        raise ScopeError(f"scope {scope[:40]!r} is no grid or site of the tree and no enrolled gate: correct it")
    return (gate.gate, gate.site, *(tree.upwards(gate.grid) if gate.grid in tree.grids else (gate.grid,)))


def upwards_in(registry: Registry) -> Callable[[str], tuple[str, ...]]:
    """A grid and all above it, nearest first; one that the tree does not have stands alone."""
    tree = registry.tree
    return lambda grid: tree.upwards(grid) if grid in tree.grids else (grid,)


def inside(
    store: SqliteStore, registry: Registry, scope: str, now_ms: int
) -> tuple[tuple[str, Policy | LocalOrder], ...]:  # fmt: skip
    """Scopes inside this one with what is published for them: a policy of their own, or an order on a wider one."""
    return tuple(
        (place, one)
        for place, one in dict(_published(store, now_ms)).items()
        if place != scope and not _is_over(one, now_ms / 1000) and _is_inside(store, registry, place, scope)
    )


def _is_over(one: Policy | LocalOrder, now_s: float) -> bool:
    return one.valid_until is not None and one.valid_until.timestamp() <= now_s


def _is_inside(store: SqliteStore, registry: Registry, place: str, scope: str) -> bool:
    try:
        return scope in line_of(store, registry, place)
    except ScopeError:
        return False


def _published(store: SqliteStore, now_ms: int) -> Iterator[tuple[str, Policy | LocalOrder]]:
    """The newest of each scope whose document's time has come; a gate keeps the one before until then."""
    rows = store.connection.execute("SELECT scope, data FROM document WHERE kind = 'policy' ORDER BY version")
    for scope, data in rows.fetchall():
        document = open_document(data)
        if document.standing(now_ms) != "early":
            with suppress(PolicyError):
                yield scope, parse_either(document.content)


def published_ever(store: SqliteStore) -> Iterator[Policy | LocalOrder]:
    """Every policy and order that was published from here, and the one that gates ship with."""
    rows = store.connection.execute("SELECT data FROM document WHERE kind IN ('policy', 'policy/staged')")
    for data in (row[0] for row in rows.fetchall()):
        with suppress(PolicyError):
            yield parse_either(open_document(data).content)
    # The documents of stages that are over are gone, and records name their policies for ever.
    for row in store.rollouts():
        with suppress(PolicyError):
            yield parse_either(row.content)
    yield _everyday()


def _everyday() -> Policy:
    return parse_policy((files("firmware_config") / "policies" / "everyday.toml").read_bytes())


def taken_until_ms(policy: Policy | LocalOrder, valid_ms: int, from_ms: int) -> int:
    """Until when gates take it that begins at `from_ms`. `valid_ms` 0: until its own end, 30 days if it has none.

    So a gate that is new, or has a new disk, gets it for as long as the others follow it.
    """
    ends_ms = int(policy.valid_until.timestamp() * 1000) if policy.valid_until else 0
    if not valid_ms and ends_ms > from_ms:
        return ends_ms
    return from_ms + (valid_ms or _ENDLESS_MS)
