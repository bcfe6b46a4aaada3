"""Facts about ages in words."""

from __future__ import annotations

import pytest

from webscreen.words import age


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 秒"), (59.9, "59 秒"), (3600, "1 小时"), (172_800, "2 天")])
def test_ages_are_told_in_their_largest_unit(seconds: float, text: str) -> None:
    assert age(seconds).zh == text
