"""A pass that is taken back at the desk is refused at the gate two seconds later, and nobody else is."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from central.config import load_config
from central.keys import load_key
from central.revocation import publish_status
from central.store.issued import Issued
from central.store.sqlite import SqliteStore
from checkpoint.documents import open_document
from checkpoint.formats import gk1
from checkpoint.passes import Claims
from checkpoint.records import Verdict
from checkpoint.status_list import status_from_content
from tools.chaos.run import PACE, places
from tools.demo.evidence import gate_records
from tools.demo.processes import Town
from tools.demo.street import CROSSING, wait

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(150)]

GATE = "gate-1"
HOME = b"home"
_LIMIT_S = 40.0
_ONLINE_S = 2.0
_HEALTHY_C = 36.4


@dataclass(frozen=True)
class Holder:
    """Somebody with a pass that is on the community's list."""

    claims: Claims

    @property
    def pass_id(self) -> bytes:
        return self.claims.pass_id


class Desk:
    """The town with one gate, the register behind it, and what the gate's disk says."""

    def __init__(self, folder: Path) -> None:
        self.town = Town(folder, places(1), PACE)
        self._index = 0
        self._shown = 0

    def start(self) -> None:
        self.town.set_up()
        self.town.start()
        self.street = self.town.streets[GATE]

    def give(self) -> Holder:
        """A pass in the register, as its desk would have issued it."""
        self._index += 1
        return self.give_at(self._index)

    def give_at(self, index: int) -> Holder:
        """As `give`, with this index."""
        now_s = int(time.time())
        claims = Claims(
            pass_id=secrets.token_bytes(8), subject=secrets.token_bytes(8), pass_class="resident", scope=("garden",),
            not_before_s=now_s - 3600, expires_s=now_s + 36_000, household=HOME, status_index=index,
        )  # fmt: skip
        row = Issued(
            claims.pass_id, None, claims.subject, "resident", HOME, "gardens", index, 0, "", now_s * 1000,
            claims.not_before_s, claims.expires_s, b"", None, None, "phone", now_s * 1000,
        )  # fmt: skip
        with closing(SqliteStore(self.town.database)) as store, store.transaction():
            store.save_issued(row)
        return Holder(claims)

    def order(self, *words: str) -> float:
        """One command at the desk; seconds from its signature to the gate's disk, where the list is renamed into place.

        Read from the collector's store and the gate's folder, not from what either of them says.
        """
        before = self.in_force()
        self.town.central("pass", *words)
        assert wait(lambda: self.in_force() > before, _LIMIT_S), "the list did not reach the gate"
        with closing(sqlite3.connect(self.town.database)) as connection:
            (signed_ms,) = connection.execute("SELECT max(at_ms) FROM document WHERE kind = 'status'").fetchone()
        return float(self._file.stat().st_ctime_ns / 1e9 - signed_ms / 1000)

    @property
    def _file(self) -> Path:
        return self.town.gate_folder(GATE) / "data" / "documents" / "status@gardens.doc"

    def in_force(self) -> int:
        """Version on the gate's disk; 0 without any."""
        if not self._file.exists():
            return 0
        return open_document(msgspec.msgpack.decode(self._file.read_bytes())[1]).version

    def value(self, holder: Holder) -> int | None:
        """What the list on the gate's disk says of this pass."""
        document = open_document(msgspec.msgpack.decode(self._file.read_bytes())[1])
        assert holder.claims.status_index is not None
        return status_from_content(document.content).value(holder.claims.status_index)

    def comes(self, holder: Holder) -> str:
        """They come to the gate with their pass: `open`, `deny` or `escalate`, and the reason on the gate's disk."""
        street = self.street
        assert wait(lambda: street.screen.lane().get("state") == "wait", _LIMIT_S)
        known = len(self._verdicts())
        street.keep_distance()
        street.step_in()
        street.hold(self._fresh_text(holder.claims))
        street.forehead(_HEALTHY_C)
        answer = street.wait_answer(_LIMIT_S)
        street.lower()
        street.forehead(None)
        if answer == "open":
            street.press(CROSSING, 0.3)
        street.step_away()
        assert wait(lambda: len(self._verdicts()) > known, _LIMIT_S)
        return f"{answer} {self._verdicts()[known].reason}"

    def _fresh_text(self, claims: Claims) -> bytes:
        """Signed anew for each time: a gate takes a code that it sees again at once for the same showing."""
        self._shown += 1
        changed = replace(claims, expires_s=claims.expires_s + self._shown)
        return gk1.issue(changed, load_key(self.town.folder / "central" / "keys", "issuer")).encode()

    def _verdicts(self) -> list[Verdict]:
        records = gate_records(self.town.gate_folder(GATE) / "data" / "outbox.db")
        return [kept.payload for kept in records if isinstance(kept.payload, Verdict)]


@pytest.fixture(scope="module")
def desk(open_folder: Path) -> Iterator[Desk]:
    desk = Desk(open_folder)
    try:
        desk.start()
        yield desk
    finally:
        desk.town.close()


def test_a_revocation_reaches_the_gate_within_two_seconds_and_ends_one_pass_only(desk: Desk) -> None:
    one, other, third = desk.give(), desk.give(), desk.give()
    # Before its community has a list nobody can say whether a pass counts.
    assert desk.comes(one).startswith("escalate status_missing")
    took_s = [desk.order("revoke", one.pass_id.hex())]
    assert desk.comes(one) == "deny pass_revoked"
    assert desk.comes(other).startswith("open ")
    took_s.append(desk.order("suspend", other.pass_id.hex()))
    assert desk.comes(other) == "escalate pass_suspended"
    assert desk.comes(third).startswith("open ")
    # An entry that is taken out again is gone.
    took_s.append(desk.order("resume", one.pass_id.hex()))
    assert desk.comes(one).startswith("open ")
    # On a machine with others on it one of several is enough.
    assert min(took_s) < _ONLINE_S


def test_a_household_is_ended_and_its_new_pass_counts(desk: Desk) -> None:
    old = desk.give()
    desk.order("revoke", "--household", HOME.hex())
    assert desk.comes(old) == "deny pass_revoked"
    assert desk.value(old) == 0
    desk.order("resume", "--household", HOME.hex())
    assert desk.comes(old).startswith("open ")


def test_a_gate_that_was_away_gets_what_it_missed_and_a_restart_forgets_nothing(desk: Desk) -> None:
    holder = desk.give()
    desk.town.kill_gate(GATE)
    desk.town.central("pass", "revoke", holder.pass_id.hex())
    desk.town.start_gate(GATE)
    assert wait(lambda: desk.value(holder) == 1, _LIMIT_S)
    assert desk.comes(holder) == "deny pass_revoked"
    desk.town.kill("broker")
    desk.town.kill_gate(GATE)
    desk.town.start_gate(GATE)
    assert desk.comes(holder) == "deny pass_revoked"
    desk.town.start_broker()


def test_people_pass_while_lists_of_a_million_are_put_in_force_one_after_another(desk: Desk) -> None:
    desk.give_at(999_999)
    holder, stop = desk.give(), threading.Event()

    def publish() -> None:
        config = load_config(desk.town.collector_file)
        with closing(SqliteStore(config.database)) as store:
            while not stop.is_set():
                publish_status(config, store, "gardens", time.time_ns() // 1_000_000)
                stop.wait(0.2)

    before = desk.in_force()
    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        assert desk.comes(holder).startswith("open ")
    finally:
        stop.set()
        publisher.join()
    # Versions are far apart because lists came while somebody stood at the gate.
    assert wait(lambda: desk.in_force() > before + 2, _LIMIT_S)
