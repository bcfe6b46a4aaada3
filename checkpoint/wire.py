"""What travels between gate and collector: batches, alarm copies, heartbeats, answers. Bytes in, values out.

Wire structs are MessagePack arrays in field order; what is signed is COSE_Sign1 with the purpose named here; zstd with
a bounded output is outermost. A message that is too long, torn or malformed raises WireError and nothing else.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import cose
from checkpoint.records import BAD_BYTES, Sealed

HEAD_PURPOSE: Final = "guankou head 1"
WATERMARK_PURPOSE: Final = "guankou watermark 1"
HELLO_PURPOSE: Final = "guankou hello 1"
ALARM_PURPOSE: Final = "guankou alarm 1"
VERSION: Final = 1
NONCE_BYTES: Final = 8
MAX_BATCH_RECORDS: Final = 500
MAX_BATCH_BYTES: Final = 256 * 1024
# An uncompressed message is never allowed to grow beyond this, whatever its compressed form claims.
MAX_MESSAGE_BYTES: Final = 1024 * 1024
# Of MQTT: the largest message with its topic. The broker's configuration has the same figure.
MAX_PACKET_BYTES: Final = MAX_MESSAGE_BYTES + 64 * 1024
# RFC 8878 section 3.1.1.1.2 asks every decoder for 8 MiB; a frame may otherwise demand 128 MiB before its first byte.
_MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024
# Epochs in one hello; older ones go into further pages.
EPOCHS_PER_PAGE: Final = 16


class WireError(ValueError):
    """The message can't be what its topic says."""


class SignedHead(msgspec.Struct, array_like=True, frozen=True):
    gate: str
    epoch: bytes
    last: int
    head: bytes


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """Records `first`.. of one epoch. Headers stay raw, so that the very bytes that were hashed are checked again."""

    version: int
    gate: str
    epoch: bytes
    first: int
    nonce: bytes
    headers: tuple[msgspec.Raw, ...]
    sealed: tuple[Sealed, ...]
    signed_head: bytes


class AlarmCopy(msgspec.Struct, array_like=True, frozen=True):
    """A copy of one record, sent at once; signed alone, never counted."""

    version: int
    gate: str
    header: msgspec.Raw
    sealed: Sealed


class EpochRow(msgspec.Struct, array_like=True, frozen=True):
    """One epoch on the gate's disk: `floor`..`last` are held; `parent` = (epoch, last, head) it follows, or None."""

    epoch: bytes
    floor: int
    head_before_floor: bytes
    last: int
    head: bytes
    parent: tuple[bytes, int, bytes] | None


class CompleteThrough(msgspec.Struct, array_like=True, frozen=True):
    """No record of an earlier time will follow (`at`), once the collector holds up to (`epoch`, `number`)."""

    at: int
    epoch: bytes
    number: int


class Hello(msgspec.Struct, array_like=True, frozen=True):
    """Heartbeat and question. An empty `nonce` asks nothing (last will)."""

    version: int
    gate: str
    at: int
    clock: str
    boot_id: bytes
    online: bool
    nonce: bytes
    page: int
    pages: int
    epochs: tuple[EpochRow, ...]
    complete_through: CompleteThrough | None
    outbox_depth: int
    faults: tuple[str, ...]
    versions: dict[str, str]


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """The collector's watermark for one epoch. `at` ms UTC of the collector."""

    version: int
    gate: str
    epoch: bytes
    stored_through: int
    head: bytes
    echo_nonce: bytes
    at: int


_T = TypeVar("_T")
_encode = msgspec.msgpack.Encoder().encode


def pack_batch(batch: Batch) -> bytes:
    return compress(_encode(batch))


def unpack_batch(data: bytes) -> Batch:
    """Raises WireError. Signature and chain are not looked at here."""
    batch = _decode(Batch, expand(data))
    if not 1 <= len(batch.headers) <= MAX_BATCH_RECORDS:
        raise WireError(f"a batch holds 1 to {MAX_BATCH_RECORDS} records, this one {len(batch.headers)}")
    if len(batch.headers) != len(batch.sealed):
        raise WireError(f"{len(batch.headers)} headers but {len(batch.sealed)} payloads")
    return batch


def sign_head(key: Ed25519PrivateKey, head: SignedHead) -> bytes:
    return cose.sign(key, _encode(head), HEAD_PURPOSE)


def verify_head(message: bytes, key: Ed25519PublicKey) -> SignedHead:
    """Raises cose.CoseError or WireError."""
    return _decode(SignedHead, _verify(message, key, HEAD_PURPOSE))


def pack_hello(key: Ed25519PrivateKey, hello: Hello) -> bytes:
    return compress(cose.sign(key, _encode(hello), HELLO_PURPOSE))


def unpack_hello(data: bytes, key: Ed25519PublicKey) -> Hello:
    """Raises cose.CoseError or WireError."""
    return _decode(Hello, _verify(expand(data), key, HELLO_PURPOSE))


def pack_alarm(key: Ed25519PrivateKey, copy: AlarmCopy) -> bytes:
    return compress(cose.sign(key, _encode(copy), ALARM_PURPOSE))


def unpack_alarm(data: bytes, key: Ed25519PublicKey) -> AlarmCopy:
    """Raises cose.CoseError or WireError."""
    return _decode(AlarmCopy, _verify(expand(data), key, ALARM_PURPOSE))


def pack_answer(key: Ed25519PrivateKey, answer: Answer) -> bytes:
    return compress(cose.sign(key, _encode(answer), WATERMARK_PURPOSE))


def unpack_answer(data: bytes, keys: dict[bytes, Ed25519PublicKey]) -> Answer:
    """An answer signed by one of the collector's keys (key id -> key). Raises cose.CoseError or WireError."""
    return _decode(Answer, cose.verify(expand(data), keys, WATERMARK_PURPOSE))


def _verify(message: bytes, key: Ed25519PublicKey, purpose: str) -> bytes:
    return cose.verify(message, {cose.key_id(cose.public_bytes(key)): key}, purpose)


def _decode(form: type[_T], data: bytes) -> _T:
    try:
        message = msgspec.msgpack.decode(data, type=form)
    except BAD_BYTES as error:
        raise WireError(f"not a {form.__name__}: {error}") from None
    version = getattr(message, "version", VERSION)
    if version != VERSION:
        raise WireError(f"{form.__name__} of version {version}; this program reads version {VERSION}: update it")
    return message


def compress(data: bytes) -> bytes:
    """The outermost layer of what travels. A compressor is not safe to share between threads: each call has its own."""
    return zstandard.ZstdCompressor(level=3).compress(data)


def expand(data: bytes, most_bytes: int = MAX_MESSAGE_BYTES) -> bytes:
    """Undo `compress`: one zstd frame, bounded in what it reads, writes and holds in memory. Raises WireError.

    `most_bytes`: how large it may become; what comes in is bounded by MAX_MESSAGE_BYTES all the same.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes; the limit is {MAX_MESSAGE_BYTES}")
    try:
        # zstandard ignores max_output_size when the frame itself states a size: that claim is checked first.
        if zstandard.frame_content_size(data) > most_bytes:
            raise WireError(f"message would expand beyond {most_bytes} bytes")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        return decompressor.decompress(data, max_output_size=most_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise WireError(f"not a zstd frame: {error}") from None
