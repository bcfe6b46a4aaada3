"""The emulated device for each driver, all handled in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.finding import driver_module
from drivers.profile import Kind


class Emulated(Protocol):
    """A device made of software, behind the real bytes. Used as a context manager; any thread may call the rest.

    `set` takes what it sees or does next, by kind:
    thermometer `object_c, ambient_c, body_c, fault`; board `input, active, fault`; reader `text` (a scanned code, str),
    `card` (a card's number in hex, empty: taken away), `document` (number), `name`, `expires`, `plate`, `confidence`,
    `direction`, and `fault`. Raises OptionError for what it does not know.
    """

    @property
    def options(self) -> Mapping[str, object]:
        """What a gate file says to reach it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def set(self, **change: Any) -> None: ...
    def unplug(self) -> None:
        """As when the cable is pulled, or the device loses its power."""

    def replug(self) -> None:
        """It is back: under the same name, as another device where it hangs on a port."""


def emulate(kind: Kind, driver: str, folder: Path, seed: int = 0) -> Emulated:
    """The emulated device for `driver`; what it needs on disk lies in `folder`. Not started: use it with `with`.

    Each emulator of a board or reader is a file of drivers/emulators/boards or readers with `emulate(folder, seed)`.
    Raises OptionError for a driver that is not known.
    """
    module = driver_module(kind, driver)
    if kind == "thermometer":
        settings = EmulatorSettings(seed=seed, options=module.PROFILE.example)
        return ThermometerEmulator(driver, folder / driver, settings)
    emulated: Emulated = import_module(f"drivers.emulators.{kind}s.{driver}").emulate(folder, seed)
    return emulated
