"""Two real gates of one compound, people with passes of it, and what the disks say."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from central.keys import load_key
from checkpoint.formats import gk1
from checkpoint.passes import Claims
from checkpoint.records import Verdict
from tools.chaos.run import PACE, places
from tools.demo.evidence import gate_records
from tools.demo.processes import Town
from tools.demo.street import CROSSING, wait

_LIMIT_S = 40.0
T = TypeVar("T")


@dataclass(frozen=True)
class Held:
    """A pass in somebody's hand."""

    pass_id: bytes
    code: bytes


class Compound:
    """A town whose two gates are of one site."""

    def __init__(self, folder: Path, rules: Callable[[str], str]) -> None:
        policy = folder / "policy.toml"
        policy.write_text(rules(PACE.policy.read_text(encoding="utf-8")), encoding="utf-8")
        gates = [replace(place, site="garden", grid="gardens-1") for place in places(2)]
        self.town = Town(folder, gates, replace(PACE, policy=policy))
        self._direction = "in"

    def start(self) -> None:
        self.town.set_up()
        self.town.start()
        self.issuer = load_key(self.town.folder / "central" / "keys", "issuer")

    def leads(self, direction: Literal["in", "out"]) -> None:
        """From now on both gates lead this way; whoever wants to leave can also take another way out."""
        if direction == self._direction:
            return
        for place in self.town.places:
            self.town.kill_gate(place.gate)
        for place in self.town.places:
            file = self.town.gate_folder(place.gate) / "gate.toml"
            text = file.read_text(encoding="utf-8").replace("other_free_exit = true\n", "")
            text = text.replace(f'direction = "{self._direction}"', f'direction = "{direction}"')
            free = "other_free_exit = true\n" if direction == "out" else ""
            file.write_text(text.replace('kind = "person"\n', f'kind = "person"\n{free}'), encoding="utf-8")
            screen = self.town.streets[place.street].screen
            assert wait(lambda screen=screen: screen.lane() == {}, _LIMIT_S)  # type: ignore[misc]
            self.town.start_gate(place.gate)
        self._direction = direction

    def a_pass(self, household: bytes = b"home", uses: int | None = None) -> Held:
        now_s = int(time.time())
        claims = Claims(
            pass_id=secrets.token_bytes(8), subject=secrets.token_bytes(8), pass_class="resident", scope=("garden",),
            not_before_s=now_s - 3600, expires_s=now_s + 36_000, household=household, uses=uses,
        )  # fmt: skip
        return Held(claims.pass_id, gk1.issue(claims, self.issuer).encode())

    def verdicts(self, gate: str) -> list[Verdict]:
        return self.payloads(gate, Verdict)

    def payloads(self, gate: str, kind: type[T]) -> list[T]:
        """What the records of this kind on the gate's disk say, oldest first."""
        records = gate_records(self.town.gate_folder(gate) / "data" / "outbox.db")
        return [kept.payload for kept in records if isinstance(kept.payload, kind)]

    def shows(self, gate: str, held: Held) -> Verdict:
        """Somebody comes with this pass, and goes through if the gate opens."""
        verdict = self.comes(gate, held)
        if verdict.verdict == "allow":
            self.crosses(gate)
        self.goes(gate)
        return verdict

    def comes(self, gate: str, held: Held) -> Verdict:
        """Somebody comes with this pass, and stands there with the verdict."""
        street = self.town.streets[gate]
        assert wait(lambda: street.screen.lane().get("state") == "wait", _LIMIT_S), self.town.tail(gate)
        before = len(self.verdicts(gate))
        street.step_in()
        street.hold(held.code)
        street.forehead(36.3)
        assert wait(lambda: len(self.verdicts(gate)) > before, _LIMIT_S), self.town.tail(gate)
        street.lower()
        return self.verdicts(gate)[-1]

    def crosses(self, gate: str) -> None:
        street = self.town.streets[gate]
        assert street.wait_open(10.0), self.town.tail(gate)
        street.press(CROSSING, 0.3)

    def goes(self, gate: str) -> None:
        street = self.town.streets[gate]
        street.forehead(None)
        street.step_away()
        street.keep_distance()

    def until_known(self, gate: str, held: Held) -> None:
        """Until this gate's ledger, read from outside, has the pass."""
        path = self.town.gate_folder(gate) / "data" / "site.db"

        def known() -> bool:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
                row = file.execute("SELECT count(*) FROM crossings WHERE pass_id = ?", (held.pass_id,)).fetchone()
            return bool(row[0])

        assert wait(known, _LIMIT_S), self.town.tail(gate)
