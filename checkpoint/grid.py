"""The grid registry: a dated tree city / district / subdistrict / community / grid, and the sites in its grids.

A record keeps its grid id and the version of the tree it was made under; the path is looked up in that version, so that
a split or a move never rewrites the past.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from checkpoint.records import BAD_BYTES

Level = Literal["city", "district", "subdistrict", "community", "grid"]
LEVELS: Final[tuple[Level, ...]] = ("city", "district", "subdistrict", "community", "grid")

_Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
# Whole days since 1970-01-01 in the registry's own zone.
_Day = Annotated[int, msgspec.Meta(ge=0, le=2**24)]


class GridError(ValueError):
    """The registry contradicts itself, or an id is not in it; the text names the id."""


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One area. Valid from its first day up to and without its last; None: no end. Only a city has no parent."""

    id: _Slug
    level: Level
    name_zh: _Text
    name_en: _Text
    parent: _Slug | None = None
    valid_from_day: _Day = 0
    valid_until_day: _Day | None = None


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A compound, village, building or unit. `unit` is who answers for it; `sector` gives the second roll-up."""

    id: _Slug
    grid: _Slug
    unit: _Slug
    sector: _Slug
    name_zh: _Text
    name_en: _Text


_T = TypeVar("_T", Grid, Site)


class _TreeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The TOML form: `version`, then `[[grid]]` and `[[site]]` tables."""

    version: Annotated[int, msgspec.Meta(ge=1)]
    grid: Annotated[tuple[Grid, ...], msgspec.Meta(min_length=1)]
    site: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """One version of the registry, checked: every parent is there and one level above."""

    version: int
    grids: Mapping[str, Grid]
    sites: Mapping[str, Site]

    def path(self, grid_id: str) -> str:
        """Ids from the city down to this area, joined by `/`. Raises GridError."""
        return "/".join(reversed(self.upwards(grid_id)))

    def upwards(self, grid_id: str) -> tuple[str, ...]:
        """This area and all above it, narrowest first. Raises GridError."""
        area: Grid | None = self._grid(grid_id)
        ids: list[str] = []
        while area is not None:
            ids.append(area.id)
            area = self._grid(area.parent) if area.parent else None
        return tuple(ids)

    def here(self, site_id: str) -> tuple[str, ...]:
        """The site, its grid and all above it, narrowest first: the place against which scopes are judged."""
        site = self.sites.get(site_id)
        if site is None:
            raise GridError(f"site {site_id!r} is not in version {self.version} of the registry")
        return (site_id, *self.upwards(site.grid))

    def valid_on(self, day: int) -> Iterator[Grid]:
        """The areas that exist on this day, counted since 1970-01-01."""
        return (area for area in self.grids.values() if _contains(area, day))

    def _grid(self, grid_id: str) -> Grid:
        if grid_id not in self.grids:
            raise GridError(f"grid {grid_id!r} is not in version {self.version} of the registry")
        return self.grids[grid_id]


class Registry:
    """All versions of the tree that are held."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        ordered = sorted(trees, key=lambda tree: tree.version)
        self.trees: Final[Mapping[int, Tree]] = {tree.version: tree for tree in ordered}
        if len(self.trees) != len(ordered):
            raise GridError("two trees of the registry have the same version: give the newer one a higher number")
        for older, newer in combinations(ordered, 2):
            _check_reuse(older, newer)

    @property
    def newest(self) -> Tree:
        """The tree with the highest version. Raises GridError if none is held."""
        if not self.trees:
            raise GridError("the registry holds no tree: give it one")
        return self.trees[max(self.trees)]

    def path(self, grid_id: str, tree_version: int) -> str:
        """The path of a grid in the version that a record names. Raises GridError."""
        if tree_version not in self.trees:
            raise GridError(f"version {tree_version} of the registry is not held: have {sorted(self.trees)}")
        return self.trees[tree_version].path(grid_id)

    def joined(self, other: Registry) -> Registry:
        """Both registries' versions in one. Raises GridError if they contradict each other."""
        return Registry([*self.trees.values(), *other.trees.values()])


def parse_tree(text: str) -> Registry:
    """A registry with the one version that this TOML text describes. Raises GridError."""
    try:
        file = msgspec.convert(tomllib.loads(text), _TreeFile)
    except BAD_BYTES as error:
        raise GridError(f"grid registry: {error}") from None
    tree = Tree(file.version, _by_id("grid", file.grid), _by_id("site", file.site))
    _check_tree(tree)
    return Registry([tree])


def ancestors(path: str) -> tuple[str, ...]:
    """Paths of everything above, nearest first: `a/b/c` gives `a/b`, `a`."""
    parts = path.split("/")
    return tuple("/".join(parts[:length]) for length in range(len(parts) - 1, 0, -1))


def _by_id(what: str, rows: Iterable[_T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for row in rows:
        if row.id in found:
            raise GridError(f"{what} {row.id!r} is listed twice: an id stands for one thing for ever")
        found[row.id] = row
    return found


def _check_tree(tree: Tree) -> None:
    for area in tree.grids.values():
        _check_parent(area, tree.grids)
    for site in tree.sites.values():
        if site.id in tree.grids:
            raise GridError(f"site {site.id!r} has the id of a grid: scopes could not tell them apart, rename it")
        home = tree.grids.get(site.grid)
        if home is None or home.level != "grid":
            raise GridError(f"site {site.id!r} belongs to {site.grid!r}, which is no area of level 'grid'")


def _check_parent(area: Grid, grids: Mapping[str, Grid]) -> None:
    """Levels fall strictly from parent to child, which also rules out circles."""
    if area.valid_until_day is not None and area.valid_until_day <= area.valid_from_day:
        raise GridError(f"grid {area.id!r} ends on day {area.valid_until_day}, not after it begins")
    above = LEVELS.index(area.level) - 1
    if above < 0:
        if area.parent is not None:
            raise GridError(f"city {area.id!r} has the parent {area.parent!r}: a city has none")
        return
    if area.parent is None:
        raise GridError(f"{area.level} {area.id!r} has no parent: name its {LEVELS[above]}")
    parent = grids.get(area.parent)
    if parent is None:
        raise GridError(f"{area.level} {area.id!r} has the parent {area.parent!r}, which is not listed")
    if parent.level != LEVELS[above]:
        raise GridError(
            f"{area.level} {area.id!r} lies in {parent.level} {parent.id!r}; its parent must be a {LEVELS[above]}"
        )


def _check_reuse(older: Tree, newer: Tree) -> None:
    """An id keeps its meaning over all versions, and what has ended does not come back."""
    for area in newer.grids.values():
        before = older.grids.get(area.id)
        if area.id in older.sites or (before and before.level != area.level):
            raise GridError(f"grid {area.id!r} was something else in version {older.version}: take a new id")
        if before and before.valid_until_day is not None and _outlives(area, before.valid_until_day):
            raise GridError(f"grid {area.id!r} ended in version {older.version} and comes back: take a new id")
    for site_id in newer.sites:
        if site_id in older.grids:
            raise GridError(f"site {site_id!r} was a grid in version {older.version}: take a new id")


def _outlives(area: Grid, day: int) -> bool:
    return area.valid_until_day is None or area.valid_until_day > day


def _contains(area: Grid, day: int) -> bool:
    return area.valid_from_day <= day and _outlives(area, day)
