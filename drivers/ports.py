"""Serial ports and cameras of this machine by names that outlive a replug."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serial.tools import list_ports

_BY_ID: Final = Path("/dev/serial/by-id")
_BY_PATH: Final = Path("/dev/serial/by-path")
_CAMERA_BY_ID: Final = Path("/dev/v4l/by-id")
_CAMERA_BY_PATH: Final = Path("/dev/v4l/by-path")
# Built-in ports that a kernel lists whether or not there is a plug: ttyS0 to ttyS31 of a PC.
_PHANTOM: Final = re.compile(r"/dev/ttyS\d+")
# A UVC camera has a second node that gives no pictures but data about them.
_VIDEO: Final = re.compile(r"video(\d+)")


@dataclass(frozen=True, slots=True)
class PortFound:
    """One serial port. `stable`: what to write into a gate file; it is `device` where no better name exists.

    `usb_id` is `vendor:product` in capitals, "" for a port that is no USB plug. `usb_path` is the socket that it is in.
    `serial_number` is "" for the many adapters that have none: two of those can't be told apart by name.
    """

    device: str
    stable: str
    usb_id: str = ""
    usb_path: str = ""
    serial_number: str = ""
    what: str = ""

    @property
    def name_holds(self) -> bool:
        """Whether the name stays when plugs are swapped or the machine starts anew."""
        return self.stable != self.device or not self.usb_id


@dataclass(frozen=True, slots=True)
class CameraFound:
    """One camera that gives pictures; `stable` as with ports."""

    device: str
    stable: str
    what: str = ""


def list_serial_ports(by_id: Path = _BY_ID, by_path: Path = _BY_PATH) -> tuple[PortFound, ...]:
    """Every serial port with something behind it, in order of name."""
    named, placed = _links(by_id), _links(by_path)
    return tuple(
        _port(port, named, placed)
        for port in sorted(list_ports.comports(), key=lambda one: str(one.device))
        if port.vid is not None or not _PHANTOM.fullmatch(port.device)
    )


def _port(port: list_ports.ListPortInfo, named: dict[str, str], placed: dict[str, str]) -> PortFound:  # type: ignore[name-defined,unused-ignore]
    device, number = str(port.device), port.serial_number or ""
    # A name of vendor and product alone belongs to every adapter of that make: with two of them it points at either.
    stable = (named.get(device) if number else None) or placed.get(device) or named.get(device) or device
    usb_id = f"{port.vid:04X}:{port.pid:04X}" if port.vid is not None and port.pid is not None else ""
    what = " ".join(word for word in (port.manufacturer, port.product) if word)
    return PortFound(device, stable, usb_id, port.location or "", number, what)


def _links(folder: Path) -> dict[str, str]:
    """Device path -> the link in `folder` that leads there."""
    with contextlib.suppress(OSError):
        return {os.path.realpath(link): str(link) for link in sorted(folder.iterdir(), reverse=True)}
    return {}


def list_cameras(
    video: Path = Path("/sys/class/video4linux"), by_id: Path = _CAMERA_BY_ID, by_path: Path = _CAMERA_BY_PATH
) -> tuple[CameraFound, ...]:
    """Every V4L2 node that is the first of its device, in order of number."""
    named, placed = _links(by_id), _links(by_path)
    found = []
    with contextlib.suppress(OSError):
        for node in sorted(video.iterdir(), key=_number):
            if _VIDEO.fullmatch(node.name) and _word(node / "index") in ("", "0"):
                device = f"/dev/{node.name}"
                stable = named.get(device) or placed.get(device) or device
                found.append(CameraFound(device, stable, _word(node / "name")))
    return tuple(found)


def _number(node: Path) -> int:
    digits = _VIDEO.fullmatch(node.name)
    return int(digits[1]) if digits else 0


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def is_held(path: str) -> bool:
    """Whether another program has locked this port, as every driver here does. Raises OSError when it can't be opened.

    Nothing is set and nothing is sent; O_NONBLOCK, since some ports wait for a carrier otherwise.
    """
    number = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(number, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False
