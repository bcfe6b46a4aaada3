"""MJPEG over HTTP: JPEG pictures as the parts of one endless answer (multipart/x-mixed-replace)."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np

from drivers.camera.jpeg_size import jpeg_size
from drivers.errors import DeviceGoneError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivers.camera.grabber import Picture

MAX_PICTURE_BYTES: Final = 16 << 20
# Twelve megapixels: decoded, more would only fill the memory; a code needs a tenth of it.
MAX_PICTURE_PX: Final = 12_000_000
_MAX_HEADER_BYTES: Final = 8 << 10
_CHUNK_BYTES: Final = 1 << 17
# A camera that sends something but no whole picture for so many time-outs is asked anew.
_PATIENCE: Final = 3


class StreamError(ValueError):
    """The stream is not what it should be."""


class PartReader:
    """Splits a multipart stream into bodies. Is fed bytes as they come and reads nothing itself.

    Never holds more than MAX_PICTURE_BYTES and one chunk. RFC 2046, 5.1, with the liberties that cameras take:
    Content-Length is used where given; boundaries may be announced with their dashes.
    """

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"--" + boundary.strip().strip('"').lstrip("-").encode()
        self._buffer = bytearray()
        # None while between two parts; else the length of the body, -1 where only the next delimiter ends it.
        self._length: int | None = None
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are complete now. Raises StreamError if a part grows beyond all bounds."""
        self._buffer += data
        bodies = []
        while (body := self._next()) is not None:
            if body:
                bodies.append(body)
        return bodies

    def _next(self) -> bytes | None:
        if self._length is None and not self._read_header():
            return None
        end = self._length if self._length != -1 else self._find_end()
        if end is None or len(self._buffer) < end:
            if len(self._buffer) > MAX_PICTURE_BYTES:
                raise StreamError(f"a picture of more than {MAX_PICTURE_BYTES >> 20} MiB")
            return None
        body = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._length, self._searched = None, 0
        return body

    def _read_header(self) -> bool:
        start = self._buffer.find(self._delimiter)
        end = self._buffer.find(b"\r\n\r\n", max(start, 0))
        if start < 0 or end < 0:
            if len(self._buffer) - max(start, 0) > _MAX_HEADER_BYTES and start >= 0:
                raise StreamError("a part without an end of its header")
            if start < 0:
                del self._buffer[: max(0, len(self._buffer) - len(self._delimiter))]
            return False
        self._length = _content_length(bytes(self._buffer[start:end]))
        if self._length > MAX_PICTURE_BYTES:
            raise StreamError(f"a picture of {self._length} bytes")
        del self._buffer[: end + 4]
        return True

    def _find_end(self) -> int | None:
        found = self._buffer.find(b"\r\n" + self._delimiter, self._searched)
        self._searched = max(0, len(self._buffer) - len(self._delimiter) - 2)
        return None if found < 0 else found


class MjpegSource:
    """A camera's MJPEG address, open. Decodes only what is asked for, in gray unless `colour`: much cheaper than
    OpenCV's own."""

    def __init__(self, url: str, timeout_s: float, name: str, colour: bool = False) -> None:
        self._name = name
        self._decode = decode_colour if colour else decode_gray
        self._patience_s = _PATIENCE * timeout_s
        try:
            self._answer = _open(url, timeout_s)
            self._reader = PartReader(_boundary(self._answer))
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise DeviceGoneError(name, str(fault) or type(fault).__name__) from fault

    def grab(self) -> Picture:
        """The newest complete picture. Raises DeviceGoneError when the camera hangs up or falls silent."""
        began_s = time.monotonic()
        while True:
            try:
                data = self._answer.read1(_CHUNK_BYTES)
                bodies = self._reader.feed(data)
            except (OSError, http.client.HTTPException, StreamError) as fault:
                raise DeviceGoneError(self._name, str(fault) or type(fault).__name__) from fault
            if not data:
                raise DeviceGoneError(self._name, "the camera ended the stream")
            if bodies:
                self._check_size(bodies[-1])
                return partial(self._decode, bodies[-1])
            if time.monotonic() - began_s > self._patience_s:
                raise DeviceGoneError(self._name, f"no whole picture in {self._patience_s:g} s")

    def _check_size(self, jpeg: bytes) -> None:
        size = jpeg_size(jpeg)
        if size is not None and size[0] * size[1] > MAX_PICTURE_PX:
            raise DeviceGoneError(self._name, f"pictures of {size[0]} x {size[1]}; set the camera to 1280 x 720")

    def close(self) -> None:
        """Hang up."""
        self._answer.close()


def decode_gray(jpeg: bytes) -> NDArray[Any] | None:
    """Only the luminance of a JPEG: a third cheaper than the colours, which no decoder of codes looks at."""
    return _decoded(jpeg, cv2.IMREAD_GRAYSCALE)


def decode_colour(jpeg: bytes) -> NDArray[Any] | None:
    """With its colours, in which a mask is easier to tell."""
    return _decoded(jpeg, cv2.IMREAD_COLOR)


def _decoded(jpeg: bytes, how: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), how)
    except cv2.error:
        return None


def _open(url: str, timeout_s: float) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username:
        passwords.add_password(None, plain, unquote(parts.username), unquote(parts.password or ""))
    opener = urllib.request.build_opener(
        # A camera is on the local network: a proxy of the environment would be in the way.
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    )
    try:
        answer: http.client.HTTPResponse = opener.open(plain, timeout=timeout_s)
    except urllib.error.HTTPError as refusal:
        # It is an answer as well as an error, and its connection is still open.
        refusal.close()
        raise
    return answer


def _boundary(answer: http.client.HTTPResponse) -> str:
    kind, boundary = answer.headers.get_content_type(), answer.headers.get_param("boundary")
    if not kind.startswith("multipart/") or not isinstance(boundary, str):
        answer.close()
        raise StreamError(f"this address gives {kind}, not an MJPEG stream (multipart/x-mixed-replace)")
    return boundary


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value[:12])
    return -1
