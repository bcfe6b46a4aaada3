"""The options of each camera driver, checked before anything is opened. Imports no native code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from drivers.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Fps = Annotated[float, msgspec.Meta(gt=0, le=120)]
Side = Annotated[int, msgspec.Meta(ge=64, le=7680)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]

STREAM_SCHEMES: Final = ("http", "https", "rtsp", "rtsps")


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a camera counts as faulty, in seconds; None switches a check off.

    A real sensor is never without noise, so equal pictures mean a hung camera; but a compressed stream of an unlit
    scene may repeat a picture until its next key frame, hence ten seconds.
    """

    missing_after_s: Seconds = 3.0
    black_after_s: Seconds | None = 3.0
    frozen_after_s: Seconds | None = 10.0


class V4l2(Limits, frozen=True, kw_only=True):
    """A camera on this machine, by its device node; `/dev/v4l/by-id/...` keeps its name when cables are swapped."""

    device: Text
    width: Side = 1280
    height: Side = 720
    fps: Fps = 15.0

    def shown(self) -> str:
        """How messages name it."""
        return self.device


class Stream(Limits, frozen=True, kw_only=True):
    """A network camera: RTSP, or MJPEG over HTTP (multipart/x-mixed-replace)."""

    url: Text
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0

    def shown(self) -> str:
        """How messages name it: without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class VideoFile(Limits, frozen=True, kw_only=True):
    """A film, shown at its own speed unless `fps` is given. Pictures may repeat in it, so it is never `frozen`."""

    path: Text
    loop: bool = True
    fps: Fps | None = None
    frozen_after_s: Seconds | None = None

    def shown(self) -> str:
        """How messages name it."""
        return self.path


class Folder(Limits, frozen=True, kw_only=True):
    """The photos of a folder in order of name, each shown for `hold_ms`."""

    path: Text
    hold_ms: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 2000
    loop: bool = True
    fps: Fps = 10.0
    frozen_after_s: Seconds | None = None

    def shown(self) -> str:
        """How messages name it."""
        return self.path


Options: TypeAlias = V4l2 | Stream | VideoFile | Folder

DRIVERS: Final[dict[str, type[Options]]] = {
    "v4l2": V4l2,
    "stream": Stream,
    "video_file": VideoFile,
    "folder": Folder,
}


def check_options(driver: str, options: Mapping[str, object]) -> Options:
    """The options, typed. Raises OptionError naming the driver, the option and what is allowed."""
    kind = DRIVERS.get(driver)
    if kind is None:
        raise OptionError(f"camera driver {driver!r} does not exist; choose one of {', '.join(DRIVERS)}")
    try:
        checked: Options = msgspec.convert(dict(options), kind)
    except msgspec.ValidationError as fault:
        allowed = ", ".join(kind.__struct_fields__)
        raise OptionError(f"camera driver {driver!r}: {fault}; its options are {allowed}") from fault
    if isinstance(checked, Stream):
        _check_url(checked.url)
    return checked


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in STREAM_SCHEMES and parts.hostname is not None and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # The address itself is not repeated: it may hold a password.
        raise OptionError(
            f"camera driver 'stream': option url must be {', '.join(s + '://host' for s in STREAM_SCHEMES)}/..."
        )
