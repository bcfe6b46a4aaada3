"""What the vision process says and how: msgpack behind a length of four bytes. Imports neither OpenCV nor numpy."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

# The largest QR code holds 2953 bytes (ISO/IEC 18004, version 40-L); anything longer is a decoder gone wrong.
MAX_PAYLOAD_BYTES: Final = 8000
MAX_CODES: Final = 8
MAX_MESSAGE_BYTES: Final = 1 << 18
_LENGTH: Final = struct.Struct(">I")


class Seen(msgspec.Struct, frozen=True, tag=True):
    """What is in view of the lane's camera, as of the frame grabbed at `mono_ms`.

    Said for every decoded frame that shows codes, once with no codes when they have left, and at least once a second
    as long as frames come. `cut`: a payload was over MAX_PAYLOAD_BYTES and is here without its end, or there were
    more than MAX_CODES codes. `decoder_failures` counts native decoder calls that raised since the process began.
    `still`: the camera has repeated one picture for a second, so that nothing in it need be there any more.
    """

    lane: str
    mono_ms: int
    codes: tuple[bytes, ...]
    moving: bool
    number: int
    fps: float
    cut: bool = False
    decoder_failures: int = 0
    still: bool = False


class CameraFault(msgspec.Struct, frozen=True, tag=True):
    """The camera does not see: `camera_missing`, `camera_black` or `camera_frozen`. `detail` in the device's words."""

    lane: str
    name: str
    detail: str = ""


class CameraOk(msgspec.Struct, frozen=True, tag=True):
    """The camera sees: said at the first good frame, and after each fault."""

    lane: str


class Alive(msgspec.Struct, frozen=True, tag=True):
    """The process is running, whatever the camera does. Stays between the two processes."""

    lane: str


class VisionDied(msgspec.Struct, frozen=True, tag=True):
    """The vision process of a lane ended or hung and was killed; it is being started again."""

    lane: str
    why: str


class VisionBack(msgspec.Struct, frozen=True, tag=True):
    """The vision process of a lane runs again after VisionDied."""

    lane: str


class MaskModel(msgspec.Struct, frozen=True, tag=True):
    """A mask model as the gate file names it, and the first message to the process that runs it."""

    model: str
    kind: str
    face_min: float
    score_min: float
    every_ms: int


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first message, to the process: on its standard input, for a camera's address may hold a password."""

    lane: str
    driver: str
    options: dict[str, Any]
    memory_mib: int
    mask: MaskModel | None = None


class LookForMask(msgspec.Struct, frozen=True, tag=True):
    """To the process: whether somebody stands there whose mask is asked for. Off at its start."""

    on: bool


class Picture(msgspec.Struct, frozen=True, tag=True):
    """To the mask process: one picture at its model's size, BGR, row by row."""

    pixels: bytes


class MaskReady(msgspec.Struct, frozen=True, tag=True):
    """The mask model is loaded and has looked at a first picture. `sha256` of its bytes, `detail`: its tensors."""

    lane: str
    sha256: str
    detail: str


class MaskFailed(msgspec.Struct, frozen=True, tag=True):
    """The mask model can't be loaded, or looked at a picture and ended, hung or gave nonsense."""

    lane: str
    why: str


class MaskSeen(msgspec.Struct, frozen=True, tag=True):
    """One look at the people in the frame grabbed at `mono_ms`; the rest as in drivers.mask.Look."""

    lane: str
    mono_ms: int
    state: Literal["mask", "no_mask", "unsure"]
    face_share: float
    score: float
    faces: int


Message: TypeAlias = (
    Seen
    | CameraFault
    | CameraOk
    | Alive
    | Start
    | MaskModel
    | LookForMask
    | Picture
    | MaskReady
    | MaskFailed
    | MaskSeen
)


class MessageError(ValueError):
    """These bytes are no message of ours."""


def frame(message: Message) -> bytes:
    """One message as it goes through the pipe."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class MessageReader:
    """Splits a stream of bytes into messages. Is fed, reads nothing itself; holds MAX_MESSAGE_BYTES and one chunk."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Message)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now. Raises MessageError; after that the stream cannot be used any more."""
        self._buffer += data
        messages = []
        while (body := self._next_body()) is not None:
            try:
                messages.append(self._decoder.decode(body))
            except msgspec.DecodeError as fault:
                raise MessageError(f"not a message: {fault}") from fault
        return messages

    def _next_body(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_MESSAGE_BYTES:
            raise MessageError(f"a message of {length} bytes")
        if len(self._buffer) < _LENGTH.size + length:
            return None
        body = bytes(self._buffer[_LENGTH.size : _LENGTH.size + length])
        del self._buffer[: _LENGTH.size + length]
        return body


def bounded(payloads: Iterable[bytes]) -> tuple[tuple[bytes, ...], bool]:
    """Each payload once, in order of appearance, within the limits; and whether anything was cut off."""
    distinct = list(dict.fromkeys(payloads))
    kept = tuple(payload[:MAX_PAYLOAD_BYTES] for payload in distinct[:MAX_CODES])
    return kept, len(distinct) > MAX_CODES or any(len(p) > MAX_PAYLOAD_BYTES for p in distinct[:MAX_CODES])
