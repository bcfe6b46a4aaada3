"""The thermometers that are known: how fast, how asked, and what they can measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.protocols import Mode
from drivers.thermometer import gy614v3, gy9061x, lu90614
from drivers.thermometer.scan import FrameScanner

Range = tuple[float, float]

# MLX90614 data sheet: object -70 to 380 C, ambient -40 to 125 C. Both GY families carry this sensor or its sibling.
_MLX90614_OBJECT_C: Final = (-70.0, 380.0)
_MLX90614_AMBIENT_C: Final = (-40.0, 125.0)


@dataclass(frozen=True, slots=True)
class Model:
    """One family of modules.

    `asks`: harmless commands that bring a frame, tried in turn while nothing arrives. `listen_s`: how long to wait for
    an unasked frame before the first of them; `answer_s`: for an answer before the next. `poll_s`: time between two
    questions that are answered. `streams`: it may also send unasked, at the slowest every `period_s`.
    `mode_commands`: sent after opening; empty if there is no such switch. `confidence`: how sure the bytes are.
    """

    name: str
    bauds: tuple[int, ...]
    codec: Callable[[], FrameScanner]
    asks: tuple[bytes, ...]
    listen_s: float
    answer_s: float
    poll_s: float
    streams: bool
    period_s: float
    object_range_c: Range
    ambient_range_c: Range | None
    mode_commands: dict[Mode, bytes]
    has_ambient: bool
    has_body: bool
    confidence: str


GY614V3 = Model(
    name="gy614v3",
    bauds=(9600, 115200),
    codec=gy614v3.Codec,
    # Which runs of registers a firmware answers is not known, so ask for more than one.
    asks=(
        gy614v3.READ_EMISSIVITY_AND_TEMPERATURES,
        gy614v3.READ_TEMPERATURES,
        gy614v3.READ_TEMPERATURES_AND_CHIP,
    ),
    # Listening and every question once fit into the second for which a baud is tried.
    listen_s=0.25,
    answer_s=0.25,
    poll_s=0.2,
    streams=True,
    period_s=1.0,
    object_range_c=_MLX90614_OBJECT_C,
    ambient_range_c=_MLX90614_AMBIENT_C,
    mode_commands={},
    has_ambient=True,
    has_body=True,
    confidence="registers and commands published; the head of a streamed frame is inferred",
)
GY9061X = Model(
    name="gy9061x",
    bauds=(9600, 115200),
    codec=gy9061x.Codec,
    asks=(gy9061x.QUERY, gy9061x.STREAM),
    listen_s=0.3,
    answer_s=0.3,
    poll_s=0.2,
    streams=True,
    period_s=0.1,
    object_range_c=_MLX90614_OBJECT_C,
    ambient_range_c=_MLX90614_AMBIENT_C,
    mode_commands={},
    has_ambient=True,
    has_body=False,
    confidence="frame and commands published by several vendors; the baud as shipped differs between them",
)
LU90614 = Model(
    name="lu90614",
    bauds=(9600,),
    codec=lu90614.Codec,
    asks=(lu90614.MEASURE,),
    # Public drivers leave 50 ms between the mode and the first measurement.
    listen_s=0.05,
    # They wait 0.1 to 0.8 s for an answer.
    answer_s=0.5,
    poll_s=0.2,
    streams=False,
    period_s=0.2,
    object_range_c=(-70.0, 382.2),
    ambient_range_c=None,
    mode_commands={"body": lu90614.BODY_MODE, "surface": lu90614.OBJECT_MODE},
    has_ambient=False,
    has_body=True,
    confidence="frames and commands published; values below 0 C have no published form",
)

MODELS: Final[dict[str, Model]] = {model.name: model for model in (GY614V3, GY9061X, LU90614)}
