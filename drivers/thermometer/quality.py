"""What takes away from a frame with the right checksum. Pure."""

from __future__ import annotations

from drivers.protocols import Mode
from drivers.thermometer.model import Model, Range
from drivers.thermometer.scan import Frame

# Below this nobody stands in front: an empty lane may well look the same for minutes.
_SOMEBODY_ABOVE_C = 30.0


class QualityJudge:
    """Marks frames of one connection: what they say themselves, `out_of_range`, `mode_mismatch`, `stuck`; else `ok`.

    Stuck: at least `stuck_after` frames over at least `stuck_after_s`, all the same to the last digit, though
    somebody seems to stand there. A working sensor moves by its own noise.
    """

    def __init__(self, model: Model, asked_mode: Mode | None, stuck_after: int, stuck_after_s: float) -> None:
        self._model = model
        self._asked_mode = asked_mode
        self._stuck_after = stuck_after
        self._stuck_after_s = stuck_after_s
        self._last_raw = b""
        self._same = 0
        self._same_since_s = 0.0

    def marks(self, frame: Frame, now_s: float) -> tuple[str, ...]:
        """The marks of `frame`, which arrived at `now_s` of a monotonic clock."""
        self._count_same(frame, now_s)
        marks = {
            "out_of_range": self._is_out_of_range(frame),
            "mode_mismatch": self._asked_mode is not None and frame.mode != self._asked_mode,
            "stuck": self._is_stuck(frame, now_s),
        }
        found = tuple(name for name, holds in marks.items() if holds and name not in frame.marks)
        return frame.marks + found or ("ok",)

    def _count_same(self, frame: Frame, now_s: float) -> None:
        if frame.raw != self._last_raw:
            self._last_raw, self._same, self._same_since_s = frame.raw, 0, now_s
        self._same += 1

    def _is_stuck(self, frame: Frame, now_s: float) -> bool:
        seen_c = frame.body_c if frame.object_c is None else frame.object_c
        somebody = seen_c is not None and seen_c > _SOMEBODY_ABOVE_C
        return somebody and self._same >= self._stuck_after and now_s - self._same_since_s >= self._stuck_after_s

    def _is_out_of_range(self, frame: Frame) -> bool:
        object_range_c = self._model.object_range_c
        return (
            _outside(frame.object_c, object_range_c)
            or _outside(frame.body_c, object_range_c)
            or _outside(frame.ambient_c, self._model.ambient_range_c)
        )


def _outside(value_c: float | None, range_c: Range | None) -> bool:
    return value_c is not None and range_c is not None and not range_c[0] <= value_c <= range_c[1]
