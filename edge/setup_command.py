"""`guankou-gate setup`: writes the files that set this machine up into a folder, and says where each belongs."""

from __future__ import annotations

import grp
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from drivers.recognise import profiles
from firmware_config.load import load_gate_file
from firmware_config.setup_files import NamedDevice, Place, SetupError, collector_files, gate_files

_GROUPS: Final = ("dialout", "video", "gpio", "input")
_GATE_FILE: Final = Path("/etc/guankou/gate.toml")
_COLLECTOR_FILE: Final = Path("/etc/guankou/central.toml")
_WHERE: Final = {
    "guankou-gate.service": "/etc/systemd/system/guankou-gate.service",
    "guankou-central.service": "/etc/systemd/system/guankou-central.service",
    "guankou-kiosk.service": "/etc/systemd/system/guankou-kiosk.service",
    "mosquitto-guankou.conf": "/etc/systemd/system/mosquitto.service.d/guankou.conf",
    "90-guankou.rules": "/etc/udev/rules.d/90-guankou.rules",
}
_UDEVADM_S: Final = 10.0


def write_setup(
    folder: Path, whom: str, config: Path | None, prefix: str, user: str, names: Sequence[str]
) -> Iterator[str]:
    """Writes, and yields the commands that put each file where it belongs. Raises SetupError, ConfigError, OSError.

    A gate file that is there gives data folder and screen; without one the usual places are taken.
    """
    if whom == "collector":
        place = Place(prefix, str((config or _COLLECTOR_FILE).absolute()), "/var/lib/guankou-central", user)
        texts = collector_files(place)
    else:
        named = [_named(text) for text in names]
        known = [(profile.name, usb) for profile in profiles() for usb in profile.usb_ids]
        texts = gate_files(_gate_place(config, prefix, user), named, known)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield f"install -D -m 644 {folder / name} {_WHERE[name]}"
    yield from (
        "systemctl daemon-reload",
        *(("udevadm control --reload && udevadm trigger",) if whom == "gate" else ()),
    )


def _gate_place(config: Path | None, prefix: str, user: str) -> Place:
    path = config or _GATE_FILE
    there = {group.gr_name for group in grp.getgrall()}
    # A unit that names a group which does not exist can't be started.
    groups = tuple(name for name in _GROUPS if name in there)
    if config is None and not path.exists():
        return Place(prefix, str(path), "/var/lib/guankou", user, groups)
    file = load_gate_file(path)
    host = "127.0.0.1" if file.screen.host in ("0.0.0.0", "::") else file.screen.host  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{file.screen.port}/"
    return Place(prefix, str(path.absolute()), str(Path(file.gate.data_dir)), user, groups, url)


def _named(text: str) -> NamedDevice:
    name, sign, device = text.partition("=")
    if not sign or not device.startswith("/dev/"):
        raise SetupError(f"--name {text!r} must be NAME=DEVICE, such as thermometer=/dev/ttyUSB0")
    properties = _properties(device)
    return NamedDevice(name, properties.get("SUBSYSTEM", "tty"), properties)


def _properties(device: str) -> dict[str, str]:
    """What udev knows of a device. Raises SetupError where it can't be asked, or knows none of that name."""
    program = shutil.which("udevadm")
    if program is None:
        raise SetupError("udevadm is not there: names can't be made on this machine; leave --name out")
    command = [program, "info", "--query=property", f"--name={device}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_UDEVADM_S, check=False)
    if done.returncode != 0:
        raise SetupError(f"--name: udev knows no {device}; is it plugged in?")
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
