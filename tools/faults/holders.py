"""People with passes of the register, at one gate of the laboratory; what its disk says of lists and policies."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from checkpoint.documents import Document, open_document
from checkpoint.records import Note, Verdict
from checkpoint.status_list import status_from_content
from tools.chaos.run import PACE
from tools.demo.evidence import collector_records
from tools.demo.processes import Pace, SetupError
from tools.demo.street import CROSSING, wait
from tools.faults.lab import Lab

LIST_SCOPE: Final = "gardens"
_READY_S: Final = 40.0
_ANSWER_S: Final = 15.0
_HEALTHY_C: Final = 36.4
_TAP_S: Final = 0.3
# Nobody follows closer: a presence holds a moment after its sensor lets go.
_DISTANCE_S: Final = 0.4
_LONG_DAYS: Final = "400"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody of the register with their printed pass, and its place in the community's list."""

    text: str
    pass_id: str
    index: int


@dataclass(frozen=True, slots=True)
class Came:
    """How one visit ended: what the person saw (open, deny, escalate), and the verdict on the gate's disk."""

    answer: str
    verdict: Verdict
    took_s: float

    @property
    def words(self) -> str:
        return f"{self.answer} {self.verdict.reason}"


def same_code_pace(folder: Path, fails: str = "") -> Pace:
    """The kill tests' pace, in which a code that comes again is a new showing; `fails`: another row `lists_stale`."""
    text = PACE.policy.read_text(encoding="utf-8").replace("[timeouts]", "[timeouts]\nsame_code_ignored_s = 0.2")
    if fails:
        text = text.replace("after_s = 604800", fails)
    file = folder / "lists-policy.toml"
    file.write_text(text, encoding="utf-8")
    return replace(PACE, policy=file)


class Desk:
    """The register's people for one gate, and that gate as they meet it."""

    def __init__(self, lab: Lab, gate: str) -> None:
        self.gate = gate
        self._lab = lab
        self._street = lab.town.streets[lab.place(gate).street]
        self._documents = lab.town.gate_folder(gate) / "data" / "documents"

    # --- the register --------------------------------------------------------------------------------------------

    def residents(self, count: int) -> Iterator[Holder]:
        """So many residents of this gate's site, entered and given passes in one import."""
        site = self._lab.place(self.gate).site
        file = self._lab.folder / f"{site}.csv"
        rows = [f"{number}-101,{site} {number}\n" for number in range(1, count + 1)]
        file.write_text("".join(["unit,name\n", *rows]), encoding="utf-8")
        self._lab.town.central("people", "import", str(file), "--site", site, "--issue")
        told = self._lab.town.central("pass", "renew", "--ending-within-days", _LONG_DAYS, "--site", site, "--json")
        found = [_holder(line) for line in told.splitlines()]
        if len(found) != count:
            raise SetupError(f"{len(found)} of {count} people of {site} have a pass")
        if not wait(lambda: all(self.value(one) == 0 for one in found), _READY_S):
            raise SetupError(f"{self.gate} has no list of these passes: {self._lab.town.tail(self.gate)}")
        return iter(found)

    def visitor(self) -> Holder:
        site = self._lab.place(self.gate).site
        made = self._lab.town.central("people", "add", "--site", site, "--class", "visitor", "--name", "V", "--json")
        return _holder(self._lab.town.central("pass", "issue", "--person", str(json.loads(made)["person"]), "--json"))

    # --- at the gate ---------------------------------------------------------------------------------------------

    def comes(self, holder: Holder) -> Came:
        """They come once, with their pass and no fever, and walk through if it opens."""
        street = self._street
        if not wait(lambda: street.screen.lane().get("state") == "wait", _READY_S):
            raise SetupError(f"{self.gate} asks for no pass: {self._lab.town.tail(self.gate)}")
        street.wait_polled()
        known = len(self._verdicts())
        began_s = time.monotonic()
        street.step_in()
        street.hold(holder.text.encode())
        street.forehead(_HEALTHY_C)
        answer = street.wait_answer(_ANSWER_S)
        took_s = time.monotonic() - began_s
        street.lower()
        street.forehead(None)
        if answer == "open":
            street.press(CROSSING, _TAP_S)
        street.step_away()
        street.wait_polled()
        time.sleep(_DISTANCE_S)
        if not wait(lambda: len(self._verdicts()) > known, _ANSWER_S):
            raise SetupError(f"{self.gate} decided nothing of somebody who saw {answer or 'nothing'!r}")
        return Came(answer, self._verdicts()[known], took_s)

    def expect(self, what: str, holder: Holder, words: str) -> Came:
        """A named assertion: somebody comes and meets with this answer and reason."""
        came = self.comes(holder)
        told = ", ".join(f"{check.check} {check.result} {check.reason}" for check in came.verdict.checks)
        self._lab.check(what, came.words == words, f"{came.words} ({told}; tags {', '.join(came.verdict.tags) or '-'})")
        return came

    def _verdicts(self) -> list[Verdict]:
        return [kept.payload for kept in self._lab.on_disk(self.gate) if isinstance(kept.payload, Verdict)]

    # --- its disk ------------------------------------------------------------------------------------------------

    def file(self, kind: str, scope: str) -> Path:
        return self._documents / f"{kind}@{scope}.doc"

    def held(self, kind: str = "status", scope: str = LIST_SCOPE) -> Document | None:
        """The document in force on the gate's disk; None without one, and for one that is torn."""
        try:
            return open_document(msgspec.msgpack.decode(self.file(kind, scope).read_bytes())[1])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def version(self, kind: str = "status", scope: str = LIST_SCOPE) -> int:
        document = self.held(kind, scope)
        return document.version if document else 0

    def value(self, holder: Holder) -> int | None:
        """What the list on the gate's disk says of this pass."""
        document = self.held()
        return status_from_content(document.content).value(holder.index) if document else None

    def refusals(self) -> list[str]:
        """Why documents were refused, by the gate's records at the collector."""
        kept = [one.payload for one in collector_records(self._lab.town.database, self.gate)]
        return [one.facts["why"] for one in kept if isinstance(one, Note) and one.code == "document_refused"]


def signed(lab: Lab, kind: str = "status", scope: str = LIST_SCOPE) -> bytes:
    """The newest document of the collector's store, as it was signed."""
    with closing(sqlite3.connect(f"file:{lab.town.database}?mode=ro", uri=True, timeout=30)) as connection:
        query = "SELECT data FROM document WHERE kind = ? AND scope = ? ORDER BY version DESC LIMIT 1"
        row = connection.execute(query, (kind, scope)).fetchone()
    if row is None:
        raise SetupError(f"the collector has no document {kind}/{scope}")
    return bytes(row[0])


def _holder(line: str) -> Holder:
    told = json.loads(line)
    return Holder(told["pass"], told["pass_id"], told["status_index"])
