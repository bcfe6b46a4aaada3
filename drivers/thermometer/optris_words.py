"""What is said to an Optris CT, CTlaser or CSlaser, and what its two bytes mean. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import xor
from typing import Final

PROCESS: Final = b"\x01"
HEAD: Final = b"\x02"
# Of the box for CT and CTlaser; a CSlaser, which has no box, answers with the target.
BOX_OR_TARGET: Final = b"\x03"
EMISSIVITY: Final = b"\x04"
ACTUAL: Final = b"\x81"
SET_EMISSIVITY: Final = b"\x84"
SIGHTING_LASER: Final = b"\xa5"
START_BURST: Final = b"\x52\x01"
STOP_BURST: Final = b"\x52\x00"
_DEFINE_BURST: Final = b"\x51"
BURST_HEAD: Final = b"\xaa\xaa"
_BURST_PLACES: Final = 8
ANSWER_BYTES: Final = 2
# Beyond this no head measures (0 to 2000 C above absolute -100 C): such bytes are halves of two answers.
RAW_TEMPERATURES: Final = range(20_001)
# 0.100 to 1.100, in thousandths: what can be set at these devices.
RAW_FACTORS: Final = range(100, 1_101)

_TEMPERATURE_ITEMS: Final = {1: "process_c", 2: "head_c", 3: "box_c", 4: "actual_c"}
_FACTOR_ITEMS: Final = {5: "emissivity", 6: "transmissivity"}


def addressed(command: bytes, address: int | None) -> bytes:
    """`command` as one device of an RS-485 line takes it."""
    return command if address is None else bytes((0xB0 + address,)) + command


def setting(command: bytes, data: bytes, checked: bool = True) -> bytes:
    """A set order, with the XOR of command and data unless that model goes without. The address is not part of it."""
    body = command + data
    return body + bytes((reduce(xor, body),)) if checked else body


def factor_data(value: float) -> bytes:
    """An emissivity or transmissivity as it is set, and echoed."""
    return round(value * 1000).to_bytes(2, "big")


def define_burst(items: Sequence[int]) -> bytes:
    """Which values a burst frame carries: half a byte each, 0 behind the last."""
    places = [*items, *(0,) * (_BURST_PLACES - len(items))]
    return _DEFINE_BURST + bytes(high << 4 | low for high, low in zip(places[::2], places[1::2], strict=True))


def temperature_c(raw: int) -> float | None:
    """Tenths of a degree above -100 C; None if no head measures that."""
    return (raw - 1000) / 10 if raw in RAW_TEMPERATURES else None


def factor(raw: int) -> float | None:
    """Thousandths; None if no such emissivity or transmissivity can be set."""
    return raw / 1000 if raw in RAW_FACTORS else None


def burst_values(raw: bytes, items: Sequence[int]) -> dict[str, float] | None:
    """What a burst frame of these items says; None if any of it can't be, since its head is not escaped in data."""
    if not raw.startswith(BURST_HEAD) or len(raw) != len(BURST_HEAD) + ANSWER_BYTES * len(items):
        return None
    found: dict[str, float] = {}
    for place, item in enumerate(items):
        number = int.from_bytes(raw[2 + 2 * place : 4 + 2 * place], "big")
        name = _TEMPERATURE_ITEMS.get(item) or _FACTOR_ITEMS.get(item, "")
        value = temperature_c(number) if item in _TEMPERATURE_ITEMS else factor(number)
        if not name or value is None:
            return None
        found[name] = value
    return found
