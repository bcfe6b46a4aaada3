"""`guankou-gate` as people and scripts meet it: bad input is one clear line and exit code 2, silence is exit code 3."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import segno

from checkpoint.formats import gk1
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_scene import Change
from firmware_config.load import write_enrolment
from tests.checkpoint.pass_samples import KEY, NOW_S, claims
from tests.edge.gate_process import ROOT, enrolment, write_gate
from tests.edge.outbox_samples import IDENTITY

LANE = '[[lanes]]\nname = "in"\ndirection = "in"\n'
PASS = gk1.issue(claims(), KEY)
TRUST = {"keys": [{"public": KEY.public_key().public_bytes_raw().hex(), "issuer": "office", "classes": ["resident"]}]}


def run(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge", *map(str, words)],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def refused(done: subprocess.CompletedProcess[str], *words: str, lines: int = 1) -> None:
    """Exit code 2; one line for each problem, with these words; no trace."""
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(told) == lines, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A gate file that could run."""
    write_gate(tmp_path, LANE)
    return tmp_path / "gate.toml"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


# --- check and run ---------------------------------------------------------------------------------------------------


def test_check_says_ok_for_people_and_for_programs(gate: Path) -> None:
    assert run("check", gate).stdout == f"{gate}: ok\n"
    assert json.loads(run("check", gate, "--json").stdout) == {"file": str(gate), "ok": True, "problems": []}


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("old", "new", "words", "lines"),
    [
        ('phone = "0791-0000-0000"', 'phome = "1"', ("[call] phome", "did you mean phone?", "[call] phone"), 2),
        ("keepalive_s = 5", "keepalive_s = 1", ("[broker] keepalive_s = 1", "a whole number from 5 to 300"), 1),
        ("reserve_mib = 1", "reserve_mib = 0", ("[outbox] reserve_mib = 0", "from 1 to 1024"), 1),
        ('direction = "in"', 'direction = "up"', ("[lanes #1] direction = 'up'", "'in' or 'out'"), 1),
        (LANE, LANE + 'camera = { driver = "folder", options = { pth = "x" } }', ("[lanes #1 / camera]", "pth"), 1),
        (LANE, LANE + 'thermometer = { driver = "gy614" }', ("gy614", "gy614v3"), 1),
        (LANE, LANE + 'barrier = { board = "relay" }', ("no such board", "relay"), 1),
        ("[gate]", "[gate", ("is not TOML",), 1),
    ],
)
def test_a_gate_file_that_is_wrong_is_told_line_by_line(
    command: str, old: str, new: str, words: tuple[str, ...], lines: int, gate: Path
) -> None:
    change(gate, old, new)
    done = run(command, gate)
    refused(done, *words, lines=lines)
    assert all(line.startswith(str(gate)) for line in done.stderr.splitlines() if not line.startswith("{"))


def test_check_gives_its_problems_to_programs_too(gate: Path) -> None:
    change(gate, "keepalive_s = 5", "keepalive_s = 1")
    done = run("check", gate, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], len(told["problems"]), done.stderr) == (2, False, 1, "")


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_gate_file_that_is_not_there_or_a_folder_is_named(command: str, tmp_path: Path) -> None:
    refused(run(command, tmp_path / "absent.toml"), "absent.toml", "No such file")
    refused(run(command, tmp_path), "directory")


def test_a_key_that_is_missing_or_open_to_others_is_named_with_the_remedy(gate: Path) -> None:
    key = gate.parent / "data" / "gate.key"
    key.chmod(0o644)
    refused(run("run", gate), "gate.key", "others can read this key", "chmod 600")
    key.unlink()
    refused(run("run", gate), "gate.key", "guankou-gate keys")
    key.write_text("not a key")
    key.chmod(0o600)
    refused(run("run", gate), "not an Ed25519 key")


def test_an_enrolment_that_is_missing_open_to_others_or_of_another_gate_is_named(gate: Path) -> None:
    file = gate.parent / "enrolment.json"
    file.chmod(0o644)
    refused(run("run", gate), "enrolment.json", "chmod 600")
    file.unlink()
    refused(run("run", gate), "enrolment.json", "No such file")
    file.write_text("{}")
    file.chmod(0o600)
    done = run("run", gate)
    assert done.returncode == 2
    assert "[" not in done.stderr.splitlines()[0] or "is missing" in done.stderr
    file.unlink()
    write_enrolment(file, enrolment())
    change(gate, 'id = "gate-7"', 'id = "gate-8"')
    refused(run("run", gate), "enrolment of gate 'gate-7'", "'gate-8'")


