"""What `guankou-gate thermometer` prints: a thermometer's readings as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from drivers.protocols import Reading
from drivers.thermometer import reopening

_NO_OPTIONS: Mapping[str, object] = MappingProxyType({})


def read_json_lines(
    model: str, port: str, count: int, timeout_s: float, options: Mapping[str, object] = _NO_OPTIONS
) -> Iterator[dict[str, Any]]:
    """Yield `count` readings, fewer if none comes for `timeout_s`; the port may come late, or go and come back.

    `options` are further options of the driver. Raises OptionError if they do not fit, DeviceGoneError if the port is
    away when the time is up.
    """
    thermometer = reopening(model, {**options, "port": port})
    try:
        for _ in range(count):
            reading = thermometer.read(timeout_s)
            if reading is None:
                if thermometer.gone is not None:
                    raise thermometer.gone
                return
            yield _as_line(reading)
    finally:
        thermometer.close()


def _as_line(reading: Reading) -> dict[str, Any]:
    return {
        "model": reading.model,
        "mode": reading.mode,
        "object_c": reading.object_c,
        "ambient_c": reading.ambient_c,
        "body_c": reading.body_c,
        "quality": list(reading.quality),
        "mono_ms": reading.mono_ms,
        "raw": reading.raw.hex(),
    }
