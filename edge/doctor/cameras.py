"""What each camera shows: light, focus, and the size of a code that is held up, with advice for whoever mounts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from edge.doctor.codes import advice
from edge.doctor.finding import Finding, fail, ok, same, warn
from firmware_config.schema import GateFile
from webscreen.words import Words

# Starting an interpreter and OpenCV on a small computer.
_START_S: Final = 30.0
_LEAST_FPS: Final = 5.0
# A phone's code at arm's length needs about this many pixels across the picture.
_LEAST_WIDTH_PX: Final = 640
_LIGHT: Final = {
    "dark": Words("太暗：补光，或去掉镜头盖", "too dark: add light; is the lens covered?"),
    "bright": Words("过曝：避开直射光或背光", "too bright: turn it away from the light"),
}
_BLURRED: Final = Words("不清晰：调焦、擦镜头，使用定焦约 40 cm", "blurred: focus it to about 40 cm, clean the lens")


def cameras(file: GateFile, seconds: float, gate_runs: bool) -> Iterator[Finding]:
    """Every lane's camera. A local one that the running gate has is not opened; a stream bears a second onlooker."""
    for lane in file.lanes:
        if lane.camera is None:
            continue
        part = Words(f"摄像头 {lane.name}", f"camera {lane.name}")
        if gate_runs and lane.camera.driver == "v4l2":
            yield ok(part, Words("由正在运行的关口使用", "in use by the running gate"), in_use=True)
        else:
            yield camera(part, lane.camera.driver, lane.camera.options, seconds)


def camera(part: Words, driver: str, options: Mapping[str, Any], seconds: float) -> Finding:
    """One camera, looked through for `seconds` by a process of its own."""
    asked = json.dumps({"driver": driver, "options": dict(options), "seconds": seconds})
    command = [sys.executable, "-m", "edge.doctor.camera_child"]
    limit_s = seconds + _START_S
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return fail(
            part,
            Words(f"{driver}：无响应", f"{driver}: it hangs"),
            Words("拔下再插上", "unplug it and plug it in again"),
        )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return fail(part, same(last), same("pip install 'guankou[gate]'; guankou-gate check"))
    return judged(part, driver, json.loads(done.stdout))


def judged(part: Words, driver: str, seen: Mapping[str, Any]) -> Finding:
    """What was seen, as a line: the first thing that is wrong gives the remedy."""
    if not seen["frames"]:
        said = Words(f"{driver}：没有画面 {seen['error']}", f"{driver}: no picture. {seen['error']}")
        remedy = Words("检查线、设备名和用户组 video", "cable, the device's name, and the group video")
        return fail(part, said, remedy, **seen)
    width, height = seen["size"]
    figures = (
        f"{driver} {width}x{height}, {seen['fps']}/s, light {seen['brightness']:.0f}, focus {seen['sharpness']:.0f}"
    )
    codes = [f"{one['px_per_module']} px/module" for one in seen["codes"]]
    what = same(", ".join([figures, *codes]))
    remedies = list(_remedies(seen, width))
    if not remedies:
        hint = Words() if codes else Words("可举起通行码再检查大小", "hold a pass up to see whether its size is right")
        return Finding(part, "ok", what, hint, dict(seen))
    joined = Words("；".join(one.zh for one in remedies), "; ".join(one.en for one in remedies))
    return warn(part, what, joined, **seen)


def _remedies(seen: Mapping[str, Any], width_px: int) -> Iterator[Words]:
    if seen["light"] in _LIGHT:
        yield _LIGHT[seen["light"]]
    elif seen["blurred"]:
        yield _BLURRED
    if width_px < _LEAST_WIDTH_PX:
        yield Words("分辨率低：用 1280x720", "few pixels: use 1280x720")
    if 0 < seen["fps"] < _LEAST_FPS:
        yield Words("帧率低：多半是光线太暗或 USB 带宽不足", "few pictures: too dark, or a USB hub too slow")
    for one in seen["codes"]:
        told = advice(one["px_per_module"], one["share"])
        if told.en:
            yield told
