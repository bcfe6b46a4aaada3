"""Limits of one reading: those of its place of the body where the policy gives it some of its own."""

from __future__ import annotations

from checkpoint.bounds import absolute_bounds, relative_bounds
from checkpoint.level import LevelNow
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Site
from tests.checkpoint.verdict_kit import POLICY_TOML

SITES: tuple[Site, ...] = ("forehead", "wrist", "neck")
SETTINGS = parse_policy((POLICY_TOML + "[temperature]\nhigh_c = 0.8\nhigh_wrist_c = 1.1\n").encode()).temperature
LEVEL = LevelNow("forehead", 36.0, 0.1, 200, True)


def test_a_place_of_the_body_may_have_a_limit_of_its_own() -> None:
    found = {site: relative_bounds(LEVEL, 0.0, site, "surface", SETTINGS) for site in SITES}
    assert {site: bounds.high_at_c for site, bounds in found.items()} == {"forehead": 36.8, "wrist": 37.1, "neck": 36.8}
    assert not found["wrist"].is_high(37.09)
    assert found["wrist"].is_high(37.1)


def test_people_who_read_far_apart_widen_every_limit() -> None:
    wide = LevelNow("forehead", 36.0, 0.4, 200, True)
    assert {relative_bounds(wide, 0.0, site, "surface", SETTINGS).high_c for site in SITES} == {3.5 * 0.4}


def test_without_a_level_the_absolute_limit_stays_where_it_is() -> None:
    assert absolute_bounds("wrist", "surface", SETTINGS).high_at_c == SETTINGS.absolute.wrist.high_c
    assert absolute_bounds("wrist", "surface", SETTINGS).base_c == 35.7
