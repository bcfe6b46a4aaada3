"""The doctor at a gate's devices: emulated ones on real ports, a real broker, and a real process that looks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import segno
from paho.mqtt.publish import single

from checkpoint import topics
from drivers.emulators.relay import RelayEmulator
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_scene import Change
from edge.doctor import broker as broker_check
from edge.doctor.cameras import camera
from edge.doctor.codes import advice, modules_across, px_per_module
from edge.doctor.command import Asked, examine
from edge.doctor.devices import boards, thermometers
from edge.doctor.discovery import Discovery, eyes, ports
from edge.doctor.draft import DraftError, draft, write_draft
from edge.doctor.finding import Finding, same
from edge.doctor.identity import identity
from edge.doctor.running import running, running_gate
from edge.mqtt import Acknowledged, Connected, LinkSettings, MqttLink
from edge.outbox_files import WriterLock
from edge.status import FaultView
from firmware_config.broker_files import acl_text
from firmware_config.load import load_gate_file
from firmware_config.schema import Broker as BrokerTable
from tests.edge.broker import Broker, free_port
from tests.edge.gate_process import enrolment, write_gate
from tests.edge.model_collector import GATE_KEY
from tests.edge.screen_client import Stage, screen
from tests.edge.test_cli import run
from tests.waiting import wait_for
from tools.demo.evidence import openings

WARM = Change(object_c=36.4)
LANE = """
[boards.relay]
driver = "modbus_relay"
options = {{ port = "{folder}/relay", baud = 38400 }}
[[lanes]]
name = "in"
direction = "in"
thermometer = {{ driver = "gy9061x", options = {{ port = "{folder}/thermometer" }} }}
barrier = {{ board = "relay", channel = 1, pulse_s = 0.2 }}
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    write_gate(tmp_path, LANE.format(folder=tmp_path))
    return tmp_path / "gate.toml"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Path]:
    """Its log of openings."""
    log = tmp_path / "wire.log"
    with RelayEmulator(tmp_path / "relay", "modbus", wire_log=log, baud=38400):
        yield log


def by_part(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.part.en: finding for finding in findings}


# --- devices of a gate file ------------------------------------------------------------------------------------------


def test_a_board_is_shown_working_and_moves_nothing_unasked(gate: Path, relay: Path) -> None:
    (found,) = boards(load_gate_file(gate), None)
    assert (found.state, found.facts["inputs"]) == ("ok", [False] * 8)
    assert not openings(relay)


def test_a_barrier_moves_once_when_that_is_asked(gate: Path, relay: Path) -> None:
    found = by_part(list(boards(load_gate_file(gate), "in")))
    assert (found["barrier in"].state, found["barrier in"].facts["confirmed"]) == ("ok", True)
    assert len(openings(relay)) == 1


def test_a_lane_without_a_barrier_can_not_be_pulsed(gate: Path, relay: Path) -> None:
    assert by_part(list(boards(load_gate_file(gate), "out")))["barrier"].state == "fail"
    assert not openings(relay)


def test_a_board_that_is_away_fails_with_a_remedy(gate: Path) -> None:
    (found,) = boards(load_gate_file(gate), None)
    assert found.state == "fail"
    assert "relay" in found.what.en
    assert found.remedy.zh


def test_a_thermometer_is_read(gate: Path, tmp_path: Path) -> None:
    with ThermometerEmulator("gy9061x", tmp_path / "thermometer", EmulatorSettings(start=WARM, jitter_c=0.0)):
        (found,) = thermometers(load_gate_file(gate), 0.5)
    assert (found.state, found.facts["object_c"], found.facts["baud"]) == ("ok", 36.4, 9600)


def test_a_thermometer_that_says_nothing_fails(gate: Path, tmp_path: Path) -> None:
    silent = EmulatorSettings(start=Change(fault="silence"))
    with ThermometerEmulator("gy9061x", tmp_path / "thermometer", silent):
        (found,) = thermometers(load_gate_file(gate), 0.1)
    assert found.state == "fail"
    assert "wiring" in found.remedy.en


def test_devices_of_the_running_gate_are_not_touched(gate: Path, tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "data" / "outbox.db")
    try:
        found = by_part(list(examine(Asked(file=gate, pulse="in"), Discovery())))
    finally:
        lock.release()
    assert found["board relay"].facts["in_use"]
    assert found["thermometer in"].facts["in_use"]
    assert found["barrier"].state == "fail"
    # It holds the outbox, and shows no screen.
    assert found["the running gate"].state == "fail"


