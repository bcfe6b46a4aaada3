"""The grid registry: paths by version, and every contradiction named."""

from __future__ import annotations

import pytest

from checkpoint.grid import GridError, Registry, ancestors, parse_tree

ROWS = {
    "nanchang": ("city", None),
    "donghu": ("district", "nanchang"),
    "bayi": ("subdistrict", "donghu"),
    "riverside": ("community", "bayi"),
    "riverside-1": ("grid", "riverside"),
    "riverside-2": ("grid", "riverside"),
}
SITES = {"sunrise-garden": "riverside-1"}


def toml(
    version: int = 1,
    rows: dict[str, tuple[str, str | None]] | None = None,
    sites: dict[str, str] | None = None,
    extra: dict[str, str] | None = None,
) -> str:
    lines = [f"version = {version}"]
    for name, (level, parent) in (ROWS if rows is None else rows).items():
        lines += ["[[grid]]", f'id = "{name}"', f'level = "{level}"', 'name_zh = "网格"', 'name_en = "area"']
        lines += [f'parent = "{parent}"'] if parent else []
        lines += [extra[name]] if extra and name in extra else []
    for name, grid in (SITES if sites is None else sites).items():
        lines += ["[[site]]", f'id = "{name}"', f'grid = "{grid}"', 'unit = "office"', 'sector = "housing"']
        lines += ['name_zh = "小区"', 'name_en = "compound"']
    return "\n".join(lines)


def test_a_path_leads_from_the_city_to_the_grid() -> None:
    registry = parse_tree(toml())
    assert registry.path("riverside-1", 1) == "nanchang/donghu/bayi/riverside/riverside-1"
    assert registry.path("donghu", 1) == "nanchang/donghu"


def test_ancestors_are_nearest_first_and_a_city_has_none() -> None:
    assert ancestors("a/b/c") == ("a/b", "a")
    assert ancestors("a") == ()


def test_a_place_is_the_site_and_all_above_it() -> None:
    tree = parse_tree(toml()).newest
    assert tree.here("sunrise-garden") == ("sunrise-garden", "riverside-1", "riverside", "bayi", "donghu", "nanchang")


def test_a_move_changes_new_paths_and_leaves_old_ones() -> None:
    moved = {**ROWS, "lakeside": ("community", "bayi"), "riverside-2": ("grid", "lakeside")}
    registry = parse_tree(toml(1)).joined(parse_tree(toml(2, moved)))
    assert registry.path("riverside-2", 1).endswith("bayi/riverside/riverside-2")
    assert registry.path("riverside-2", 2).endswith("bayi/lakeside/riverside-2")
    assert registry.newest.version == 2


def test_areas_have_days() -> None:
    tree = parse_tree(toml(extra={"riverside-2": "valid_from_day = 100\nvalid_until_day = 200"})).newest
    for day, there in ((99, False), (100, True), (199, True), (200, False)):
        assert ("riverside-2" in {area.id for area in tree.valid_on(day)}) is there


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "version"),
        ("version = 0\n[[grid]]", "version"),
        ("version =", "grid registry"),
        ("version = 1\ngrid = []", "grid"),
        (toml() + "\ncolour = 3", "colour"),
        (toml(rows={**ROWS, "Bad Id": ("grid", "riverside")}), "grid"),
        (toml(rows={**ROWS, "x": ("planet", "riverside")}), "planet"),
        (toml(rows={**ROWS, "x": ("grid", "nowhere")}), "'nowhere', which is not listed"),
        (toml(rows={**ROWS, "x": ("grid", "bayi")}), "its parent must be a community"),
        (toml(rows={**ROWS, "x": ("grid", None)}), "has no parent"),
        (toml(rows={**ROWS, "x": ("grid", "x")}), "its parent must be a community"),
        (toml(rows={**ROWS, "nanchang": ("city", "riverside-1")}), "a city has none"),
        (toml(rows={**ROWS, "donghu": ("district", "riverside")}), "its parent must be a city"),
        (toml(sites={"sunrise-garden": "riverside"}), "no area of level 'grid'"),
        (toml(sites={"sunrise-garden": "nowhere"}), "no area of level 'grid'"),
        (toml(sites={"riverside-1": "riverside-1"}), "has the id of a grid"),
        (toml(extra={"bayi": "valid_from_day = 9\nvalid_until_day = 9"}), "not after it begins"),
        (toml() + toml().partition("version = 1")[2], "listed twice"),
    ],
)
def test_a_contradiction_is_named(text: str, why: str) -> None:
    with pytest.raises(GridError, match=why):
        parse_tree(text)


@pytest.mark.parametrize(
    ("newer", "why"),
    [
        (toml(2, {**ROWS, "sunrise-garden": ("grid", "riverside")}, {}), "something else in version 1"),
        (toml(2, {**ROWS, "riverside-2": ("community", "bayi")}), "something else in version 1"),
        (toml(2, {n: r for n, r in ROWS.items() if n != "riverside-2"}, {"riverside-2": "riverside-1"}), "was a grid"),
        (toml(1), "same version"),
    ],
)
def test_an_id_keeps_its_meaning_over_all_versions(newer: str, why: str) -> None:
    with pytest.raises(GridError, match=why):
        parse_tree(toml(1)).joined(parse_tree(newer))


def test_what_has_ended_does_not_come_back() -> None:
    ended = parse_tree(toml(1, extra={"riverside-2": "valid_until_day = 200"}))
    assert ended.joined(parse_tree(toml(2, extra={"riverside-2": "valid_until_day = 200"}))).newest.version == 2
    with pytest.raises(GridError, match="comes back"):
        ended.joined(parse_tree(toml(2)))


def test_what_is_not_held_is_named() -> None:
    registry = parse_tree(toml())
    for ask, why in (
        (lambda: registry.path("riverside-1", 7), "version 7"),
        (lambda: registry.path("nowhere", 1), "'nowhere'"),
        (lambda: registry.newest.here("nowhere"), "'nowhere'"),
        (lambda: Registry([]).newest, "holds no tree"),
    ):
        with pytest.raises(GridError, match=why):
            ask()
