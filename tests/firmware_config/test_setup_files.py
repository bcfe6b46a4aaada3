"""The set-up files: systemd takes them, they lock the daemons in, and no value can smuggle in another setting."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from drivers.barrier.lcus_frames import switch
from drivers.emulators.relay import RelayEmulator
from drivers.serial_port import SerialPort
from edge.off_command import relays_off
from edge.setup_command import write_setup
from firmware_config.load import ConfigError
from firmware_config.setup_files import (
    NamedDevice,
    Place,
    SetupError,
    collector_files,
    gate_files,
    is_adapter,
    rule,
)
from tests.edge.gate_process import write_gate
from tests.edge.test_cli import run
from tests.waiting import wait_for

PLACE = Place("/opt/guankou", "/etc/guankou/gate.toml", "/var/lib/guankou", "guankou", ("dialout", "video"))
TEXTS = {**gate_files(PLACE), **collector_files(PLACE)}
UNITS = sorted(name for name in TEXTS if name.endswith(".service"))
# What `systemd-analyze security` says of each: 0 is locked in, 10 is free. The browser needs a console, a graphics
# card and a sandbox of its own.
MOST_EXPOSED = {"guankou-gate.service": 2.2, "guankou-central.service": 1.8, "guankou-kiosk.service": 9.0}
USB = {"ID_BUS": "usb", "ID_VENDOR_ID": "0403", "ID_MODEL_ID": "6001", "ID_PATH": "pci-0000:00:14.0-usb-0:1.2:1.0"}


def values(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.M)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze")
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line(name: str, tmp_path: Path) -> None:
    """Programs that this machine has not are put where the unit looks for them."""
    text = TEXTS[name]
    for program in {line.lstrip("-").split()[0] for key in ("ExecStart", "ExecStopPost") for line in values(text, key)}:
        stand_in = tmp_path / Path(program).name
        stand_in.write_text("#!/bin/sh\n")
        stand_in.chmod(0o755)
        text = text.replace(program, str(stand_in))
    unit = tmp_path / name
    unit.write_text(text)
    done = analyze("verify", "--man=no", "--recursive-errors=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_tell_a_mistake(tmp_path: Path) -> None:
    unit = tmp_path / "guankou-gate.service"
    unit.write_text(TEXTS[unit.name].replace("Restart=on-failure", "Restart=whenever"))
    assert "whenever" in analyze("verify", "--man=no", "--recursive-errors=no", str(unit)).stderr


@pytest.mark.parametrize("name", UNITS)
def test_a_daemon_is_locked_in(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text(TEXTS[name])
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    level = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert level is not None, done.stdout + done.stderr
    assert float(level[1]) <= MOST_EXPOSED[name]


@pytest.mark.parametrize("name", ["guankou-gate.service", "guankou-central.service"])
def test_a_daemon_that_hangs_or_dies_is_started_again_and_a_wrong_file_is_not(name: str) -> None:
    text = TEXTS[name]
    assert values(text, "Type") == ["notify"]
    assert values(text, "WatchdogSec") == ["20"]
    assert values(text, "Restart") == ["on-failure"]
    assert values(text, "RestartPreventExitStatus") == ["2"]
    assert values(text, "StartLimitIntervalSec") == ["0"]


def test_the_gate_may_ask_the_kernel_about_its_clock() -> None:
    """A later line of a filter wins; @privileged has adjtimex(2) in it, and ProtectClock forbids it as well."""
    text = TEXTS["guankou-gate.service"]
    assert values(text, "SystemCallFilter") == ["@system-service", "~@privileged", "adjtimex clock_adjtime"]
    assert not values(text, "ProtectClock")
    # /proc/sys/kernel/random/boot_id names the boot in every record.
    assert not values(text, "ProcSubset")


def test_devices_are_allowed_by_number_so_that_a_driver_loaded_later_counts() -> None:
    allowed = values(TEXTS["guankou-gate.service"], "DeviceAllow")
    assert {"char-188 rw", "char-166 rw", "char-81 rw", "char-gpiochip rw"} <= set(allowed)
    assert values(TEXTS["guankou-gate.service"], "DevicePolicy") == ["closed"]


def test_relays_are_switched_off_however_the_gate_ended() -> None:
    text = TEXTS["guankou-gate.service"]
    assert values(text, "ExecStopPost") == ["-/opt/guankou/bin/guankou-gate off /etc/guankou/gate.toml"]
    assert values(text, "KillMode") == ["control-group"]


def test_nothing_is_left_to_be_filled_in() -> None:
    for name, text in TEXTS.items():
        assert not re.search(r"@[A-Z]+@", text), name
    assert "/var/lib/guankou" in TEXTS["guankou-gate.service"]
    assert "http://127.0.0.1:8080/" in TEXTS["guankou-kiosk.service"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": "/opt/guankou\nExecStartPre=/bin/sh"},
        {"config": "relative.toml"},
        {"config": "/etc/a b.toml"},
        {"user": "guankou\nUser=root"},
        {"user": "%i"},
        {"groups": ("dialout video",)},
        {"screen_url": "http://127.0.0.1:8080/ --no-sandbox"},
        {"broker_dir": "/etc/$HOME"},
    ],
)
def test_no_value_can_be_another_setting(wrong: dict[str, object]) -> None:
    given: dict[str, object] = {"prefix": "/opt/g", "config": "/etc/g.toml", "data_dir": "/var/g", "user": "guankou"}
    with pytest.raises(SetupError, match="must be"):
        Place(**{**given, **wrong})  # type: ignore[arg-type]


# --- names of devices ------------------------------------------------------------------------------------------------


def test_a_device_with_a_number_of_its_own_is_named_by_it_wherever_it_is_plugged_in() -> None:
    text = rule(NamedDevice("thermometer", "tty", {**USB, "ID_SERIAL_SHORT": "A50285BI", "ID_USB_INTERFACE_NUM": "00"}))
    assert text == (
        'SUBSYSTEM=="tty", ENV{ID_VENDOR_ID}=="0403", ENV{ID_MODEL_ID}=="6001", ENV{ID_SERIAL_SHORT}=="A50285BI", '
        'ENV{ID_USB_INTERFACE_NUM}=="00", SYMLINK+="guankou/thermometer"'
    )


def test_an_adapter_without_a_number_is_named_by_its_socket() -> None:
    text = rule(NamedDevice("board", "tty", USB))
    assert text == 'SUBSYSTEM=="tty", ENV{ID_PATH}=="pci-0000:00:14.0-usb-0:1.2:1.0", SYMLINK+="guankou/board"'


def test_a_cameras_name_is_that_of_its_pictures() -> None:
    assert 'ATTR{index}=="0"' in rule(NamedDevice("camera", "video4linux", USB))


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("../sda", USB),
        ("", USB),
        ("Board", USB),
        ("board", {}),
        ("board", {"ID_PATH": 'x", RUN+="/bin/sh'}),
    ],
)
def test_a_rule_that_would_be_another_one_is_refused(name: str, properties: dict[str, str]) -> None:
    with pytest.raises(SetupError):
        rule(NamedDevice(name, "tty", properties))


def test_a_serial_number_that_would_be_another_rule_is_not_used() -> None:
    text = rule(NamedDevice("board", "tty", {**USB, "ID_SERIAL_SHORT": 'A", RUN+="/bin/sh'}))
    assert "RUN" not in text
    assert "ID_PATH" in text


def test_a_plug_that_names_its_device_gets_a_name_and_an_adapters_chip_does_not() -> None:
    text = gate_files(PLACE, known=[("sam_idcard", "0400:C35A"), ("lcus", "1A86:7523")])["90-guankou.rules"]
    assert 'ENV{ID_VENDOR_ID}=="0400", ENV{ID_MODEL_ID}=="c35a", SYMLINK+="guankou/sam-idcard"' in text
    assert "guankou/lcus" not in text
    assert is_adapter("1a86:7523")


def test_udev_understands_every_rule(tmp_path: Path) -> None:
    program = shutil.which("udevadm")
    help_text = "" if program is None else subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    if program is None or "verify" not in help_text:
        pytest.skip("needs udevadm with verify (systemd 254)")
    rules = tmp_path / "90-guankou.rules"
    rules.write_text(gate_files(PLACE, [NamedDevice("board", "tty", USB)])[rules.name])
    assert subprocess.run([program, "verify", str(rules)], capture_output=True, check=False).returncode == 0


def test_every_rule_is_one_line_of_matches_and_settings() -> None:
    one = r'(SUBSYSTEM|ACTION|DRIVER|ENV\{\w+\}|ATTR\{[\w/]+\})(==|=)"[^"]*"|SYMLINK\+="guankou/[a-z0-9-]+"'
    text = gate_files(PLACE, [NamedDevice("board", "tty", USB)])["90-guankou.rules"]
    for line in filter(None, text.splitlines()):
        assert line.startswith("#") or re.fullmatch(rf"({one})(, ({one}))*", line), line


# --- the commands ----------------------------------------------------------------------------------------------------


def test_setup_writes_this_gates_paths_and_says_where_each_file_belongs(tmp_path: Path) -> None:
    port = write_gate(tmp_path, '[[lanes]]\nname = "in"\ndirection = "in"\n')
    done = run("setup", tmp_path / "files", "--config", tmp_path / "gate.toml", "--user", "someone")
    assert done.returncode == 0
    assert "/etc/systemd/system/guankou-gate.service" in done.stdout
    unit = (tmp_path / "files" / "guankou-gate.service").read_text()
    assert f"run {tmp_path}/gate.toml" in unit
    assert values(unit, "User") == ["someone"]
    assert values(unit, "ReadWritePaths") == [f"-{tmp_path}/data"]
    assert f"http://127.0.0.1:{port}/" in (tmp_path / "files" / "guankou-kiosk.service").read_text()


def test_setup_for_a_collector(tmp_path: Path) -> None:
    lines = list(write_setup(tmp_path, "collector", None, "/opt/guankou", "guankou", ()))
    assert {path.name for path in tmp_path.iterdir()} == {"guankou-central.service", "mosquitto-guankou.conf"}
    assert any("mosquitto.service.d" in line for line in lines)


@pytest.mark.parametrize("name", ["thermometer", "thermometer=ttyUSB0", "thermometer=/dev/no-such-device"])
def test_a_name_for_nothing_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        list(write_setup(tmp_path, "gate", None, "/opt/guankou", "guankou", (name,)))


def test_a_wrong_gate_file_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[gate]\n")
    with pytest.raises(ConfigError):
        list(write_setup(tmp_path / "files", "gate", tmp_path / "gate.toml", "/opt/guankou", "guankou", ()))
    assert not (tmp_path / "files").exists()


def test_off_switches_every_relay_off(tmp_path: Path) -> None:
    boards = f'[boards.b]\ndriver = "lcus"\noptions = {{ port = "{tmp_path}/relay", relays = 2 }}\n'
    write_gate(tmp_path, boards + '[[lanes]]\nname = "in"\ndirection = "in"\n')
    with RelayEmulator(tmp_path / "relay", "lcus", wire_log=tmp_path / "wire.log") as board:
        port = SerialPort(str(tmp_path / "relay"), 9600, "a gate that dies")
        port.write(switch(1, on=True))
        wait_for(lambda: board.energised()[1], "the relay to be on")
        port.close()
        assert relays_off(tmp_path / "gate.toml") == []
        wait_for(lambda: not any(board.energised()), "every relay to be off")
    (problem,) = relays_off(tmp_path / "gate.toml")
    assert "board 'b'" in problem
    assert run("off", tmp_path / "gate.toml").returncode == 1
