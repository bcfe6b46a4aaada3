"""Serial infrared thermometers, opened by model name."""

from __future__ import annotations

import time
from collections.abc import Mapping

from drivers.thermometer.driver import Clock, SerialThermometer
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions, model_of
from drivers.thermometer.reconnecting import ReconnectingThermometer

__all__ = [
    "Model",
    "ReconnectingThermometer",
    "SerialThermometer",
    "ThermometerOptions",
    "model_of",
    "open_thermometer",
    "reopening",
]


def open_thermometer(name: str, options: Mapping[str, object], clock: Clock = time.monotonic) -> SerialThermometer:
    """Open the thermometer. Raises OptionError if the options do not fit, DeviceGoneError if it is not there."""
    return SerialThermometer(*model_of(name, options), clock)


def reopening(name: str, options: Mapping[str, object], clock: Clock = time.monotonic) -> ReconnectingThermometer:
    """The same, but it may come and go. Opened by its first read. Raises OptionError at once."""
    model, checked = model_of(name, options)
    return ReconnectingThermometer(lambda baud: SerialThermometer(model, checked, clock, baud), clock)
