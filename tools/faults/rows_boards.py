"""Boards whose broker or process dies under a pulse, and a door that opens when it should not."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tools.chaos.sides import pulses
from tools.demo.processes import SetupError, children
from tools.demo.street import wait
from tools.faults.fitting import DOOR, Fitting
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row
from tools.faults.visits import HEALTHY_C, OPEN, Visits, finish, nothing

_GATE: Final = "gate-1"
_PULSE_S: Final = 0.3
_LONG_PULSE_S: Final = 1.2
# A pulse's time, and that of a process that has to be started on a loaded machine to end it.
_OFF_S: Final = 3.0
# Longer than an order may be on its way, and than the gate looks for a broker.
_SURPRISE_S: Final = 4.0
_AWAY_S: Final = 5.0
_BACK_S: Final = 5.0
# From a question of the gate to the forehead: the verdict takes a little longer than to the next one.
_BEFORE_S: Final = 0.3
_PATIENCE_S: Final = 4.0
_NOTICED_S: Final = 3.0
# Subscribers are told what is open: somebody who slips in takes longer than the collector does to say so.
_SLIPS_IN_S: Final = 2.0
# A forced door must have shut before that is too long for one.
_DOOR_OPEN_S: Final = 5.0
# Whoever was let in may open the door for as long as the policy gives them to go through.
_LET_S: Final = 4.0 + 1.0
_PASSES_S: Final = 10.0


# --- a board behind a broker -----------------------------------------------------------------------------------------


def broker_killed(lab: Lab) -> None:
    """The broker between gate and board is killed while somebody is measured: the order fails, and nothing opens later
    than somebody expects."""
    visits, board, patient = _with_mqtt_board(lab)
    kill = partial(os.kill, _pid_of_broker(board), signal.SIGKILL)
    _struck(lab, visits, patient, kill, board.broker.start)


def broker_hangs(lab: Lab) -> None:
    """The same with a broker that stands still, whose buffers take whatever is sent to it, and that wakes up later."""
    visits, board, patient = _with_mqtt_board(lab)
    broker = _pid_of_broker(board)
    wake = partial(os.kill, broker, signal.SIGCONT)
    lab.at_end(wake)
    _struck(lab, visits, patient, partial(os.kill, broker, signal.SIGSTOP), wake)


def _struck(
    lab: Lab, visits: Visits, patient: Patient, strike: Callable[[], object], mend: Callable[[], object]
) -> None:
    with lab.trouble():
        saw, before = _in_the_way_of_an_order(visits, patient, strike)
        lab.check("nothing opens", visits.openings == before, f"they saw {saw or 'nothing'!r}")
        visits.pulled("board_gone", nothing, _NOTICED_S)
        visits.stands_there("nobody is let in without a broker", _AWAY_S)
        visits.put_back("board_gone", mend, _BACK_S)
        time.sleep(_SURPRISE_S)
        lab.check("I5 nor once it is back", visits.openings == before, f"{_SURPRISE_S:g} s later")
        told = f"{len(patient.orders)} opening orders"
        lab.check("I5 no order reaches a device that waited", not patient.orders, told)
    lab.people(2, intent="resident")
    visits.told_once("board_gone")
    finish(lab)


def _with_mqtt_board(lab: Lab) -> tuple[Visits, Any, Patient]:
    lab.build()
    board = Fitting(lab).opener("shelly", "shelly.log", _PULSE_S)
    lab.start()
    lab.people(1, intent="resident")
    patient = Patient(board.options)
    lab.at_end(patient.close)
    return Visits(lab), board, patient


def _in_the_way_of_an_order(visits: Visits, patient: Patient, strike: Callable[[], object]) -> tuple[str, int]:
    """Somebody with a good pass is measured so that the verdict falls between two questions of the gate to its board,
    and the blow just behind the first of them: the gate can't have noticed it."""
    before = visits.openings
    visits.steps_in()
    visits.street.forehead(None)
    visits.street.hold(visits.office.resident(site=visits.site))
    wait(lambda: bool(visits.street.screen.lane()["holder"]["en"]), _PASSES_S)
    patient.wait_question()
    time.sleep(_BEFORE_S)
    visits.street.forehead(HEALTHY_C)
    patient.wait_question()
    strike()
    saw = visits.street.wait_answer(_PATIENCE_S)
    visits.leaves()
    return saw, before


