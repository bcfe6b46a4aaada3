"""A process that owns the pins of a header and switches its relays off whatever happens to its parent.

`python -m drivers.barrier.gpio_child OPTIONS`, the board's options as JSON; see timed_child.py for what it is told.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from typing import Any, Final

import msgspec

from drivers.barrier.models.gpio import Options
from drivers.barrier.timed_child import run
from drivers.errors import DeviceGoneError

_PULL_UP: Final = {"up": True, "down": False, "none": None}
_REMEDY: Final = "is this a Raspberry Pi, are the pins free, and may this user use them (group gpio)?"


class GpioSwitches:
    """The relays and contacts of one header. Raises DeviceGoneError when the pins can't be had."""

    def __init__(self, options: Options) -> None:
        self.count = len(options.relays)
        gpiozero = import_module("gpiozero")
        self._factory: Any = None
        try:
            self._factory = _factory(options.header)
            self._relays = [self._output(gpiozero, pin, options) for pin in options.relays]
            self._inputs = [self._input(gpiozero, pin, options) for pin in options.inputs]
        # lgpio's own errors are plain exceptions, and gpiozero lets them through.
        except Exception as error:
            self.close()
            raise DeviceGoneError("gpio", f"no pins: {error}; {_REMEDY}") from error

    def switch(self, channel: int, on: bool) -> None:
        relay = self._relays[channel]
        if on:
            relay.on()
        else:
            relay.off()

    def energised(self, channel: int) -> bool | None:
        """Nobody knows: the level of an output pin is what we put there, with or without a relay behind it."""
        return None

    def inputs(self) -> tuple[bool, ...]:
        return tuple(bool(contact.value) for contact in self._inputs)

    def check(self) -> None:
        look = getattr(self._factory, "look", None)
        if look is not None:
            look()

    def close(self) -> None:
        if self._factory is not None:
            self._factory.close()

    def _output(self, gpiozero: Any, pin: int, options: Options) -> Any:
        return gpiozero.DigitalOutputDevice(
            pin, active_high=not options.active_low, initial_value=False, pin_factory=self._factory
        )

    def _input(self, gpiozero: Any, pin: int, options: Options) -> Any:
        pull_up = _PULL_UP[options.pull]
        # Without a pull the library wants to be told which level is active.
        active = {"active_state": False} if pull_up is None else {}
        return gpiozero.DigitalInputDevice(pin, pull_up=pull_up, pin_factory=self._factory, **active)


def _factory(header: str) -> Any:
    if header:
        return import_module("drivers.barrier.gpio_header").EmulatedFactory(header)
    return import_module("gpiozero.pins.lgpio").LGPIOFactory()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write(f"usage: python -m drivers.barrier.gpio_child OPTIONS, not {arguments}\n")
        return 2
    try:
        options = msgspec.json.decode(arguments[0], type=Options)
    except msgspec.DecodeError as error:
        sys.stderr.write(f"the options of the pins are wrong: {error}\n")
        return 2
    # lgpio puts a pipe into the folder in which it is imported, and fails where it can't.
    with tempfile.TemporaryDirectory(prefix="guankou-gpio-") as folder:
        os.chdir(folder)
        code = run(lambda: GpioSwitches(options))
        os.chdir("/")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
