"""Every driver with its emulator, handled in the same way; what each kind is made to say, and how it is heard."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from drivers import finding
from drivers.barrier import open_board
from drivers.emulators.catalogue import Emulated, emulate
from drivers.errors import DeviceGoneError
from drivers.profile import Kind
from drivers.protocols import Reading
from drivers.reader import CardSeen, CodeScanned, DocumentSeen, PlateSeen, open_reader, profile_of
from drivers.thermometer import open_thermometer

# How long a step may take before the test gives up; the limits that are promised are checked on their own.
LIMIT_S: Final = 15.0

# What has no emulator that can be pulled off here, and where its behaviour is tested instead.
ELSEWHERE: Final = {
    ("board", "none"): "there is nothing to open",
    ("board", "gpio"): "pins can't be pulled off; tests/drivers/test_gpio.py",
}

_COLD_C: Final = 32.5
_WARM_C: Final = 37.5

# What an emulated reader is shown first and second, by what it gives, and how the event tells which of them it was.
SHOWN: Final[Mapping[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "code": ({"text": "FIRST-CODE"}, {"text": "SECOND-CODE"}),
    "card": ({"card": "010063E9AE"}, {"card": "100086F444"}),
    "uid": ({"card": "FB0EE20B"}, {"card": "04A1B2C3"}),
    "document": ({"document": "11010519491231002X"}, {"document": "440524188001010014"}),
    "plate": ({"plate": "赣A12345"}, {"plate": "赣AD12345"}),
}


@dataclass(frozen=True, slots=True)
class Device:
    """One driver under test."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"

    def emulated(self, folder: Path, seed: int = 0) -> Emulated:
        return emulate(self.kind, self.name, folder, seed)

    def open(self, options: Mapping[str, object]) -> Any:
        if self.kind == "thermometer":
            return open_thermometer(self.name, options)
        return open_board(self.name, options) if self.kind == "board" else open_reader(self.name, options)

    def shown(self, which: int) -> dict[str, Any]:
        """What makes the emulated device say something that can be told from the other one."""
        if self.kind == "thermometer":
            # A face either way, in every module's own value.
            return {"object_c": (_COLD_C, _WARM_C)[which], "body_c": (_COLD_C, _WARM_C)[which]}
        if self.kind == "board":
            return {"input": 0, "active": which == 0}
        (gives,) = profile_of(self.name).gives
        return SHOWN["uid" if self.name == "pn532" else gives][which]

    def hear(self, opened: Any, timeout_s: float) -> str:
        """What the device says next, in a form that `said` gives as well; empty if it said nothing in time."""
        if self.kind == "board":
            return _inputs(opened)
        event = opened.read(timeout_s)
        return "" if event is None else _words(event)

    def said(self, which: int) -> str:
        """What `hear` gives for the first or the second thing shown."""
        shown = self.shown(which)
        if self.kind == "thermometer":
            return "cold" if which == 0 else "warm"
        if self.kind == "board":
            return "" if not self.has_inputs else str(shown["active"])
        return str(next(iter(shown.values()))).upper()

    @property
    def has_inputs(self) -> bool:
        return finding.driver_module("board", self.name).PROFILE.gives.count("inputs") > 0


def _inputs(board: Any) -> str:
    inputs = board.read_inputs()
    return str(inputs[0]) if inputs else ""


def _words(event: object) -> str:
    match event:
        case Reading():
            value_c = event.object_c if event.object_c is not None else event.body_c
            return "" if value_c is None else "warm" if value_c > (_COLD_C + _WARM_C) / 2 else "cold"
        case CodeScanned(text=text):
            return text.decode()
        case CardSeen(number=number):
            return number.hex().upper()
        case DocumentSeen(number=number):
            return number
        case PlateSeen(plate=plate):
            return plate
    raise AssertionError(f"an event of no known kind: {event!r}")


def all_devices() -> list[Device]:
    kinds: tuple[Kind, ...] = ("thermometer", "board", "reader")
    every = [Device(kind, name) for kind in kinds for name in finding.names(kind)]
    return [device for device in every if (device.kind, device.name) not in ELSEWHERE]


@contextlib.contextmanager
def opened(device: Device, options: Mapping[str, object]) -> Iterator[Any]:
    one = device.open(options)
    try:
        yield one
    finally:
        one.close()


def reopened(device: Device, options: Mapping[str, object]) -> Any:
    """Opened as the gate does it after a fault: again and again until it is there."""
    until_s = time.monotonic() + LIMIT_S
    while True:
        try:
            return device.open(options)
        except DeviceGoneError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)


def until_gone(act: Callable[[], object]) -> float:
    """Seconds until `act`, done over and over, says that the device is gone."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < LIMIT_S:
        try:
            act()
        except DeviceGoneError:
            return time.monotonic() - began_s
    raise AssertionError(f"nothing was noticed in {LIMIT_S} s")


def until_heard(device: Device, one: Any, wanted: str, again: Callable[[], None] = lambda: None) -> float:
    """Seconds until the device says `wanted`. `again` shows it once more: a scanner reads a code only once."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < LIMIT_S:
        if device.hear(one, 0.3) == wanted:
            return time.monotonic() - began_s
        again()
    raise AssertionError(f"{device}: {wanted!r} was not heard in {LIMIT_S} s")
