"""Faults of the line between gate and collector."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from tools.faults.lab import Lab
from tools.faults.rows import Row

# The gates of the laboratory beat every second and take three missing answers for a silent collector.
_SHOWN_S: Final = 6.0


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
    lab.people(2)
    lab.heal()
    lab.cleared("gate-1", "collector_absent")
    lab.judge()


ROWS: Final = (Row("G7", "the broker stands still", stopped_broker, "stopped"),)
