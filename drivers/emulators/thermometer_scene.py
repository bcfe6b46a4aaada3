"""What an emulated thermometer is pointed at, and how that changes: by call, by scenario file, by datagram."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from drivers.emulators.scenario import steps_for
from drivers.emulators.thermometer_module import Seen
from drivers.errors import OptionError

FaultName = Literal[
    "dropped_byte",
    "flipped_bit",
    "doubled_header",
    "stale_repeat",
    "garbage_before_header",
    "wrong_type",
    "half_frame_then_silence",
    "limits",
    "wrong_baud_garbage",
    "silence",
    "stuck",
    "unplug",
    "glued",
    "noise_ff",
    "bad_checksum",
    "only_ff",
]
FAULTS: tuple[str, ...] = get_args(FaultName)

# What else may stand in the picture of an array; a module with a single spot does not see it.
Beside = Literal["cup", "warm_cup", "lamp", "engine"]

Celsius = Annotated[float, msgspec.Meta(ge=-273.15, le=400)]

# Invented for the emulator, since makers do not publish how their modules get from skin to body: whoever is at least
# as warm as skin has this body temperature, or the object's if that is higher.
_SKIN_FROM_C = 30.0
_PLAIN_BODY_C = 36.4
# With nobody in front the sensor sees a wall, hardly warmer than itself.
_WALL_ABOVE_AMBIENT_C = 0.3


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change of the scene. `object_c` null: nobody in front. `body_c` null: derived from the object.

    `beside`: all that an array sees besides.
    `fault` null ends a fault; `replug` does the same and says it plainly after `unplug`.
    """

    object_c: Celsius | UnsetType | None = UNSET
    ambient_c: Celsius | UnsetType = UNSET
    body_c: Celsius | UnsetType | None = UNSET
    beside: tuple[Beside, ...] | UnsetType = UNSET
    fault: FaultName | Literal["replug"] | UnsetType | None = UNSET


class ScenarioStep(Change, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change, `at_s` seconds after the start."""

    at_s: Annotated[float, msgspec.Meta(ge=0)]


class Scene:
    """The present values; `look` adds the sensor's own noise."""

    def __init__(self, start: Change, jitter_c: float, rng: random.Random) -> None:
        self._object_c: float | None = 33.2
        self._ambient_c = 21.0
        self._body_c: float | None = None
        self._beside: tuple[str, ...] = ()
        self._jitter_c = jitter_c
        self._rng = rng
        self.fault: FaultName | None = None
        self.apply(start)

    def apply(self, change: Change) -> None:
        """Take over what `change` names."""
        if change.object_c is not UNSET:
            self._object_c = change.object_c
        if change.ambient_c is not UNSET:
            self._ambient_c = change.ambient_c
        if change.body_c is not UNSET:
            self._body_c = change.body_c
        if change.beside is not UNSET:
            self._beside = change.beside
        if change.fault is not UNSET:
            self.fault = None if change.fault == "replug" else change.fault

    def look(self) -> Seen:
        """What the sensor sees now. Surface and body share their noise: they come from one measurement."""
        noise_c = self._rng.gauss(0, self._jitter_c)
        ambient_c = self._ambient_c + self._rng.gauss(0, self._jitter_c)
        if self._object_c is None:
            wall_c = self._ambient_c + _WALL_ABOVE_AMBIENT_C + noise_c
            return Seen(wall_c, ambient_c, wall_c, self._beside)
        body_c = _body_of(self._object_c) if self._body_c is None else self._body_c
        return Seen(self._object_c + noise_c, ambient_c, body_c + noise_c, self._beside)


def _body_of(object_c: float) -> float:
    return max(object_c, _PLAIN_BODY_C) if object_c >= _SKIN_FROM_C else object_c


def check_change(change: Mapping[str, Any]) -> Change:
    """`change` as a Change. Raises OptionError saying what does not fit."""
    try:
        return msgspec.convert(change, Change)
    except msgspec.ValidationError as error:
        raise OptionError(f"emulated thermometer: {error}; faults: {', '.join(FAULTS)}") from error


def read_change(data: bytes) -> Change:
    """A change from JSON. Raises OptionError saying what does not fit."""
    try:
        return msgspec.json.decode(data, type=Change)
    except msgspec.DecodeError as error:
        raise OptionError(f"emulated thermometer: change {data[:200]!r}: {error}") from error


def read_scenario(path: Path) -> list[ScenarioStep]:
    """The thermometer's steps of a scenario file, in order of time. Raises OptionError naming the line."""
    steps = []
    for step in steps_for(path, "thermometer"):
        try:
            change = msgspec.json.decode(step.change, type=Change)
        except msgspec.DecodeError as error:
            raise OptionError(f"emulated thermometer: {path} line {step.line}: {error}") from error
        steps.append(ScenarioStep(at_s=step.at_s, **msgspec.structs.asdict(change)))
    return steps
