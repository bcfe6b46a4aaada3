"""Faults of a gate's clock: none at the start, years off, stepped while it runs, and a collector that is wrong."""

from __future__ import annotations

import json
import time
from typing import Final

from tools.chaos.people import Intent
from tools.chaos.run import PACE
from tools.faults.clocks import Claims, Clocks, check_dates, check_undated_is_empty, clock_records, doubtful
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
# Three days after its epoch, as a board without a battery starts; and a battery clock that has run wild.
_IN_1970_MS: Final = 3 * _DAY_MS
_IN_2035_MS: Final = 2_051_222_400_000
# Heartbeats come every second, the kernel is asked every second.
_SOON_S: Final = 15.0
# A gate that starts loads its libraries first, beside all the others.
_START_S: Final = 60.0
# Three contradicting answers over 30 s take away what answers gave.
_DOUBT_S: Final = 60.0


def _town(lab: Lab, gates: int = 1) -> Clocks:
    """Gates whose clocks are right, and trusted because the collector's answers say so; no kernel vouches for them."""
    lab.build(gates)
    clocks = Clocks(lab)
    lab.start()
    for gate in lab.gates:
        clocks.becomes(gate, trusted=True, timeout_s=_SOON_S)
        lab.people(1, gate)
    return clocks


def _boot_wrong(lab: Lab, wrong_ms: int) -> None:
    """The gate starts without a usable clock; the collector's answers date what it records, the kernel heals it."""
    clocks = _town(lab)
    clocks.boot("gate-1", wrong_ms)
    with lab.trouble():
        clocks.becomes("gate-1", trusted=False, timeout_s=_START_S)
        _two_in_doubt(lab)
        lab.check("way out is free", _leaves(lab), "the exit button opens whatever time it is")
        _new_policy(lab)
        check_dates(lab, clocks, "gate-1", " by signed answers")
        check_undated_is_empty(lab)
        lab.check("still not trusted", clocks.trusted("gate-1") is False, "answers alone make no clock trusted")
    _settled(lab, clocks)


def _boot_wrong_alone(lab: Lab, wrong_ms: int) -> None:
    """The same with the cable cut: nothing that hangs on the time is accepted or refused; dated when the link comes."""
    clocks = _town(lab)
    lab.proxies["gate-1"].refuse()
    witnessed = clock_records(lab, "gate-1")
    clocks.boot("gate-1", wrong_ms)
    with lab.trouble():
        clocks.becomes("gate-1", trusted=False, timeout_s=_START_S)
        _two_in_doubt(lab)
        lab.check("way out is free", _leaves(lab), "the exit button opens whatever time it is")
        lab.check(
            "no date is made up", clock_records(lab, "gate-1") == witnessed, "no clock record without any witness"
        )
        lab.proxies["gate-1"].listen()
        check_dates(lab, clocks, "gate-1", " after the link came")
        check_undated_is_empty(lab)
    _settled(lab, clocks)


def _two_in_doubt(lab: Lab) -> None:
    intents: tuple[Intent, ...] = ("resident", "expired")
    for intent in intents:
        lab.until("asks for a pass", lambda: lab.town.streets["gate-1"].screen.lane().get("state") == "wait", _START_S)
        person = lab.entrances["gate-1"].somebody(intent)
        doubtful(lab, "gate-1", person)


def _new_policy(lab: Lab) -> None:
    """What is published while the gate's clock is wrong is judged by the time in the collector's answers."""
    kept = lab.town.gate_folder("gate-1") / "data" / "documents" / "policy@nanchang.doc"
    before = kept.read_bytes()
    lab.town.central("document", "publish", "--kind", "policy", "--scope", "nanchang", str(PACE.policy))
    lab.until("a document is taken at the right time", lambda: kept.read_bytes() != before, _START_S)


def _leaves(lab: Lab) -> bool:
    lab.until(
        "asks for a pass again", lambda: lab.town.streets["gate-1"].screen.lane().get("state") == "wait", _START_S
    )
    return lab.entrances["gate-1"].somebody("leaves").done


def _settled(lab: Lab, clocks: Clocks) -> None:
    """The kernel learns the time: everything is as always."""
    clocks.set("gate-1", 0, kernel=True)
    clocks.becomes("gate-1", trusted=True, timeout_s=_SOON_S)
    lab.people(2)
    lab.heal()
    check_dates(lab, clocks, "gate-1")
    check_undated_is_empty(lab)
    lab.judge()


def boot_1970(lab: Lab) -> None:
    """Boot at 1970 with the collector in reach."""
    _boot_wrong(lab, _IN_1970_MS)


def boot_2035(lab: Lab) -> None:
    """Boot at 2035 with the collector in reach."""
    _boot_wrong(lab, _IN_2035_MS)


