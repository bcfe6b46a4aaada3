"""Gates of one site on a bus that a test can cut: real ledgers, real links, no broker."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import topics
from checkpoint.site_rules import Crossing, Move
from edge.clock import Moment
from edge.site_ledger import SiteLedger
from edge.site_link import SiteLink, SiteSettings

SITE = "sunrise-garden"
START_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
PASS = b"passport"
HOUSEHOLD = b"home"
_passages = itertools.count(1)


def crossing(
    gate: str,
    at_ms: int,
    move: Move = "in",
    pass_id: bytes = PASS,
    household: bytes | None = HOUSEHOLD,
    people: int = 1,
) -> Crossing:
    """A crossing of its own passage."""
    return Crossing(at_ms, gate, next(_passages).to_bytes(16), move, pass_id, household, people)


def key_of(gate: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(gate.encode().ljust(32, b"."))


class Town:
    """Gates by name; `cut` ones reach nobody. Time goes by turns of a second."""

    keep_days = 5.0

    def __init__(self, names: Sequence[str] = ("gate-1", "gate-2"), tell_every_ms: int = 30_000) -> None:
        self.now = Moment(START_MS, 1_000_000, True)
        self.cut: set[str] = set()
        self.said: list[tuple[str, bytes]] = []
        self.tell_every_ms = tell_every_ms
        self.keys = {name: key_of(name) for name in names}
        self.links = {name: self.link(name, SiteLedger(name)) for name in names}

    def link(self, name: str, ledger: SiteLedger) -> SiteLink:
        settings = SiteSettings(SITE, name, self.tell_every_ms)
        link = SiteLink(settings, self.keys[name], ledger, lambda data: self.said.append((name, data)))
        link.gates({gate: key.public_key() for gate, key in self.keys.items()})
        return link

    def restart(self, name: str, ledger: SiteLedger) -> None:
        self.links[name].ledger.close()
        self.links[name] = self.link(name, ledger)

    def go(self, name: str, move: Move = "in", pass_id: bytes = PASS) -> Crossing:
        one = crossing(name, self.now.at_ms, move, pass_id)
        self.links[name].ledger.take(one)
        return one

    def wait(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.now = Moment(self.now.at_ms + 1000, self.now.mono_ms + 1000, True)
            for name, link in self.links.items():
                link.turn(self.now, name not in self.cut, self.keep_days)
            self.deliver()

    def deliver(self) -> None:
        said, self.said = self.said, []
        for sender, data in said:
            for name, link in self.links.items():
                if sender not in self.cut and name not in self.cut:
                    link.arrived(topics.seen(SITE, sender), data, self.now)

    def everything(self, name: str) -> frozenset[Crossing]:
        return everything(self.links[name].ledger)

    def close(self) -> None:
        for link in self.links.values():
            link.ledger.close()


def everything(ledger: SiteLedger) -> frozenset[Crossing]:
    """All that a ledger would tell others."""
    return frozenset(ledger.between(0, 10_000_000, None, 1_000_000))
