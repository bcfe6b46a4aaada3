"""A roll-out that is watched: verdicts of real batches, a stop where they jump, and the case that tells of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from central.cases import close_finding
from central.ingest import Ingest
from central.keys import load_key
from central.rollout_view import rollout_views
from central.views import Board
from tests.central.sim import Gate, outcome, passage_id, verdict
from tests.central.test_rollout import Office, home, made_once

__all__ = ["home", "made_once"]
_NEW = {"policy": "winter", "policy_version": 2}


class Street:
    """Gates whose verdicts come in as batches."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.gates = {name: Gate(name) for name in ("gate-1", "gate-2")}
        self._ingest = Ingest(
            office.store, load_key(office.config.keys_dir, "collector"), office.registry, lambda: office.now_ms
        )
        self._people = 0
        self._sent: dict[str, int] = {}
        for gate in self.gates.values():
            gate.reopen()

    def people(self, name: str, allowed: int, escalated: int, **policy: object) -> None:
        """So many passages at this gate, by the old policy or another, sent in batches."""
        gate = self.gates[name]
        gate.at_ms = self.office.now_ms - 30_000
        for value in ["allow"] * allowed + ["escalate"] * escalated:
            self._people += 1
            passage = passage_id(self._people)
            gate.append("verdict", msgspec.structs.replace(verdict(value, "fever"), **policy), passage)
            gate.append("outcome", outcome("passed"), passage)
        last = len(gate.records[gate.epochs[-1]])
        for first in range(self._sent.get(name, 0) + 1, last + 1, 400):
            assert self._ingest.batch(name, gate.batch(first, min(first + 399, last)))
        self._sent[name] = last
        self.office.now_ms += 60_000


@pytest.fixture
def office(home: Path):
    made = Office(home)
    made.now_ms += 600_000
    with closing(made.store):
        made.first()
        yield made


@pytest.fixture
def street(office) -> Street:
    made = Street(office)
    made.people("gate-1", 98, 2)
    made.people("gate-2", 98, 2)
    return made


def begun(office: Office) -> None:
    office.start("gate:gate-1+gate:gate-2,all")
    office.says("gate-1", policy_at_wuhan="2")
    office.says("gate-2", policy_at_wuhan="2")
    assert office.watch() == []


def test_a_jump_stops_the_rollout_and_opens_one_case(office, street):
    begun(office)
    street.people("gate-1", 40, 1, **_NEW)
    assert office.watch() == []
    street.people("gate-2", 20, 20, **_NEW)
    [words] = office.watch()
    assert "escalate 21/81" in words
    assert office.watch() == []
    assert (office.row().state, office.row().stage) == ("stopped", 0)
    alarms = Board(office.config.database, office.registry, lambda: office.now_ms).alarms()
    [alarm] = [one for one in alarms if one.name == "rollout"]
    assert (alarm.gate, alarm.priority) == ("gate-2", 2)
    assert "escalate 21/81" in alarm.detail
    assert office.store.rollout_acts(1)[-1].act == "jumped"


def test_a_local_order_on_the_new_policy_hides_no_jump(office, street):
    begun(office)
    street.people("gate-2", 20, 20, policy="winter.2+quiet-nights", policy_version=1)
    [words] = office.watch()
    assert "escalate 20/40" in words


def test_verdicts_of_the_old_policy_and_of_gates_outside_do_not_count(office, street):
    office.start("gate:gate-1,all")
    office.says("gate-1", policy_at_wuhan="2")
    office.watch()
    street.people("gate-1", 0, 60)
    street.people("gate-2", 0, 60, **_NEW)
    assert office.watch() == []
    gates = rollout_views(office.store, office.registry, office.now_ms)[0].gates
    assert [gate.verdicts for gate in gates] == [0, 0, 0]


def test_going_on_after_a_jump_closes_the_case_and_counts_anew(office, street):
    begun(office)
    street.people("gate-1", 10, 30, **_NEW)
    assert len(office.watch()) == 1
    row = office.next()
    assert (row.state, row.jumped) == ("done", "")
    assert office.watch() == []
    assert [case for case in office.store.open_cases() if case.origin == "rollout"] == []


def test_the_way_back_closes_the_case(office, street):
    begun(office)
    street.people("gate-1", 10, 30, **_NEW)
    office.watch()
    office.back()
    assert [case for case in office.store.open_cases() if case.origin == "rollout"] == []
    assert office.watch() == []


def test_after_the_last_stage_a_jump_is_still_told(office, street):
    office.start("all")
    office.says("gate-1", policy_at_wuhan="2")
    office.watch()
    street.people("gate-1", 10, 30, **_NEW)
    assert len(office.watch()) == 1
    assert office.row().state == "done"
    [case] = [case for case in office.store.open_cases() if case.origin == "rollout"]
    close_finding(office.store, office.registry, f"gate-1-{case.epoch.hex()}-{case.number}-rollout", office.now_ms)
    assert office.watch() == []


def test_a_rollout_that_is_never_to_stop_goes_on(office, street):
    office.start("gate:gate-1,all", stop_when="never")
    office.says("gate-1", policy_at_wuhan="2")
    office.watch()
    street.people("gate-1", 0, 60, **_NEW)
    assert office.watch() == []
    assert office.row().state == "running"
