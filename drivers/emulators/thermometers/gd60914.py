"""The device's side of a GD60914."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen


class Device(Module):
    """GD60914: one byte asks for object, forehead or wrist; seven digits of tenths answer."""

    step_c = 0.1
    period_s = 0.2
    header = b"0"
    command_length = 1

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming=False, options=options)
        self._site = options.get("site", "object")

    def frame(self, seen: Seen) -> bytes:
        return _digits(seen.object_c if self._site == "object" else seen.body_c)

    def wrong_type(self) -> bytes:
        return b"Err0001"

    def hear(self, data: bytes, seen: Seen) -> list[bytes]:
        """Commands are single bytes; those of a calibration change nothing here."""
        return [_digits(seen.object_c if byte == 0xAA else seen.body_c) for byte in data if byte in (0xAA, 0xAB, 0xAC)]


def _digits(value_c: float) -> bytes:
    return b"%07d" % round(10 * value_c)
