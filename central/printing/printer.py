"""Sets cards with Typst: our own template, the texts as data beside it, fonts of this machine."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from central.printing.card import Card, PrintError
from webscreen.symbol import Symbol, symbol

try:
    import typst
except ImportError:
    raise PrintError("printing needs Typst; install it with `pip install 'guankou[central]'`") from None

Layout = Literal["sheet", "card", "large"]
# Room for the code with its quiet zone, as the template leaves it.
CODE_MM: Final[dict[Layout, float]] = {"sheet": 40.4, "card": 40.4, "large": 102.0}
# What a cheap printer still prints apart and a gate's camera reads at arm's length.
LEAST_MODULE_MM: Final = 0.5
# 500 cards took 7 s and 390 MB where it was measured; both grow with the number.
MOST_CARDS: Final = 500
# Simplified Chinese first: other regions' fonts draw some characters in another way.
_FONTS: Final = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Zen Hei")
# A word longer than this may be broken anywhere, since it may be wider than the card.
_LONGEST_WORD: Final = 14
_BREAK: Final = "\u200b"


def print_passes(cards: Sequence[Card], layout: Layout) -> bytes:
    """The cards as PDF, the same bytes for the same cards.

    "sheet": A4 with ten cards of 85.6 x 54 mm and cut marks; "card": one such card a page; "large": one A5 page each,
    in large print. Raises PrintError.
    """
    return _compile(cards, layout, "pdf")[0]


def render_png(cards: Sequence[Card], layout: Layout, ppi: float) -> list[bytes]:
    """The pages of `print_passes` as pictures. Raises PrintError."""
    return _compile(cards, layout, "png", ppi)


def code_of(card: Card, layout: Layout) -> tuple[Symbol, float]:
    """A card's code and its module size in mm: with error correction M, or L where M would make modules too small.

    The longest pass there is (560 characters) still has modules of 0.52 mm on a card, with L.
    """
    code = symbol(card.text, "M")
    if CODE_MM[layout] / code.side < LEAST_MODULE_MM:
        code = symbol(card.text, "L")
    return code, CODE_MM[layout] / code.side


def chinese_font() -> str:
    """The font family to print with. Raises PrintError naming the package when this machine has none."""
    found = set(typst.Fonts(include_embedded_fonts=False).families())
    for family in _FONTS:
        if family in found:
            return family
    raise PrintError("no font with Chinese characters is installed; install Debian's fonts-noto-cjk and print again")


def _compile(cards: Sequence[Card], layout: Layout, form: Literal["pdf", "png"], ppi: float = 144.0) -> list[bytes]:
    if layout not in get_args(Layout):
        raise PrintError(f"layout {layout!r} is unknown; choose one of {', '.join(get_args(Layout))}")
    if not 1 <= len(cards) <= MOST_CARDS:
        raise PrintError(f"{len(cards)} cards at once; print 1 to {MOST_CARDS}, and more in several runs, as by unit")
    inputs = {
        "layout": layout,
        "font": chinese_font(),
        "code_mm": str(CODE_MM[layout]),
        "cards": json.dumps([_data(card, layout) for card in cards], ensure_ascii=False),
    }
    template = (files("central.printing") / "passes.typ").read_bytes()
    # No embedded fonts: what is printed with must be what was found.
    compiler = typst.Compiler(template, font_paths=typst.Fonts(include_embedded_fonts=False), sys_inputs=inputs)
    try:
        made = compiler.compile(format=form, ppi=ppi, timestamp=0)
    except typst.TypstError as error:
        raise PrintError(f"the pages can't be set ({error.message}); report this with the cards' numbers") from error
    # Without an output file the pages come back; one page, or a PDF of many, comes without a list around it.
    return made if isinstance(made, list) else [made or b""]


def _data(card: Card, layout: Layout) -> dict[str, object]:
    """What the template gets of a card. Every text is plain: Typst never reads it as markup."""
    code, _ = code_of(card, layout)
    return {
        "class": card.pass_class,
        "place_zh": _plain(card.place_zh),
        "place_en": _plain(card.place_en),
        "name_tail": _plain(card.name_tail),
        "plate": _plain(card.plate),
        "party": card.party,
        "uses": card.uses,
        "from": _local(card.valid_from_s, card.zone),
        "until": _local(card.valid_until_s, card.zone),
        "bring_zh": _plain(card.bring_zh),
        "bring_en": _plain(card.bring_en),
        "contact": _plain(card.contact),
        "number": " ".join(card.number[at : at + 4] for at in range(0, len(card.number), 4)).upper(),
        "svg": code.svg(),
    }


def _local(at_s: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _plain(text: str) -> str:
    """Without signs that draw nothing but turn or break the line; long words may be broken anywhere."""
    shown = "".join(sign if unicodedata.category(sign)[0] not in "CZ" else " " for sign in text)
    return " ".join(_breakable(word) for word in shown.split())


def _breakable(word: str) -> str:
    if len(word) <= _LONGEST_WORD or not word.isascii():
        return word
    return _BREAK.join(word)
