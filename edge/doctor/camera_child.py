"""Looks through one camera in a process of its own: native code and strangers' codes stay out of the doctor.

`python -m edge.doctor.camera_child`, with `{"driver", "options", "seconds"}` on standard input; one JSON object comes
back. Of a code that is seen only its size is said, never its text.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from drivers.camera import open_camera
from drivers.camera.advice import look_at
from drivers.decoder.decoder import Decoder
from drivers.errors import DeviceGoneError
from drivers.protocols import Frame
from edge.doctor.codes import px_per_module


def look(driver: str, options: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Frames for `seconds`: how many, how bright, how sharp the sharpest was, and the codes in the newest that had any.

    Raises drivers.errors.OptionError.
    """
    camera = open_camera(driver, options)
    decoder = Decoder()
    seen: dict[str, Any] = {"frames": 0, "codes": [], "error": ""}
    first_s = 0.0
    until_s = time.monotonic() + seconds
    try:
        while time.monotonic() < until_s:
            try:
                frame = camera.read(0.5)
            except DeviceGoneError as error:
                seen["error"] = str(error)
                continue
            if frame is not None:
                first_s = first_s or time.monotonic()
                _take(seen, frame, decoder)
    finally:
        camera.close()
    passed_s = time.monotonic() - first_s
    seen["fps"] = round((seen["frames"] - 1) / passed_s, 1) if first_s and passed_s > 0 else 0.0
    return seen


def _take(seen: dict[str, Any], frame: Frame, decoder: Decoder) -> None:
    view = look_at(frame.image)
    seen["error"] = ""
    seen["frames"] += 1
    seen["size"] = [view.width_px, view.height_px]
    seen["brightness"] = round(view.brightness, 1)
    seen["light"] = view.light
    # People move: the sharpest picture tells of the lens.
    if view.blur <= seen.get("blur", 1.0):
        seen["blur"], seen["sharpness"], seen["blurred"] = (
            round(view.blur, 2),
            round(view.sharpness, 1),
            view.is_blurred,
        )
    codes = decoder.decode_frame(frame.image).codes
    if codes:
        seen["codes"] = [
            {
                "px_per_module": round(px_per_module(code.payload, code.extent_px), 1),
                "share": round(max(code.extent_px) / view.height_px, 2),
                "decoder": code.decoder,
            }
            for code in codes[:4]
        ]


def main() -> int:
    asked = json.loads(sys.stdin.read(1 << 20))
    seen = look(asked["driver"], asked["options"], float(asked["seconds"]))
    json.dump(seen, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
