"""What the site's ledger says of one pass: how often it was used, whether in two hands, and its household's days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from checkpoint import site_rules
from checkpoint.passes import Pass, PassClass
from checkpoint.policy_schema import Policy
from checkpoint.records import Direction
from checkpoint.site_rules import CHINA, Crossing
from checkpoint.verdict_facts import CheckFact, PassUse
from edge.site import keep_days
from edge.site_ledger import SiteLedger

_HOUR_MS = 3_600_000
_DAY_S = 86_400
_UNKNOWN = CheckFact("failed", "quota_unknown")


@dataclass(frozen=True, slots=True)
class SiteUse:
    """Answers for `gate` out of the ledger. Days are days of `zone`; times in ms UTC."""

    gate: str
    ledger: SiteLedger
    zone: tzinfo = CHINA

    def of(self, held: Pass, direction: Direction, policy: Policy, now_ms: int) -> PassUse:
        """All that the pass step asks."""
        seen, settings = self.ledger.of_pass(held.pass_id), policy.passback
        hands = ""
        if settings.mode != "off":
            hands = site_rules.passback(seen, direction, self.gate, now_ms, settings.window_s, settings.walk_s)
        lately = sum(one.move != "cleared" and now_ms - one.at_ms < _HOUR_MS for one in seen)
        is_remembered = held.expires_s - held.not_before_s <= keep_days(policy) * _DAY_S
        return PassUse(site_rules.entries_of(seen) if is_remembered else None, lately, hands)

    def quota(self, held: Pass, direction: Direction, policy: Policy, now_ms: int | None) -> CheckFact | None:
        """The answer to the check `quota`; None without a quota in the policy. On the way in: was it kept?

        `now_ms` None: nobody knows what time it is.
        """
        settings = policy.quota
        if settings is None:
            return None
        if now_ms is None:
            return _UNKNOWN
        if direction == "in":
            return site_rules.quota_late(self.ledger.of_pass(held.pass_id), settings, now_ms)
        if held.household is None:
            return _UNKNOWN
        exits = self.ledger.exits(held.household, site_rules.quota_since_ms(settings, now_ms, self.zone))
        return site_rules.quota(exits, settings, now_ms, held.party_size, self.zone)

    def crossing(self, held: Pass, direction: Direction, passage: bytes, people: int, now_ms: int) -> Crossing:
        """What is told of somebody who went through here."""
        # A visitor's pass names its host's household, and takes nothing of that household's days.
        resident: PassClass = "resident"
        household = held.household if held.pass_class == resident else None
        return Crossing(now_ms, self.gate, passage, direction, held.pass_id, household, people)
