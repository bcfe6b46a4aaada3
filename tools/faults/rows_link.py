"""Faults of the line between gate and broker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Final

from tools.demo.street import wait
from tools.faults.evidence import memory_mib, stored, stored_ms, unsent
from tools.faults.lab import Lab
from tools.faults.network import Namespace
from tools.faults.restart import with_backlog
from tools.faults.rows import Row, network

# The gates of the laboratory beat every second and take three missing answers for a silent collector. Their keepalive
# is 5 s: TCP and MQTT would notice after 10 s.
_SHOWN_S: Final = 6.0
# A dropped line is given up after twice the keepalive, and the next connection has 10 s.
_GIVEN_UP_S: Final = 45.0
# Bytes that a connection carries: CONNECT has some 300, a batch of 16 records some 2,600, of 500 some 63,000.
_CUTS: Final = (
    (20_000, 40_000), (8_000, 20_000), (1_000, 8_000), (300, 1_000), (40, 300), (1, 40), (20_000, 90_000),
    (90_000, 1_000_000),
)  # fmt: skip
_MANY: Final = 100_000
_SOME: Final = 1_500
_DRAIN_S: Final = 170.0
# Growth of a gate's memory over a fault. A queue of whole batches in memory would be larger.
_GROWTH_MIB: Final = 32.0


def stopped_broker(lab: Lab) -> None:
    """The broker stands still with its connections open: the screen says so long before TCP would."""
    town = lab.start()
    lab.people(3)
    broker = town.pid("broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        lab.alarm("gate-1", "collector_absent", _SHOWN_S)
        lab.people(3)
        time.sleep(2.0)
    finally:
        os.kill(broker, signal.SIGCONT)
    _over(lab, "collector_absent")


def silent_line(lab: Lab) -> None:
    """Both ends of the connection stand and nothing comes through: half-open, as a proxy can play it."""
    lab.start()
    lab.people(2)
    line = lab.proxies["gate-1"].line
    line.silent = True
    lab.alarm("gate-1", "collector_absent", _SHOWN_S)
    lab.people(2)
    line.silent = False
    _over(lab, "collector_absent")


def dropped_packets(lab: Lab) -> None:
    """Every packet of the uplink is dropped until the gate gives the connection up, and can't make another."""
    cable = _cabled(lab)
    lab.people(2)
    cable.drop()
    lab.alarm("gate-1", "collector_absent", _SHOWN_S)
    lab.people(2)
    lab.alarm("gate-1", "broker_unreachable", _GIVEN_UP_S)
    lab.people(1)
    cable.heal()
    lab.cleared("gate-1", "collector_absent")
    _over(lab, "broker_unreachable")


# --- a long outage ---------------------------------------------------------------------------------------------------


