"""Serial infrared thermometers, opened by model name."""

from __future__ import annotations

import time
from collections.abc import Mapping

from drivers.thermometer.driver import Clock, SerialThermometer
from drivers.thermometer.models import MODELS, Model
from drivers.thermometer.options import check_options, find_model
from drivers.thermometer.reconnecting import ReconnectingThermometer

__all__ = ["MODELS", "Model", "ReconnectingThermometer", "SerialThermometer", "open_thermometer", "reopening"]


def open_thermometer(model: str, options: Mapping[str, object], clock: Clock = time.monotonic) -> SerialThermometer:
    """Open the thermometer. Raises OptionError if the options do not fit, DeviceGoneError if it is not there."""
    known = find_model(model)
    return SerialThermometer(known, check_options(known, options), clock)


def reopening(model: str, options: Mapping[str, object], clock: Clock = time.monotonic) -> ReconnectingThermometer:
    """The same, but it may come and go. Opened by its first read. Raises OptionError at once."""
    known = find_model(model)
    checked = check_options(known, options)
    return ReconnectingThermometer(lambda baud: SerialThermometer(known, checked, clock, baud), clock)
