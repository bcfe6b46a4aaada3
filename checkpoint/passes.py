"""The pass: what a person carries, as claims that a signature stands for, and what became of reading one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

PassClass = Literal["resident", "visitor", "vehicle", "worker", "courier", "emergency"]
CLASS_BY_NUMBER: Final[dict[int, PassClass]] = {
    1: "resident",
    2: "visitor",
    3: "vehicle",
    4: "worker",
    5: "courier",
    6: "emergency",
}
NUMBER_BY_CLASS: Final[dict[PassClass, int]] = {name: number for number, name in CLASS_BY_NUMBER.items()}

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
# From "not before" to "expires"; a pass that claims to live longer is refused.
LONGEST_LIFETIME_S: Final[dict[PassClass, int]] = {
    "resident": 180 * _DAY_S,
    "worker": 30 * _DAY_S,
    "visitor": _DAY_S,
    "courier": 12 * _HOUR_S,
    "vehicle": 30 * _DAY_S,
    "emergency": 365 * _DAY_S,
}
# Five minutes and the leeway for a phone that was slow to show it.
ROTATING_LIFETIME_S: Final = 360

# How a pass was shown: as issued for long, minted for minutes, with a time step's tag, signed by the phone's own key;
# or not at all: a card or number plate that it was given to stands for it, which says whose it is and proves nothing.
Variant = Literal["static", "rotating", "step", "device", "card", "plate"]


@dataclass(frozen=True, slots=True)
class Travel:
    """The issuer's statement: in the 14 days up to `attested_until_day` the holder was in `regions` (GB/T 2260) only.

    The day is counted in whole days since 1970-01-01 UTC.
    """

    attested_until_day: int
    regions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The place code that the holder scanned: `gate` showed it, `nonce` (8 bytes) says when."""

    gate: str
    nonce: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an issuer signs. Times in whole seconds UTC; `scope` lists site or grid ids."""

    pass_id: bytes
    subject: bytes
    pass_class: PassClass
    scope: tuple[str, ...]
    not_before_s: int
    expires_s: int
    household: bytes | None = None
    status_index: int | None = None
    travel: Travel | None = None
    document_digest: bytes | None = None
    plate: str | None = None
    device_key: bytes | None = None
    party_size: int = 1
    arrival: Arrival | None = None
    # How many times it may let somebody in; None: as often as it likes.
    uses: int | None = None

    @property
    def rotates(self) -> bool:
        """Minted for the moment: a picture of it is worth nothing a few minutes later."""
        return self.expires_s - self.not_before_s <= ROTATING_LIFETIME_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(Claims):
    """Claims whose signature holds. `format` is the prefix without its colon, `key_id` names the issuer's key."""

    format: str
    key_id: bytes


@dataclass(frozen=True, slots=True)
class ForeignClaims:
    """What a pass of another system says, its signature checked. It proves health or identity, never residence.

    `digest`: first 16 bytes of SHA-256 of its signature, all that is kept of it. `claims`: for rules only, never
    recorded.
    """

    kind: str
    issuer: str
    digest: bytes
    not_before_s: int | None
    expires_s: int | None
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Presented:
    """What a presented text is. Only `valid` says that a pass may be used; the reason says why not.

    `pass_` is there as soon as signature and profile hold, also when the pass is early, over, or not its issuer's to
    give: a policy may need it while the clock is not trusted. `by_clock`: this refusal could fall at another time.
    `detail` is for logs and `explain`, in English. `blinded`: all that is recorded of a text of no known format.
    """

    format: str | None
    pass_: Pass | None
    reason: str
    detail: str = ""
    by_clock: bool = False
    blinded: str = ""
    variant: Variant = "static"
    foreign: ForeignClaims | None = None

    @property
    def shown(self) -> str | None:
        """What a record says was shown: the format's name, or the blinded text; never the text itself."""
        return self.format or self.blinded or None

    @property
    def valid(self) -> bool:
        """Signature, profile, issuer and time all hold."""
        return self.reason == "pass_valid"


def in_scope(held: Claims, here: Collection[str]) -> bool:
    """Whether the pass is for this place; `here` holds the site id and the ids of its grid and of all above it."""
    return not frozenset(here).isdisjoint(held.scope)
