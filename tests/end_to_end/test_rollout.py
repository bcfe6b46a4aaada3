"""A policy goes out to two real gates in stages: one first, the other keeps the old one, a kill, and the way back."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkpoint import topics
from checkpoint.documents import Document, open_document
from checkpoint.policy import parse_policy
from checkpoint.records import Note
from tests.end_to_end.site_kit import Compound
from tests.waiting import wait_for
from tools.demo.street import CROSSING

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

FIRST, SECOND = "gate-1", "gate-2"
_LIMIT_S = 40.0


@pytest.fixture(scope="module")
def compound(open_folder: Path) -> Iterator[Compound]:
    compound = Compound(open_folder, lambda text: text)
    try:
        compound.start()
        yield compound
    finally:
        compound.town.close()


def _new(compound: Compound, version: int) -> str:
    """The next text of the town's policy: a pass is enough."""
    file = compound.town.folder / f"policy-{version}.toml"
    text = compound.town.policy_file.read_text(encoding="utf-8").replace("version = 1", f"version = {version}")
    file.write_text(text.replace('["pass", "temperature"]', '["pass"]'), encoding="utf-8")
    return str(file)


def _rollout(compound: Compound, *words: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(compound.town.central("rollout", *words, "--json"))
    return found[0]


def _states(compound: Compound) -> dict[str, str]:
    return {gate["gate"]: gate["state"] for gate in _rollout(compound, "show")["gates"]}


def _counted(compound: Compound) -> list[int]:
    """How many verdicts by the new policy the running collector has counted, by gate."""
    return [gate["verdicts"] for gate in _rollout(compound, "show")["gates"]]


def _on_disk(compound: Compound, gate: str) -> Document:
    file = compound.town.gate_folder(gate) / "data" / "documents" / "policy@nanchang.doc"
    return open_document(msgspec.msgpack.decode(file.read_bytes())[1])


def _text_on_disk(compound: Compound, gate: str) -> int:
    """The policy's own version, as its text says it."""
    return parse_policy(_on_disk(compound, gate).content).version


def _judges_by(compound: Compound, gate: str) -> int:
    """The policy's own version, by the verdict on the next person, who walks through without watching the barrier."""
    verdict = compound.comes(gate, compound.a_pass())
    compound.town.streets[gate].press(CROSSING, 0.3)
    compound.goes(gate)
    return verdict.policy_version


def test_one_gate_has_the_new_policy_and_the_other_keeps_the_old_one(compound: Compound) -> None:
    begun = _rollout(compound, "start", _new(compound, 2), "--scope", "nanchang", "--stages", f"gate:{FIRST},all")
    assert (begun["state"], begun["version"], begun["base_version"]) == ("running", 2, 1)
    wanted = {FIRST: "in_force", SECOND: "outside"}
    wait_for(lambda: _states(compound) == wanted, "the first gate tells that it has it", _LIMIT_S)
    assert [_judges_by(compound, gate) for gate in (FIRST, SECOND)] == [2, 1]
    wait_for(lambda: _counted(compound) == [1, 0], "the collector has counted the verdict by the new policy", _LIMIT_S)


def test_a_re_imaged_gate_outside_the_stage_gets_the_old_one(compound: Compound) -> None:
    town = compound.town
    town.kill_gate(SECOND)
    shutil.rmtree(town.gate_folder(SECOND) / "data" / "documents")
    town.start_gate(SECOND)
    folder = town.gate_folder(SECOND) / "data" / "documents"
    wait_for((folder / "policy@nanchang.doc").exists, "a policy on its disk", _LIMIT_S)
    assert _on_disk(compound, SECOND).version == 1
    assert _judges_by(compound, SECOND) == 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to kill at a system call")
def test_a_gate_killed_while_it_takes_the_policy_has_the_old_or_the_new_and_then_the_new(compound: Compound) -> None:
    town = compound.town
    file = town.gate_folder(SECOND) / "data" / "documents" / "policy@nanchang.doc"
    fresh = file.with_name(f".{file.name}.new")
    town.kill_gate(SECOND)
    calls = "rename,renameat,renameat2"
    words = [
        "strace",
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-o",
        str(town.folder / "trace"),
        "-P",
        str(file),
        "-P",
        str(fresh),
    ]
    town.before[SECOND] = [*words, "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when=1"]
    # It is offline while the last stage begins, and gets it with its next connection.
    _rollout(compound, "next", "--anyway")
    town.start_gate(SECOND)
    wait_for(lambda: town.ended(SECOND) is not None, "the gate is killed at the new policy", 60.0)
    assert town.ended(SECOND) == -signal.SIGKILL
    assert (_on_disk(compound, SECOND).version, _text_on_disk(compound, SECOND)) == (1, 1)
    assert fresh.exists()
    assert "3" not in _installed(compound, SECOND)

    del town.before[SECOND]
    town.kill(SECOND)
    town.start_gate(SECOND)
    wanted = {FIRST: "in_force", SECOND: "in_force"}
    wait_for(lambda: _states(compound) == wanted, "both gates have it", _LIMIT_S)
    assert [_text_on_disk(compound, gate) for gate in (FIRST, SECOND)] == [2, 2]
    assert _judges_by(compound, SECOND) == 2


def _installed(compound: Compound, gate: str) -> list[str]:
    """Versions of the policy that this gate's records say it took."""
    notes = [note.facts for note in compound.payloads(gate, Note) if note.code == "document_installed"]
    return [facts["version"] for facts in notes if facts["kind"] == "policy"]


def test_the_way_back_gives_every_gate_the_old_text_under_a_new_version(compound: Compound) -> None:
    taken = _rollout(compound, "back", "--why", "a test")
    assert (taken["state"], taken["version"]) == ("back", 4)
    for gate in (FIRST, SECOND):
        wait_for(lambda gate=gate: _on_disk(compound, gate).version == 4, f"{gate} has the old text", _LIMIT_S)  # type: ignore[misc]
        assert _text_on_disk(compound, gate) == 1
        assert _judges_by(compound, gate) == 1
    refused = [note for gate in (FIRST, SECOND) for note in compound.payloads(gate, Note) if "refused" in note.code]
    assert [note for note in refused if "versions only grow" in note.facts["why"]] == []


@pytest.mark.skipif(shutil.which("mosquitto_pub") is None, reason="needs mosquitto's own clients")
def test_a_stage_that_a_broker_brings_back_after_its_end_is_emptied(compound: Compound) -> None:
    town, topic = compound.town, topics.staged("nanchang", "policy")
    password = (town.folder / "broker" / "collector.password").read_text().strip()
    to = ["-V", "5", "-p", str(town.broker_port), "-u", "collector", "-P", password, "-t", topic]
    subprocess.run(["mosquitto_pub", *to, "-q", "1", "-r", "-m", "of an older backup"], check=True)
    read = ["mosquitto_sub", *to, "-W", "1", "--retained-only"]
    wait_for(lambda: not subprocess.run(read, capture_output=True, check=False).stdout, "nothing retained", _LIMIT_S)
