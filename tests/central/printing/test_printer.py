"""Printed on paper without colour, creased and held askew, every code is read by a gate, and says that it is valid."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import typst

from central.printing import printer
from central.printing.card import PrintError
from central.printing.printer import LEAST_MODULE_MM, Layout, code_of, print_passes, render_png
from checkpoint.formats import read_pass
from drivers.decoder.decoder import Decoder
from tests.central.printing.samples import FULL, card, every_class, hostile
from tests.checkpoint.pass_samples import NOW_S, TRUST

PPI = 150
LAYOUTS: tuple[Layout, ...] = ("sheet", "card", "large")
A4, ID_1, A5 = (210.0, 297.0), (85.6, 54.0), (148.0, 210.0)


def px(mm: float) -> int:
    return round(mm / 25.4 * PPI)


def grey(png: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


def cut(page: np.ndarray) -> list[np.ndarray]:
    """The cards of a sheet, cut along its marks, ten to a page."""
    left, top = (210 - 2 * 85.6 - 10) / 2, (297 - 5 * 54) / 2
    return [
        page[px(top + row * 54) : px(top + row * 54 + 54), px(left + column * 95.6) : px(left + column * 95.6 + 85.6)]
        for row in range(5)
        for column in range(2)
    ]


@pytest.fixture(scope="module", params=LAYOUTS)
def printed(request: pytest.FixtureRequest) -> list[tuple[str, np.ndarray]]:
    """(text, grey picture at 150 dpi) of each card of a layout."""
    cards = [*every_class(), hostile()]
    pages = [grey(page) for page in render_png(cards, request.param, PPI)]
    pictures = cut(pages[0]) if request.param == "sheet" else pages
    return [(one.text, picture) for one, picture in zip(cards, pictures[: len(cards)], strict=True)]


def seen(picture: np.ndarray) -> list[bytes]:
    return [code.payload for code in Decoder().decode_frame(picture).codes]


def blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def askew(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 5.0, 1.0)
    return cv2.warpAffine(picture, turn, (width, height), borderValue=128)


def worn(picture: np.ndarray) -> np.ndarray:
    """Blurred, askew, of little contrast, and in the noise of a cheap camera."""
    noise = np.random.default_rng(1).normal(0, 12, picture.shape)
    return np.clip(blurred(askew(picture)) * 0.45 + 70 + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [lambda same: same, blurred, askew, worn], ids=["plain", "blurred", "askew", "worn"])
def test_every_printed_code_is_read_and_valid(printed: list[tuple[str, np.ndarray]], change) -> None:
    assert len(printed) == 7
    for text, picture in printed:
        assert seen(change(picture)) == [text.encode()]
        assert read_pass(text.encode(), TRUST, NOW_S).reason == "pass_valid"


def test_a_whole_sheet_is_read_at_once() -> None:
    cards = every_class()
    assert sorted(seen(grey(render_png(cards, "sheet", PPI)[0]))) == sorted(one.text.encode() for one in cards)


def test_classes_differ_without_colour() -> None:
    """The badges, made black and white, differ in at least a fifth of their area, whatever their colours."""
    badges = []
    for picture in render_png(every_class(), "card", 300):
        band = grey(picture)[
            round(3.7 / 25.4 * 300) : round(12.1 / 25.4 * 300), round(4.4 / 25.4 * 300) : round(12.8 / 25.4 * 300)
        ]
        badges.append(cv2.threshold(band, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1])
    for at, one in enumerate(badges):
        for other in badges[at + 1 :]:
            assert np.mean(one != other) > 0.2


def test_colours_of_classes_differ() -> None:
    hues = set()
    for picture in render_png(every_class(), "card", 72):
        page = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        hues.add(tuple(int(part) for part in page[round(4 / 25.4 * 72), round(50 / 25.4 * 72)]))
    assert len(hues) == 6


def sizes_mm(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of each page, from the boxes in the file and in its compressed objects."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n", pdf):
        try:
            parts.append(zlib.decompressobj().decompress(pdf[found.end() :]))
        except zlib.error:
            continue
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", b"\n".join(parts))
    return [(round(float(wide) / 72 * 25.4, 1), round(float(high) / 72 * 25.4, 1)) for wide, high in boxes]


@pytest.mark.parametrize(("layout", "size", "pages"), [("sheet", A4, 2), ("card", ID_1, 11), ("large", A5, 11)])
def test_pages_have_the_size_of_the_paper(layout: Layout, size: tuple[float, float], pages: int) -> None:
    pdf = print_passes([card()] * 11, layout)
    assert pdf.startswith(b"%PDF-")
    assert sizes_mm(pdf) == [size] * pages


def test_the_same_cards_give_the_same_bytes() -> None:
    assert print_passes(every_class(), "sheet") == print_passes(every_class(), "sheet")


def test_no_ink_near_the_edge_of_a_card() -> None:
    """A cut that misses by a millimetre spoils nothing."""
    for picture in render_png([*every_class(), hostile()], "card", PPI):
        page = grey(picture)
        page[px(1.8) : -px(1.8), px(1.8) : -px(1.8)] = 255
        assert page.min() > 250


@pytest.mark.parametrize("layout", LAYOUTS)
def test_texts_of_strangers_change_nothing_but_themselves(layout: Layout) -> None:
    """Whatever a text says: every card keeps its place, its page and its code."""
    words = (
        "#panic()",
        "*_`$@<a>\\",
        "#{while true {}}",
        "]]]",
        '"+1',
        "\n\n= x",
        "//",
        "/* ",
        "a\u202e\u2028\0",
        "～",
    )
    same = card(**FULL)
    texts = ("place_zh", "place_en", "bring_zh", "bring_en", "contact")
    strange = [replace(same, **dict.fromkeys(texts, word)) for word in words]
    pages = [grey(page) for page in render_png(strange, layout, PPI)]
    plain = [grey(page) for page in render_png([same] * len(words), layout, PPI)]
    assert [page.shape for page in pages] == [page.shape for page in plain]
    for picture in cut(pages[0]) if layout == "sheet" else pages:
        assert seen(picture) == [same.text.encode()]


def test_markup_is_shown_as_it_was_written() -> None:
    """`*a*` would be bold without its asterisks: a text with them takes more ink than one without."""
    ink = [
        np.sum(255 - grey(render_png([replace(card(), place_zh=word, place_en="")], "card", 300)[0]))
        for word in ("粗", "*粗*", "#*粗*#")
    ]
    assert ink[0] < ink[1] < ink[2]


@pytest.mark.parametrize("layout", ["sheet", "card"])
def test_modules_of_a_full_pass_are_large_enough(layout: Layout) -> None:
    code, module_mm = code_of(card(**FULL), layout)
    assert module_mm >= 0.6
    assert code.level in ("M", "Q", "H")


@pytest.mark.parametrize("layout", ["sheet", "card"])
def test_the_longest_pass_there_is_has_modules_of_half_a_millimetre(layout: Layout) -> None:
    """With less error correction; printed and held askew it is still read."""
    longest = card(**FULL, scope=tuple(f"a-very-long-name-of-a-place-{at:03}" for at in range(6)))
    assert 540 < len(longest.text) <= 560
    code, module_mm = code_of(longest, layout)
    assert code.level == "L"
    assert module_mm >= LEAST_MODULE_MM
    assert code_of(longest, "large")[0].level != "L"
    page = grey(render_png([longest], layout, PPI)[0])
    picture = cut(page)[0] if layout == "sheet" else page
    assert seen(askew(picture)) == [longest.text.encode()]


def test_without_a_chinese_font_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = typst.Fonts
    monkeypatch.setattr(
        printer.typst, "Fonts", lambda **_: whole(include_system_fonts=False, include_embedded_fonts=False)
    )
    with pytest.raises(PrintError, match="fonts-noto-cjk"):
        print_passes([card()], "card")


def test_no_cards_and_an_unknown_layout_are_refused() -> None:
    with pytest.raises(PrintError, match="0 cards"):
        print_passes([], "card")
    with pytest.raises(PrintError, match="layout 'poster' is unknown"):
        print_passes([card()], "poster")  # type: ignore[arg-type]
