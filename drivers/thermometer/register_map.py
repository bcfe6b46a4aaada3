"""Where a Modbus thermometer keeps its values: a map of registers, ours by name or the installer's own file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from drivers.errors import OptionError
from drivers.thermometer.options import Baud

_OURS: Final = Path(__file__).parent / "maps"
_LARGEST_FILE_BYTES: Final = 16_384
Register = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
_Celsius = Annotated[float, msgspec.Meta(ge=-273.15, le=4000)]
Sign = Literal["twos_complement", "magnitude", "unsigned"]


def _magnitude(raw: int) -> int:
    return -(raw & 0x7FFF) if raw & 0x8000 else raw


_SIGNS: Final[Mapping[Sign, Callable[[int], int]]] = {
    "twos_complement": lambda raw: raw - 0x10000 if raw & 0x8000 else raw,
    "magnitude": _magnitude,
    "unsigned": lambda raw: raw,
}


class RegisterMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`function` reads `count` registers from `start`; `object`, `ambient` and `status` are registers among them.

    A value in C is its register by `sign`, divided by `units_per_c`. With one of `bad_status_bits` (0 is the lowest) of
    `status` set, the device itself says that the values are not to be believed. The ranges are what it can measure.
    """

    function: Literal[3, 4]
    start: Register
    # Serial Line 6.3: never more than 125 registers in one answer.
    count: Annotated[int, msgspec.Meta(ge=1, le=125)]
    object: Register
    ambient: Register | None = None
    status: Register | None = None
    bad_status_bits: tuple[Annotated[int, msgspec.Meta(ge=0, le=15)], ...] = ()
    units_per_c: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    sign: Sign
    bauds: Annotated[tuple[Baud, ...], msgspec.Meta(min_length=1, max_length=8)]
    object_range_c: tuple[_Celsius, _Celsius]
    ambient_range_c: tuple[_Celsius, _Celsius] | None = None

    @property
    def bad_status_mask(self) -> int:
        """The bits of `bad_status_bits` as a mask."""
        return sum(1 << bit for bit in set(self.bad_status_bits))

    def celsius(self, raw: int) -> float:
        """The temperature that a register of 16 bits stands for."""
        return _SIGNS[self.sign](raw) / self.units_per_c


def our_maps() -> tuple[str, ...]:
    """The names of the maps that come with Guankou."""
    return tuple(sorted(path.stem for path in _OURS.glob("*.toml")))


def register_map(name: str) -> RegisterMap:
    """The map of that name; with a `/` in it, the file at that path. Raises OptionError saying what is wrong."""
    if "/" in name:
        path = Path(name)
    elif name in our_maps():
        path = _OURS / f"{name}.toml"
    else:
        known = ", ".join(our_maps())
        raise OptionError(f"register map {name!r} is not known; known are: {known}; or the path of your own file")
    found = _read(path)
    _check(path, found)
    return found


def _read(path: Path) -> RegisterMap:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise OptionError(f"register map {path}: {error.strerror}; name a file that this user may read") from error
    if len(text) > _LARGEST_FILE_BYTES:
        raise OptionError(f"register map {path} is larger than {_LARGEST_FILE_BYTES} bytes; is it the right file?")
    try:
        return msgspec.toml.decode(text, type=RegisterMap)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        keys = ", ".join(RegisterMap.__struct_fields__)
        raise OptionError(f"register map {path}: {error}; its keys are: {keys}") from error


def _check(path: Path, found: RegisterMap) -> None:
    end = found.start + found.count
    for key in ("object", "ambient", "status"):
        register = getattr(found, key)
        if register is not None and not found.start <= register < end:
            raise OptionError(
                f"register map {path}: {key} = {register} is not among the registers read, {found.start} to {end - 1}; "
                "correct it, or start and count"
            )
    if found.bad_status_bits and found.status is None:
        raise OptionError(f"register map {path}: bad_status_bits without status; name the status register, too")
    for key in ("object_range_c", "ambient_range_c"):
        limits = getattr(found, key)
        if limits is not None and limits[0] >= limits[1]:
            raise OptionError(f"register map {path}: {key} = {list(limits)}; the lower end comes first")
