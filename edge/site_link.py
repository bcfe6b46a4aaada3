"""What this gate says to the others of its site and takes from them, over the broker: crossings at once, gaps soon.

Every gate tells its own crossings as they happen, and now and then what it knows, by hours and days. Whoever knows
something else of such a stretch sends what is there: each gate its own crossings, and one of them those of gates that
are silent or have lost them. So a gate that was away, or lost its disk, is filled up; nothing is numbered, nothing is
acknowledged, and every message may be lost, doubled or late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint.site_rules import Crossing
from checkpoint.site_wire import MAX_CROSSINGS, MAX_STRETCHES, Seen, SiteError, Stretch, pack_seen, unpack_seen
from edge.clock import Moment
from edge.site_ledger import HOUR_MS, SiteLedger

_log = structlog.get_logger(__name__)

_DAY_H: Final = 24
# What is not told by whole days is at least the last day, hour by hour.
_HOURLY: Final = 24
# Clocks of two gates may differ by this, and a message be under way for as long; older ones change nothing.
_LATE_MS: Final = 600_000
_FORGET_EVERY_MS: Final = 60_000
# Between two pages of what others lack, so that live news is never behind a flood.
_PAGE_EVERY_MS: Final = 100
# After others were found to know something else, they are told so much sooner what is known here.
_SOONER: Final = 6
_LOG_AGAIN_MS: Final = 60_000
# Stretches that are being sent; more are asked for again.
_MOST_OWED: Final = 4 * MAX_STRETCHES


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """Who speaks. `tell_every_ms`: between two words about what is known; three missed ones, and a gate is apart."""

    site: str
    gate: str
    tell_every_ms: int = 30_000

    @property
    def silent_after_ms(self) -> int:
        return 3 * self.tell_every_ms


@dataclass(slots=True)
class _Owed:
    """A stretch that `askers` know otherwise; what comes after `sent` is still to be sent."""

    askers: set[str]
    sent: Crossing | None = None


class SiteLink:
    """Used by the core thread alone. `publish` hands one message to the connection, and may drop it."""

    def __init__(
        self, settings: SiteSettings, key: Ed25519PrivateKey, ledger: SiteLedger, publish: Callable[[bytes], None]
    ) -> None:
        self.ledger = ledger
        self._settings = settings
        self._key = key
        self._publish = publish
        self._peers: dict[str, Ed25519PublicKey] = {}
        # When each peer was last heard, by this clock, and the latest time that it gave itself.
        self._heard_ms: dict[str, int] = {}
        self._latest: dict[str, int] = {}
        self._owed: dict[tuple[int, int], _Owed] = {}
        self._floor_hour: int | None = None
        self._connected = False
        self._told_ms = -settings.tell_every_ms
        self._tell_ms = self._said_ms = 0
        self._page_ms = self._forgot_ms = 0
        self._logged_ms: int | None = None

    def gates(self, gates: Mapping[str, Ed25519PublicKey]) -> None:
        """Who belongs to the site, by the document in force. A gate that is left out is not heard any more."""
        self._peers = {gate: key for gate, key in gates.items() if gate != self._settings.gate}
        self._heard_ms = {gate: at for gate, at in self._heard_ms.items() if gate in self._peers}

    def apart(self, now: Moment) -> tuple[str, ...]:
        """The gates of this site whose crossings may be unknown here: silent ones; all of them without the broker."""
        return tuple(sorted(gate for gate in self._peers if not self._hears(gate, now.mono_ms)))

    def _hears(self, gate: str, now_ms: int) -> bool:
        heard = self._heard_ms.get(gate)
        return self._connected and heard is not None and now_ms - heard < self._settings.silent_after_ms

    # --- hearing -------------------------------------------------------------------------------------------------

    def arrived(self, topic: str, data: bytes, now: Moment) -> None:
        """A message on a topic of the site. What can't be believed changes nothing."""
        if topic.endswith(f"/{self._settings.gate}") or not now.trusted:
            # Its own words come back to it; and without the time nobody can tell an old message from a new one.
            return
        try:
            seen = unpack_seen(data, topic, self._settings.site, self._peers)
        except SiteError as error:
            self._refuse(str(error), now.mono_ms)
            return
        if abs(seen.at - now.at_ms) > _LATE_MS:
            self._refuse(f"gate {seen.gate} spoke at {seen.at} ms, here it is {now.at_ms} ms: too late", now.mono_ms)
            return
        if wanted := [crossing for crossing in seen.crossings if self._matters(crossing, now)]:
            self.ledger.learn(*wanted)
        if seen.at > self._latest.get(seen.gate, -1):
            # A copy of an old word makes nobody seem alive, and nobody answers it.
            back = not self._hears(seen.gate, now.mono_ms)
            self._latest[seen.gate] = seen.at
            self._heard_ms[seen.gate] = now.mono_ms
            if self._differs(seen) or back:
                # They may know what this gate lacks, or not know that it is there.
                soon_ms = self._told_ms + self._settings.tell_every_ms // _SOONER
                self._tell_ms = min(self._tell_ms, max(now.mono_ms, soon_ms))

    def _matters(self, crossing: Crossing, now: Moment) -> bool:
        """Neither forgotten here nor still to come."""
        hour = crossing.at_ms // HOUR_MS
        return crossing.at_ms <= now.at_ms + _LATE_MS and (self._floor_hour is None or hour >= self._floor_hour)

    def _differs(self, seen: Seen) -> bool:
        """Whether they know something else of any stretch; what is there of it is sent."""
        differs = False
        for theirs in seen.stretches:
            forgotten = self._floor_hour is not None and theirs.first_hour < self._floor_hour
            known = self.ledger.known(theirs.first_hour, theirs.hours)
            if not forgotten and known != (theirs.count, theirs.digest):
                differs = True
                if len(self._owed) < _MOST_OWED:
                    self._owed.setdefault((theirs.first_hour, theirs.hours), _Owed(set())).askers.add(seen.gate)
        return differs

    def _refuse(self, why: str, now_ms: int) -> None:
        if self._logged_ms is None or now_ms - self._logged_ms >= _LOG_AGAIN_MS:
            self._logged_ms = now_ms
            _log.warning("site_message_refused", why=why)

    # --- speaking ------------------------------------------------------------------------------------------------

    def turn(self, now: Moment, connected: bool, keep_days: float) -> None:
        """Call often. `connected`: the broker is there. `keep_days`: how long a crossing matters by the policy."""
        if connected and not self._connected:
            self._tell_ms = now.mono_ms
        self._connected = connected
        if not now.trusted:
            return
        if self._floor_hour is None or now.mono_ms - self._forgot_ms >= _FORGET_EVERY_MS:
            self._forgot_ms, self._floor_hour = now.mono_ms, self.ledger.forget(now.at_ms, keep_days)
        untold = self.ledger.take_untold()
        if not (connected and self._peers):
            # Nobody to tell: what is known comes to light when there is.
            return
        for page in _pages(untold):
            self._say(page, (), now)
        if now.mono_ms >= self._tell_ms:
            self._told_ms, self._tell_ms = now.mono_ms, now.mono_ms + self._settings.tell_every_ms
            self._say((), self._stretches(now.at_ms // HOUR_MS, self._floor_hour), now)
        if self._owed and now.mono_ms - self._page_ms >= _PAGE_EVERY_MS:
            self._page_ms = now.mono_ms
            self._send_owed(now)

    def _say(self, crossings: tuple[Crossing, ...], stretches: tuple[Stretch, ...], now: Moment) -> None:
        # No two messages of one time: a copy of the last one is known by it.
        self._said_ms = max(now.at_ms, self._said_ms + 1)
        seen = Seen(1, self._settings.site, self._settings.gate, self._said_ms, crossings, stretches)
        self._publish(pack_seen(self._key, seen))

    def _stretches(self, hour: int, floor: int) -> tuple[Stretch, ...]:
        """All that is known, by whole days and then by hours up to this one."""
        hourly = max(floor, (hour + 1 - _HOURLY) // _DAY_H * _DAY_H)
        whole_days = range(-(-floor // _DAY_H) * _DAY_H, hourly + 1, _DAY_H)
        days = [Stretch(first, 24, *self.ledger.known(first, _DAY_H)) for first, _ in pairwise(whole_days)]
        hours = [Stretch(first, 1, *self.ledger.known(first, 1)) for first in range(hourly, hour + 1)]
        return (*days, *hours)[-MAX_STRETCHES:]

    def _send_owed(self, now: Moment) -> None:
        """One page of the oldest stretch that somebody knows otherwise."""
        stretch, owed = next(iter(self._owed.items()))
        page = self.ledger.between(*stretch, owed.sent, MAX_CROSSINGS)
        if len(page) < MAX_CROSSINGS:
            del self._owed[stretch]
        else:
            owed.sent = page[-1]
        mine = tuple(one for one in page if self._is_mine_to_send(one.gate, owed.askers, now))
        if mine:
            self._say(mine, (), now)

    def _is_mine_to_send(self, origin: str, askers: set[str], now: Moment) -> bool:
        """Its own always; of a gate that asks itself, or is silent, one of those who are there, another each time."""
        if origin == self._settings.gate:
            return True
        if origin not in askers and origin in self._peers and self._hears(origin, now.mono_ms):
            return False
        there = {gate for gate in self._peers if self._hears(gate, now.mono_ms)} - askers
        turn = now.at_ms // self._settings.tell_every_ms
        return self._settings.gate == min(
            there | {self._settings.gate}, key=lambda gate: sha256(f"{turn}/{gate}".encode()).digest()
        )


def _pages(crossings: Iterable[Crossing]) -> Iterable[tuple[Crossing, ...]]:
    every = tuple(crossings)
    return (every[first : first + MAX_CROSSINGS] for first in range(0, len(every), MAX_CROSSINGS))
