"""The grid tree, its sites and their zones: read from one TOML file, versioned, a projection and never an identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from checkpoint.topics import is_slug
from firmware_config.schema import Slug, Text

DEFAULT_ZONE = "Asia/Shanghai"
# Grids that records name and the tree does not: shown apart, never left out of sight.
UNREGISTERED = "unregistered"
_MAX_FILE_BYTES = 8 * 1024 * 1024


class RegistryError(ValueError):
    """The tree file can't be used; the message names the entry and what to do."""


class NodeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A city, district, subdistrict or community: `path` is its slugs joined by `/`."""

    path: Text
    name_zh: Text
    name_en: Text


class GridEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf: the grid id and where it stands in the tree today."""

    id: Slug
    path: Text
    name_zh: Text
    name_en: Text


class SiteEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A compound, village, building or unit; in one grid at a time."""

    id: Slug
    grid: Slug
    name_zh: Text
    name_en: Text
    unit: str = ""
    sector: str = ""
    zone: str = ""


class TreeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; `version` grows with every change."""

    version: int
    node: tuple[NodeEntry, ...] = ()
    grid: tuple[GridEntry, ...] = ()
    site: tuple[SiteEntry, ...] = ()


@dataclass(frozen=True)
class Registry:
    """Look-ups over one version of the tree."""

    tree: TreeFile
    zone: str = DEFAULT_ZONE
    _grids: dict[str, GridEntry] = field(init=False, repr=False)
    _sites: dict[str, SiteEntry] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grids", {entry.id: entry for entry in self.tree.grid})
        object.__setattr__(self, "_sites", {entry.id: entry for entry in self.tree.site})

    def path_of(self, grid: str) -> str:
        """The grid's path; an unknown grid stands under `unregistered`, so that no sum loses it silently."""
        entry = self._grids.get(grid)
        return entry.path if entry else f"{UNREGISTERED}/{grid}"

    def site(self, site: str) -> SiteEntry | None:
        return self._sites.get(site)

    def grid(self, grid: str) -> GridEntry | None:
        return self._grids.get(grid)

    def zone_of(self, site: str) -> str:
        """IANA name of the site's zone."""
        entry = self._sites.get(site)
        return entry.zone if entry and entry.zone else self.zone

    def names(self) -> dict[str, tuple[str, str]]:
        """Path -> (zh, en) of every named node and grid."""
        entries: tuple[NodeEntry | GridEntry, ...] = (*self.tree.node, *self.tree.grid)
        return {entry.path: (entry.name_zh, entry.name_en) for entry in entries}


def line_of(path: str) -> tuple[str, ...]:
    """The path itself and every ancestor, nearest first: `a/b/c` -> (`a/b/c`, `a/b`, `a`)."""
    slugs = path.split("/")
    return tuple("/".join(slugs[:depth]) for depth in range(len(slugs), 0, -1))


def is_under(path: str, ancestor: str) -> bool:
    """Whether `path` is `ancestor` or below it; everything is under the empty path."""
    return not ancestor or path == ancestor or path.startswith(f"{ancestor}/")


def load_registry(file: Path, zone: str = DEFAULT_ZONE) -> Registry:
    """Read and check a tree file. Raises RegistryError with the file's name in it."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RegistryError(f"{file}: can't be read ({error.strerror}); name a tree file that exists") from None
    if len(data) > _MAX_FILE_BYTES:
        raise RegistryError(f"{file}: {len(data)} bytes; a tree file has at most {_MAX_FILE_BYTES}")
    try:
        tree = msgspec.toml.decode(data, type=TreeFile)
    except msgspec.DecodeError as error:
        raise RegistryError(f"{file}: {error}") from None
    try:
        return check_registry(Registry(tree, zone))
    except RegistryError as error:
        raise RegistryError(f"{file}: {error}") from None


def check_registry(registry: Registry) -> Registry:
    """Ids and paths are there once, sites stand in known grids, zones exist. Raises RegistryError."""
    tree = registry.tree
    _refuse_repeats("grid id", [entry.id for entry in tree.grid])
    _refuse_repeats("site id", [entry.id for entry in tree.site])
    paths = [entry.path for entry in tree.node] + [entry.path for entry in tree.grid]
    _refuse_repeats("path", paths)
    for path in paths:
        _check_path(path)
    for site in tree.site:
        if registry.grid(site.grid) is None:
            raise RegistryError(f"site {site.id!r} stands in grid {site.grid!r}, which has no [[grid]] entry; add one")
        zone_info(registry.zone_of(site.id))
    zone_info(registry.zone)
    return registry


@lru_cache(maxsize=64)
def zone_info(name: str) -> ZoneInfo:
    """Raises RegistryError for a name that the time zone data base does not have."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise RegistryError(f"zone {name!r} is unknown; use an IANA name such as {DEFAULT_ZONE!r}") from None


def _refuse_repeats(what: str, values: list[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise RegistryError(f"{what} {value!r} is there twice; every {what} is there once")
        seen.add(value)


def _check_path(path: str) -> None:
    if not 1 <= path.count("/") + 1 <= 8 or not all(is_slug(slug) for slug in path.split("/")):
        raise RegistryError(f"path {path!r} is not 1 to 8 slugs of [a-z0-9-] joined by '/'")
