"""What a policy must be before any gate gets it in a stage."""

from __future__ import annotations

from central.explaining import policies_in
from central.policy_standing import inside
from central.registry import Registry
from central.rollout_plan import RolloutError
from central.store.sqlite import SqliteStore
from checkpoint.local_order import LocalOrder, combine, is_order
from checkpoint.policy import PolicyError, parse_policy
from checkpoint.policy_schema import Policy


def whole_policy(content: bytes, what: str) -> Policy:
    """Raises RolloutError for a local order, PolicyError for what can't be read."""
    if is_order(content):
        raise RolloutError(
            f"{what} is a local order, which comes on top of a policy and never asks less: publish it with"
            " `policy publish`; only whole policies go out in stages"
        )
    return parse_policy(content)


def check_policy(store: SqliteStore, new: Policy, old: Policy, now_ms: int) -> None:
    """That records can tell it from every other text, and that it holds now. Raises RolloutError."""
    same = [one for one in policies_in(store) if (one.id, one.version) == (new.id, new.version)]
    if (new.id, new.version) == (old.id, old.version) or any(one != new for one in same):
        raise RolloutError(
            f"another text calls itself {new.id} version {new.version} too, and records could not tell them apart:"
            " raise `version` in the file"
        )
    if not new.in_force_at(now_ms / 1000):
        until = f" to {new.valid_until.isoformat()}" if new.valid_until else ""
        raise RolloutError(
            f"{new.id} version {new.version} holds from {new.valid_from.isoformat()}{until}: outside that time a gate"
            " that has it goes by a wider policy, so begin within it, or correct the file"
        )


def check_orders(store: SqliteStore, registry: Registry, scope: str, old: Policy, new: Policy, now_ms: int) -> None:
    """That no local order inside is lost with the old policy. Raises RolloutError."""
    orders = [(place, one) for place, one in inside(store, registry, scope, now_ms) if isinstance(one, LocalOrder)]
    lost = [(place, why) for place, one in orders if not _against(old, one) and (why := _against(new, one))]
    if lost:
        place, why = lost[0]
        raise RolloutError(
            f"the local order for {place} would not be followed any more where the new policy is ({why}): wait for its"
            " end, change the policy, or `--anyway`"
        )


def _against(policy: Policy, order: LocalOrder) -> str:
    try:
        combine(policy, order)
    except PolicyError as error:
        return str(error)
    return ""
