"""Industrial infrared thermometers on Modbus RTU: one question for a run of registers, read by a map that is data."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Final

import msgspec

from drivers.modbus_rtu import (
    EXCEPTION_BIT,
    MAX_FRAME,
    READ_HOLDING,
    is_sound,
    refusal_words,
    registers_reply,
    request,
    silence_s,
)
from drivers.profile import Profile
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.register_map import RegisterMap, register_map
from drivers.thermometer.scan import Frame, FrameScanner

_REFUSAL_LENGTH: Final = 5
# Register 00 of the calex_pmb family: PyroMiniBus and Omega.
_TYPES: Final = (16, 17)


class Codec(FrameScanner):
    """Reads the answer to the one question of a map. An answer of another unit, function or length is none."""

    buffer_cap_bytes: ClassVar[int] = MAX_FRAME

    def __init__(self, registers: RegisterMap, unit: int) -> None:
        super().__init__()
        self._map = registers
        self._answer_head = bytes((unit, registers.function, 2 * registers.count))
        self._refusal_head = bytes((unit, registers.function | EXCEPTION_BIT))

    def is_sound(self, raw: bytes) -> bool:
        """Whether `raw` ends in its CRC."""
        return is_sound(raw)

    def _wanted(self, head: bytearray) -> int:
        if head.startswith(self._answer_head):
            return 5 + self._answer_head[2]
        if head.startswith(self._refusal_head):
            return _REFUSAL_LENGTH
        begun = self._answer_head.startswith(head[:3]) or self._refusal_head.startswith(head[:2])
        return len(head) + 1 if begun else 0

    def _values(self, raw: bytes) -> Frame | None:
        if raw.startswith(self._refusal_head):
            self.note = f"function {self._answer_head[1]:02X} refused: {refusal_words(raw[2])}; is it the right map?"
            return None
        self.note = ""
        registers = self._map
        object_c = registers.celsius(self._register(raw, registers.object))
        ambient_c = None if registers.ambient is None else registers.celsius(self._register(raw, registers.ambient))
        status = 0 if registers.status is None else self._register(raw, registers.status)
        marks = ("out_of_range",) if status & registers.bad_status_mask else ()
        return Frame(object_c, ambient_c, None, "surface", raw, marks)

    def _register(self, raw: bytes, register: int) -> int:
        place = 3 + 2 * (register - self._map.start)
        return int.from_bytes(raw[place : place + 2], "big")


class Options(ThermometerOptions, frozen=True, kw_only=True):
    """`map`: which registers: a name of ours, or the path (with a `/`) of a file. `unit`: its address on the line.

    These devices send tenths of a degree: a person who stands still may give equal answers for long.
    """

    map: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    unit: Annotated[int, msgspec.Meta(ge=1, le=247)] = 1
    stuck_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0


PROFILE: Final = Profile(
    name="modbus_ir",
    kind="thermometer",
    hardware="Calex PyroMiniBus (PMB), Omega OS-MINIUSB and OS-MINI22, Calex PyroUSB, MQLTC MQ485A, others by a map",
    wire="RS-485, Modbus RTU",
    gives=("object", "ambient", "status"),
    sources="A",
    sure=(
        "registers of the manuals of calex_pmb and pyrousb; mq485a from one maker's page whose checksums were computed "
        "again (B); how Calex writes values below 0 C is assumed"
    ),
    bauds=(9600,),
    traps=(
        "the registers of calex_pmb and pyrousb look alike and are shifted: the map must be named",
        "mq485a writes the sign as a bit, not as two's complement",
        "averaging and hold set in the device do not count: the unfiltered value is read",
        "an industrial head whose range begins above the empty lane's temperature marks every reading out_of_range",
        "registers 00 to 15 of the PyroUSB wear out when written: nothing is ever written",
    ),
    example={"map": "calex_pmb"},
)


def question(registers: RegisterMap, unit: int) -> bytes:
    """The one request that reads all of the map."""
    return request(unit, registers.function, registers.start, registers.count)


class _Recogniser:
    """Knows a calex_pmb at address 1, the map of the example, by its type and its values.

    No other: a device that answers the same registers with other values in them would be read wrong.
    """

    def __init__(self) -> None:
        registers = register_map("calex_pmb")
        self.questions: tuple[bytes, ...] = (request(1, READ_HOLDING, 0, 1), question(registers, 1))
        self._types = tuple(registers_reply(1, READ_HOLDING, (kind,)) for kind in _TYPES)
        self._codec = Codec(registers, 1)
        self._seen = b""
        self._is_type = self._has_values = False

    def feed(self, data: bytes) -> bool:
        self._seen = (self._seen + data)[-MAX_FRAME:]
        self._is_type = self._is_type or any(answer in self._seen for answer in self._types)
        self._has_values = bool(self._codec.feed(data)) or self._has_values
        return self._is_type and self._has_values


def recognise() -> _Recogniser:
    """Of the devices with a map, the one whose type is published."""
    return _Recogniser()


def model(options: Options) -> Model:
    """As the map says. Raises OptionError naming what is wrong with the map."""
    registers = register_map(options.map)
    slowest = min(registers.bauds if options.baud is None else (options.baud,))
    return Model(
        name=PROFILE.name,
        bauds=registers.bauds,
        codec=partial(Codec, registers, options.unit),
        asks=(question(registers, options.unit),),
        listen_s=0.05,
        # Calex answers after 20 ms; an answer of 125 registers takes 0.27 s at 9600 baud.
        answer_s=0.2 + 20 * registers.count / slowest,
        poll_s=0.2,
        streams=False,
        period_s=0.2,
        object_range_c=registers.object_range_c,
        ambient_range_c=registers.ambient_range_c,
        mode_commands={},
        has_ambient=registers.ambient is not None,
        has_body=False,
        gap_s=silence_s(slowest),
    )
