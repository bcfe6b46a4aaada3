"""The search without a gate file: which ports and cameras there are, and which device answers at each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from drivers.errors import DriverError
from drivers.ports import CameraFound, PortFound, list_cameras, list_serial_ports
from drivers.profile import Profile
from drivers.recognise import profiles, reached_by
from drivers.search import Searched, search_port
from edge.doctor.cameras import camera
from edge.doctor.devices import measure
from edge.doctor.finding import Finding, fail, ok, same, warn
from firmware_config.schema import Device
from webscreen.words import Words

PORTS: Final = Words("串口", "serial ports")
CAMERAS: Final = Words("摄像头", "cameras")
_STREAMS: Final = ("http://", "https://", "rtsp://", "rtsps://")


@dataclass(slots=True)
class Discovery:
    """What was found, to be written into a gate file: (profile, device) for what hangs on ports, and cameras."""

    devices: list[tuple[Profile, Device]] = field(default_factory=list)
    cameras: list[Device] = field(default_factory=list)


def ports(given: Sequence[str], ask: bool, seconds: float, found: Discovery) -> Iterator[Finding]:
    """Every port, or those given. Nothing is written to any unless `ask`."""
    listed = list_serial_ports() if not given else tuple(_given(path) for path in given)
    if not listed:
        remedy = Words("插上设备；内置串口用 --port 指定", "plug a device in; name a built-in port with --port")
        yield warn(PORTS, Words("没有找到", "none was found"), remedy)
    for port in listed:
        yield from _port(port, search_port(port.device, ask), ask, seconds, found)


def _given(path: str) -> PortFound:
    known = {port.device: port for port in list_serial_ports()}
    there = known.get(str(Path(path).resolve()))
    # The name that somebody typed is the one that they want to see again.
    return (
        PortFound(path, path, there.usb_id, there.usb_path, there.serial_number, there.what)
        if there
        else PortFound(path, path)
    )


def _port(port: PortFound, searched: Searched, ask: bool, seconds: float, found: Discovery) -> Iterator[Finding]:
    part = Words(f"{PORTS.zh} {port.stable}", f"port {port.stable}")
    facts: dict[str, Any] = {
        "device": port.device,
        "stable": port.stable,
        "usb": port.usb_id,
        "usb_path": port.usb_path,
    }
    facts["heard"] = searched.heard
    if searched.held:
        remedy = Words("停止关口后再找：systemctl stop guankou-gate", "to search it: systemctl stop guankou-gate")
        yield warn(
            part,
            Words("被另一个程序占用，可能是正在运行的关口", "in use by another program, may be the running gate"),
            remedy,
            **facts,
        )
    elif searched.error:
        remedy = Words("检查权限：用户组 dialout", "may this user open it? group dialout")
        yield fail(part, same(searched.error), remedy, **facts)
    elif searched.profile is None:
        yield _unknown(part, port, searched, ask, facts)
    else:
        yield from _known(part, port, searched.profile, searched, seconds, found, facts)


def _unknown(part: Words, port: PortFound, searched: Searched, ask: bool, facts: dict[str, Any]) -> Finding:
    guesses = [profile.name for profile in profiles() if port.usb_id and port.usb_id in profile.usb_ids]
    may_be = Words(f"；可能是 {', '.join(guesses)}", f"; may be {', '.join(guesses)}") if guesses else Words()
    facts["may_be"] = guesses
    if searched.heard:
        what = Words(
            f"收到 {searched.heard} 字节，不认识{may_be.zh}",
            f"{searched.heard} bytes came, of no known device{may_be.en}",
        )
        remedy = Words("检查型号、地线和波特率", "model, ground wire, baud")
    else:
        what = Words(f"没有声音{may_be.zh}", f"silent{may_be.en}")
        remedy = (
            Words("检查电源和接线", "power and wiring")
            if ask
            else Words("许多设备要问才答：加 --ask", "many devices speak only when asked: --ask")
        )
    return warn(part, what, remedy, **facts)


def _known(
    part: Words,
    port: PortFound,
    profile: Profile,
    searched: Searched,
    seconds: float,
    found: Discovery,
    facts: dict[str, Any],
) -> Iterator[Finding]:
    device = Device(profile.name, reached_by(profile, port.stable, searched.baud))
    found.devices.append((profile, device))
    facts |= {
        "driver": profile.name,
        "kind": profile.kind,
        "baud": searched.baud,
        "asked": searched.asked,
        "traps": list(profile.traps),
    }
    what = Words(
        f"{profile.name}（{profile.hardware}），{searched.baud} 波特",
        f"{profile.name} ({profile.hardware}), {searched.baud} baud",
    )
    if port.name_holds:
        yield ok(part, what, **facts)
    else:
        remedy = Words(
            "没有固定名称：用 guankou-gate setup 写 udev 规则", "no lasting name: make one with guankou-gate setup"
        )
        yield warn(part, what, remedy, **facts)
    if profile.kind == "thermometer":
        live = Words(f"读数 {profile.name}", f"readings of {profile.name}")
        try:
            yield measure(live, device, seconds)
        except DriverError as error:
            yield fail(live, same(str(error)), Words("检查接线", "look at the wiring"), **facts)


def eyes(given: Sequence[str], seconds: float, found: Discovery) -> Iterator[Finding]:
    """Every local camera, or the devices and addresses given."""
    listed = list_cameras() if not given else tuple(CameraFound(one, one) for one in given)
    if not listed:
        remedy = Words(
            "插上 USB 摄像头，或用 --camera 指定网络摄像头地址", "plug one in, or name a network camera with --camera"
        )
        yield warn(CAMERAS, Words("没有找到", "none was found"), remedy)
    for number, one in enumerate(listed, 1):
        device = _camera_device(one.stable)
        # Not the address itself: it may hold a password.
        name = f"#{number}" if device.driver == "stream" else one.stable
        line = camera(Words(f"摄像头 {name}", f"camera {name}"), device.driver, device.options, seconds)
        if line.state != "fail":
            found.cameras.append(device)
        yield line


def _camera_device(name: str) -> Device:
    if name.startswith(_STREAMS):
        return Device("stream", {"url": name})
    return Device("v4l2", {"device": name})
