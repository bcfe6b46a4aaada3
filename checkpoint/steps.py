"""Secrets of time steps: who holds them for how long, and the roster that brings them to a gate.

A secret belongs to one scope and one week, so that what a stolen gate knows is worth little and not for long: it can
make a pass look fresh that the issuer signed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint import seal
from checkpoint.records import BAD_BYTES
from checkpoint.topics import is_slug

STEP_S: Final = 30
WEEK_S: Final = 604_800
# A phone's clock may be off by a minute to either side.
STEPS_EITHER_SIDE: Final = 2
SECRET_BYTES: Final = 32
ROSTER_PURPOSE: Final = "guankou roster 1"
# Three weeks of a gate that serves passes of many scopes.
MAX_ROWS: Final = 512
_MAX_WEEK: Final = 2**32
_MAX_CONTENT_BYTES: Final = 64 * 1024


class RosterError(ValueError):
    """The content is no roster for this gate; the text names what is wrong."""


class StepSecret(msgspec.Struct, array_like=True, frozen=True):
    """The secret (32 bytes) of one site or grid for one week, counted since 1970-01-01 (`week_at`)."""

    scope: str
    week: int
    secret: bytes


class StepSecrets:
    """The secrets that a gate holds. Several may stand for one scope and week: one was changed before its time."""

    def __init__(self, rows: Iterable[StepSecret] = ()) -> None:
        held: dict[tuple[str, int], list[bytes]] = {}
        for row in rows:
            held.setdefault((row.scope, row.week), []).append(row.secret)
        self._held: Final[Mapping[tuple[str, int], list[bytes]]] = held

    def candidates(self, scopes: Sequence[str], step: int) -> Sequence[bytes]:
        """The secrets of these scopes for the week that this step lies in."""
        week = week_of(step)
        return [secret for scope in scopes for secret in self._held.get((scope, week), ())]


NO_STEPS: Final = StepSecrets()


def step_at(now_s: int) -> int:
    """The time step at this second."""
    return now_s // STEP_S


def week_of(step: int) -> int:
    """The week of a step. Weeks hold whole steps."""
    return step * STEP_S // WEEK_S


def week_at(now_s: int) -> int:
    """The week at this second. A gate holds the secrets of the week before, this one, and the one after."""
    return now_s // WEEK_S


def encode_roster(rows: Iterable[StepSecret], gate_public: bytes) -> bytes:
    """The content of a document of kind `roster`, readable by the gate with this sealing key (32 bytes) alone.

    Raises RosterError instead of making what no gate would take, seal.SealError if the key is none.
    """
    wanted = tuple(rows)
    _check(wanted)
    return seal.seal(msgspec.msgpack.encode(wanted), gate_public, ROSTER_PURPOSE)


def decode_roster(content: bytes, key: X25519PrivateKey) -> tuple[StepSecret, ...]:
    """The rows of a roster that was sealed to this gate (`seal.sealing_key`). Raises RosterError."""
    if len(content) > _MAX_CONTENT_BYTES:
        raise RosterError(f"the roster has {len(content)} bytes, at most {_MAX_CONTENT_BYTES}: list fewer scopes")
    try:
        rows = _decoder.decode(seal.open_sealed(content, key, ROSTER_PURPOSE))
    except seal.SealError as error:
        raise RosterError(f"the roster can't be opened: {error}") from None
    except BAD_BYTES as error:
        raise RosterError(f"the roster is malformed: {error}") from None
    _check(rows)
    return rows


_decoder = msgspec.msgpack.Decoder(tuple[StepSecret, ...])


def _check(rows: Sequence[StepSecret]) -> None:
    if len(rows) > MAX_ROWS:
        raise RosterError(f"a roster has at most {MAX_ROWS} rows, this one {len(rows)}: list fewer scopes or weeks")
    for row in rows:
        if not is_slug(row.scope):
            raise RosterError(f"scope {row.scope[:40]!r} is no site or grid id: use 1 to 32 of a-z, 0-9 and '-'")
        if not 0 <= row.week <= _MAX_WEEK:
            raise RosterError(f"week {row.week} of {row.scope} is not within 0 to {_MAX_WEEK}: count since 1970-01-01")
        if len(row.secret) != SECRET_BYTES:
            raise RosterError(f"a secret has {SECRET_BYTES} bytes, that of {row.scope} has {len(row.secret)}")
