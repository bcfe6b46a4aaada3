"""The demo's fourth part: the next policy goes to one gate, then to the other, and is taken back at both."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from checkpoint.documents import open_document
from tools.demo.console_words import ConsoleWords
from tools.demo.judge import Finding
from tools.demo.office import Office
from tools.demo.people import Expected, Scene, go_through
from tools.demo.playing import Playing
from tools.demo.policy_life import NEW, OLD
from tools.demo.processes import PLACES, Place, Town
from tools.demo.street import wait

EAST, WEST = PLACES
_PATIENCE_S: Final = 30.0
_SCOPE: Final = "nanchang"
_BY_OLD: Final = Expected("allow", (), "passed", openings=1, policy=OLD)
_BY_NEW: Final = Expected("escalate", ("travel_not_stated",), "turned_back", policy=NEW)


class Staged:
    """One roll-out over both gates, told by the console and looked at on the gates' disks."""

    def __init__(self, words: ConsoleWords, office: Office, playing: Playing) -> None:
        self._words, self._town = words, words.town
        self._office, self._playing = office, playing

    def roll_out(self, new: Path) -> list[Finding]:
        """First the west gate, then all, then back; a visitor at the gates each time."""
        old_text, new_text = self._town.policy_file.read_bytes(), new.read_bytes()
        stages = f"gate:{WEST.gate},all"
        self._words.central("rollout", "start", str(new), "--scope", _SCOPE, "--stages", stages, "--by", "li")
        first = self._stage("one gate is in the stage", {EAST.gate: "outside", WEST.gate: "in_force"})
        self._playing.play([
            self._visitor("visitor, at the gate in the stage: asked for travel", WEST, _BY_NEW),
            self._visitor("visitor, at the gate outside of it: as ever", EAST, _BY_OLD),
        ])  # fmt: skip
        told = [first, self._disks("the other gate's disk has the old text", {EAST: old_text, WEST: new_text})]
        self._words.central("rollout", "next", "--by", "li")
        told.append(self._stage("every gate has it", {EAST.gate: "in_force", WEST.gate: "in_force"}))
        self._playing.play([self._visitor("visitor, now at the other gate too", EAST, _BY_NEW)])
        self._words.central("rollout", "back", "--by", "li", "--why", "visitors have no statements yet")
        told.append(self._disks("taken back: both disks have the old text", {EAST: old_text, WEST: old_text}))
        title = "visitor, after the way back"
        self._playing.play([self._visitor(f"{title}, {place.street}", place, _BY_OLD) for place in PLACES])
        return told

    def _visitor(self, title: str, place: Place, expected: Expected) -> Scene:
        code, street = self._office.visitor(site=place.site), self._town.streets[place.street]

        def act() -> None:
            go_through(street, code)

        return Scene(title, place.gate, act, (expected,))

    def _stage(self, what: str, wanted: dict[str, str]) -> Finding:
        """Until the gates say so themselves; and what they said before."""
        seen: list[dict[str, str]] = []

        def arrived() -> bool:
            views = self._words.central_json("rollout", "show", "--scope", _SCOPE)
            states = {gate["gate"]: gate["state"] for gate in views[0]["gates"]}
            if states not in seen:
                seen.append(states)
            return states == wanted

        ok = wait(arrived, _PATIENCE_S)
        self._words.central("rollout", "show")
        path = "; ".join(f"{gate} {' → '.join(_changes(seen, gate))}" for gate in wanted)
        return Finding(f"rollout: {what}, by the gates' own word", ok, path)

    def _disks(self, what: str, wanted: dict[Place, bytes]) -> Finding:
        ok = wait(
            lambda: all(_on_disk(self._town, place.gate)[0] == text for place, text in wanted.items()), _PATIENCE_S
        )
        versions = {place.gate: _on_disk(self._town, place.gate)[1] for place in wanted}
        return Finding(f"rollout: {what}", ok, ", ".join(f"{gate} document {n}" for gate, n in versions.items()))


def _changes(seen: list[dict[str, str]], gate: str) -> list[str]:
    return list(dict.fromkeys(states[gate] for states in seen))


def _on_disk(town: Town, gate: str) -> tuple[bytes, int]:
    """Text and version of the city's policy as the gate keeps it."""
    file = town.gate_folder(gate) / "data" / "documents" / f"policy@{_SCOPE}.doc"
    document = open_document(msgspec.msgpack.decode(file.read_bytes())[1])
    return document.content, document.version
