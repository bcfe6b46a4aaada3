"""What is known of one gate after a run, read from outside: its disk, the collector's, the relay's wire, its people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.chaos.kills import Kill
from tools.chaos.people import Person
from tools.chaos.run import Run
from tools.demo.evidence import Kept, collector_records, gate_records
from tools.demo.processes import Place, Town


@dataclass(frozen=True, slots=True)
class Pulse:
    """One time that the relay was energised, in wall time; `to_ms` None: it never fell back."""

    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """One gate's evidence."""

    gate: str
    grid_path: str
    on_disk: list[Kept]
    stored: list[Kept]
    pulses: list[Pulse]
    people: list[Person]
    kills: list[Kill]
    troubles: list[tuple[int, int]] = field(default_factory=list)
    """From when to when nobody could expect to be served, for another cause than a kill."""

    def excused_between(self, from_ms: int, to_ms: int) -> bool:
        """Whether the gate was dead, or in trouble, at some time of this interval."""
        in_trouble = any(began <= to_ms and from_ms <= ended for began, ended in self.troubles)
        return in_trouble or self.killed_between(from_ms, to_ms)

    def killed_between(self, from_ms: int, to_ms: int) -> bool:
        """Whether the gate was dead, or not yet recording again, at some time of this interval."""
        return any(kill.at_ms <= to_ms and from_ms <= self._records_again_ms(kill) for kill in self.kills)

    def _records_again_ms(self, kill: Kill) -> int:
        began = (kept.header.at for kept in self.on_disk if kept.header.kind == "opened")
        return min((at_ms for at_ms in began if at_ms > kill.at_ms), default=kill.back_ms)


def side_of(town: Town, place: Place, people: list[Person], kills: Sequence[Kill]) -> Side:
    """The gate's disk is read first: what appears meanwhile is at most more at the collector."""
    return Side(
        place.gate,
        f"nanchang/donghu/yangming/gardens/{place.grid}",
        gate_records(town.gate_folder(place.gate) / "data" / "outbox.db"),
        collector_records(town.database, place.gate),
        pulses(town.streets[place.street].wire_log),
        people,
        [kill for kill in kills if kill.target == place.gate],
    )


def sides_of(town: Town, run: Run) -> list[Side]:
    return [side_of(town, place, run.entrances[place.gate].people, run.kills) for place in town.places]


def pulses(wire_log: Path) -> list[Pulse]:
    """The relay of channel 0, from its log."""
    found: list[Pulse] = []
    for line in wire_log.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "open":
            found.append(Pulse(event["at_ms"], None))
        else:
            found[-1] = Pulse(found[-1].from_ms, event["at_ms"])
    return found
