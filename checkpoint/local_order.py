"""A local order: what one grid, site or gate makes stricter for a few days, on top of a wider policy that allows it.

order = parse_order(text)                # PolicyError with line and remedy
policy = combine(wider, order)           # PolicyError in words: what would ask less than the wider policy
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Final

import msgspec

from checkpoint.order_check import check_stricter, level_before
from checkpoint.policy import parse_policy
from checkpoint.policy_checks import check_moments, check_rules, check_told
from checkpoint.policy_reading import Flaw, PolicyError, flawed, read, tables_of
from checkpoint.policy_rule import Rule, ZoneLevel
from checkpoint.policy_schema import Moment, Policy, Role, Slug, Text
from checkpoint.reasons import ALL

_WHAT: Final = "local order"
# The id that a policy with an order on it has in records is `policy.version+order`, its version the order's.
_JOIN: Final = "+"


class LocalOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rules": "rule"}):
    """An order, as signed. It is for the place of its document's scope, and counts on top of the policy `order_of`.

    `rules` are put before that policy's; `zones` and `told` beside its own.
    """

    id: Slug
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    order_of: Slug
    title_zh: Text
    title_en: Text
    authority: Text
    valid_from: Moment
    valid_until: Moment
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=16)] = ()
    zones: Annotated[dict[Slug, ZoneLevel], msgspec.Meta(max_length=64)] = {}
    told: Annotated[dict[str, Role | tuple[Role, ...]], msgspec.Meta(max_length=64)] = {}

    def in_force_at(self, now_s: float) -> bool:
        """From `valid_from` on, and before `valid_until`."""
        return self.valid_from.timestamp() <= now_s < self.valid_until.timestamp()


def is_order(text: bytes) -> bool:
    """Whether the text of a document of kind `policy` is a local order. Raises PolicyError for what is no TOML."""
    return "order_of" in tables_of(text)


def parse_order(text: bytes) -> LocalOrder:
    """An order out of its exact TOML bytes. Raises PolicyError and nothing else."""
    order, lines = read(text, LocalOrder, _WHAT)
    try:
        _check(order)
    except Flaw as flaw:
        raise flawed(_WHAT, flaw, lines) from None
    return order


def _check(order: LocalOrder) -> None:
    """What can be said of an order by itself. Raises Flaw."""
    # Residents have to be spared by a rule of its own: those of the policy come after it.
    check_rules(order.rules)
    check_told(order.told)
    check_moments(order.valid_from, order.valid_until)
    if not (order.rules or order.zones or order.told):
        raise Flaw("rule", "(missing)", "an order says something", "add [[rule]], [zones] or [told]")


def parse_either(text: bytes) -> Policy | LocalOrder:
    """What a document of kind `policy` holds. Raises PolicyError."""
    return parse_order(text) if is_order(text) else parse_policy(text)


def combine(wider: Policy, order: LocalOrder) -> Policy:
    """The policy that holds where `order` does. Raises PolicyError where it asks less, or more than it may.

    Its id names both, so that a record says under what it was made, and `recompose` finds it again.
    """
    try:
        _check_matters(wider, order)
    except Flaw as flaw:
        raise flawed(f"{_WHAT} {order.id}", flaw, {}) from None
    limits = [until for until in (wider.valid_until, order.valid_until) if until is not None]
    combined = msgspec.structs.replace(
        wider,
        id=f"{wider.id}.{wider.version}{_JOIN}{order.id}",
        version=order.version,
        title_zh=order.title_zh,
        title_en=order.title_en,
        authority=order.authority,
        valid_from=max(wider.valid_from, order.valid_from),
        valid_until=min(limits),
        rules=order.rules + wider.rules,
        zones={**wider.zones, **order.zones},
        told={**wider.told, **{code: _both(wider, code, roles) for code, roles in order.told.items()}},
    )
    milder = wider.local.milder if wider.local else {}
    pairs = {(level, order.zones[grid]) for grid in order.zones for level in level_before(wider, grid)}
    if why := check_stricter(wider, combined, pairs, milder):
        raise PolicyError(f"{_WHAT} {order.id}: {why}")
    return combined


def based_on(policy_id: str) -> str:
    """The id of the policy under all orders: `order_of` of an order that may come on top."""
    return policy_id.partition(_JOIN)[0].partition(".")[0]


def policy_named(policy_id: str, version: int) -> tuple[str, int]:
    """Id and version of the policy under all orders, out of those that a record names."""
    name, dot, number = policy_id.partition(_JOIN)[0].partition(".")
    return (name, int(number)) if dot and number.isascii() and number.isdigit() else (policy_id, version)


def has_orders(policy: Policy) -> bool:
    """Whether a local order is on it."""
    return _JOIN in policy.id


def recompose(
    policy_id: str, version: int, policies: Iterable[Policy], orders: Iterable[LocalOrder]
) -> Policy | None:  # fmt: skip
    """The policy that a record names, out of these texts, with the orders that were on it; None if one is missing."""
    first, *names = f"{policy_id}.{version}".split(_JOIN)
    found = next((policy for policy in policies if f"{policy.id}.{policy.version}" == first), None)
    known = {f"{order.id}.{order.version}": order for order in orders} if names else {}
    for name in names:
        if found is None or name not in known:
            return None
        try:
            found = combine(found, known[name])
        except PolicyError:
            return None
    return found


def with_orders_of(policy_id: str, version: int, new: Policy, orders: Iterable[LocalOrder]) -> Policy:
    """`new` with the orders on it that the policy of a record had, each that it takes."""
    names = f"{policy_id}.{version}".split(_JOIN)[1:]
    known = {f"{order.id}.{order.version}": order for order in orders} if names else {}
    for order in (known[name] for name in names if name in known):
        with suppress(PolicyError):
            new = combine(new, order)
    return new


def _check_matters(wider: Policy, order: LocalOrder) -> None:
    """That this policy allows such an order. Raises Flaw."""
    remedy = f"ask {wider.authority}, or leave it out"
    if based_on(wider.id) != order.order_of:
        raise Flaw("order_of", order.order_of, f"the policy in force is {wider.id}", "make the order for that one")
    if wider.local is None:
        raise Flaw("order_of", order.order_of, "that policy takes no local order: it has no [local]", remedy)
    if order.valid_until - order.valid_from > timedelta(days=wider.local.max_days):
        bound = f"lasts longer than the {wider.local.max_days} days that {wider.id} allows"
        raise Flaw("valid_until", order.valid_until.isoformat(), bound, "shorten it, and make a new one then")
    asked = {_matter(rule): rule.name for rule in order.rules}
    asked |= {"zones": "[zones]"} if order.zones else {}
    asked |= {"told": "[told]"} if order.told else {}
    for matter, place in asked.items():
        if matter not in wider.local.may:
            allowed = " ".join(wider.local.may)
            raise Flaw(place, matter, f"{wider.id} lets a local order change {allowed} alone", remedy)


def _matter(rule: Rule) -> str:
    return "hours" if rule.has_hours or rule.verdict else "modes"


def _both(wider: Policy, code: str, roles: Role | tuple[Role, ...]) -> tuple[Role, ...]:
    """Whoever was told is told still, and whom the order adds."""
    before = wider.told.get(code) or ALL[code].call
    listed = [(one,) if isinstance(one, str) else one for one in (before, roles) if one]
    return tuple(dict.fromkeys(role for some in listed for role in some))
