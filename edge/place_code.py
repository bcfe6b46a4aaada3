"""The place code on the gate's screen: a link that changes every minute, and who may come back with it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

from checkpoint.passes import Arrival

NONCE_BYTES: Final = 8
_MINUTE_S: Final = 60
# Time to register on a phone with slow fingers and a slow network, and too short to send the code to a friend's town.
_ACCEPTED_MINUTES: Final = 10
# RFC 2104 under a secret of this use alone; the text keeps the nonce apart from any other use of the same key.
_PURPOSE: Final = b"guankou place 1"

ArrivalReason = Literal["", "arrival_stale", "arrival_elsewhere"]


@dataclass(frozen=True, slots=True)
class PlaceCodes:
    """Place codes of one gate. `secret` never leaves it; `base_url` is the residents' page without a fragment."""

    secret: bytes = field(repr=False)
    gate: str
    base_url: str

    def text(self, now_s: int) -> str:
        """The link that the screen shows at `now_s`. Gate and nonce stand in its fragment, which no server log sees."""
        return f"{self.base_url}#g={self.gate}&n={self._nonce(now_s // _MINUTE_S).hex()}"

    def accepts(self, arrival: Arrival, gate: str, now_s: int) -> ArrivalReason:
        """Empty when the holder scanned the code of `gate`, this gate, at most ten minutes ago; else the reason.

        A nonce made before the secret was lost, or under a clock that has since been set back, counts as stale.
        """
        if arrival.gate != gate:
            return "arrival_elsewhere"
        minute = now_s // _MINUTE_S
        recent = (self._nonce(minute - back) for back in range(_ACCEPTED_MINUTES + 1))
        # All are compared, so that the time taken says nothing.
        found = [hmac.compare_digest(nonce, arrival.nonce) for nonce in recent]
        return "" if any(found) else "arrival_stale"

    def _nonce(self, minute: int) -> bytes:
        message = _PURPOSE + self.gate.encode() + minute.to_bytes(8, "big", signed=True)
        return hmac.new(self.secret, message, sha256).digest()[:NONCE_BYTES]
