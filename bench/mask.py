"""What looking for masks costs the reading of codes: the same frames, decoded with and without a model beside them."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench.vision import frames
from drivers.decoder.decoder import Decoder
from drivers.decoder.watch import Watch
from drivers.protocols import Frame
from edge.mask_eye import MaskEye
from edge.vision_messages import MaskFailed, MaskModel, MaskReady, MaskSeen

if TYPE_CHECKING:
    from edge.vision_messages import Message

_PERIOD_S = 0.066
_EVERY_MS = 500


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _spent(times: list[float]) -> dict[str, float]:
    return {
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(_quantile(times, 0.95), 2),
        "p99_ms": round(_quantile(times, 0.99), 2),
    }


def _ready(eye: MaskEye) -> MaskReady:
    while True:
        for message in eye.news():
            if isinstance(message, MaskFailed):
                raise SystemExit(message.why)
            if isinstance(message, MaskReady):
                return message
        time.sleep(0.05)


def run(model: str, count: int = 3000, turns: int = 30) -> dict[str, object]:
    """Frames at the camera's pace, in turns without and with looks, so that both meet the same machine.

    `passed`: by the wall; `cpu`: what the decoding thread itself spent, whoever else uses the machine.
    """
    eye = MaskEye("bench", MaskModel(model, "ssd260", 0.3, 0.9, _EVERY_MS))
    eye.start()
    ready = _ready(eye)
    pictures = frames("moving_noise", 60)
    watch, number = Watch(Decoder()), 0
    times: dict[bool, list[float]] = {False: [], True: []}
    cpu: dict[bool, list[float]] = {False: [], True: []}
    said: list[Message] = []
    for turn in range(turns):
        on = bool(turn % 2)
        eye.want(on)
        for _ in range(count // turns):
            number += 1
            began_s, began_cpu_s = time.perf_counter(), time.thread_time()
            picture = pictures[number % len(pictures)]
            sight = watch.see(picture)
            eye.offer(Frame(number, time.monotonic_ns() // 1_000_000, picture), sight.small)
            said += eye.news()
            times[on].append((time.perf_counter() - began_s) * 1000)
            cpu[on].append((time.thread_time() - began_cpu_s) * 1000)
            time.sleep(max(0.0, _PERIOD_S - (time.perf_counter() - began_s)))
    eye.stop()
    looks = sum(isinstance(message, MaskSeen) for message in said)
    spent = {
        words: {"passed": _spent(times[on]), "cpu": _spent(cpu[on])}
        for on, words in ((False, "without"), (True, "with"))
    }
    return {"sha256": ready.sha256, "looks": looks, **spent}


if __name__ == "__main__":
    import json
    import sys

    json.dump(run(sys.argv[1]), sys.stdout, indent=2)
