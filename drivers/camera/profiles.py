"""What is known of the sources of pictures. Any of them may be any maker's: what counts is how the pictures come."""

from __future__ import annotations

from typing import Final

from drivers.profile import Profile

_GIVES: Final = ("pictures",)

PROFILES: Final = {
    "v4l2": Profile(
        name="v4l2",
        kind="camera",
        hardware="USB cameras of the UVC class, camera modules with a V4L2 driver",
        wire="USB, CSI",
        gives=_GIVES,
        sources="A",
        sure="the kernel's own interface, through OpenCV; read here from a video node made of software at most",
        traps=("fixed focus at infinity blurs a phone at 20 cm: check with `guankou-gate doctor`",),
    ),
    "stream": Profile(
        name="stream",
        kind="camera",
        hardware="network cameras with MJPEG over HTTP or RTSP",
        wire="Ethernet",
        gives=_GIVES,
        sources="A",
        sure="MJPEG is read by our own parser against our own server; RTSP is left to OpenCV's FFmpeg",
        traps=("a compressed stream may be seconds old: prefer MJPEG, or a short key frame interval",),
    ),
    "video_file": Profile(
        name="video_file",
        kind="camera",
        hardware="no camera: a film, for tests and for showing how it works",
        wire="none",
        gives=_GIVES,
        sources="A",
        sure="nothing to be sure of",
    ),
    "folder": Profile(
        name="folder",
        kind="camera",
        hardware="no camera: the photos of a folder, one after another",
        wire="none",
        gives=_GIVES,
        sources="A",
        sure="nothing to be sure of",
    ),
}
