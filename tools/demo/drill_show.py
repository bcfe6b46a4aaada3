"""The demo's last part: a drill at one gate, in which somebody comes, and which leaves no trace in any figure."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from checkpoint.records import OutcomeOf, Verdict
from tools.demo.console_words import ConsoleWords
from tools.demo.evidence import collector_records, gate_records
from tools.demo.judge import Finding
from tools.demo.office import Office
from tools.demo.people import HEALTHY_C, Expected, Scene
from tools.demo.playing import Playing
from tools.demo.policy_life import OLD
from tools.demo.processes import PLACES
from tools.demo.street import wait
from tools.demo.subscriber import password_of, summaries

_PLACE: Final = PLACES[0]
_PATIENCE_S: Final = 15.0
# All is well, and the barrier stays where it is.
_PRACTICE: Final = Expected("allow", (), "turned_back", policy=OLD, drill=True)


class DrillShow:
    """A drill at the gate with a guard. `settle` returns when the sums have caught up with every gate."""

    def __init__(self, words: ConsoleWords, office: Office, playing: Playing, settle: Callable[[], None]) -> None:
        self._words, self._town = words, words.town
        self._code, self._playing = office.resident(site=_PLACE.site), playing
        self._settle = settle
        self._street = words.town.streets[_PLACE.street]

    def hold(self) -> list[Finding]:
        file = str(self._town.gate_folder(_PLACE.gate) / "gate.toml")
        self._settle()
        before = self._figures()
        self._words.at_gate("drill", "start", file, "--minutes", "5", "--by", "li")
        banner = wait(lambda: bool(self._street.screen.page.get("drill")), _PATIENCE_S)
        self._playing.play(
            [Scene("drill: a resident comes, the barrier stays shut", _PLACE.gate, self._comes, (_PRACTICE,))]
        )
        self._words.at_gate("drill", "stop", file)
        ended = wait(lambda: not self._street.screen.page.get("drill"), _PATIENCE_S)
        stored = wait(lambda: self._stored() == (1, 1), _PATIENCE_S)
        self._settle()
        after = self._figures()
        return [
            Finding(
                "drill: the guard's page says so, until it ends", banner and ended, f"shown {banner}, gone {ended}"
            ),
            Finding(
                "drill: its records are stored, with the mark", stored, "{} verdict, {} outcome".format(*self._stored())
            ),
            Finding("drill: no count and no summary moved", after == before, _told(before, after)),
        ]

    def _comes(self) -> None:
        """As anybody does, up to the verdict; then away again."""
        street, database = self._street, self._town.gate_folder(_PLACE.gate) / "data" / "outbox.db"
        street.step_in()
        street.hold(self._code)
        street.forehead(HEALTHY_C)
        wait(
            lambda: any(isinstance(one.payload, Verdict) and one.payload.drill for one in gate_records(database)),
            _PATIENCE_S,
        )
        time.sleep(0.5)
        street.step_out()
        street.wait_state(("wait",), _PATIENCE_S)

    def _stored(self) -> tuple[int, int]:
        """How many verdicts and outcomes with a drill's mark the collector has."""
        kept = [one.payload for one in collector_records(self._town.database, _PLACE.gate)]
        marked = [one for one in kept if isinstance(one, Verdict | OutcomeOf) and one.drill]
        verdicts = sum(isinstance(one, Verdict) for one in marked)
        return verdicts, len(marked) - verdicts

    def _figures(self) -> dict[str, Any]:
        """Every count in the collector's store, and every published figure of today."""
        with closing(sqlite3.connect(f"file:{self._town.database}?mode=ro", uri=True, timeout=10)) as connection:
            leaves = connection.execute("SELECT dim, kind, bucket, n FROM leaf ORDER BY 1, 2, 3").fetchall()
        said = summaries(self._town.broker_port, "subscriber", password_of(self._town.folder / "broker"), wait_s=1)
        return {"store": leaves} | {path: summary["today"] for path, summary in said.items()}


def _told(before: dict[str, Any], after: dict[str, Any]) -> str:
    moved = [name for name in before if before[name] != after.get(name)]
    return f"moved: {', '.join(moved)}" if moved else f"{len(before['store'])} counts, {len(before) - 1} summaries"
