"""What is told once and needed for ever: no flood and no failing disk takes it out of the uplink's thread."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from checkpoint import topics, wire
from edge.mqtt import Arrived, Connected, LinkSettings
from edge.uplink_runner import UplinkRunner
from tests.edge.model_collector import GATE_KEY
from tests.edge.uplink_rig import Rig


class Line:
    """A runner that nobody has started, on a rig's outbox: its turns are taken by hand."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        settings = LinkSettings("127.0.0.1", 1, "gate-7", "gate-7", "secret")
        self.runner = UplinkRunner(
            "gate-7", self.rig.core, self.rig.reader, settings, (), self.rig.clock, lambda _what: None
        )

    def post(self, item: Connected | Arrived) -> None:
        self.runner._post(item)

    def turn(self) -> None:
        self.runner._turn()

    def heartbeat(self) -> dict[str, str]:
        """What the next heartbeat says is in force."""
        [hello] = self.rig.hellos(60_000)
        return hello.versions


@pytest.fixture
def line(tmp_path: Path):
    made = Line(tmp_path)
    yield made
    made.rig.close()


def test_what_is_in_force_is_in_the_heartbeat_after_any_flood(line: Line) -> None:
    for number in range(3000):
        line.runner.copy(bytes(8), number)
    line.runner.version("policy@wuhan", "3")
    line.turn()
    assert line.heartbeat()["policy@wuhan"] == "3"


def test_a_connection_is_noticed_after_any_flood(line: Line) -> None:
    for number in range(3000):
        line.runner.copy(bytes(8), number)
    line.post(Connected())
    line.turn()
    assert line.runner.connected


def test_an_answer_that_the_disk_fails_on_takes_nothing_behind_it_along(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> object:
        raise sqlite3.OperationalError("database is locked")

    [asked] = [message for message in line.rig.due() if message.topic == "state"]
    [answer, *_] = line.rig.deliver(asked)
    assert wire.unpack_hello(asked.payload, GATE_KEY.public_key()).nonce
    line.post(Arrived(topics.watermark("gate-7"), answer, retained=False))
    line.post(Connected())
    line.runner.version("policy@wuhan", "3")
    with monkeypatch.context() as failing:
        failing.setattr(line.rig.reader, "epochs", busy)
        with pytest.raises(sqlite3.OperationalError):
            line.turn()
    line.turn()
    assert line.runner.connected
    assert line.heartbeat()["policy@wuhan"] == "3"
