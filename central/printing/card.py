"""What a printed pass says: taken from the signed text itself, so that what people read can't differ from the code."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from base45 import b45decode

from checkpoint import cose
from checkpoint.formats import gk1
from checkpoint.formats.gk1_profile import claims_from
from checkpoint.passes import Claims, PassClass

DEFAULT_ZONE: Final = "Asia/Shanghai"
# Longer texts would have to be set too small to read.
LONGEST: Final = {"place_zh": 40, "place_en": 60, "bring_zh": 20, "bring_en": 48, "contact": 40}
# Before the year 9999, the last that a calendar date can be written for in any zone.
_LATEST_S: Final = 253_370_000_000
# A letter with the signs that combine with it.
_MAX_TAIL: Final = 6

# What the holder is asked to have along, Chinese and English, unless the operator says otherwise.
BRING: Final[dict[PassClass, tuple[str, str]]] = {
    "resident": ("本人身份证", "your ID card"),
    "visitor": ("本人身份证，请住户接听电话", "your ID card; keep your host on call"),
    "vehicle": ("行驶证和驾驶人身份证", "vehicle licence and the driver's ID card"),
    "worker": ("工作证和身份证", "work permit and ID card"),
    "courier": ("工牌和身份证", "work badge and ID card"),
    "emergency": ("工作证件", "service ID"),
}


class PrintError(ValueError):
    """This pass can't be printed; the message names the pass, the cause and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One printed pass. `text` is its code; times in seconds UTC, shown in `zone` (IANA name).

    Of a name only `name_tail`, its last character, is ever printed. `number`: what a lost card is reported and revoked
    by. `uses`: how many entries it is good for, None for any number. Empty texts leave their place empty.
    """

    text: str = field(repr=False)
    pass_class: PassClass
    valid_from_s: int
    valid_until_s: int
    zone: str = DEFAULT_ZONE
    place_zh: str
    place_en: str = ""
    name_tail: str = ""
    plate: str = ""
    party: int = 1
    uses: int | None = None
    number: str = ""
    bring_zh: str = ""
    bring_en: str = ""
    contact: str = ""

    def __post_init__(self) -> None:
        """Raises PrintError, so that a wrong card is found before a thousand of them are printed."""
        who = f"pass {self.number or self.text[:12]}"
        if not self.text.startswith(gk1.PREFIX) or len(self.text) > gk1.MAX_CHARACTERS:
            raise PrintError(
                f"{who}: only passes that stay as they are can be printed, and their text begins with GK1:"
            )
        if self.name_tail and self.name_tail != name_tail(self.name_tail):
            raise PrintError(f"{who}: a printed pass shows the last character of a name only; use name_tail()")
        for name, longest in LONGEST.items():
            if len(getattr(self, name)) > longest:
                raise PrintError(f"{who}: {name} has {len(getattr(self, name))} characters; shorten it to {longest}")
        if not self.place_zh.strip():
            raise PrintError(f"{who}: place_zh is empty; name the place that the pass is for")
        if not 0 <= self.valid_from_s <= self.valid_until_s <= _LATEST_S:
            raise PrintError(
                f"{who}: valid from {self.valid_from_s} to {self.valid_until_s} s is no time for a calendar"
            )
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise PrintError(f"{who}: time zone {self.zone!r} is unknown; write it like Asia/Shanghai") from None


def name_tail(name: str) -> str:
    """The last character of a name, with the signs that combine with it; empty for an empty name."""
    letters = [sign for sign in name if unicodedata.category(sign)[0] not in "CZ"]
    tail: list[str] = []
    while letters and len(tail) < _MAX_TAIL:
        tail.insert(0, letters.pop())
        if unicodedata.category(tail[0])[0] != "M":
            return "".join(tail)
    return ""


def card_of(
    text: str,
    *,
    place_zh: str,
    place_en: str = "",
    name: str = "",
    zone: str = DEFAULT_ZONE,
    bring: tuple[str, str] | None = None,
    contact: str = "",
) -> Card:
    """The card of an issued pass. `bring`: Chinese and English, None for what its class usually needs.

    Raises PrintError also for passes that are shown by phone only: a printed copy would let others in.
    """
    claims = _claims(text)
    number = claims.pass_id.hex()
    if claims.device_key is not None:
        raise PrintError(f"pass {number}: it belongs to one phone and is never printed; issue one without device key")
    if claims.rotates:
        raise PrintError(f"pass {number}: it lives for minutes and is shown by phone; print the pass as issued")
    bring_zh, bring_en = BRING[claims.pass_class] if bring is None else bring
    return Card(
        text=text,
        pass_class=claims.pass_class,
        valid_from_s=claims.not_before_s,
        valid_until_s=claims.expires_s,
        zone=zone,
        place_zh=place_zh,
        place_en=place_en,
        name_tail=name_tail(name),
        plate=claims.plate or "",
        party=claims.party_size,
        uses=claims.uses,
        number=number,
        bring_zh=bring_zh,
        bring_en=bring_en,
        contact=contact,
    )


def _claims(text: str) -> Claims:
    """What the text says; its signature is for gates to check."""
    if not text.startswith(gk1.PREFIX) or len(text) > gk1.MAX_CHARACTERS:
        raise PrintError(f"{text[:12]!r}…: not the text of a pass that can be printed; it begins with {gk1.PREFIX}")
    try:
        return claims_from(cose.parse(b45decode(text[len(gk1.PREFIX) :])).payload)
    except ValueError as error:
        raise PrintError(f"{text[:12]!r}…: not the text of a pass ({error}); copy it whole, with its spaces") from None
