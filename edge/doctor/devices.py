"""Every device of a gate file, opened by its own driver and shown working. The barrier moves only when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from drivers.barrier import Board, open_board
from drivers.errors import DeviceGoneError, DriverError
from drivers.protocols import Reading
from drivers.reader import CardSeen, CodeScanned, DocumentSeen, PlateSeen, ReaderEvent, open_reader
from drivers.thermometer import open_thermometer
from edge.doctor.finding import Finding, fail, ok, same, warn
from firmware_config.schema import Device, GateFile, Lane
from webscreen.words import Words

_SEEN: Final[dict[type, Words]] = {
    CodeScanned: Words("读到一个二维码", "a code was scanned"),
    CardSeen: Words("读到一张卡", "a card was seen"),
    DocumentSeen: Words("读到一份证件", "a document was read"),
    PlateSeen: Words("读到一个车牌", "a number plate was read"),
}
_ABSENT: Final = Words("检查电源、线、端口名和用户组 dialout", "power, cable, the port's name, and the group dialout")
_IN_USE: Final = Words("由正在运行的关口使用", "in use by the running gate")
_BARRIER: Final = Words("道闸", "barrier")


def boards(file: GateFile, pulse_lane: str | None) -> Iterator[Finding]:
    """Each board opened and its inputs read; then one pulse of `pulse_lane`'s barrier, where one was asked for."""
    for name, device in file.boards.items():
        part = Words(f"控制板 {name}", f"board {name}")
        lanes = [lane for lane in file.lanes if lane.name == pulse_lane and lane.barrier and lane.barrier.board == name]
        yield from _guarded(part, device, partial(_board, part, device, lanes))
    if pulse_lane is not None and not any(lane.name == pulse_lane and lane.barrier for lane in file.lanes):
        said = Words(f"通道 {pulse_lane} 没有道闸", f"lane {pulse_lane!r} has no barrier")
        yield fail(_BARRIER, said, same(f"--pulse {' | '.join(lane.name for lane in file.lanes if lane.barrier)}"))


def _board(part: Words, device: Device, lanes: list[Lane]) -> Iterator[Finding]:
    board = open_board(device.driver, device.options)
    try:
        # A board that can be asked answers this; the others at least have their port open.
        inputs = board.read_inputs()
        active = [number for number, on in enumerate(inputs) if on]
        what = Words(
            f"{device.driver}：{len(inputs)} 个输入，闭合：{active or '无'}",
            f"{device.driver}: {len(inputs)} inputs, closed: {active or 'none'}",
        )
        yield ok(part, what, driver=device.driver, inputs=list(inputs))
        for lane in lanes:
            yield _pulse(board, lane)
    finally:
        board.close()


def _pulse(board: Board, lane: Lane) -> Finding:
    if lane.barrier is None:
        raise ValueError(f"lane {lane.name!r} has no barrier")
    part = Words(f"{_BARRIER.zh} {lane.name}", f"{_BARRIER.en} {lane.name}")
    pulse = board.pulse(lane.barrier.channel, lane.barrier.pulse_s)
    # The board is closed behind this, which switches off: the pulse must have ended by itself before.
    time.sleep(lane.barrier.pulse_s)
    if pulse.confirmed:
        return ok(part, Words("已动作，控制板已确认", "moved, and the board confirmed it"), confirmed=True)
    said = Words("已发出，控制板没有确认", "sent; the board does not confirm")
    return warn(part, said, Words("请看道闸是否真的打开", "look whether it really opened"), confirmed=False)


def thermometers(file: GateFile, seconds: float) -> Iterator[Finding]:
    """A few readings of each."""
    for lane in file.lanes:
        device = lane.thermometer
        if device is not None:
            part = Words(f"测温 {lane.name}", f"thermometer {lane.name}")
            yield from _guarded(part, device, partial(_once, measure, part, device, seconds))


