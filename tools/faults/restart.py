"""A gate that starts again with a long backlog in its outbox."""

from __future__ import annotations

from typing import Final

from tools.faults.backlog import make_backlog
from tools.faults.evidence import identity_of
from tools.faults.lab import Lab, now_ms

_ANSWERED_S: Final = 60.0


def with_backlog(lab: Lab, count: int, gate: str = "gate-1") -> None:
    """The gate is killed, and started again with this many records more in its outbox."""
    died_ms = now_ms()
    lab.town.kill(gate)
    make_backlog(lab.outbox(gate), identity_of(lab.town, gate), count, lab.chance.randrange(2**31))
    lab.start_again(gate, died_ms)
    answered(lab, gate)


def answered(lab: Lab, gate: str = "gate-1") -> None:
    """What a gate may do with its lists it knows from the collector's first answer: until then nobody comes."""
    screen = lab.town.streets[lab.place(gate).street].screen
    lab.until(f"{gate} is answered", lambda: not screen.page.get("link", {"bad": True})["bad"], _ANSWERED_S)
