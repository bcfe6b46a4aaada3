"""How often one address or one link may ask: a bucket of tokens each, and a bound on how many are remembered."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST_KEYS: Final = 10_000


def subscriber(address: str) -> str:
    """Whom an address belongs to: of IPv6 the /64 network, which is the least that anybody gets (RFC 6177)."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.IPv6Address(known.packed[:8] + bytes(8)))


class RateLimit:
    """`burst` requests at once, then `per_minute`. The longest unused keys are forgotten first. One thread only."""

    def __init__(self, burst: int, per_minute: float, monotonic: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_s = per_minute / 60
        self._monotonic = monotonic
        # Key -> (what was left, when).
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Whether one more is allowed; if so, it counts."""
        now_s = self._monotonic()
        left, then_s = self._left.pop(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - then_s) * self._per_s)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now_s)
        if len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)
        return allowed
