"""Cards and number plates as credentials: which number was given to which pass, and what gates are told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog
from base45 import b45decode

from central.config import Config
from central.people.credentials import Credential, PeopleError, credential, credential_of
from central.people.minting import held_text
from central.revocation import standing
from central.store.cards import Card
from central.store.sqlite import SqliteStore
from checkpoint.cards import MAX_CARDS, CardError, CardRow, Technology, check_number, plate_number
from checkpoint.formats import gk1
from checkpoint.formats.gk1_profile import ProfileError
from checkpoint.status_list import REVOKED

_log = structlog.get_logger(__name__)

_PRINTED: Final = re.compile(r"[0-9]{10}")
_SEPARATORS: Final = re.compile(r"[\s:.-]")
_PRINTED_BYTES: Final = 4
# ISO/IEC 14443-3 6.4.4: a UID of one part that begins with 08 is drawn anew each time.
_RANDOM_UID: Final = 0x08
_MAX_PLATE_SIGNS: Final = 16


@dataclass(frozen=True, slots=True)
class CardNumber:
    """What is on a card or plate, as gates know it."""

    technology: Technology
    number: bytes = field(repr=False)

    @property
    def shown(self) -> str:
        """As people read it."""
        if self.technology == "plate":
            return self.number.decode()
        if self.technology == "em4100" and len(self.number) == _PRINTED_BYTES:
            return printed(self.number)
        return self.number.hex().upper()


def printed(number: bytes) -> str:
    """The ten digits that are printed on an EM4100 card: the lower four bytes of its number."""
    return f"{int.from_bytes(number[-_PRINTED_BYTES:], 'big'):010d}"


def printed_number(text: str) -> CardNumber:
    """From the ten digits on the card. Raises CardError."""
    digits = text.strip()
    if not _PRINTED.fullmatch(digits) or int(digits) >= 1 << 8 * _PRINTED_BYTES:
        raise CardError(f"{text[:40]!r} is no printed card number: give its ten digits, such as 0006547886")
    return CardNumber("em4100", int(digits).to_bytes(_PRINTED_BYTES, "big"))


def hex_number(technology: Technology, text: str) -> CardNumber:
    """From hex digits as a reader shows them; spaces, colons and dashes between them don't count. Raises CardError."""
    try:
        number = bytes.fromhex(_SEPARATORS.sub("", text))
    except ValueError:
        raise CardError(f"{text[:40]!r} is no card number in hex: give pairs of 0-9 and A-F") from None
    check_number(technology, number)
    if technology == "iso14443a" and len(number) == 4 and number[0] == _RANDOM_UID:
        raise CardError(f"{text[:40]!r} begins with 08: this phone or card gives another number each time; use another")
    return CardNumber(technology, number)


def plate_of(text: str) -> CardNumber:
    """From a number plate, however it is written. Raises CardError."""
    number = plate_number(text)
    if not 4 <= len(number.decode()) <= _MAX_PLATE_SIGNS:
        raise CardError(f"{text[:40]!r} is no number plate: give 4 to {_MAX_PLATE_SIGNS} letters and digits")
    check_number("plate", number)
    return CardNumber("plate", number)


def give_card(store: SqliteStore, pass_id: bytes, given: CardNumber, by: str, now_ms: int) -> Card:
    """Let a card or plate stand for a pass at its site. Call it inside a transaction.

    Raises PeopleError for a pass that was revoked or is unknown here, and for a number that somebody has already.
    """
    held = credential_of(store, pass_id)
    if standing(store, held.issued) == REVOKED:
        raise PeopleError(f"pass {pass_id.hex()} was revoked or cut off; give the card to a pass that counts")
    taken = _taken(store, held.site, given)
    if taken is not None:
        raise PeopleError(f"card {given.shown} is given to pass {taken.pass_id.hex()} at {held.site}: remove it first")
    if len(store.cards(held.site)) >= MAX_CARDS:
        raise PeopleError(f"site {held.site} has {MAX_CARDS} cards, which is the most: remove those of old passes")
    row = Card(held.site, given.technology, given.number, pass_id, now_ms, by)
    store.add_card(row)
    return row


def take_card(store: SqliteStore, given: CardNumber, site: str | None = None) -> Card:
    """Take a card or plate back; its pass stays. Call it inside a transaction. Raises PeopleError."""
    same = (given.technology, given.number)
    found = [row for row in store.cards(site) if (row.technology, row.number) == same]
    if not found:
        raise PeopleError(f"card {given.shown} is given to no pass here; `pass card list` shows those that are")
    if len(found) > 1:
        sites = ", ".join(row.site for row in found)
        raise PeopleError(f"card {given.shown} is known at {sites}: say at which it ends with --site")
    store.drop_card(found[0])
    return found[0]


@dataclass(frozen=True, slots=True)
class GivenCard:
    """A card with the pass behind it."""

    card: Card
    held: Credential
    status: int

    @property
    def number(self) -> CardNumber:
        return CardNumber(self.card.technology, self.card.number)


def given_cards(store: SqliteStore, site: str | None = None, pass_id: bytes | None = None) -> Iterator[GivenCard]:
    """Cards of a pass, of a site, or of all, by pass."""
    rows = store.cards(site) if pass_id is None else store.cards_of(pass_id)
    for row in rows:
        issued = store.issued(row.pass_id)
        if issued is not None and site in (None, row.site):
            yield GivenCard(row, credential(store, issued), standing(store, issued))


def card_rows(config: Config, store: SqliteStore, site: str) -> list[CardRow]:
    """What gates of this site are told, the passes signed as on paper: whoever holds the card need not have the phone.

    A pass that no gate would read any more is left out, and logged. Raises KeyFileError.
    """
    signed: dict[bytes, bytes | None] = {}
    rows = []
    for card in store.cards(site):
        if card.pass_id not in signed:
            signed[card.pass_id] = _signed(config, store, card.pass_id)
        message = signed[card.pass_id]
        if message is not None:
            rows.append(CardRow(card.technology, card.number, message))
    return rows


def _signed(config: Config, store: SqliteStore, pass_id: bytes) -> bytes | None:
    try:
        text = held_text(config, credential_of(store, pass_id))
    except (gk1.IssueError, ProfileError) as error:
        _log.warning("card_without_pass", pass_id=pass_id.hex(), why=str(error))
        return None
    return bytes(b45decode(text.removeprefix(gk1.PREFIX)))


def _taken(store: SqliteStore, site: str, given: CardNumber) -> Card | None:
    """A card with this number, or one that a reader could take for it: printed numbers leave out the first byte."""
    same = store.card(site, given.technology, given.number)
    if same is not None or given.technology != "em4100":
        return same
    if len(given.number) == _PRINTED_BYTES:
        return store.card_ending(site, "em4100", given.number)
    return store.card(site, "em4100", given.number[-_PRINTED_BYTES:])
