"""What is in force at this gate: policy, trust, status, step secrets; how old they are; and the world lanes see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from importlib.resources import files

from checkpoint.cards import NO_CARDS, Cards
from checkpoint.documents import Document
from checkpoint.foreign.keys import NO_KEYS, ForeignKeys
from checkpoint.policy import in_force, parse_policy
from checkpoint.policy_schema import Attendance, Policy
from checkpoint.policy_time import local_time
from checkpoint.regions import RegionList
from checkpoint.status_list import NO_STATUS, RENEWED_S
from checkpoint.steps import NO_STEPS, StepSecrets
from checkpoint.trust import TrustList
from edge.clock import Moment
from edge.downlink import OrderInstalled, PolicyInstalled, RegionsInstalled, StatusInstalled, TrustInstalled
from edge.listing import Regions, Watch, join
from edge.orders import Orders
from edge.world import World


def everyday_policy() -> Policy:
    """The policy that ships with the gate: no health checks; in force when no other is."""
    return parse_policy((files("firmware_config") / "policies" / "everyday.toml").read_bytes())


class Rulebook:
    """Policies and trust lists by scope. `here`: ids of this place, narrowest first; times in ms UTC.

    `confirmed_at_ms`: when the collector last answered, as far as this gate remembers. An answer older than
    `offline_after_s` and the gate works by itself. `zone`: the time at the gate, by which rules have their hours.
    """

    def __init__(
        self,
        attendance: Attendance,
        here: Sequence[str],
        confirmed_at_ms: int,
        offline_after_s: float,
        zone: tzinfo = UTC,
    ) -> None:
        self._attendance = attendance
        self._here = tuple(here)
        self._zone = zone
        self._confirmed_at_ms = confirmed_at_ms
        # By the monotonic clock, which no step of the wall clock touches: of this run's first moment or last answer.
        self._confirmed_mono_ms: int | None = None
        self._began_mono_ms: int | None = None
        self._offline_after_s = offline_after_s
        self._policies: dict[str, Policy] = {}
        self.orders = Orders(here)
        self._trusts: dict[str, TrustList] = {}
        self._everyday = everyday_policy()
        self._trust = TrustList(())
        self._foreign: dict[str, ForeignKeys] = {}
        self._foreign_keys: ForeignKeys | None = None
        self._status = NO_STATUS
        self._region_lists: dict[str, tuple[Document, RegionList]] = {}
        self._regions: Regions | None = None
        # Scopes whose policy is on the disk and can't be read: it may ask for more than the one that is in force.
        self.torn: frozenset[str] = frozenset()
        # The same of trust and status lists: nobody knows whose keys and which revocations were in them.
        self.torn_lists: frozenset[str] = frozenset()
        self.torn_regions: frozenset[str] = frozenset()
        # Replaced whole by whoever opens this gate's roster.
        self.steps: StepSecrets = NO_STEPS
        self.cards: Cards = NO_CARDS
        # The same of its watch list.
        self.watch: Watch | None = None
        self._untrusted_since_ms: int | None = None
        # What was in force when the clock could last be believed.
        self._last: Policy | None = None

    def take(
        self, fact: PolicyInstalled | OrderInstalled | TrustInstalled | StatusInstalled | RegionsInstalled
    ) -> None:  # fmt: skip
        """Put an installed document in force. Lists of trust and of regions count together over all scopes, status
        lists each alone."""
        scope = fact.document.scope
        match fact:
            case PolicyInstalled(policy=policy):
                self._policies[scope] = policy
                self.orders.drop(scope)
            case OrderInstalled():
                self._policies.pop(scope, None)
                self.orders.take(fact)
            case TrustInstalled(trust=trust, foreign=foreign):
                self._trusts[scope], self._foreign[scope] = trust, foreign
                self._trust = TrustList(entry for trust in self._trusts.values() for entry in trust.entries)
                joined = NO_KEYS.joined(self._foreign.values())
                # Without a key such passes are known by their name only, and not read.
                self._foreign_keys = joined if joined.entries else None
            case StatusInstalled(status=status):
                self._status = self._status.with_list(scope, status)
            case RegionsInstalled(document=document, regions=regions):
                self._region_lists[scope] = document, regions
                self._regions = join(self._region_lists.values())

    def confirmed(self, now: Moment) -> None:
        """The collector answered: what it retains for this gate has been received."""
        self._confirmed_mono_ms = now.mono_ms

    def _age_s(self, now: Moment) -> float:
        """Since the collector last answered; by a clock that can't be believed, at least since this run began."""
        if self._began_mono_ms is None:
            self._began_mono_ms = now.mono_ms
        if self._confirmed_mono_ms is None and now.trusted:
            return max(0.0, (now.at_ms - self._confirmed_at_ms) / 1000)
        since_ms = self._began_mono_ms if self._confirmed_mono_ms is None else self._confirmed_mono_ms
        return (now.mono_ms - since_ms) / 1000

    def _lists_age_s(self, now: Moment, confirmed_age_s: float) -> float | None:
        """Since the collector last answered, or since a newer status list was due if that is longer ago. None: never.

        Whoever lets answers through and keeps lists back can't hide behind them.
        """
        if not self._trusts or self.torn_lists:
            return None
        issued_s = self._status.issued_s
        if issued_s is None or not now.trusted:
            return confirmed_age_s
        return max(confirmed_age_s, now.at_ms / 1000 - issued_s - RENEWED_S)

    def policy(self, now: Moment) -> Policy:
        """The narrowest policy whose time it is, else the everyday one, with the local orders on it.

        By a clock that can't be believed no policy begins or ends: the last one stays, else the narrowest there is.
        """
        narrowest = [self._policies[scope] for scope in self._here if scope in self._policies]
        if now.trusted:
            now_s = now.at_ms / 1000
            self._last = self.orders.over(in_force(narrowest, now_s) or self._everyday, now_s)
            return self._last
        return self._last or self.orders.over(next(iter(narrowest), self._everyday), None)

    def world(self, link_age_s: float | None, now: Moment, apart: bool = False) -> World:
        """Everything that lanes need to know beside their own facts. `apart`: see World."""
        if now.trusted:
            self._untrusted_since_ms = None
        elif self._untrusted_since_ms is None:
            self._untrusted_since_ms = now.mono_ms
        age_s = self._age_s(now)
        return World(
            policy=self.policy(now),
            trust=self._trust,
            attendance=self._attendance,
            offline=link_age_s is None or link_age_s > self._offline_after_s,
            lists_age_s=self._lists_age_s(now, age_s),
            policy_age_s=None if self.torn else age_s if self._policies else 0.0,
            clock_untrusted_since_ms=self._untrusted_since_ms,
            status=self._status,
            steps=self.steps,
            cards=self.cards,
            foreign=self._foreign_keys,
            apart=apart,
            regions=None if self.torn_regions else self._regions,
            watch=self.watch,
            local=local_time(now.at_ms, self._zone) if now.trusted else None,
        )
