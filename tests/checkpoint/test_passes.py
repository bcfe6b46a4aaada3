"""Scope: a pass is for places, and for all that lies in them."""

from __future__ import annotations

import pytest

from checkpoint.passes import Presented, in_scope
from tests.checkpoint.pass_samples import claims

HERE = ("site-a", "grid-1", "community-1", "city-1")


@pytest.mark.parametrize("scope", [("site-a",), ("grid-1",), ("city-1",), ("site-z", "site-a")])
def test_a_pass_for_this_place_or_anything_above_it_is_in_scope(scope: tuple[str, ...]) -> None:
    assert in_scope(claims(scope=scope), HERE)


@pytest.mark.parametrize("scope", [("site-b",), ("site-a-2",), ("grid-2", "city-2")])
def test_a_pass_for_other_places_is_out_of_scope(scope: tuple[str, ...]) -> None:
    assert not in_scope(claims(scope=scope), HERE)


def test_nothing_but_the_reason_pass_valid_is_valid() -> None:
    assert Presented("GK1", None, "pass_valid").valid
    assert not Presented("GK1", None, "pass_expired").valid
