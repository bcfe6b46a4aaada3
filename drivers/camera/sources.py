"""Where pictures come from, through OpenCV: a V4L2 device, an RTSP stream, a film; and photos in a folder."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# Seconds that V4L2 waits for a frame; OpenCV's own ten are longer than the whole gate may take to notice.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")

import cv2

from drivers.camera.grabber import SourceEndedError
from drivers.camera.mjpeg import MjpegSource
from drivers.camera.options import Folder, Stream, V4l2, VideoFile
from drivers.decoder.pictures import PictureError, as_gray, load
from drivers.errors import DeviceGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from drivers.camera.grabber import Picture, Source
    from drivers.camera.options import Options

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
# What a film is shown at that does not say how fast it runs.
_USUAL_FPS: Final = 25.0


def source_for(options: Options, colour: bool = False) -> Callable[[], Source]:
    """How to open the source that these options describe; each call opens it anew. `colour`: pictures are wanted in
    colour where gray ones are cheaper; others come as they are."""
    if isinstance(options, V4l2):
        return partial(_open_v4l2, options)
    if isinstance(options, VideoFile):
        return partial(FilmSource, options)
    if isinstance(options, Folder):
        return partial(FolderSource, options)
    if options.url.startswith("http"):
        return partial(MjpegSource, options.url, options.timeout_s, options.shown(), colour)
    return partial(_open_rtsp, options)


class CaptureSource:
    """A cv2.VideoCapture that is open. Raises DeviceGoneError where OpenCV only says False."""

    def __init__(self, what: str, backend: int, parameters: Sequence[int], name: str) -> None:
        self._name = name
        self._capture = cv2.VideoCapture(what, backend, parameters)
        if not self._capture.isOpened():
            self._capture.release()
            raise DeviceGoneError(name, "cannot be opened")

    def get(self, key: int) -> float:
        """A property, 0 if it is unknown."""
        return self._capture.get(key)

    def grab(self) -> Picture:
        """The next frame, decoded by OpenCV."""
        good, image = self._capture.read()
        if not good:
            raise DeviceGoneError(self._name, "no more frames")
        return _Still(image)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


class FilmSource:
    """A film at the speed of life, over and over if `loop`."""

    def __init__(self, options: VideoFile) -> None:
        self._options = options
        self._film = self._open()
        fps = options.fps or self._film.get(cv2.CAP_PROP_FPS) or _USUAL_FPS
        self._pace = Pace(1 / fps)

    def grab(self) -> Picture:
        """The next frame when its time has come. At the end of a film that does not loop: SourceEndedError."""
        self._pace.wait()
        try:
            return self._film.grab()
        except DeviceGoneError:
            if not self._options.loop:
                raise SourceEndedError(self._options.path, "the film is over") from None
        self._film.close()
        self._film = self._open()
        return self._film.grab()

    def close(self) -> None:
        """Close the file."""
        self._film.close()

    def _open(self) -> CaptureSource:
        return CaptureSource(self._options.path, cv2.CAP_FFMPEG, (cv2.CAP_PROP_N_THREADS, 1), self._options.path)


class FolderSource:
    """Photos as if someone held them up one after another. Files that are no pictures are passed over."""

    def __init__(self, options: Folder) -> None:
        self._options = options
        try:
            self._paths = sorted(p for p in Path(options.path).iterdir() if p.suffix.lower() in _SUFFIXES)
        except OSError as fault:
            raise DeviceGoneError(options.path, str(fault)) from fault
        self._next = 0
        self._until_s = 0.0
        self._shown: _Still | None = None
        self._pace = Pace(1 / options.fps)

    def grab(self) -> Picture:
        """The photo of this moment. After the last one: SourceEndedError."""
        self._pace.wait()
        if self._shown is None or time.monotonic() >= self._until_s:
            self._shown = _Still(self._turn_page())
            self._until_s = time.monotonic() + self._options.hold_ms / 1000
        return self._shown

    def close(self) -> None:
        """Nothing is held open."""

    def _turn_page(self) -> NDArray[Any]:
        for _ in range(len(self._paths)):
            if self._next == len(self._paths) and self._options.loop:
                self._next = 0
            if self._next == len(self._paths):
                raise SourceEndedError(self._options.path, "no more pictures")
            path, self._next = self._paths[self._next], self._next + 1
            try:
                return as_gray(load(path))
            except (OSError, PictureError):
                continue
        raise DeviceGoneError(self._options.path, "no pictures in this folder")


class Pace:
    """Waits so that calls come at an even rate; never makes up for lost time."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due_s = time.monotonic()

    def wait(self) -> None:
        """Until the next beat."""
        now_s = time.monotonic()
        self._due_s = max(self._due_s + self._period_s, now_s)
        time.sleep(self._due_s - now_s)


class _Still:
    """A picture that needs no more decoding."""

    def __init__(self, image: NDArray[Any]) -> None:
        self._image = image

    def __call__(self) -> NDArray[Any]:
        return self._image


def _open_v4l2(options: V4l2) -> Source:
    # MJPG: raw YUYV in 720p does not fit a USB 2 cable at 15 frames a second. One buffer: the newest frame, no queue.
    wanted = {
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: options.width,
        cv2.CAP_PROP_FRAME_HEIGHT: options.height,
        cv2.CAP_PROP_FPS: round(options.fps),
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }
    if not Path(options.device).exists():
        raise DeviceGoneError(options.device, "no such device")
    return CaptureSource(options.device, cv2.CAP_V4L2, [n for pair in wanted.items() for n in pair], options.device)


def _open_rtsp(options: Stream) -> Source:
    timeout_ms = round(options.timeout_s * 1000)
    wanted = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: timeout_ms,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: timeout_ms,
        cv2.CAP_PROP_N_THREADS: 1,
    }
    return CaptureSource(options.url, cv2.CAP_FFMPEG, [n for pair in wanted.items() for n in pair], options.shown())
