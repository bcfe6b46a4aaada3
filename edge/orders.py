"""Local orders at this gate: each counts for its own time, on top of the policy that it names, and never asks less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checkpoint.local_order import LocalOrder, based_on, combine
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import Policy
from edge.downlink import OrderInstalled


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    """An order that is not followed, the document's version, and why not."""

    version: int
    why: str


class Orders:
    """By scope. `here`: ids of this place, narrowest first: an order of a wider scope comes under one of a narrower."""

    def __init__(self, here: Iterable[str]) -> None:
        self._widest_first = tuple(reversed(tuple(here)))
        self._orders: dict[str, OrderInstalled] = {}
        self._refused: dict[str, RefusedOrder] = {}
        # Of the policy and the orders that were joined last: it stays the same object as long as they do.
        self._joined: tuple[Policy, tuple[LocalOrder, ...], Policy] | None = None

    @property
    def refused(self) -> Mapping[str, RefusedOrder]:
        """Scope -> order of it that would ask less than the policy in force allows, or more than it may."""
        return self._refused

    def take(self, fact: OrderInstalled) -> None:
        self._orders[fact.document.scope] = fact

    def drop(self, scope: str) -> None:
        """A policy has come in the place of the order."""
        self._orders.pop(scope, None)
        self._refused.pop(scope, None)

    def over(self, policy: Policy, now_s: float | None) -> Policy:
        """`policy` with the orders on it whose time it is.

        `now_s` None: nobody can say. Then those that came count, whatever their time, as long as the policy lets them
        do nothing but ask for more.
        """
        if now_s is None and policy.local is not None and policy.local.milder:
            return policy
        found = [self._orders[scope] for scope in self._widest_first if scope in self._orders]
        timely = [one for one in found if now_s is None or one.order.in_force_at(now_s)]
        wanted = [one for one in timely if one.order.order_of == based_on(policy.id)]
        orders = tuple(one.order for one in wanted)
        if self._joined is None or self._joined[0] is not policy or self._joined[1] != orders:
            self._joined = (policy, orders, self._join(policy, wanted))
        return self._joined[2]

    def _join(self, policy: Policy, wanted: Iterable[OrderInstalled]) -> Policy:
        self._refused = {}
        for one in wanted:
            try:
                policy = combine(policy, one.order)
            except PolicyError as error:
                self._refused[one.document.scope] = RefusedOrder(one.document.version, str(error))
        return policy
