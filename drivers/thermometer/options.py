"""What a gate file may say about a thermometer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from drivers.errors import OptionError
from drivers.finding import driver_module, parse_options
from drivers.protocols import Mode
from drivers.thermometer.model import Model

Baud = Literal[2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800]


class ThermometerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every model takes these; a model with more has a subclass of its own.

    `port`: a stable path, such as one under /dev/serial/by-id. `baud`: do not search, it is this one.

    `mode` (only where the module has the switch): `body` or `object`; `body` unless said. `poll_ms`: time between two
    questions to a module that must be asked. `capture`: file to which received bytes are appended, up to 1 MiB.
    `stuck_after` equal frames over `stuck_after_s` seconds make a reading `stuck`.
    """

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    baud: Baud | None = None
    mode: Literal["body", "object"] | None = None
    poll_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] | None = None
    capture: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None
    stuck_after: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 40
    # Some modules send faster than they measure, or smooth what they call body temperature: be slow to blame them.
    stuck_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 15.0


def model_of(name: str, options: Mapping[str, object]) -> tuple[Model, ThermometerOptions]:
    """The model called `name` as these options make it. Raises OptionError naming what is wrong and what there is."""
    module = driver_module("thermometer", name)
    checked: ThermometerOptions = parse_options("thermometer", name, module.Options, options)
    model: Model = module.model(checked)
    if checked.mode is not None and not model.mode_commands:
        raise OptionError(
            f"thermometer driver {name!r}: mode = {checked.mode!r}, but this module has no mode; leave it out"
        )
    return model, checked


def asked_mode(model: Model, options: ThermometerOptions) -> Mode | None:
    """The mode to switch the module to; None if it has no such switch."""
    if not model.mode_commands:
        return None
    return "surface" if options.mode == "object" else "body"
