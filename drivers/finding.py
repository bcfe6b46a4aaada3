"""Finds a driver by the name in a gate file: a file of that name here, or a module of somebody else's package.

One kind's drivers are the files of one folder, so that adding one changes nothing else. A name with a dot is a module
path outside of this project; it is imported because the gate file names it, and for no other reason.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import msgspec

from drivers.errors import OptionError
from drivers.profile import Kind, Profile

_FOLDERS: Final[Mapping[Kind, str]] = {
    "thermometer": "drivers.thermometer.models",
    "board": "drivers.barrier.models",
    "reader": "drivers.reader.models",
}


# In no path, address or name; some of them end a file's name early, and others a line that is sent.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def names(kind: Kind) -> tuple[str, ...]:
    """The drivers of this kind that come with Guankou."""
    folder = import_module(_FOLDERS[kind])
    return tuple(sorted(found.name for found in pkgutil.iter_modules(folder.__path__)))


def driver_module(kind: Kind, name: str) -> Any:
    """The module of a driver. Raises OptionError naming those there are, or what is wrong with somebody else's."""
    if "." in name:
        return _foreign(kind, name)
    if name not in names(kind):
        known = ", ".join(names(kind))
        raise OptionError(f"{kind} driver {name!r} is not known; known are: {known}; or the module path of your own")
    return import_module(f"{_FOLDERS[kind]}.{name}")


def parse_options(kind: Kind, name: str, form: type[Any], options: Mapping[str, Any]) -> Any:
    """`options` as a `form` (a msgspec Struct). Raises OptionError naming the driver, the option and what there is."""
    for key, value in options.items():
        if isinstance(value, str) and _CONTROL.search(value):
            raise OptionError(f"{kind} driver {name!r}: {key} = {value!r} has a control character in it; write it anew")
    try:
        return msgspec.convert(dict(options), form)
    except msgspec.ValidationError as error:
        known = ", ".join(one.name for one in msgspec.structs.fields(form)) or "none"
        raise OptionError(f"{kind} driver {name!r}: {error}; its options are: {known}") from error


def _foreign(kind: Kind, name: str) -> Any:
    try:
        module = import_module(name)
    # Whatever somebody else's module does when it is imported: a gate file that names it can't be used, and why.
    except Exception as error:
        raise OptionError(
            f"{kind} driver {name!r} can't be imported: {type(error).__name__}: {error}; "
            "install its package into this gate's environment, or correct the name"
        ) from error
    profile = getattr(module, "PROFILE", None)
    if not isinstance(profile, Profile) or profile.kind != kind:
        raise OptionError(f"{kind} driver {name!r}: the module has no PROFILE of kind {kind!r}; see adding-a-driver.md")
    return module