class Patient:
    """A device that hangs on the same broker and waits: what it hears, a relay would obey, however late it is."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.orders: list[bytes] = []
        self._asked = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="patient", protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{options['topic']}/rpc", 1)
        self._client.on_message = self._take
        self._client.connect(str(options["host"]), int(options["port"]), keepalive=60)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_question(self) -> None:
        """Until the gate asks the board how it is; orders are counted from then on."""
        self._asked.clear()
        if not self._asked.wait(_PASSES_S):
            raise SetupError("the gate asks its board nothing")
        self.orders.clear()

    def _take(self, client: Client, _data: object, message: MQTTMessage) -> None:
        if json.loads(message.payload).get("params", {}).get("on") is True:
            self.orders.append(bytes(message.payload))
        else:
            self._asked.set()


def _pid_of_broker(board: Any) -> int:
    """By the one file that names its configuration."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"opener/broker.conf") for word in words) and _is_child(int(folder.name)):
            return int(folder.name)
    raise SetupError(f"the broker of {board} does not run")


def _is_child(pid: int) -> bool:
    return pid in children(os.getpid())


# --- a board's own process -------------------------------------------------------------------------------------------


def child_killed(lab: Lab) -> None:
    """Nothing but a process of its own ends a pulse of such a board: it is killed in the middle of one, then the gate
    is, at a moment in which the board is energised."""
    lab.build()
    Fitting(lab).opener("gpio", "gpio.log", _LONG_PULSE_S)
    lab.start()
    visits = Visits(lab)
    lab.people(1, intent="resident")
    with lab.trouble():
        _killed_open(lab, visits, "its process is killed", lambda: os.kill(_child(lab), signal.SIGKILL))
        wait(lambda: not lab.shows(_GATE, "board_gone"), _PASSES_S)
    lab.people(1, intent="resident")
    died_ms = now_ms()
    _killed_open(lab, visits, "the gate is killed", partial(lab.town.kill, _GATE))
    lab.start_again(_GATE, died_ms)
    lab.people(2, intent="resident")
    lab.check("I5 every pulse ends in time", not _too_long(visits), f"{_too_long(visits)} of {visits.openings}")
    finish(lab)


def _killed_open(lab: Lab, visits: Visits, what: str, kill: Any) -> None:
    """Somebody is let in, and as the contact closes..."""
    visits.steps_in()
    visits.street.hold(visits.office.resident(site=visits.site))
    lab.check(f"{what} while it is open", wait(visits.street.is_open, _PASSES_S))
    kill()
    lab.until(f"I5 {what}: the contact falls", lambda: not visits.street.is_open(), _OFF_S)
    visits.leaves()


def _child(lab: Lab) -> int:
    for child in children(lab.town.pid(_GATE)):
        if b"gpio_child" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    raise SetupError(f"the board of {_GATE} has no process")


def _too_long(visits: Visits) -> list[int]:
    """Milliseconds of the pulses that lasted longer than their time and that of a new process."""
    lasted = [(pulse.to_ms or now_ms()) - pulse.from_ms for pulse in pulses(visits.street.wire_log)]
    return [one for one in lasted if one > 1000 * max(_OFF_S, _LONG_PULSE_S)]


# --- a door ----------------------------------------------------------------------------------------------------------


def door(lab: Lab) -> None:
    """A door is forced, used as it should be, and held open by somebody who was let in."""
    lab.build()
    Fitting(lab).door(_DOOR_OPEN_S)
    lab.start()
    visits = Visits(lab)
    contact = partial(visits.street.relay.set_input, DOOR)
    lab.people(1, intent="resident")
    time.sleep(_LET_S)
    visits.pulled("door_forced", partial(contact, True))
    time.sleep(_SLIPS_IN_S)
    visits.put_back("door_forced", partial(contact, False))
    _uses(visits, contact)
    lab.check("a door that is used is no alarm", not _shows_any(lab))
    _uses(visits, lambda active: contact(True))
    visits.pulled("door_held", lambda: None, _DOOR_OPEN_S)
    lab.check("who was let in has forced nothing", not lab.shows(_GATE, "door_forced"))
    visits.put_back("door_held", partial(contact, False))
    lab.people(2)
    visits.told_once("door_forced")
    visits.told_once("door_held")
    finish(lab)


def _uses(visits: Visits, contact: Any) -> None:
    """Somebody is let in, opens the door and shuts it behind them."""

    def through() -> None:
        contact(True)
        threading.Timer(0.8, contact, (False,)).start()

    visits.expect(
        "somebody comes in", OPEN, lambda: visits.street.hold(visits.office.resident(site=visits.site)), through
    )


def _shows_any(lab: Lab) -> bool:
    return any(lab.shows(_GATE, fault) for fault in ("door_forced", "door_held"))


ROWS: Final = (
    Row("G10", "the broker before a board killed under an order", broker_killed, "broker-killed"),
    Row("G10", "the broker before a board hangs under an order", broker_hangs, "broker-hangs"),
    Row("G10", "a board's own process killed in a pulse", child_killed, "child-killed"),
    Row("G10", "a door forced, and one held open", door, "door"),
)
