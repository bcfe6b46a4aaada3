"""What a driver needs to know of a family of thermometers: how fast, how asked, and what it can measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.protocols import Mode
from drivers.thermometer.codec import Codec

Range = tuple[float, float]

# MLX90614 data sheet: object -70 to 380 C, ambient -40 to 125 C. Many cheap modules carry this sensor or its sibling.
MLX90614_OBJECT_C: Final = (-70.0, 380.0)
MLX90614_AMBIENT_C: Final = (-40.0, 125.0)
# At 2400 baud a byte takes 4 ms and a USB adapter holds it 16 ms more: after this gap the rest will not come.
BURST_GAP_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Model:
    """One family of modules.

    `asks`: harmless commands that bring a frame, tried in turn while nothing arrives. `listen_s`: how long to wait for
    an unasked frame before the first of them; `answer_s`: for an answer before the next. `poll_s`: time between two
    questions that are answered. `streams`: it may also send unasked, at the slowest every `period_s`.
    `mode_commands`: sent after opening; empty if there is no such switch. `opening`: commands that are sent before
    anything else, at each baud that is tried.

    `is_round`: the questions are not alternatives, but all of them together make one reading, one after the other.
    `gap_s`: how long the line must be quiet before a question. `burst_gap_s`: silence after which the rest of a frame
    will not come. `one_at_a_time`: answers carry no tag, so what waits in the port is thrown away before each question.
    """

    name: str
    bauds: tuple[int, ...]
    codec: Callable[[], Codec]
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
    is_round: bool = False
    gap_s: float = 0.0
    burst_gap_s: float = BURST_GAP_S
    one_at_a_time: bool = False
    opening: bytes = b""
