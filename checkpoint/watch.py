"""The watch list: of whom a named authority wants to hear at once; a document of kind `watch`, sealed to one gate.

It holds no number and no name: only keyed hashes of what gates read, with a secret that is sealed beside them. Whoever
is on it is asked to wait, in words that tell nobody why; see verdict_watch.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint import seal, wire
from checkpoint.document_digest import document_digest
from checkpoint.records import BAD_BYTES
from checkpoint.verdict_facts import CheckFact

PURPOSE: Final = "guankou watch 1"
_FORM: Final = 1
SECRET_BYTES: Final = 32
KEY_BYTES: Final = 16
MAX_ROWS: Final = 10_000
# A row is at most 52 bytes; a document, with its frame and signature, stays far below wire.MAX_MESSAGE_BYTES.
MAX_CONTENT_BYTES: Final = 52 * MAX_ROWS + 1024
_SALT_BYTES: Final = 8

WatchKind = Literal["subject", "document", "plate", "household", "pass"]
# Who is told that somebody on the list is here; a subset of reasons.Call.
WatchRole = Literal["guard", "health", "police", "administrator"]
WATCH_KINDS: Final[tuple[WatchKind, ...]] = get_args(WatchKind)
WATCH_ROLES: Final[tuple[WatchRole, ...]] = get_args(WatchRole)


class WatchError(ValueError):
    """The content is no watch list for this gate; the text names what is wrong and what to do."""


class WatchRow(msgspec.Struct, array_like=True, frozen=True):
    """One entry. `hashed`: `keyed(secret, kind, value)`; `until_ms`: the first moment at which it no longer counts."""

    hashed: bytes
    kind: WatchKind
    until_ms: int
    call: WatchRole


class Watched(NamedTuple):
    """What a gate knows of whoever stands there: for `document` and `plate` what `document_value` and
    `vehicle.normal_plate` make of a number, else the bytes of the pass's claim."""

    kind: WatchKind
    value: bytes


class Hit(NamedTuple):
    """Somebody on the list; `call` is to be told."""

    call: WatchRole


class _Content(msgspec.Struct, array_like=True, frozen=True):
    form: int
    secret: bytes
    rows: tuple[WatchRow, ...]


_decoder = msgspec.msgpack.Decoder(_Content)


class WatchList:
    """Entries by hash. Knows no number: only whether one that it is asked about is on it."""

    def __init__(self, secret: bytes, rows: Iterable[WatchRow]) -> None:
        self._secret: Final = secret
        self._rows: Final[dict[tuple[str, bytes], list[WatchRow]]] = {}
        for row in rows:
            self._rows.setdefault((row.kind, row.hashed), []).append(row)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._rows.values())

    def hit(self, kind: WatchKind, value: bytes, now_ms: int | None) -> Hit | None:
        """Whether this is on the list. `now_ms` None: nobody knows the time, and no entry has ended."""
        rows = self._rows.get((kind, keyed(self._secret, kind, value)), ())
        return next((Hit(row.call) for row in rows if now_ms is None or now_ms < row.until_ms), None)

    def document_value(self, number: str) -> bytes:
        """What stands for a document's number here. Takes as long as one Argon2id digest: keep the answer."""
        return document_value(number, self._secret)


def keyed(secret: bytes, kind: WatchKind, value: bytes) -> bytes:
    """16 bytes of HMAC-SHA256 (RFC 2104): the same for one value and secret, and nothing without the secret."""
    return hmac.digest(secret, kind.encode() + b"\0" + value, sha256)[:KEY_BYTES]


def document_value(number: str, secret: bytes) -> bytes:
    """Argon2id of a document's number: there are few enough numbers to try them all, so each try has to cost."""
    return document_digest(number, hmac.digest(secret, b"document salt", sha256)[:_SALT_BYTES])


def watch_fact(
    listed: WatchList | None, seen: Iterable[Watched], now_ms: int | None, unlisted_for_s: float = math.inf
) -> CheckFact:
    """`seen`: everything that this gate knows of whoever stands there.

    ok `watch_ok`; failed `watch_hit`, whose value is the role to call; not_obtained `watch_unlisted`: there is no
    list, or it is too old, since `unlisted_for_s`. What was looked up is in no fact: facts are recorded.
    """
    if listed is None:
        return CheckFact("not_obtained", "watch_unlisted", for_s=unlisted_for_s)
    hits = (listed.hit(kind, value, now_ms) for kind, value in seen)
    hit = next((found for found in hits if found is not None), None)
    return CheckFact("failed", "watch_hit", hit.call) if hit else CheckFact("ok", "watch_ok")


def encode_watch(secret: bytes, rows: Iterable[WatchRow], gate_public: bytes) -> bytes:
    """The content of a watch list, readable by the gate with this sealing key (32 bytes) alone.

    Raises WatchError instead of making what no gate would take, seal.SealError if the key is none.
    """
    content = _checked(_Content(_FORM, secret, tuple(rows)))
    return seal.seal(wire.compress(msgspec.msgpack.encode(content)), gate_public, PURPOSE)


def decode_watch(content: bytes, key: X25519PrivateKey) -> WatchList:
    """What was sealed to this gate (`seal.sealing_key`). Raises WatchError."""
    if len(content) > MAX_CONTENT_BYTES:
        raise WatchError(f"the watch list has {len(content)} bytes, at most {MAX_CONTENT_BYTES}: list fewer")
    try:
        plain = wire.expand(seal.open_sealed(content, key, PURPOSE), MAX_CONTENT_BYTES)
        read = _decoder.decode(plain)
    except (seal.SealError, wire.WireError) as error:
        raise WatchError(f"the watch list can't be opened: {error}") from None
    except BAD_BYTES as error:
        raise WatchError(f"the watch list is malformed: {error}") from None
    if read.form != _FORM:
        raise WatchError(f"the watch list has form {read.form}; this program reads {_FORM}: update it")
    checked = _checked(read)
    return WatchList(checked.secret, checked.rows)


def _checked(content: _Content) -> _Content:
    if len(content.secret) != SECRET_BYTES:
        raise WatchError(f"the secret of a watch list has {SECRET_BYTES} bytes, this one {len(content.secret)}")
    if len(content.rows) > MAX_ROWS:
        raise WatchError(f"a watch list with {len(content.rows)} entries, at most {MAX_ROWS}: remove what is over")
    if bad := next((row for row in content.rows if len(row.hashed) != KEY_BYTES), None):
        raise WatchError(f"an entry of kind {bad.kind} has a hash of {len(bad.hashed)} bytes: it has {KEY_BYTES}")
    return content