def test_the_running_gate_tells_its_faults_and_the_age_of_the_last_answer(gate: Path, tmp_path: Path) -> None:
    file = load_gate_file(gate)
    stage = Stage()
    faults = (FaultView("camera_black", "in", stage.shown.at_ms),)
    stage.shown = msgspec.structs.replace(stage.shown, faults=faults, link_age_s=4.0)
    lock = WriterLock(tmp_path / "data" / "outbox.db")
    try:
        with screen(stage):
            table = msgspec.structs.replace(file.screen, port=stage.port)
            told = list(running(running_gate(msgspec.structs.replace(file, screen=table))))
    finally:
        lock.release()
    assert [(one.part.en, one.state) for one in told] == [
        ("the running gate", "fail"),
        ("answer of the collector", "ok"),
    ]
    assert "Camera shows black" in told[0].what.en
    assert "4 s" in told[1].what.en


def test_a_gate_that_does_not_run_is_no_failure(gate: Path) -> None:
    (found,) = running(running_gate(load_gate_file(gate)))
    assert found.state == "ok"


def test_key_and_enrolment_must_be_private(gate: Path, tmp_path: Path) -> None:
    assert [one.state for one in identity(load_gate_file(gate))[0]] == ["ok", "ok"]
    (tmp_path / "enrolment.json").chmod(0o644)
    (tmp_path / "data" / "gate.key").chmod(0o644)
    found, nobody = identity(load_gate_file(gate))
    assert ([one.state for one in found], nobody) == (["fail", "fail"], None)
    assert GATE_KEY.private_bytes_raw().hex() not in str(found)


# --- broker ----------------------------------------------------------------------------------------------------------

ACL = acl_text([("gate-7", "gate-7", "garden")], "collector", None)


def look_at_broker(port: int, password: str = "secret") -> list[Finding]:
    return list(broker_check.broker(BrokerTable(port=port), enrolment(password)))


@pytest.fixture
def real_broker(tmp_path: Path) -> Iterator[Broker]:
    there = Broker(tmp_path, {"gate-7": "secret", "collector": "c"}, ACL)
    yield there
    there.kill()


def test_a_broker_with_documents_for_gates_is_well(real_broker: Broker) -> None:
    assert [one.state for one in look_at_broker(real_broker.port)] == ["ok", "warn"]
    topic = topics.document("garden", "policy")
    auth = {"username": "collector", "password": "c"}
    single(topic, b"sealed", qos=1, retain=True, port=real_broker.port, auth=auth)
    assert [one.state for one in look_at_broker(real_broker.port)] == ["ok", "ok"]


def test_the_running_gate_keeps_its_connection(real_broker: Broker) -> None:
    facts: list[object] = []
    settings = LinkSettings("127.0.0.1", real_broker.port, "gate-7", "gate-7", "secret")
    link = MqttLink(settings, (topics.command("gate-7"),), lambda: (topics.state("gate-7"), b""), facts.append)
    link.start()
    try:
        wait_for(lambda: Connected() in facts, "the gate's own connection")
        look_at_broker(real_broker.port)
        assert link.publish(topics.state("gate-7"), b"", retain=False)
        wait_for(lambda: any(isinstance(one, Acknowledged) for one in facts), "the answer to the gate's own message")
    finally:
        link.stop()
    assert facts[0] == Connected()
    assert facts.count(Connected()) == 1


def test_a_wrong_password_is_told_and_not_shown(real_broker: Broker) -> None:
    (found,) = look_at_broker(real_broker.port, "not-the-word")
    assert found.state == "fail"
    assert "refused" in found.what.en
    assert "not-the-word" not in str(found)


def test_a_gate_that_may_not_send_is_told(tmp_path: Path) -> None:
    there = Broker(tmp_path, {"gate-7": "secret"}, ACL.replace("topic write", "topic read"))
    try:
        assert [one.state for one in look_at_broker(there.port)] == ["ok", "fail"]
    finally:
        there.kill()


def test_a_broker_that_is_away_is_told() -> None:
    (found,) = look_at_broker(free_port())
    assert found.state == "fail"


def test_what_listens_there_and_is_no_broker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_check, "_ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        (found,) = look_at_broker(mute.getsockname()[1])
    assert found.state == "fail"


# --- cameras ---------------------------------------------------------------------------------------------------------


