"""What the resident's page may ask for, as values and one interface; the page itself knows no store and no key."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from checkpoint.passes import Arrival, PassClass
from webscreen.words import Words

# What became of the pass behind a link. Only a valid one comes with a code.
State = Literal["valid", "pending", "refused", "revoked", "suspended", "expired", "not_yet"]


class DeskError(Exception):
    """It can't be done: an HTTP status and words for the page, in both languages."""

    def __init__(self, status: int, zh: str, en: str) -> None:
        super().__init__(en)
        self.status = status
        self.words = Words(zh, en)


class Card(msgspec.Struct, frozen=True):
    """What stands above the code. `name`: all but its last character hidden; `expires_s` 0: not issued yet."""

    pass_class: PassClass = msgspec.field(name="class")
    name: str
    place: str
    unit: str = ""
    plate: str = ""
    expires_s: int = 0


class Offline(msgspec.Struct, frozen=True):
    """What a phone needs to make codes by itself. `text`: the kept pass, which is never shown as it is.

    `steps`: (week, hex of the key of this pass in that week). `device`: hex of the public key of the phone that the
    pass is bound to; `bound`: the kept pass that names this key.
    """

    text: str = msgspec.field(name="pass")
    pass_id: str
    steps: list[tuple[int, str]]
    device: str | None = None
    bound: str | None = None


class Expected(msgspec.Struct, frozen=True):
    """A visitor who was invited and whose pass is not over."""

    pass_id: str
    name: str
    expires_s: int


class Shown(msgspec.Struct, frozen=True):
    """The answer to a link. `now_ms`: by the collector's clock, so that the phone's own may be wrong.

    `why`: what somebody wrote who refused a registration.
    """

    state: State
    now_ms: int
    card: Card | None = None
    code: str = ""
    until_s: int = 0
    may_invite: bool = False
    expected: list[Expected] = []
    offline: Offline | None = None
    why: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where somebody wants to register."""

    site: str
    zh: str
    en: str


class Invitation(msgspec.Struct, frozen=True):
    """A visitor whom a resident expects. `uses` None: as often as they like while it is valid."""

    name: str
    lifetime_s: int
    party_size: int
    plate: str
    uses: int | None


class Registration(msgspec.Struct, frozen=True):
    """What somebody registers by themselves; `declared` is JSON. `unit`: home or company, as people call it there."""

    site: str
    pass_class: PassClass
    name: str
    phone: str
    id_number: str
    unit: str
    plate: str
    party_size: int
    declared: str


class Desk(Protocol):
    """Answers the page. Every call may wait for a disk, and may come from any thread; all raise DeskError."""

    def show(self, token: str, arrival: Arrival | None) -> Shown:
        """The pass behind a link and a fresh code for it; with an arrival, one for that gate alone."""

    def bind(self, token: str, public_key: bytes) -> None:
        """From now on this pass is bound to the phone that holds the key."""

    def invite(self, token: str, invitation: Invitation) -> str:
        """The token of a visitor's pass."""

    def withdraw(self, token: str, visitor: bytes) -> None:
        """Ends the pass, by its id, of a visitor whom the holder of this link invited."""

    def place(self, gate: str, site: str) -> Place:
        """The site of a gate, or the site itself, if people may register there."""

    def register(self, registration: Registration) -> str:
        """The token under which the registration, and the pass once it is confirmed, can be seen."""
