"""What is known of one kind of device: what it is called in shops, what it gives, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["camera", "thermometer", "board", "reader"]

# How sure the bytes are. No real unit stands behind any of them unless `tried` says so.
SOURCES: Final = {
    "A": "three or more independent sources, or a maker's manual and code",
    "B": "two sources, or one manual whose examples were computed again",
    "C": "one source, or inferred",
}
_NONE: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One driver, for people and for the search for devices. Nothing here changes how the driver works.

    `hardware`: what an installer buys. `wire`: the line it hangs on. `gives`: what a gate gets from it. `bauds` in the
    order in which they are likely. `usb_ids`: `vendor:product` in capitals where the plug names the device itself, and
    not just an adapter. `sources`: a key of SOURCES; `sure`: the same in words about this device. `tried`: the real
    units that were read with this driver. `traps`: what an installer must know. `example`: options, beside the port or
    address, that this driver can't do without.
    """

    name: str
    kind: Kind
    hardware: str
    wire: str
    gives: tuple[str, ...]
    sources: Literal["A", "B", "C"]
    sure: str
    bauds: tuple[int, ...] = ()
    usb_ids: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    traps: tuple[str, ...] = ()
    example: Mapping[str, object] = field(default_factory=lambda: _NONE)
