"""What an empty 1280x720 frame costs the gate, beside pyzbar alone on the same frames in the same run."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
from pyzbar import pyzbar

from drivers.decoder.decoder import Decoder
from drivers.decoder.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Frames = list[NDArray[np.uint8]]

_WIDTH, _HEIGHT = 1280, 720
_NOISE_SIGMA = 4.0
_STEP_PX = 9


def _entrance(seed: int) -> NDArray[np.float32]:
    """A textured background wider than the frame: soft light, a tiled floor, door edges."""
    rng = np.random.default_rng(seed)
    blurred = np.asarray(cv2.GaussianBlur(rng.normal(0, 1, (_HEIGHT, 2 * _WIDTH)), (0, 0), 25))
    soft: NDArray[np.float32] = (blurred / np.abs(blurred).max() * 60 + 125).astype(np.float32)
    for _ in range(160):
        x, y = int(rng.integers(0, 2 * _WIDTH)), int(rng.integers(0, _HEIGHT))
        size, level = rng.integers(10, 120, 2), np.float32(rng.normal(0, 35))
        soft[y : y + int(size[1]), x : x + int(size[0])] += level
    return soft


def _frame(scene: NDArray[np.float32], noise: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    picture = scene if noise is None else scene + noise
    return np.clip(picture, 0, 255).astype(np.uint8)


def frames(kind: str, count: int, seed: int = 1) -> Frames:
    """`still`: noise only; `moving`: the whole picture moves; `moving_noise`: a thing walks through, with noise."""
    rng = np.random.default_rng(seed)
    scene = _entrance(seed)
    tiles = [rng.normal(0, _NOISE_SIGMA, (_HEIGHT, _WIDTH)).astype(np.float32) for _ in range(8)]
    walker = _entrance(seed + 1)[100:640, :320]
    made = []
    for number in range(count):
        shift = 0 if kind != "moving" else number * _STEP_PX % _WIDTH
        picture = scene[:, shift : shift + _WIDTH].copy()
        if kind == "moving_noise":
            left = number * _STEP_PX % (_WIDTH - 320)
            picture[140:680, left : left + 320] = walker
        made.append(_frame(picture, None if kind == "moving" else tiles[number % 8]))
    return made


def _times_ms(look: Callable[[NDArray[np.uint8]], object], pictures: Iterable[NDArray[np.uint8]]) -> list[float]:
    times = []
    for picture in pictures:
        started = time.perf_counter()
        look(picture)
        times.append((time.perf_counter() - started) * 1000)
    return times


def _summary(times: list[float], baseline: list[float]) -> dict[str, float]:
    mean = statistics.fmean(times)
    return {
        "median_ms": round(statistics.median(times), 3),
        "mean_ms": round(mean, 3),
        "p95_ms": round(sorted(times)[int(len(times) * 0.95)], 3),
        "pyzbar_median_ms": round(statistics.median(baseline), 3),
        "pyzbar_over_gate": round(statistics.fmean(baseline) / mean, 1),
    }


def run(count: int = 150) -> dict[str, dict[str, float]]:
    """Per kind of empty frame: what the gate spends, what pyzbar alone (QR only) spends, and the ratio of the means."""
    cv2.setNumThreads(1)
    results = {}
    for kind in ("still", "moving", "moving_noise"):
        pictures = frames(kind, count)
        watch = Watch(Decoder())
        # The first frames warm the caches and end the settling after the start.
        _times_ms(watch.see, pictures[:1] * 20)
        times = _times_ms(watch.see, pictures)
        baseline = _times_ms(lambda picture: pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE]), pictures[::10])
        results[kind] = _summary(times, baseline)
    return results


if __name__ == "__main__":
    import json
    import sys

    json.dump(run(), sys.stdout, indent=2)
