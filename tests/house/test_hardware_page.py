"""The list of supported hardware can't lie: it is made from the drivers, and every driver is in it."""

from __future__ import annotations

import pytest

from drivers import registry
from drivers.profile import SOURCES
from tools.hardware import PAGE, page, profiles


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.hardware`"


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_driver_says_who_it_is(kind: registry.Kind) -> None:
    found = list(profiles(kind))
    assert [profile.name for profile in found] == list(registry.names(kind))
    for profile in found:
        assert profile.kind == kind
        assert profile.sources in SOURCES
        assert profile.hardware, profile.name
        assert profile.sure, profile.name
