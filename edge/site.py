"""The gate's part in its site, put together: the link to the other gates, and the way between threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import topics
from checkpoint.policy_schema import Policy
from edge.clock import Moment
from edge.site_ledger import SiteLedger
from edge.site_link import SiteLink, SiteSettings

_DAY_S: Final = 86_400
# Crossings of a pass for one entry matter as long as a visitor's pass may live, whatever else the policy asks.
_LEAST_DAYS: Final = 2.0
# Messages of other gates that wait for the core; of more the oldest are dropped, and asked for again.
_MOST_HEARD: Final = 200
# So many are taken in one turn: whoever stands in a lane comes first.
_AT_ONCE: Final = 2
# What is known is told every so many heartbeats.
_TELL_HEARTBEATS: Final = 3


def keep_days(policy: Policy) -> float:
    """How long a crossing can matter under this policy."""
    window_days = policy.passback.window_s / _DAY_S if policy.passback.mode != "off" else 0.0
    quota_days = policy.quota.every_days + policy.quota.back_within_h / 24 if policy.quota else 0.0
    return max(_LEAST_DAYS, window_days + 1, quota_days + 1)


class Site:
    """`heard` from the uplink's thread, everything else from the core's. `publish(topic, data)` may drop a message."""

    def __init__(
        self,
        site: str,
        gate: str,
        heartbeat_s: float,
        ledger: SiteLedger,
        key: Ed25519PrivateKey,
        publish: Callable[[str, bytes], None],
    ) -> None:
        topic = topics.seen(site, gate)
        settings = SiteSettings(site, gate, round(_TELL_HEARTBEATS * heartbeat_s * 1000))
        self.link = SiteLink(settings, key, ledger, lambda data: publish(topic, data))
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=_MOST_HEARD)

    def heard(self, topic: str, data: bytes) -> None:
        """A message of another gate; it waits for the core's next turn."""
        self._heard.append((topic, data))

    def turn(self, now: Moment, connected: bool, policy: Policy) -> None:
        """After everything else that the core does in a turn."""
        for _ in range(min(_AT_ONCE, len(self._heard))):
            topic, data = self._heard.popleft()
            self.link.arrived(topic, data, now)
        self.link.turn(now, connected, keep_days(policy))
