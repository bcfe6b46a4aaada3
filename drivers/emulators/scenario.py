"""One scenario file for all the emulators of a gate: JSON lines with `at_s` and, for each device, what changes then.

    {"at_s": 1.0, "relay": {"input": 0, "active": true}, "camera": {"show": [{"payload": "GK1:..."}]}}
    {"at_s": 2.5, "thermometer": {"object_c": 36.4}}

Each emulator takes its own part and leaves the others alone. A part may be a list of changes. A line that names no
device is the thermometer's.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar, get_args

import msgspec

from drivers.errors import OptionError

Device = Literal["camera", "thermometer", "relay"]
_DEVICES = get_args(Device)
_Change = TypeVar("_Change")


class _When(msgspec.Struct, frozen=True):
    """The part of a line that all devices share."""

    at_s: Annotated[float, msgspec.Meta(ge=0)]
    camera: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    thermometer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    relay: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Step(msgspec.Struct, frozen=True):
    """One change as JSON, `at_s` seconds after the start; `line` for error messages."""

    at_s: float
    change: bytes
    line: int


class Script(Generic[_Change]):
    """One device's part of a scenario file, handed out when it is due; the first question starts the clock.

    Raises OptionError, at once, for a change that is not of `form`.
    """

    def __init__(self, path: Path, device: Device, form: type[_Change]) -> None:
        self._waiting = deque((step.at_s, _decoded(path, step, form)) for step in steps_for(path, device))
        self._start_s: float | None = None

    def due(self, now_s: float) -> list[_Change]:
        """What has become due since it was last asked."""
        self._start_s = now_s if self._start_s is None else self._start_s
        found = []
        while self._waiting and self._waiting[0][0] <= now_s - self._start_s:
            found.append(self._waiting.popleft()[1])
        return found


def _decoded(path: Path, step: Step, form: type[_Change]) -> _Change:
    try:
        return msgspec.json.decode(step.change, type=form)
    except msgspec.DecodeError as error:
        raise OptionError(f"scenario {path} line {step.line}: {error}") from error


def steps_for(path: Path, device: Device) -> list[Step]:
    """One device's changes in order of time. Raises OptionError naming file and line."""
    steps = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            steps += _steps(path, number, line, device)
    return sorted(steps, key=lambda step: step.at_s)


def _steps(path: Path, number: int, line: bytes, device: Device) -> list[Step]:
    try:
        when = msgspec.json.decode(line, type=_When)
        part = getattr(when, device)
        if part is msgspec.UNSET:
            return [Step(when.at_s, _flat(line), number)] if device == "thermometer" and _names_none(when) else []
        text = bytes(part)
        changes = msgspec.json.decode(text, type=list[msgspec.Raw]) if text.lstrip().startswith(b"[") else [text]
    except msgspec.DecodeError as error:
        raise OptionError(f"scenario {path} line {number}: {error}") from error
    return [Step(when.at_s, bytes(change), number) for change in changes]


def _names_none(when: _When) -> bool:
    return all(getattr(when, device) is msgspec.UNSET for device in _DEVICES)


def _flat(line: bytes) -> bytes:
    """A line of the thermometer alone, without its time."""
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    fields.pop("at_s")
    return msgspec.json.encode(fields)
