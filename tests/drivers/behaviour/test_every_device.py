"""What every driver and every emulator must do, whatever its wire: the list grows with the folders of drivers."""

from __future__ import annotations

import ast
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from drivers import finding
from drivers.errors import DeviceGoneError, OptionError
from tests.drivers.behaviour.devices import (
    ELSEWHERE,
    LIMIT_S,
    Device,
    all_devices,
    opened,
    reopened,
    until_gone,
    until_heard,
)

ROOT = Path(__file__).resolve().parents[3]
DEVICES = all_devices()
SPEAKING = [device for device in DEVICES if device.kind != "board" or device.has_inputs]
# What a gate promises: a fault on the screen, and readings again, within this time of the cable.
PROMISED_S = 3.0


def show(emulated: Any, device: Device, which: int) -> None:
    emulated.set(**device.shown(which))


def act(device: Device, one: Any) -> Any:
    """What a gate does with it all the time."""
    return device.hear(one, 0.3)


def test_every_driver_is_here_or_says_where_it_is_tested() -> None:
    every = {(kind, name) for kind in ("thermometer", "board", "reader") for name in finding.names(kind)}  # type: ignore[arg-type]
    assert every == {(device.kind, device.name) for device in DEVICES} | set(ELSEWHERE)
    for why in ELSEWHERE.values():
        place = why.rpartition("; ")[2]
        assert not place.startswith("tests/") or (ROOT / place).exists(), place


@pytest.mark.parametrize("device", SPEAKING, ids=str)
def test_it_opens_and_reports_what_is_there(device: Device, tmp_path: Path) -> None:
    with device.emulated(tmp_path) as emulated, opened(device, emulated.options) as one:
        for which in (0, 1):
            show(emulated, device, which)
            until_heard(device, one, device.said(which), lambda which=which: show(emulated, device, which))  # type: ignore[misc]


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_a_pulled_cable_is_noticed_and_a_new_one_is_used_in_time(
    device: Device, tmp_path: Path, record_property: Any
) -> None:
    with device.emulated(tmp_path) as emulated:
        one = device.open(emulated.options)
        act(device, one)
        emulated.unplug()
        gone_s = until_gone(lambda: act(device, one))
        one.close()
        with pytest.raises(DeviceGoneError):
            device.open(emulated.options)
        emulated.replug()
        began_s = time.monotonic()
        with opened_again(device, emulated) as one:
            if device in SPEAKING:
                show(emulated, device, 1)
                until_heard(device, one, device.said(1), lambda: show(emulated, device, 1))
            else:
                act(device, one)
            back_s = time.monotonic() - began_s
    record_property("unplug_to_fault_s", round(gone_s, 2))
    record_property("replug_to_reading_s", round(back_s, 2))
    assert gone_s <= PROMISED_S
    assert back_s <= PROMISED_S


def opened_again(device: Device, emulated: Any) -> Any:
    class Again:
        def __enter__(self) -> Any:
            self.one = reopened(device, emulated.options)
            return self.one

        def __exit__(self, *_: object) -> None:
            self.one.close()

    return Again()


@pytest.mark.parametrize("device", SPEAKING, ids=str)
def test_what_it_saw_before_the_cable_was_pulled_is_never_told_afterwards(device: Device, tmp_path: Path) -> None:
    with device.emulated(tmp_path) as emulated:
        one = device.open(emulated.options)
        show(emulated, device, 0)
        until_heard(device, one, device.said(0), lambda: show(emulated, device, 0))
        emulated.unplug()
        until_gone(lambda: act(device, one))
        one.close()
        show(emulated, device, 1)
        emulated.replug()
        with opened_again(device, emulated) as one:
            heard = []
            until_s = time.monotonic() + LIMIT_S
            while device.said(1) not in heard and time.monotonic() < until_s:
                heard += [said for said in [device.hear(one, 0.3)] if said]
                if not heard:
                    show(emulated, device, 1)
    assert set(heard) == {device.said(1)}


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_it_may_be_closed_twice_and_says_afterwards_that_it_is_gone(device: Device, tmp_path: Path) -> None:
    with device.emulated(tmp_path) as emulated:
        one = device.open(emulated.options)
        one.close()
        one.close()
        with pytest.raises(DeviceGoneError):
            act(device, one)


