"""Gates of one site over a real broker with our own access list: uplink thread, ledger on disk, a broker that dies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint import topics
from checkpoint.policy_schema import Policy
from checkpoint.site_rules import passback
from checkpoint.site_wire import Seen, pack_seen
from edge.clock import SystemClock
from edge.mqtt import LinkSettings
from edge.outbox import Identity, Outbox
from edge.outbox_reader import OutboxReader
from edge.rulebook import everyday_policy
from edge.site import Site, keep_days
from edge.site_ledger import SiteLedger
from edge.uplink import Settings, UplinkCore
from edge.uplink_runner import Delivered, SiteHeard, UplinkRunner, subscriptions
from edge.uplink_values import Keys
from firmware_config.broker_files import acl_text
from tests.edge.broker import Broker
from tests.edge.site_kit import HOUSEHOLD, PASS, SITE, crossing, everything, key_of
from tests.edge.uplink_rig import KEYS
from tests.waiting import wait_for

NAMES = ("gate-1", "gate-2")
HEARTBEAT_S = 0.2


class Gate:
    """The uplink's real thread, and one that stands for the core's."""

    def __init__(self, folder: Path, name: str, port: int, policy: Policy) -> None:
        folder.mkdir(exist_ok=True)
        self.name = name
        self.clock = SystemClock(bytes(16), lambda _at, _mono: True)
        self.outbox = Outbox.open(folder / "outbox.db", Identity(name, "grid-3", 1), self.clock, "0.1.0", "start", 1)
        reader = OutboxReader(self.outbox.path)
        settings = Settings(name, heartbeat_ms=300, reask_ms=300, reask_most_ms=1_000, ask_soon_ms=50)
        core = UplinkCore(
            settings, Keys(key_of(name), KEYS.collector), reader, lambda: os.urandom(8), self.clock.boot_id, {}
        )
        link = LinkSettings("127.0.0.1", port, name, name, "secret", 5, (0.05, 0.2))
        listen = subscriptions(name, (name, SITE), SITE)
        self.runner = UplinkRunner(name, core, reader, link, listen, self.clock, self.delivered)
        self.ledger = SiteLedger(name, folder / "site.db")
        self.site = Site(SITE, name, HEARTBEAT_S, self.ledger, key_of(name), self.runner.say)
        self.site.link.gates({gate: key_of(gate).public_key() for gate in NAMES})
        self.policy = policy
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.turns, name=name)
        self.runner.start()
        self.thread.start()

    def delivered(self, what: Delivered) -> None:
        if isinstance(what, SiteHeard):
            self.site.heard(what.topic, what.data)

    def turns(self) -> None:
        while not self.stopping.wait(0.02):
            with self.lock:
                self.site.turn(self.clock.now(), self.runner.connected, self.policy)

    def cross(self, move: str = "in", pass_id: bytes = PASS) -> None:
        with self.lock:
            self.ledger.take(crossing(self.name, self.clock.now().at_ms, move, pass_id))  # type: ignore[arg-type]

    def known(self) -> int:
        with self.lock:
            return len(everything(self.ledger))

    def judged(self, move: str = "in", later_s: float = 120) -> str:
        with self.lock:
            seen = self.ledger.of_pass(PASS)
        now_ms = self.clock.now().at_ms + round(later_s * 1000)
        return passback(seen, move, self.name, now_ms, 3600, 60)  # type: ignore[arg-type]

    @property
    def apart(self) -> tuple[str, ...]:
        with self.lock:
            return self.site.link.apart(self.clock.now())

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()
        self.outbox.close("stopped")
        self.ledger.close()
        self.runner.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    acl = acl_text([(name, name, SITE) for name in NAMES] + [("thief", "thief", "moon-court")], "collector", None)
    users = dict.fromkeys((*NAMES, "thief", "collector"), "secret")
    broker = Broker(tmp_path, users, acl)
    yield broker
    broker.kill()


@pytest.fixture
def gates(tmp_path: Path, broker: Broker) -> Iterator[list[Gate]]:
    gates = [Gate(tmp_path / name, name, broker.port, everyday_policy()) for name in NAMES]
    wait_for(lambda: not any(gate.apart for gate in gates), "gates that hear each other")
    yield gates
    for gate in gates:
        gate.stop()


def test_entering_twice_is_seen_at_the_other_gate_within_two_seconds(gates: list[Gate]) -> None:
    one, other = gates
    assert other.judged() == ""
    one.cross()
    begun_s = time.monotonic()
    wait_for(lambda: other.judged() == "passback", "the crossing at the other gate")
    assert time.monotonic() - begun_s < 2
    assert other.judged(later_s=0) == "seen_elsewhere"
    other.cross("out")
    wait_for(lambda: one.judged() == "", "the way out at the first gate")


def test_a_cut_makes_gates_apart_and_what_they_missed_comes_later(gates: list[Gate], broker: Broker) -> None:
    one, other = gates
    broker.kill()
    wait_for(lambda: one.apart == ("gate-2",) and other.apart == ("gate-1",), "gates that say they are apart")
    for number in range(300):
        one.cross("out", number.to_bytes(8))
    other.cross()
    assert one.judged() == ""
    broker.start()
    wait_for(lambda: one.known() == other.known() == 301, "the same knowledge at both gates")
    wait_for(lambda: one.apart == other.apart == (), "gates that hear each other again")
    assert one.judged() == "passback"
    assert len(one.ledger.exits(HOUSEHOLD, 0)) == len(other.ledger.exits(HOUSEHOLD, 0)) == 300


def test_a_lost_disk_comes_back_from_the_other_gate(gates: list[Gate], broker: Broker, tmp_path: Path) -> None:
    one, other = gates
    one.cross()
    other.cross("out", b"another ")
    wait_for(lambda: one.known() == other.known() == 2, "the same knowledge at both gates")
    one.stop()
    for file in (tmp_path / "gate-1").glob("site.db*"):
        file.unlink()
    gates[0] = again = Gate(tmp_path / "gate-1", "gate-1", broker.port, everyday_policy())
    wait_for(lambda: again.known() == 2, "what was lost")


def test_a_gate_of_another_site_is_stopped_by_the_broker_and_by_the_signature(
    gates: list[Gate], broker: Broker, tmp_path: Path
) -> None:
    one, other = gates
    thief = Gate(tmp_path / "thief", "thief", broker.port, everyday_policy())
    wait_for(lambda: thief.runner.connected, "a connection of the thief's own")
    now_ms = one.clock.now().at_ms
    forged = Seen(1, SITE, "gate-1", now_ms, (crossing("gate-1", now_ms),), ())
    thief.runner.say(topics.seen(SITE, "gate-1"), pack_seen(key_of("thief"), forged))
    # Even one who holds a gate's key and no credential of its own reaches nobody.
    thief.runner.say(topics.seen(SITE, "gate-1"), pack_seen(key_of("gate-1"), forged))
    one.cross("out", b"genuine ")
    wait_for(lambda: other.known() == 1, "the genuine crossing")
    assert one.known() == 1
    assert thief.known() == 0
    thief.stop()


def test_crossings_are_kept_as_long_as_the_policy_may_ask_for_them() -> None:
    policy = everyday_policy()
    assert keep_days(policy) == 2
