"""What a document of kind `roster` says to one gate: the secrets of time steps, and the cards that stand for passes.

It is sealed to that gate: nobody else learns a secret, or which number belongs to whose pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint import seal, wire
from checkpoint.cards import CardError, CardRow, checked
from checkpoint.records import BAD_BYTES
from checkpoint.steps import SecretsError, StepSecret, check_secrets

PURPOSE: Final = "guankou roster 1"
# A document, with its frame and signature around this content, has to stay within wire.MAX_MESSAGE_BYTES.
MAX_CONTENT_BYTES: Final = 1_040_000
# Opened, what is most of a card is the text of claims that many passes share.
_MAX_PLAIN_BYTES: Final = 10 * 1024 * 1024
_CARDS_FORM: Final = 2
# RFC 8878 section 3.1.1; as MessagePack, which the first form begins with, it would be the number 40.
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"


class RosterError(ValueError):
    """The content is no roster for this gate; the text names what is wrong."""


class Roster(NamedTuple):
    """What one roster holds."""

    secrets: tuple[StepSecret, ...] = ()
    cards: tuple[CardRow, ...] = ()


class _CardsForm(msgspec.Struct, array_like=True, frozen=True):
    form: int
    secrets: tuple[StepSecret, ...]
    cards: tuple[CardRow, ...]


_rows_decoder = msgspec.msgpack.Decoder(tuple[StepSecret, ...])
_cards_decoder = msgspec.msgpack.Decoder(_CardsForm)


def encode_roster(secrets: Iterable[StepSecret], gate_public: bytes, cards: Iterable[CardRow] = ()) -> bytes:
    """The content of a roster, readable by the gate with this sealing key (32 bytes) alone.

    Without cards in the form that every gate reads; with them in one that gates know since they read cards. Raises
    RosterError instead of making what no gate would take, seal.SealError if the key is none.
    """
    roster = _checked(Roster(tuple(secrets), tuple(cards)))
    content = seal.seal(_plain(roster), gate_public, PURPOSE)
    if len(content) > MAX_CONTENT_BYTES:
        raise RosterError(
            f"a roster with {len(roster.cards)} cards has {len(content)} bytes, at most {MAX_CONTENT_BYTES}: remove"
            " cards whose passes are over, or shorten travel lists in the passes"
        )
    return content


def decode_roster(content: bytes, key: X25519PrivateKey) -> Roster:
    """What was sealed to this gate (`seal.sealing_key`). Raises RosterError."""
    if len(content) > MAX_CONTENT_BYTES:
        raise RosterError(f"the roster has {len(content)} bytes, at most {MAX_CONTENT_BYTES}: list fewer cards")
    try:
        plain = seal.open_sealed(content, key, PURPOSE)
        form, roster = _read(plain)
    except seal.SealError as error:
        raise RosterError(f"the roster can't be opened: {error}") from None
    except BAD_BYTES as error:
        raise RosterError(f"the roster is malformed: {error}") from None
    if form > _CARDS_FORM:
        raise RosterError(f"the roster has form {form}; this program reads {_CARDS_FORM}: update it")
    return _checked(roster)


def _plain(roster: Roster) -> bytes:
    if not roster.cards:
        return msgspec.msgpack.encode(roster.secrets)
    return wire.compress(msgspec.msgpack.encode(_CardsForm(_CARDS_FORM, *roster)))


def _read(plain: bytes) -> tuple[int, Roster]:
    if not plain.startswith(_ZSTD_MAGIC):
        return 1, Roster(_rows_decoder.decode(plain))
    read = _cards_decoder.decode(wire.expand(plain, _MAX_PLAIN_BYTES))
    return read.form, Roster(read.secrets, read.cards)


def _checked(roster: Roster) -> Roster:
    try:
        check_secrets(roster.secrets)
        checked(roster.cards)
    except (SecretsError, CardError) as error:
        raise RosterError(str(error)) from None
    return roster