@pytest.mark.parametrize("device", [d for d in DEVICES if d.kind != "board"], ids=str)
def test_closing_ends_a_read_under_way_in_another_thread(device: Device, tmp_path: Path) -> None:
    ended = threading.Event()

    def read() -> None:
        try:
            while not ended.is_set():
                device.hear(one, 60.0)
        except DeviceGoneError:
            ended.set()

    with device.emulated(tmp_path) as emulated:
        one = device.open(emulated.options)
        thread = threading.Thread(target=read, name="reader under test", daemon=True)
        thread.start()
        one.close()
        assert ended.wait(LIMIT_S)
        thread.join(LIMIT_S)


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_taking_it_from_a_hung_thread_waits_for_nobody_and_frees_it_for_the_next(
    device: Device, tmp_path: Path
) -> None:
    with device.emulated(tmp_path) as emulated:
        one = device.open(emulated.options)
        began_s = time.monotonic()
        one.sever()
        assert time.monotonic() - began_s < 1.0
        with opened_again(device, emulated) as fresh:
            act(device, fresh)
        one.close()


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_an_option_that_it_does_not_know_is_named_with_the_driver(device: Device, tmp_path: Path) -> None:
    with device.emulated(tmp_path) as emulated, pytest.raises(OptionError) as refused:
        device.open({**emulated.options, "colour": "blue"})
    assert device.name in str(refused.value)
    assert "colour" in str(refused.value)


@pytest.mark.parametrize("device", [d for d in DEVICES if d.kind == "thermometer"], ids=str)
def test_a_thermometer_that_falls_silent_says_nothing_more_and_is_stale(device: Device, tmp_path: Path) -> None:
    with device.emulated(tmp_path) as emulated, opened(device, emulated.options) as one:
        until_heard(device, one, device.said(0), lambda: show(emulated, device, 0))
        emulated.set(fault="silence")
        until_s = time.monotonic() + LIMIT_S
        while not one.is_stale and time.monotonic() < until_s:
            one.read(0.3)
        assert one.is_stale
        assert one.read(0.5) is None


@pytest.mark.parametrize("device", [d for d in DEVICES if d.kind == "thermometer"], ids=str)
def test_a_thermometer_that_repeats_one_frame_is_found_to_be_stuck(device: Device, tmp_path: Path) -> None:
    options = {"stuck_after": 5, "stuck_after_s": 0.5}
    with device.emulated(tmp_path) as emulated, opened(device, {**emulated.options, **options}) as one:
        show(emulated, device, 1)
        until_heard(device, one, device.said(1))
        emulated.set(fault="stuck")
        until_s = time.monotonic() + LIMIT_S
        marks: tuple[str, ...] = ()
        while "stuck" not in marks and time.monotonic() < until_s:
            reading = one.read(1.0)
            marks = reading.quality if reading else ()
    assert "stuck" in marks


@pytest.mark.parametrize("device", [d for d in DEVICES if d.kind == "board"], ids=str)
def test_a_board_refuses_a_relay_that_it_has_not(device: Device, tmp_path: Path) -> None:
    with device.emulated(tmp_path) as emulated, opened(device, emulated.options) as board:
        act(device, board)
        with pytest.raises(ValueError, match="does not exist"):
            board.pulse(99, 0.5)


def test_no_driver_touches_a_control_line_of_the_port() -> None:
    """A pseudo-terminal and many USB adapters have none, and on some boards they reset the device."""
    lines = {"dtr", "rts", "cts", "dsr", "setDTR", "setRTS"}
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "drivers").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in lines
    ]
    assert not wrong