def long_outage(lab: Lab) -> None:
    """The uplink is down while people keep coming and 100,000 records wait; an alarm overtakes them all."""
    town = lab.start()
    lab.people(2)
    with_backlog(lab, _MANY)
    proxy = lab.proxies["gate-1"]
    proxy.refuse()
    lab.alarm("gate-1", "broker_unreachable", _GIVEN_UP_S)
    before, came = unsent(lab, "gate-1"), stored(town, "gate-1")
    lab.people(4)
    after = unsent(lab, "gate-1")
    kept = f"{came} records are at the collector, {before} wait before and {after} after four people"
    lab.check("records wait at the gate", after > before > _MANY // 2 and stored(town, "gate-1") == came, kept)
    before_mib = memory_mib(town.pid("gate-1"))
    proxy.listen()
    began_s = time.monotonic()
    wait(lambda: stored(town, "gate-1") > _MANY // 10, _DRAIN_S)
    overtaking = unsent(lab, "gate-1")
    town.streets["gate-1"].thermometer.set(fault="unplug")
    lab.called("gate-1", "thermometer_gone", 30.0)
    wait(lambda: unsent(lab, "gate-1") == 0, _DRAIN_S)
    took_s = time.monotonic() - began_s
    lab.check("drained", unsent(lab, "gate-1") == 0, f"{stored(town, 'gate-1')} records, {took_s:.1f} s")
    _heard_first(lab, overtaking)
    _bounded(lab, before_mib)
    town.streets["gate-1"].thermometer.set(fault=None)
    lab.people(1)
    lab.heal()
    lab.cleared("gate-1", "thermometer_gone")
    lab.cleared("gate-1", "broker_unreachable")
    lab.judge()


def _heard_first(lab: Lab, overtaking: int) -> None:
    """The subscriber's clock and the collector's are the same machine's."""
    heard_ms = min((case.opened_ms for case in lab.cases("gate-1", "thermometer_gone")), default=0)
    came_ms = stored_ms(lab.town, "gate-1", "thermometer_gone")
    lab.check(
        "I4 alarm overtakes",
        overtaking > 0 and came_ms is not None and 0 < heard_ms < came_ms,
        f"{overtaking} records were before it; heard {((came_ms or 0) - heard_ms) / 1000:.1f} s before its record came",
    )


# --- bad lines -------------------------------------------------------------------------------------------------------


def resets(lab: Lab) -> None:
    """Each connection is reset after k bytes: after less than a batch, within CONNECT, after some batches."""
    town = lab.start()
    lab.people(1)
    line, proxy = lab.proxies["gate-1"].line, lab.proxies["gate-1"]
    line.reset_after = lab.chance.randrange(*_CUTS[0])
    with_backlog(lab, _SOME)
    lab.people(1)
    before_mib = memory_mib(town.pid("gate-1"))
    for low, high in _CUTS[1:]:
        line.reset_after = lab.chance.randrange(low, high)
        proxy.reset()
        lab.people(1)
        time.sleep(2.0)
    lab.check("resets happened", proxy.resets >= len(_CUTS), f"{proxy.resets} connections were cut")
    line.reset_after = None
    _bounded(lab, before_mib)
    lab.people(1)
    lab.heal()
    lab.judge()


def lossy(lab: Lab) -> None:
    """Every fifth packet of the uplink is lost, either way, while a backlog drains."""
    cable = _cabled(lab)
    _bad_line(lab, lambda: cable.lose(0.2), cable.heal)


def slow_proxy(lab: Lab) -> None:
    """32 kbit/s each way, by a proxy."""
    lab.start()

    def slow() -> None:
        lab.proxies["gate-1"].line.bytes_per_s = 4_000.0

    def quick() -> None:
        lab.proxies["gate-1"].line.bytes_per_s = None

    _bad_line(lab, slow, quick)


def slow_cable(lab: Lab) -> None:
    """32 kbit/s each way, by a token bucket on the cable."""
    cable = _cabled(lab)
    _bad_line(lab, lambda: cable.slow(32_000), cable.heal)


def _bad_line(lab: Lab, spoil: Callable[[], None], heal: Callable[[], None]) -> None:
    """A backlog goes through the bad line itself, and nobody waits for it."""
    lab.people(1)
    spoil()
    began_s = time.monotonic()
    with_backlog(lab, _SOME)
    lab.people(1)
    before_mib = memory_mib(lab.town.pid("gate-1"))
    lab.people(2)
    wait(lambda: unsent(lab, "gate-1") == 0, _DRAIN_S)
    left = unsent(lab, "gate-1")
    detail = f"{left} wait, {stored(lab.town, 'gate-1')} came in {time.monotonic() - began_s:.0f} s"
    lab.check("drains over the bad line", left == 0, detail)
    _bounded(lab, before_mib)
    heal()
    lab.heal()
    lab.judge()


# --- what the rows share ---------------------------------------------------------------------------------------------


def _over(lab: Lab, fault: str) -> None:
    """The line is good again."""
    lab.people(2)
    lab.heal()
    lab.cleared("gate-1", fault)
    lab.judge()


def _cabled(lab: Lab) -> Namespace:
    cable = Namespace()
    lab.at_end(cable.close)
    lab.build()
    cable.move_in(lab, "gate-1")
    lab.start()
    return cable


def _bounded(lab: Lab, before_mib: float) -> None:
    after_mib = memory_mib(lab.town.pid("gate-1"))
    detail = f"{before_mib:.0f} MiB before, {after_mib:.0f} MiB after, at most {_GROWTH_MIB:g} more"
    lab.check("gate's memory bounded", after_mib - before_mib < _GROWTH_MIB, detail)


ROWS: Final = (
    Row("G6", "uplink down, 100,000 records wait, an alarm overtakes", long_outage, limit_s=600.0),
    Row("G7", "the broker stands still", stopped_broker, "stopped"),
    Row("G7", "half-open line", silent_line, "proxy"),
    Row("G7", "half-open line, packets dropped", dropped_packets, "drop", network),
    Row("G8", "line reset after every k bytes", resets, "resets"),
    Row("G8", "20 % of the packets lost", lossy, "loss", network),
    Row("G8", "line of 32 kbit/s", slow_proxy, "slow", limit_s=400.0),
    Row("G8", "line of 32 kbit/s, shaped by the kernel", slow_cable, "tbf", network, limit_s=400.0),
)
