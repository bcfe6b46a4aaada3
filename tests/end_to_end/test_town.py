"""The real daemons in a small town: what subscribers see, what credentials open, disks that go back and clones."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint.records import OutcomeOf
from tests.end_to_end.town_kit import GATES, Rig

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(150)]

GARDENS = "nanchang/donghu/yangming/gardens"
ANCESTORS = ("nanchang", "nanchang/donghu", "nanchang/donghu/yangming", GARDENS)


@pytest.fixture(scope="module")
def rig(open_folder: Path) -> Iterator[Rig]:
    rig = Rig(open_folder)
    try:
        rig.start()
        yield rig
    finally:
        rig.town.close()


def _credential(rig: Rig, gate: str) -> tuple[str, str]:
    enrolment = json.loads((rig.town.gate_folder(gate) / "enrolment.json").read_text())
    return enrolment["broker_user"], enrolment["broker_password"]


def _listen(rig: Rig, user: str, password: str, *topics: str) -> subprocess.Popen[str]:
    """A subscriber for five seconds, whose subscription the broker has answered."""
    words = ["mosquitto_sub", "-d", "-V", "5", "-p", str(rig.town.broker_port), "-u", user, "-P", password]
    words += ["-W", "5", "-F", "%t %p", *(word for topic in topics for word in ("-t", topic))]
    listener = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    assert listener.stdout is not None
    while "SUBACK" not in (line := listener.stdout.readline()):
        assert line, "the broker did not answer the subscription"
    return listener


def _say(rig: Rig, user: str, password: str, topic: str, text: str) -> None:
    words = ["mosquitto_pub", "-V", "5", "-p", str(rig.town.broker_port), "-u", user, "-P", password, "-q", "1"]
    subprocess.run([*words, "-t", topic, "-m", text], check=False, capture_output=True, timeout=10)


def _heard(listener: subprocess.Popen[str]) -> list[str]:
    with listener:
        assert listener.stdout is not None
        return listener.stdout.read().splitlines()


def test_a_plain_subscriber_sees_every_level_right_and_complete_after_a_cut_cable(rig: Rig) -> None:
    rig.person("gate-1")
    rig.town.kill("broker")
    for gate in GATES:
        rig.person(gate)
        rig.person(gate, "expired")
    assert not rig.drained("gate-1")
    assert not rig.drained("gate-2")
    rig.town.start_broker()
    rig.until_drained()
    said = rig.assert_sums_are_right()
    assert set(said) == {*ANCESTORS, f"{GARDENS}/gardens-1", f"{GARDENS}/gardens-2"}
    for path, summary in said.items():
        gates = 2 if path in ANCESTORS else 1
        assert (summary["completeness"]["complete"], summary["completeness"]["expected"]) == (gates, gates)
        assert summary["missing"] == 0
    assert said[f"{GARDENS}/gardens-1"]["today"]["outcome"] == {"passed": 2, "turned_back": 1}
    assert said["nanchang"]["today"]["outcome"] == {"passed": 3, "turned_back": 2}


def test_another_gates_credential_neither_reads_nor_writes_this_gates_topics(rig: Rig) -> None:
    stranger = _credential(rig, "gate-2")
    password = (rig.town.folder / "broker" / "collector.password").read_text().strip()
    every = ("guankou/1/gate/gate-1/#", "guankou/1/gate/#", "#", "guankou/1/gate/gate-1/watermark")
    control = _listen(rig, "collector", password, "guankou/1/gate/#")
    snoop = _listen(rig, *stranger, *every)
    rig.person("gate-1")
    for kind in ("records", "alarm", "state", "watermark", "command"):
        _say(rig, *stranger, f"guankou/1/gate/gate-1/{kind}", "by a stranger")
    _say(rig, *stranger, "guankou/1/gate/gate-2/alarm", "by its owner")
    heard, snooped = _heard(control), _heard(snoop)
    # The control hears what there is: the other gate's passage, and what the stranger may say for itself.
    assert any(line.startswith("guankou/1/gate/gate-1/records ") for line in heard)
    assert "guankou/1/gate/gate-2/alarm by its owner" in heard
    assert not [line for line in heard if "by a stranger" in line]
    assert any(line.startswith("guankou/1/document/") for line in snooped)
    assert not [line for line in snooped if line.startswith("guankou/1/gate/gate-1/")]


def test_a_gate_killed_between_verdict_and_crossing_opened_once_and_says_abandoned(rig: Rig) -> None:
    street, before = rig.street("gate-2"), rig.openings("gate-2")
    known = {kept.key for kept in rig.disk("gate-2")}
    rig.ready("gate-2")
    rig.appear("gate-2")
    assert street.wait_open(10.0)
    rig.town.kill("gate-2")
    street.step_out()
    rig.town.start_gate("gate-2")
    rig.until(lambda: not street.screen.page, "the screen is dark")
    rig.ready("gate-2")
    new = [kept for kept in rig.disk("gate-2") if kept.key not in known]
    verdicts = [kept for kept in new if kept.header.kind == "verdict"]
    outcomes = [(kept.header.passage, kept.payload) for kept in new if isinstance(kept.payload, OutcomeOf)]
    assert len(verdicts) == 1
    assert [(passage, outcome.outcome, outcome.reason) for passage, outcome in outcomes] == [
        (verdicts[0].header.passage, "abandoned", "gate_restarted")
    ]
    assert not street.is_open()
    assert rig.openings("gate-2") == before + 1


def test_a_collector_restored_from_an_older_backup_gets_the_records_again(rig: Rig, tmp_path: Path) -> None:
    rig.until_drained()
    backup = tmp_path / "backup.db"
    rig.town.central("backup", str(backup))
    for gate in GATES:
        rig.person(gate)
    rig.until_drained()
    stored = {gate: len(rig.stored(gate)) for gate in GATES}
    rig.town.kill("collector")
    rig.town.central("restore", str(backup))
    assert all(len(rig.stored(gate)) < stored[gate] for gate in GATES)
    rig.town.start_collector()
    rig.until_drained()
    for gate in GATES:
        rig.assert_nothing_collides(gate)
    rig.assert_sums_are_right()


def test_an_older_disk_put_back_is_reported_and_nothing_collides(rig: Rig, tmp_path: Path) -> None:
    data, older = rig.town.gate_folder("gate-1") / "data", tmp_path / "older"
    rig.person("gate-1")
    rig.town.kill("gate-1")
    shutil.copytree(data, older)
    rig.town.start_gate("gate-1")
    rig.person("gate-1")
    rig.person("gate-1", "expired")
    rig.until_drained()
    rig.disk("gate-1")
    rig.town.kill("gate-1")
    shutil.rmtree(data)
    shutil.copytree(older, data)
    rig.town.start_gate("gate-1")
    rig.person("gate-1")
    rig.until_drained()
    rig.until(lambda: bool(rig.cases("fork") or rig.cases("rollback")), "the collector says so")
    rig.assert_nothing_collides("gate-1")
    rig.assert_sums_are_right()


def test_two_copies_of_one_gate_are_reported_and_nothing_collides(rig: Rig) -> None:
    rig.person("gate-2")
    rig.until_drained()
    assert not any(case["gate"] == "gate-2" for case in rig.cases("fork"))
    rig.town.kill("gate-2")
    street = rig.town.clone_gate("gate-2", "twin")
    rig.machines["twin"] = "gate-2"
    rig.open_entrance("twin", "lakeside", street)
    for machine in ("gate-2", "twin"):
        rig.town.start_gate(machine)
    street.watch_screen(rig.town.gate_ports["twin"])
    for machine in ("gate-2", "twin", "gate-2", "twin"):
        rig.ready(machine)
        rig.person(machine)
    rig.until_drained()
    rig.until(lambda: any(case["gate"] == "gate-2" for case in rig.cases("fork")), "the collector says so")
    rig.assert_nothing_collides("gate-2")
    rig.assert_sums_are_right()
