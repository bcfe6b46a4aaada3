"""What the resident's page sends, field by field with its limits; anything else is refused before it is looked at."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from central.resident.desk import Invitation, Registration
from checkpoint.passes import Arrival
from checkpoint.topics import is_slug

MOST_BYTES: Final = 4096
_HOUR_S: Final = 3600

_Token = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Slug = Annotated[str, msgspec.Meta(max_length=32)]
_Line = Annotated[str, msgspec.Meta(max_length=60)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
_Plate = Annotated[str, msgspec.Meta(max_length=16)]
# Ends in a terminal of the office as it was typed.
_Travel = Annotated[
    str, msgspec.Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]*$")
]
_Party = Annotated[int, msgspec.Meta(ge=1, le=20)]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request."""


class ShowForm(_Form, frozen=True):
    """`k`: the token. `gate` and `nonce`: from a place code that was scanned, the nonce as 16 hex digits."""

    k: _Token
    gate: _Slug = ""
    nonce: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{16})?$")] = ""

    def arrival(self) -> Arrival | None:
        if not (is_slug(self.gate) and self.nonce):
            return None
        return Arrival(self.gate, bytes.fromhex(self.nonce))


class BindForm(_Form, frozen=True):
    """`key`: the phone's Ed25519 public key, 64 hex digits."""

    k: _Token
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class InviteForm(_Form, frozen=True):
    """A visitor for some hours; `once`: one entry only."""

    k: _Token
    name: _Name
    hours: Annotated[int, msgspec.Meta(ge=1, le=24)]
    party: _Party = 1
    plate: _Plate = ""
    once: bool = True

    def invitation(self) -> Invitation:
        lifetime_s = self.hours * _HOUR_S
        return Invitation(self.name.strip(), lifetime_s, self.party, self.plate.strip(), 1 if self.once else None)


class WithdrawForm(_Form, frozen=True):
    """`visitor`: the pass id, 16 hex digits."""

    k: _Token
    visitor: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class PlaceForm(_Form, frozen=True):
    """A gate whose place code was scanned, or a site from a notice."""

    gate: _Slug = ""
    site: _Slug = ""


class ApplyForm(PlaceForm, frozen=True, kw_only=True):
    """A registration with its declaration. `travel`: other cities of the last 14 days, as people write them."""

    pass_class: Literal["resident", "visitor", "worker", "courier"]
    name: _Name
    phone: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9 \-]{5,19}$")]
    unit: _Line
    party: _Party
    symptoms: bool
    contact: bool
    agree: bool
    id_number: Annotated[str, msgspec.Meta(max_length=18)] = ""
    plate: _Plate = ""
    travel: _Travel = ""

    def registration(self, site: str, now_ms: int) -> Registration:
        declared = {
            "version": 1,
            "at_ms": now_ms,
            "symptoms": self.symptoms,
            "contact": self.contact,
            "travel": self.travel.strip(),
            "gate": self.gate,
        }
        return Registration(
            site=site,
            pass_class=self.pass_class,
            name=self.name.strip(),
            phone=self.phone.strip(),
            id_number=self.id_number.strip(),
            unit=self.unit.strip(),
            plate=self.plate.strip(),
            party_size=self.party,
            declared=msgspec.json.encode(declared).decode(),
        )
