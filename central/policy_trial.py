"""What publishing a policy for a scope would do, found out without doing it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from central import policy_check, policy_diff, replay
from central.policy_check import Checked, check_policy
from central.policy_diff import Difference, difference
from central.policy_standing import inside, published_ever, standing, under, upwards_in
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint.local_order import LocalOrder, combine
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import Policy

# So much of the past a policy is tried on before it goes out.
TRIED_MS: Final = 7 * 86_400_000


class Trial(msgspec.Struct, frozen=True):
    """What is odd, what changes, what would have been decided otherwise (None: not looked at).

    `replaces`: the scope whose policy it takes the place of, empty for the one that gates ship with. `narrower`: scopes
    inside that have a policy of their own. `orders`: scopes inside with a local order, and why it can't stand on this
    policy; empty if it can.
    """

    checked: Checked
    found: Difference
    replaces: str
    narrower: tuple[str, ...]
    orders: tuple[tuple[str, str], ...]
    report: replay.Report | None
    zone: str

    @property
    def name(self) -> str:
        """Id and version of what is to be published."""
        return f"{self.checked.policy.id} {self.checked.policy.version}"

    def begins_said(self, now_ms: int) -> str:
        """When it begins, if that is still to come."""
        begins = self.checked.policy.valid_from
        if begins.timestamp() * 1000 <= now_ms:
            return ""
        text = begins.isoformat(" ", "minutes")
        return f"；{text} 起生效，此前沿用现行策略 in force from {text}, the present one until then"


def tried(
    store: SqliteStore, registry: Registry, text: bytes, scope: str, now_ms: int, *, with_replay: bool
) -> Trial:  # fmt: skip
    """Checks, compares and replays `text`. Raises PolicyError, ScopeError; also for a version that is in use."""
    checked = check_policy(text, now_ms / 1000, registry.tree.grids)
    _check_version(store, checked.policy)
    now = standing(store, registry, scope, now_ms)
    new = checked.policy
    if isinstance(new, LocalOrder):
        new = combine(under(store, registry, scope, now_ms).policy, new)
    within = inside(store, registry, scope, now_ms)
    narrower = tuple(place for place, one in within if isinstance(one, Policy))
    report = None
    if with_replay:
        since_ms = now_ms - TRIED_MS
        olds = replay.policies_of(store)
        report = replay.replay(store, registry, olds, new, since_ms, now_ms, scope=scope, spared=narrower)
    found = difference(now.policy, new, upwards_in(registry))
    orders = tuple((place, _against(new, one)) for place, one in within if isinstance(one, LocalOrder))
    return Trial(checked, found, now.scope, narrower, orders, report, registry.zone)


def _against(policy: Policy, order: LocalOrder) -> str:
    """Why gates would no longer follow this order; empty if they would."""
    try:
        combine(policy, order)
    except PolicyError as error:
        return str(error)
    return ""


def lines(trial: Trial, name: str) -> list[str]:
    """Chinese first, then English, ready for a terminal."""
    made = [*policy_check.lines(trial.checked, name), "", *policy_diff.lines(trial.found)]
    if trial.narrower:
        names = ", ".join(trial.narrower)
        made += ["", f"以下范围另有策略，不受影响 These have a policy of their own and keep it: {names}"]
    for place, why in trial.orders:
        if why:
            made += [
                "",
                f"{place} 的下级通知将失效 The local order for {place} would no longer be followed:",
                f"  {why}",
            ]
    if trial.report is not None:
        made += ["", *replay.lines(trial.report, trial.zone)]
    return made


def as_json(trial: Trial) -> dict[str, Any]:
    """For a program."""
    return {
        "check": policy_check.as_json(trial.checked),
        "diff": policy_diff.as_json(trial.found),
        "replaces": trial.replaces,
        "narrower": list(trial.narrower),
        "orders": [{"scope": place, "why_not": why} for place, why in trial.orders],
        "replay": None if trial.report is None else msgspec.to_builtins(trial.report),
    }


def _check_version(store: SqliteStore, new: Policy | LocalOrder) -> None:
    """Records name a policy by id and version: two contents under one could not be told apart."""
    versions = [one for one in published_ever(store) if type(one) is type(new) and one.id == new.id]
    if any(one.version == new.version and one != new for one in versions):
        raise PolicyError(
            f"policy: version = {new.version}: {new.id} {new.version} was published with another content:"
            f" give it {max(one.version for one in versions) + 1}"
        )
