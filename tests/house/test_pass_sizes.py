"""The codes stay small enough to be read from a worn card at arm's length, and the page about it is fresh."""

from __future__ import annotations

import pytest

from checkpoint.formats import MAX_CHARACTERS, gk1
from tools.pass_sizes import FULL, PAGE, page, sizes


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.pass_sizes`"


@pytest.mark.parametrize(("shown", "largest"), [("GK1:", 10), ("GK1T:", 10)])
def test_the_full_pass_of_a_resident_stays_a_small_code(shown: str, largest: int) -> None:
    (full,) = (size for size in sizes() if size.what == FULL and size.shown == shown)
    assert full.version("M") <= largest


def test_every_pass_fits_its_limit_and_a_phones_code() -> None:
    for size in sizes():
        assert len(size.text) <= gk1.MAX_CHARACTERS < MAX_CHARACTERS
        # What a page in a phone's browser can draw.
        assert size.version("L") <= 14
