"""Readers: scanners, card and document readers, plate cameras. Whatever says who somebody is, beside the camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from drivers.finding import driver_module, parse_options
from drivers.profile import Profile
from drivers.reader.events import CardSeen, CodeScanned, DocumentSeen, PlateSeen, Reader, ReaderEvent, ReaderOptions

__all__ = [
    "CardSeen",
    "CodeScanned",
    "DocumentSeen",
    "PlateSeen",
    "Reader",
    "ReaderEvent",
    "ReaderOptions",
    "check_options",
    "open_reader",
    "profile_of",
]

Clock = Callable[[], float]


def open_reader(driver: str, options: Mapping[str, Any], clock: Clock = time.monotonic) -> Reader:
    """The reader, open. Raises OptionError for what the gate file says wrongly, DeviceGoneError if it isn't there."""
    module = driver_module("reader", driver)
    reader: Reader = module.connect(parse_options("reader", driver, module.Options, options), clock)
    return reader


def check_options(driver: str, options: Mapping[str, Any]) -> None:
    """Raises OptionError naming the option and its bound; opens nothing."""
    parse_options("reader", driver, driver_module("reader", driver).Options, options)


def profile_of(driver: str) -> Profile:
    """What is known of this reader; `gives` has what its events are: code, card, document or plate."""
    profile: Profile = driver_module("reader", driver).PROFILE
    return profile