def measure(part: Words, device: Device, seconds: float) -> Finding:
    """Readings for `seconds`, and longer only until the first. Raises OptionError, DeviceGoneError."""
    thermometer = open_thermometer(device.driver, device.options)
    readings: list[Reading] = []
    begun_s = time.monotonic()
    try:
        while (passed_s := time.monotonic() - begun_s) < (seconds if readings else 3 * seconds + 3):
            reading = thermometer.read(min(1.0, 3 * seconds + 3 - passed_s + 0.1))
            if reading is not None:
                readings.append(reading)
        counters, baud = thermometer.counters, thermometer.found_baud
    finally:
        thermometer.close()
    if not readings:
        said = Words(f"{device.driver}：没有读数", f"{device.driver}: no reading")
        if counters.checksum_bad or counters.resync_bytes:
            remedy = Words(
                "有数据但不对：型号、波特率或接线不符", "bytes come, and make no sense: model, baud or wiring"
            )
        else:
            remedy = Words("检查电源和接线（TX 接 RX）", "power, and wiring: TX to RX")
        return fail(part, said, remedy, driver=device.driver)
    last = readings[-1]
    what = same(f"{device.driver}, {baud} baud: {_values(last)}, {len(readings) / seconds:.1f}/s")
    facts: dict[str, Any] = {
        "driver": device.driver,
        "baud": baud,
        "readings": len(readings),
        "quality": list(last.quality),
    }
    facts |= {"object_c": last.object_c, "ambient_c": last.ambient_c, "body_c": last.body_c}
    bad = counters.checksum_bad
    if last.quality != ("ok",):
        said = Words(f"{what.zh}（{' '.join(last.quality)}）", f"{what.en} ({' '.join(last.quality)})")
        return warn(part, said, Words("见 thermometers.md", "see thermometers.md"), **facts)
    if bad > len(readings):
        said = Words(f"{what.zh}，{bad} 帧损坏", f"{what.en}, {bad} frames broken")
        return warn(part, said, Words("检查地线与线长", "look at the ground wire, and shorten the cable"), **facts)
    return ok(part, what, **facts)


def _values(reading: Reading) -> str:
    named = (("object", reading.object_c), ("ambient", reading.ambient_c), ("body", reading.body_c))
    return ", ".join(f"{name} {value:.2f} °C" for name, value in named if value is not None)


def readers(file: GateFile, seconds: float) -> Iterator[Finding]:
    """Each opened and listened to; what it reads meanwhile is only counted, never shown."""
    for lane in file.lanes:
        for name, device in _readers_of(lane).items():
            part = Words(f"读卡器 {lane.name}/{name}", f"reader {lane.name}/{name}")
            yield from _guarded(part, device, partial(_once, hear, part, device, seconds))


def hear(part: Words, device: Device, seconds: float) -> Finding:
    """Listens for `seconds`, until the first event. Raises OptionError, DeviceGoneError."""
    reader = open_reader(device.driver, device.options)
    event: ReaderEvent | None = None
    until_s = time.monotonic() + seconds
    try:
        while event is None and (left_s := until_s - time.monotonic()) > 0:
            event = reader.read(left_s)
    finally:
        reader.close()
    if event is None:
        said = Words(f"{device.driver}：已连接，未刷", f"{device.driver}: open; nothing was shown to it")
        return ok(part, said, driver=device.driver, seen="")
    seen = _SEEN[type(event)]
    said = Words(f"{device.driver}：{seen.zh}", f"{device.driver}: {seen.en}")
    return ok(part, said, driver=device.driver, seen=type(event).__name__)


def _readers_of(lane: Lane) -> Mapping[str, Device]:
    table: Mapping[str, Device] = getattr(lane, "readers", {})
    return table


def _once(
    look: Callable[[Words, Device, float], Finding], part: Words, device: Device, seconds: float
) -> Iterator[Finding]:
    yield look(part, device, seconds)


def _guarded(part: Words, device: Device, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The driver's own words where it can't be opened, or leaves."""
    try:
        yield from look()
    except DeviceGoneError as error:
        said = Words(f"{device.driver}：打不开或不应答：{error.why}", f"{device.driver}: {error.why}")
        yield fail(part, said, _ABSENT, driver=device.driver)
    except (DriverError, ValueError) as error:
        remedy = Words("修改关口文件：guankou-gate check", "correct the gate file: guankou-gate check")
        yield fail(part, same(str(error)), remedy, driver=device.driver)


def held_devices(file: GateFile, pulse_lane: str | None) -> Iterator[Finding]:
    """What the running gate has is not opened a second time: its faults tell how they are."""
    parts: list[tuple[Words, Device]] = [
        (Words(f"控制板 {name}", f"board {name}"), device) for name, device in file.boards.items()
    ]
    for lane in file.lanes:
        if lane.thermometer is not None:
            parts.append((Words(f"测温 {lane.name}", f"thermometer {lane.name}"), lane.thermometer))
        named = _readers_of(lane).items()
        parts += [(Words(f"读卡器 {lane.name}/{n}", f"reader {lane.name}/{n}"), one) for n, one in named]
    for part, device in parts:
        said = Words(f"{device.driver}：{_IN_USE.zh}", f"{device.driver}: {_IN_USE.en}")
        yield ok(part, said, driver=device.driver, in_use=True)
    if pulse_lane is not None:
        remedy = Words("在保安画面上开闸，或先停止关口", "open it at the guard's screen, or stop the gate first")
        yield fail(_BARRIER, _IN_USE, remedy)
