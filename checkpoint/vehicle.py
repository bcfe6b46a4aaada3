"""The vehicle check: the number plates that a camera read in this presence against the one that the pass names.

    facts["vehicle"] = (vehicle_fact(plates_seen, presented.pass_.plate),)   # leave it out where no camera looks

A plate is no secret and easily copied: that it fits says which vehicle this should be, and proves nothing by itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from checkpoint.verdict_facts import CheckFact

# Of one vehicle a camera gives at most a few readings that differ; more are not one vehicle's.
_MOST_SEEN: Final = 32


def vehicle_fact(seen: Sequence[str], claimed: str | None) -> CheckFact:
    """`seen`: every plate read since the vehicle came, in any order; `claimed`: claim 7 of the pass.

    ok `vehicle_ok`; missing `plate_unread` (the camera has read none) or `plate_unbound` (the pass names none); failed
    `plate_mismatch`, or `plate_several`: the right plate, and one that can't be a misreading of it, so that nobody
    knows whose pass this is. The plates themselves are in no fact: facts are recorded.
    """
    if not claimed:
        return CheckFact("missing", "plate_unbound")
    wanted = normal_plate(claimed)
    plates = {normal_plate(plate) for plate in seen} - {""}
    if not plates:
        return CheckFact("missing", "plate_unread")
    if wanted not in plates:
        return CheckFact("failed", "plate_mismatch")
    if len(plates) > _MOST_SEEN or not all(_one_slip_apart(wanted, plate) for plate in plates):
        return CheckFact("failed", "plate_several")
    return CheckFact("ok", "vehicle_ok")


def normal_plate(text: str) -> str:
    """One form for one plate: full-width signs made plain, capitals, nothing but letters and digits. Takes any text."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper())
    return "".join(sign for sign in plain if sign.isalnum())


def _one_slip_apart(plate: str, other: str) -> bool:
    """The same but for at most one sign, which was misread or missed."""
    if len(plate) == len(other):
        return sum(a != b for a, b in zip(plate, other, strict=True)) <= 1
    short, long = sorted((plate, other), key=len)
    return len(long) - len(short) == 1 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