def test_a_data_folder_that_cannot_be_made_is_named(gate: Path) -> None:
    (gate.parent / "file").write_text("in the way")
    change(gate, 'data_dir = "data"', 'data_dir = "file/data"')
    refused(run("run", gate), "[gate] data_dir", "Not a directory", "folder that can be written")


def test_a_screen_port_that_is_taken_is_named(gate: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = gate.read_text(encoding="utf-8")
        gate.write_text(
            text.replace("[screen]\nport = ", f"[screen]\nport = {taken.getsockname()[1]} # "), encoding="utf-8"
        )
        refused(run("run", gate), "screen.port", "is in use")


def test_a_second_gate_on_the_same_outbox_is_refused_with_the_number_of_the_first(gate: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from edge.outbox_files import WriterLock; "
        "lock = WriterLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(gate.parent / "data" / "outbox.db")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        refused(run("run", gate), f"process {first.pid} already writes to this outbox")
        first.kill()
    assert IDENTITY.gate == "gate-7"


# --- keys ------------------------------------------------------------------------------------------------------------


def test_keys_makes_one_key_and_never_another_over_it(tmp_path: Path) -> None:
    file = tmp_path / "gate.key"
    told = json.loads(run("keys", file, "--json").stdout)
    assert (told["file"], len(told["public_key"]), file.stat().st_mode & 0o777) == (str(file), 64, 0o600)
    refused(run("keys", file), "already exists")
    refused(run("keys", tmp_path / "no" / "folder"), "No such file", "folder that can be written")


# --- scan ------------------------------------------------------------------------------------------------------------


def test_scan_answers_for_every_file_and_says_which_it_could_not_read(tmp_path: Path) -> None:
    segno.make("GK1:HELLO", micro=False).save(str(tmp_path / "pass.png"), scale=5)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    huge = tmp_path / "huge.png"
    huge.touch()
    os.truncate(huge, 3_000_000_000)
    names = [tmp_path / name for name in ("pass.png", "empty.png", "text.png", "huge.png", "absent.png")]
    done = run("scan", *names, "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["file"] for answer in answers] == [str(name) for name in names]
    assert [answer["texts"] for answer in answers] == [["GK1:HELLO"], [], [], [], []]
    assert [bool(answer["error"]) for answer in answers] == [False, True, True, True, True]
    refused(done, "empty.png", "text.png", "huge.png", "absent.png", lines=4)
    assert run("scan", names[0]).stdout == f"{names[0]}: GK1:HELLO\n"


def test_a_picture_without_a_code_is_no_error(tmp_path: Path) -> None:
    segno.make("x", micro=False).save(str(tmp_path / "white.png"), scale=5, dark="white")
    done = run("scan", tmp_path / "white.png")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'white.png'}: no code\n")


# --- verify ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    file = tmp_path / "trust.json"
    file.write_text(json.dumps(TRUST))
    return file


def test_verify_answers_every_line_in_order_whatever_it_is(trust: Path) -> None:
    lines = [
        PASS.encode(), b"", PASS.encode() + b"\r", json.dumps({"text": PASS, "at": NOW_S + 10**9}).encode(),
        b"A" * 100_000, b"{", b"\xff\xfe", PASS.encode(),
    ]  # fmt: skip
    done = run("verify", "--trust", trust, "--at", NOW_S, "--json", stdin=b"\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["reason"] for answer in answers] == [
        "pass_valid", "not_a_pass", "pass_malformed", "pass_expired",
        "pass_too_long", "pass_malformed", "not_a_pass", "pass_valid",
    ]  # fmt: skip
    assert all(set(answer) == {"valid", "format", "reason", "claims"} for answer in answers)
    assert done.returncode == 0
    # What nobody signed is taken, and said: on standard error, so that programs read nothing but answers.
    assert "its signature was not checked" in done.stderr


def test_verify_without_input_answers_nothing(trust: Path) -> None:
    done = run("verify", "--trust", trust, "--at", NOW_S, "--json")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "trust.json"), (b"garbage", "trust.json"), (b"{", "trust.json"),
     (b'{"keys": 3}', "keys"),
     (b"\x28\xb5\x2f\xfd" + bytes(50), "trust.json"), (bytes(5_000_000), "is it a trust file?")],
)  # fmt: skip
def test_a_trust_file_that_is_none_is_named(content: bytes | None, words: str, trust: Path) -> None:
    trust.unlink() if content is None else trust.write_bytes(content)
    refused(run("verify", "--trust", trust, "--at", NOW_S, stdin=PASS.encode()), "trust.json", words)


