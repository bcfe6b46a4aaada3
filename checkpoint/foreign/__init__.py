"""Passes of other systems: genuine or not. They prove health or identity, never that somebody may come in here."""

from __future__ import annotations

from typing import Final

from checkpoint.foreign import claim169, hc1, shc
from checkpoint.foreign.keys import Clock, ForeignFormat, ForeignKeys
from checkpoint.passes import Presented

MAX_CHARACTERS: Final = 8000
_READERS: Final = {hc1.FORMAT: hc1.read, shc.FORMAT: shc.read, claim169.FORMAT: claim169.read}
_LONGEST: Final = {
    hc1.FORMAT: hc1.MAX_CHARACTERS,
    shc.FORMAT: shc.MAX_CHARACTERS,
    claim169.FORMAT: claim169.MAX_CHARACTERS,
}


def format_of(payload: bytes) -> ForeignFormat | None:
    """Which of these formats the text is; None: none of them. Looks at prefix and alphabet only."""
    if payload.startswith(hc1.PREFIX):
        return hc1.FORMAT
    if payload.startswith(shc.PREFIX):
        return shc.FORMAT
    return claim169.FORMAT if len(payload) <= MAX_CHARACTERS and claim169.looks_like(payload) else None


def read_foreign(
    payload: bytes, keys: ForeignKeys | None, now_s: int, *, leeway_before_s: int = 60, leeway_after_s: int = 0
) -> Presented:
    """What the text of a code is: `foreign_valid` with its claims, or the reason why not. Never raises for bad input.

    `payload` exactly as decoded: spaces are part of base45. One part of a card in several codes is `pass_incomplete`:
    join them with `shc_parts.Parts`. `keys` None: such passes are known by name and not read. `now_s` and the leeways
    in seconds; how early and how late a pass still counts.
    """
    form = format_of(payload)
    if len(payload) > (_LONGEST[form] if form else MAX_CHARACTERS):
        return Presented(form, None, "pass_too_long", f"{len(payload)} characters")
    if form is None:
        return Presented(None, None, "not_a_pass")
    if not payload.isascii():
        return Presented(form, None, "pass_malformed", "the text is not ASCII")
    if keys is None:
        return Presented(form, None, "format_not_enabled", f"passes of format {form} are not read here")
    return _READERS[form](payload, keys, Clock(now_s, leeway_before_s, leeway_after_s))