def boot_1970_alone(lab: Lab) -> None:
    """Boot at 1970 with the cable cut."""
    _boot_wrong_alone(lab, _IN_1970_MS)


def boot_2035_alone(lab: Lab) -> None:
    """Boot at 2035 with the cable cut."""
    _boot_wrong_alone(lab, _IN_2035_MS)


def collector_2035(lab: Lab) -> None:
    """The collector's own clock says 2035 for a moment, to a gate that is right and to one that is at 2035 itself."""
    clocks = _town(lab, gates=2)
    floors = {gate: _floor_ms(lab, gate) for gate in lab.gates}
    clocks.boot("gate-2", _IN_2035_MS)
    clocks.becomes("gate-2", trusted=False, timeout_s=_START_S)
    with lab.trouble():
        clocks.set("collector", _IN_2035_MS - now_ms())
        # One of its answers agrees with the gate that is wrong.
        clocks.becomes("gate-2", trusted=True, timeout_s=_SOON_S)
        clocks.set("collector", 0)
        lab.check("right gate stays trusted", clocks.trusted("gate-1"), "one wrong answer changes nothing")
        lab.people(2, "gate-1")
        clocks.becomes("gate-2", trusted=False, timeout_s=_DOUBT_S)
        clocks.set("gate-2", 0)
        clocks.becomes("gate-2", trusted=True, timeout_s=_SOON_S)
        lab.kill("gate-1")
        lab.kill("gate-2")
    for gate in lab.gates:
        clocks.becomes(gate, trusted=True, timeout_s=_START_S)
        risen_ms = _floor_ms(lab, gate) - floors[gate]
        lab.check(f"floor of {gate}", risen_ms < _HOUR_MS, f"rose by {risen_ms} ms")
        lab.people(2, gate)
    lab.heal()
    check_undated_is_empty(lab)
    lab.judge()


def _floor_ms(lab: Lab, gate: str) -> int:
    return int(json.loads((lab.town.gate_folder(gate) / "data" / "clock.json").read_bytes())["floor_ms"])


def steps(lab: Lab) -> None:
    """A clock that only answers vouch for is stepped both ways; what was told as complete stays so."""
    clocks = _town(lab)
    claims = Claims(lab, "gate-1")
    for step_ms in (_HOUR_MS, -_HOUR_MS):
        with lab.trouble():
            # Nobody else sets it right meanwhile: a link would.
            lab.proxies["gate-1"].line.silent = True
            clocks.set("gate-1", step_ms)
            clocks.becomes("gate-1", trusted=False, timeout_s=_SOON_S)
            doubtful(lab, "gate-1", lab.entrances["gate-1"].somebody("resident"))
            clocks.set("gate-1", 0)
            clocks.becomes("gate-1", trusted=True, timeout_s=_SOON_S)
            lab.proxies["gate-1"].line.silent = False
            lab.proxies["gate-1"].reset()
        lab.people(1)
    time.sleep(2.0)
    clocks.set("gate-1", -30_000)
    lab.people(2)
    lab.check("a small step keeps trust", clocks.trusted("gate-1"), "30 s back")
    time.sleep(1.0)
    clocks.set("gate-1", 0)
    lab.people(1)
    lab.heal()
    check_undated_is_empty(lab)
    claims.judge()
    lab.judge()


def steps_vouched(lab: Lab) -> None:
    """The kernel vouches for a clock that is stepped: forward it is believed, back only when an answer agrees."""
    clocks = _town(lab)
    claims = Claims(lab, "gate-1")
    clocks.set("gate-1", 0, kernel=True)
    lab.people(1)
    clocks.set("gate-1", 600_000, kernel=True)
    lab.people(2)
    lab.check("forward is believed", clocks.trusted("gate-1"), "10 min, vouched for by the kernel")
    time.sleep(2.0)
    with lab.trouble():
        clocks.set("gate-1", 0, kernel=True)
        # Sooner than an answer can come, or just after it.
        lab.entrances["gate-1"].somebody("resident")
        clocks.becomes("gate-1", trusted=True, timeout_s=_SOON_S)
    lab.people(1)
    clocks.set("gate-1", -30_000, kernel=True)
    lab.people(2)
    lab.heal()
    check_undated_is_empty(lab)
    claims.judge()
    lab.judge()


ROWS: Final = (
    Row("G12", "boot at 1970, collector in reach", boot_1970, "1970"),
    Row("G12", "boot at 2035, collector in reach", boot_2035, "2035"),
    Row("G12", "boot at 1970, no link", boot_1970_alone, "1970-alone"),
    Row("G12", "boot at 2035, no link", boot_2035_alone, "2035-alone"),
    Row("G12", "collector at 2035 for a moment", collector_2035, "collector-2035"),
    Row("G12", "clock stepped both ways", steps, "steps"),
    Row("G12", "clock stepped, kernel vouches", steps_vouched, "steps-vouched"),
)