@pytest.mark.parametrize("root", ["zz", "00", "00" * 33, ""])
def test_a_root_key_that_is_none_is_named(root: str, trust: Path) -> None:
    refused(run("verify", "--trust", trust, "--at", NOW_S, "--root", root), "--root", "64 hex digits")


def test_a_json_trust_file_cannot_be_checked_against_a_root(trust: Path) -> None:
    refused(run("verify", "--trust", trust, "--at", NOW_S, "--root", "00" * 32), "carries no signature")


def test_a_time_that_is_none_is_named(trust: Path) -> None:
    refused(run("verify", "--trust", trust, "--at", "tomorrow"), "--at", "tomorrow")


# --- thermometer -----------------------------------------------------------------------------------------------------


def test_thermometer_prints_readings_and_takes_the_options_of_the_driver(tmp_path: Path) -> None:
    link, capture = tmp_path / "port", tmp_path / "capture.bin"
    with ThermometerEmulator("lu90614", link, EmulatorSettings(jitter_c=0.0)):
        done = run(
            "thermometer", "--model", "lu90614", "--port", link, "--mode", "object", "--baud", 9600,
            "--capture", capture, "--count", 2, "--json",
        )  # fmt: skip
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(reading["mode"], reading["body_c"]) for reading in readings] == [("surface", None)] * 2
    assert readings[0]["raw"] in capture.read_bytes().hex()


def test_a_silent_thermometer_is_exit_code_3(tmp_path: Path) -> None:
    link = tmp_path / "port"
    with ThermometerEmulator("gy9061x", link, EmulatorSettings(start=Change(fault="silence"))):
        done = run("thermometer", "--model", "gy9061x", "--port", link, "--timeout", "0.5", "--json")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"{link}: no valid reading within 0.5 s; check model, wiring and power\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--model", "gy614", "--port", "/dev/none"), "gy614v3"),
        (("--model", "gy614v3", "--port", "/dev/none", "--timeout", "0.2"), "/dev/none"),
        (("--model", "gy614v3", "--port", "/dev/none", "--baud", "1"), "baud"),
        (("--model", "gy614v3", "--port", "/dev/none", "--mode", "body"), "leave it out"),
        (("--model", "gy614v3", "--port", ""), "port"),
    ],
)
def test_a_thermometer_that_cannot_be_read_is_named(words: tuple[str, ...], told: str) -> None:
    refused(run("thermometer", *words), told)


# --- emulate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("thermometer", "--model", "gy614"), "gy614v3"),
        (("thermometer", "--model", "gy614v3", "--fault", "tired"), "tired"),
        (("thermometer", "--model", "gy614v3", "--scenario", "/no/such/file"), "/no/such/file"),
        (("thermometer", "--model", "gy614v3", "--link", "/no/such/folder/port"), "/no/such/folder"),
        (("relay", "--link", "/no/such/folder/port", "--wire-log", "/dev/null"), "/no/such/folder"),
        (("camera", "--scenario", "/no/such/file"), "/no/such/file"),
    ],
)
def test_an_emulator_that_cannot_start_says_why(words: tuple[str, ...], told: str) -> None:
    refused(run("emulate", *words), told)


@pytest.mark.parametrize(
    "words",
    [
        ("telepathy",),
        ("check",),
        ("verify",),
        ("emulate", "camera", "--port", "70000"),
        ("emulate", "camera", "--fps", "0"),
        ("thermometer", "--model", "gy614v3", "--port", "/dev/none", "--count", "0"),
        ("thermometer", "--model", "lu90614", "--port", "/dev/none", "--mode", "upside-down"),
    ],
)
def test_words_that_fit_no_command_are_exit_code_2_with_the_usage(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage:")
    assert "Traceback" not in done.stderr
