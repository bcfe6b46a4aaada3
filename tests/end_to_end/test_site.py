"""Two real gates of one compound: a pass that went in at one is known at the other, also after a cut and a kill."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from central.keys import load_key
from checkpoint.formats import gk1
from checkpoint.passes import Claims
from checkpoint.records import Verdict
from tools.chaos.run import PACE, places
from tools.demo.evidence import gate_records
from tools.demo.processes import Town
from tools.demo.street import CROSSING, wait

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

_LIMIT_S = 40.0
_PASSBACK = """
[passback]
mode = "enforce"
window_s = 3600
walk_s = 0
"""


@dataclass(frozen=True)
class Held:
    """A pass in somebody's hand."""

    pass_id: bytes
    code: bytes


class Compound:
    """A town whose two gates are of one site."""

    def __init__(self, folder: Path) -> None:
        policy = folder / "policy.toml"
        policy.write_text(PACE.policy.read_text(encoding="utf-8") + _PASSBACK, encoding="utf-8")
        gates = [replace(place, site="garden", grid="gardens-1") for place in places(2)]
        self.town = Town(folder, gates, replace(PACE, policy=policy))
        self._shown = {place.gate: 0 for place in gates}

    def start(self) -> None:
        self.town.set_up()
        self.town.start()
        self.issuer = load_key(self.town.folder / "central" / "keys", "issuer")

    def a_pass(self) -> Held:
        now_s = int(time.time())
        claims = Claims(
            pass_id=secrets.token_bytes(8), subject=secrets.token_bytes(8), pass_class="resident", scope=("garden",),
            not_before_s=now_s - 3600, expires_s=now_s + 36_000, household=b"home",
        )  # fmt: skip
        return Held(claims.pass_id, gk1.issue(claims, self.issuer).encode())

    def verdicts(self, gate: str) -> list[Verdict]:
        records = gate_records(self.town.gate_folder(gate) / "data" / "outbox.db")
        return [kept.payload for kept in records if isinstance(kept.payload, Verdict)]

    def shows(self, gate: str, held: Held) -> Verdict:
        """Somebody comes with this pass, and goes through if the gate opens."""
        street = self.town.streets[gate]
        assert wait(lambda: street.screen.lane().get("state") == "wait", _LIMIT_S), self.town.tail(gate)
        before = len(self.verdicts(gate))
        street.step_in()
        street.hold(held.code)
        street.forehead(36.3)
        assert wait(lambda: len(self.verdicts(gate)) > before, _LIMIT_S), self.town.tail(gate)
        street.lower()
        street.forehead(None)
        verdict = self.verdicts(gate)[-1]
        if verdict.verdict == "allow":
            assert street.wait_open(10.0)
            street.press(CROSSING, 0.3)
        street.step_away()
        street.wait_polled()
        time.sleep(0.35)
        return verdict

    def until_known(self, gate: str, held: Held) -> None:
        """Until this gate's ledger, read from outside, has the pass."""
        path = self.town.gate_folder(gate) / "data" / "site.db"

        def known() -> bool:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
                row = file.execute("SELECT count(*) FROM crossings WHERE pass_id = ?", (held.pass_id,)).fetchone()
            return bool(row[0])

        assert wait(known, _LIMIT_S), self.town.tail(gate)


@pytest.fixture(scope="module")
def compound(open_folder: Path) -> Iterator[Compound]:
    compound = Compound(open_folder)
    try:
        compound.start()
        yield compound
    finally:
        compound.town.close()


def test_who_went_in_at_one_gate_is_inside_for_the_other(compound: Compound) -> None:
    mine, other = compound.a_pass(), compound.a_pass()
    assert compound.shows("gate-1", mine).verdict == "allow"
    compound.until_known("gate-2", mine)
    verdict = compound.shows("gate-2", mine)
    assert (verdict.verdict, verdict.reason) == ("escalate", "passback")
    # Nobody else pays for it.
    assert compound.shows("gate-2", other).verdict == "allow"


def test_a_killed_gate_still_knows_who_is_inside(compound: Compound) -> None:
    mine = compound.a_pass()
    assert compound.shows("gate-2", mine).verdict == "allow"
    compound.town.kill_gate("gate-2")
    compound.town.start_gate("gate-2")
    assert compound.shows("gate-2", mine).reason == "passback"


def test_gates_that_are_apart_say_so_and_catch_up(compound: Compound) -> None:
    mine = compound.a_pass()
    compound.town.stop_broker()
    assert wait(lambda: "site_apart" in compound.shows("gate-2", compound.a_pass()).tags, _LIMIT_S)
    assert compound.shows("gate-1", mine).verdict == "allow"
    # The honest limit: nobody has told this gate.
    blind = compound.shows("gate-2", compound.a_pass())
    assert (blind.verdict, "site_apart" in blind.tags) == ("allow", True)
    compound.town.start_broker()
    compound.until_known("gate-2", mine)
    assert compound.shows("gate-2", mine).reason == "passback"
    assert wait(lambda: "site_apart" not in compound.shows("gate-2", compound.a_pass()).tags, _LIMIT_S)