def test_a_picture_with_a_code_gives_its_size_and_never_its_text(tmp_path: Path) -> None:
    segno.make_qr("GK1:A-VERY-SECRET-PASS", error="m", boost_error=False).save(
        str(tmp_path / "code.png"), scale=8, border=8
    )
    found = camera(same("camera"), "folder", {"path": str(tmp_path)}, 0.5)
    (code,) = found.facts["codes"]
    assert code["px_per_module"] == pytest.approx(8, abs=0.5)
    assert "SECRET" not in json.dumps(found.facts)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [("none", ""), ("blur", "focus"), ("dark", "too dark"), ("bright", "too bright"), ("small", "few pixels")],
)
def test_light_and_focus_are_judged_whatever_the_scene(spoil: str, words: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    scene = cv2.resize(rng.integers(40, 220, (24, 32), np.uint8), (1280, 960), interpolation=cv2.INTER_NEAREST)
    changed = {
        "none": scene,
        "blur": cv2.GaussianBlur(scene, (0, 0), 8),
        "dark": scene // 12,
        "bright": np.full_like(scene, 250),
        "small": scene[:240, :320],
    }
    cv2.imwrite(str(tmp_path / "scene.png"), changed[spoil])
    found = camera(same("camera"), "folder", {"path": str(tmp_path)}, 0.3)
    assert found.state == ("warn" if words else "ok")
    assert words in found.remedy.en


def test_a_camera_that_is_away_fails(tmp_path: Path) -> None:
    assert camera(same("camera"), "v4l2", {"device": str(tmp_path / "video9")}, 0.3).state == "fail"


@pytest.mark.parametrize(
    ("px", "share", "words"), [(5.0, 0.4, ""), (3.0, 0.3, "closer"), (1.5, 0.1, "too small"), (9.0, 0.9, "away")]
)
def test_advice_follows_the_size_of_the_code(px: float, share: float, words: str) -> None:
    told = advice(px, share)
    assert bool(told.zh) == bool(words)
    assert words in told.en


def test_modules_are_counted_as_the_code_has_them() -> None:
    assert modules_across(b"A" * 10) == 21
    assert px_per_module(b"A" * 10, (105, 84)) == 4.0


# --- the search and its gate file ------------------------------------------------------------------------------------


def test_what_is_found_becomes_a_gate_file_that_is_valid(tmp_path: Path) -> None:
    segno.make_qr("x").save(str(tmp_path / "code.png"), scale=8)
    found = Discovery()
    with ThermometerEmulator("gy9061x", tmp_path / "thermometer", EmulatorSettings(jitter_c=0.0)):
        lines = list(ports([str(tmp_path / "thermometer")], ask=False, seconds=0.3, found=found))
    assert [line.state for line in lines] == ["ok", "ok"]
    path = tmp_path / "found.toml"
    assert write_draft(path, found) == []
    (lane,) = load_gate_file(path).lanes
    assert lane.thermometer is not None
    assert lane.thermometer.options == {"port": str(tmp_path / "thermometer"), "baud": 9600}
    with pytest.raises(DraftError, match="is there already"):
        write_draft(path, found)


def test_a_draft_of_nothing_is_valid_too(tmp_path: Path) -> None:
    assert write_draft(tmp_path / "empty.toml", Discovery()) == []
    assert "[[lanes]]" in draft(Discovery())


def test_the_address_of_a_network_camera_is_not_shown() -> None:
    (line,) = eyes([f"http://user:hidden@127.0.0.1:{free_port()}/x"], 0.2, Discovery())
    assert line.state == "fail"
    assert "hidden" not in str(line)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_ends_with_1_when_something_fails_and_speaks_json(gate: Path) -> None:
    done = run("doctor", gate, "--json", "--seconds", "0.5")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["state"]) == (1, "fail")
    failed = {line["part"] for line in answer["findings"] if line["state"] == "fail"}
    assert failed >= {"board relay", "thermometer in", "broker"}


@pytest.mark.parametrize(
    "words", [("gate.toml", "--ask"), ("gate.toml", "--write", "x.toml"), ("--pulse", "in"), ("--write", "/dev/null")]
)
def test_contradictory_words_are_bad_input(words: tuple[str, ...]) -> None:
    done = run("doctor", *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_table_is_for_people_chinese_first(tmp_path: Path) -> None:
    broken = tmp_path / "gate.toml"
    broken.write_text("[gate]\n")
    done = run("doctor", broken)
    assert done.returncode == 1
    assert "故障 fail" in done.stdout
    assert done.stdout.index("关口文件") < done.stdout.index("gate file")
    assert msgspec.json.decode(run("doctor", broken, "--json").stdout)["state"] == "fail"
