"""Cards and number plates that belong to passes: a number says which pass, and the pass is judged as it always is.

Anybody can copy such a number with a device for a few coins, so it proves nothing by itself: what it is worth is the
policy's to say (`[pass] card`, `[pass] plate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec
from base45 import b45encode

from checkpoint.formats import gk1
from checkpoint.vehicle import normal_plate

Technology = Literal["em4100", "iso14443a", "plate"]

# Room for the largest compounds; what fits into one document is less: it depends on the passes (`encode_roster`).
MAX_CARDS: Final = 20_000
# Two bytes are three characters of base45.
MAX_PASS_BYTES: Final = (gk1.MAX_CHARACTERS - len(gk1.PREFIX)) * 2 // 3
# EM4100: 5 bytes as read, 4 as the number printed on a card tells them. ISO/IEC 14443-3 6.4.4: a UID of one, two or
# three parts.
NUMBER_BYTES: Final[Mapping[Technology, tuple[int, ...]]] = {"em4100": (4, 5), "iso14443a": (4, 7, 10)}
MAX_PLATE_BYTES: Final = 64


class CardError(ValueError):
    """This is no number of a card or plate, or no pass for one; the text names what is wrong and the remedy."""


class CardRow(msgspec.Struct, array_like=True, frozen=True):
    """One card or plate, and the signed message of the `GK1:` pass that it stands for.

    `number`: as read from an EM4100 (5 bytes), or the 4 lower ones where only the printed number is known; a UID of 4,
    7 or 10 bytes; a plate as `normal_plate` writes it, in UTF-8.
    """

    technology: Technology
    number: bytes
    pass_bytes: bytes

    def __repr__(self) -> str:
        return f"CardRow({self.technology}, number hidden)"


class Cards:
    """The cards and plates that a gate knows."""

    def __init__(self, rows: Iterable[CardRow] = ()) -> None:
        """Raises CardError for what is no card, or for too many."""
        held: dict[tuple[str, bytes], list[bytes]] = {}
        for row in checked(rows):
            passes = held.setdefault((row.technology, row.number), [])
            if row.pass_bytes not in passes:
                passes.append(row.pass_bytes)
        self._held: Final[Mapping[tuple[str, bytes], list[bytes]]] = held

    def __len__(self) -> int:
        """How many different numbers there are."""
        return len(self._held)

    def lookup(self, technology: Technology, number: bytes) -> Sequence[bytes]:
        """The texts (`GK1:…`) of the passes that this card or plate was given to; empty if none is known.

        Usually one. Takes any bytes: what was read may be no number at all.
        """
        found = [signed for form in _forms(technology, number) for signed in self._held.get((technology, form), ())]
        return [pass_text(signed) for signed in dict.fromkeys(found)]


def pass_text(pass_bytes: bytes) -> bytes:
    """The text that a code of this pass would hold."""
    return gk1.PREFIX.encode() + bytes(b45encode(pass_bytes))


def checked(rows: Iterable[CardRow]) -> tuple[CardRow, ...]:
    """The same rows. Raises CardError naming what no gate would take."""
    wanted = tuple(rows)
    if len(wanted) > MAX_CARDS:
        raise CardError(f"a roster has at most {MAX_CARDS} cards, this one {len(wanted)}: remove those of old passes")
    for row in wanted:
        check_number(row.technology, row.number)
        if not 0 < len(row.pass_bytes) <= MAX_PASS_BYTES:
            raise CardError(f"the pass of a card has 1 to {MAX_PASS_BYTES} bytes, this one {len(row.pass_bytes)}")
    return wanted


def check_number(technology: Technology, number: bytes) -> None:
    """Raises CardError if this can't be a number of that technology. The number itself is not in the error."""
    if technology == "plate":
        if not number or len(number) > MAX_PLATE_BYTES or plate_number(number.decode(errors="replace")) != number:
            raise CardError("a number plate has letters and digits alone, as `normal_plate` writes them")
        return
    if len(number) not in NUMBER_BYTES[technology]:
        sizes = " or ".join(map(str, NUMBER_BYTES[technology]))
        raise CardError(f"the number of an {technology} card has {sizes} bytes, this one {len(number)}")


def plate_number(plate: str) -> bytes:
    """How a plate stands in a row, however it was written."""
    return normal_plate(plate).encode(errors="replace")


def _forms(technology: Technology, number: bytes) -> tuple[bytes, ...]:
    """The numbers under which a card that was read may be known."""
    if technology == "plate":
        return (plate_number(number[: 2 * MAX_PLATE_BYTES].decode(errors="replace")),)
    if technology == "em4100" and len(number) == 5:
        # The first byte, its maker's or customer's, is not printed on a card.
        return number, number[1:]
    return (number,)


NO_CARDS: Final = Cards()
