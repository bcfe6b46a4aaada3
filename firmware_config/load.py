"""Reads gate files and enrolments: everything that is wrong is told at once, one line each."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from firmware_config.crosschecks import crosschecks
from firmware_config.forms import Problem, problems
from firmware_config.schema import CityCodes, Enrolment, GateFile, Lane

# A gate file of eight lanes has about 10 kB; what is larger is something else.
_MAX_FILE_BYTES: Final = 256 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_T = TypeVar("_T")


class ConfigError(ValueError):
    """A file cannot be used; one line for each thing that is wrong, each beginning with the file's name."""

    def __init__(self, path: Path, what: Iterable[Problem | str]) -> None:
        self.path = path
        self.problems = tuple(what)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


def load_gate_file(path: Path) -> GateFile:
    """The gate file, its own paths made absolute. Raises ConfigError; driver options are the drivers' to check."""
    tables = _parsed(path, tomllib.loads, "TOML")
    file = _converted(path, tables, GateFile)
    if found := list(crosschecks(file)):
        raise ConfigError(path, found)
    folder = path.resolve().parent
    gate = msgspec.structs.replace(
        file.gate, data_dir=str(folder / file.gate.data_dir), enrolment=str(folder / file.gate.enrolment)
    )
    city = {name: _placed(table, folder) for name, table in file.city_codes.items()}
    lanes = tuple(_with_model(lane, folder) for lane in file.lanes)
    return msgspec.structs.replace(file, gate=gate, city_codes=city, lanes=lanes)


def _placed(table: CityCodes, folder: Path) -> CityCodes:
    secret = table.secret_file
    return table if secret is None else msgspec.structs.replace(table, secret_file=str(folder / secret))


def _with_model(lane: Lane, folder: Path) -> Lane:
    if lane.mask is None:
        return lane
    mask = msgspec.structs.replace(lane.mask, model=str(folder / lane.mask.model))
    return msgspec.structs.replace(lane, mask=mask)


def load_enrolment(path: Path, gate: str | None = None) -> Enrolment:
    """The enrolment (JSON): readable by its owner alone and, if given, for `gate`. Raises ConfigError."""
    require_private(path)
    enrolment = _converted(path, _parsed(path, json.loads, "JSON"), Enrolment)
    if gate is not None and enrolment.gate != gate:
        raise ConfigError(path, [f"is the enrolment of gate {enrolment.gate!r}, but the gate file is for {gate!r}"])
    return enrolment


def write_enrolment(path: Path, enrolment: Enrolment) -> None:
    """For the gate to load: readable by the owner alone from its first byte. Raises FileExistsError, OSError."""
    data = msgspec.json.format(msgspec.json.encode(enrolment), indent=2)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(data + b"\n")
        file.flush()
        os.fsync(file.fileno())


def require_private(path: Path) -> None:
    """Raises ConfigError if group or others may read, write or execute this file of secrets, or if it is not there."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    if mode & _OTHERS:
        raise ConfigError(path, [f"mode {stat.S_IMODE(mode):04o} lets others at its secrets; run: chmod 600 {path}"])


def _parsed(path: Path, parse: Callable[[str], Any], form: str) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(path, [f"is larger than {_MAX_FILE_BYTES} bytes; is it the right file?"])
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"byte {error.start} is not UTF-8; save it as UTF-8"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, [f"is not {form}: {error}"]) from error


def _converted(path: Path, tables: Any, form: type[_T]) -> _T:
    if not isinstance(tables, dict):
        raise ConfigError(path, ["must be a table of keys and values"])
    if found := list(problems(tables, inspect.type_info(form))):
        raise ConfigError(path, found)
    return msgspec.convert(tables, form)
