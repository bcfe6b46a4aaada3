"""The newest tree with its paths and zones, as the collector uses it: a projection of the grid registry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checkpoint import grid
from checkpoint.grid import GridError, Tree

if TYPE_CHECKING:
    from central.config import Config
    from central.store.sqlite import SqliteStore

DEFAULT_ZONE: Final = "Asia/Shanghai"
# Grids that records name and the tree does not: shown apart, so that no sum loses them silently.
UNREGISTERED: Final = "unregistered"
_MAX_FILE_BYTES: Final = 8 * 1024 * 1024


class RegistryError(ValueError):
    """The tree file can't be used; the message names the entry and what to do."""


class Registry:
    """Look-ups over one version of the tree. `zones` holds the sites whose zone is not the common one."""

    def __init__(self, tree: Tree, zone: str = DEFAULT_ZONE, zones: Mapping[str, str] | None = None) -> None:
        """Raises RegistryError for a zone that does not exist."""
        self.tree = tree
        self.zone = zone
        self._zones = dict(zones or {})
        for name in (zone, *self._zones.values()):
            zone_info(name)

    def path_of(self, grid_id: str) -> str:
        """The grid's path; an unknown grid stands under `unregistered`."""
        return self.tree.path(grid_id) if grid_id in self.tree.grids else f"{UNREGISTERED}/{grid_id}"

    def zone_of(self, site: str) -> str:
        """IANA name of the site's zone."""
        return self._zones.get(site, self.zone)

    def names(self) -> dict[str, tuple[str, str]]:
        """Path -> (zh, en) of every area."""
        return {self.tree.path(area.id): (area.name_zh, area.name_en) for area in self.tree.grids.values()}


def line_of(path: str) -> tuple[str, ...]:
    """The path itself and everything above it, nearest first: `a/b/c` gives `a/b/c`, `a/b`, `a`."""
    return (path, *grid.ancestors(path))


def is_under(path: str, ancestor: str) -> bool:
    """Whether `path` is `ancestor` or below it; everything is under the empty path."""
    return not ancestor or path == ancestor or path.startswith(f"{ancestor}/")


def load_tree(file: Path) -> tuple[Tree, str]:
    """Read and check a tree file; the tree and its text. Raises RegistryError with the file's name in it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"{file}: can't be read ({error}); name a tree file in UTF-8") from None
    if len(text) > _MAX_FILE_BYTES:
        raise RegistryError(f"{file}: {len(text)} characters; a tree file has at most {_MAX_FILE_BYTES}")
    try:
        return grid.parse_tree(text).newest, text
    except GridError as error:
        raise RegistryError(f"{file}: {error}") from None


def take_registry(config: Config, store: SqliteStore, now_ms: int) -> Registry:
    """The tree of the configuration, which the store keeps. Raises RegistryError, also for a reused version."""
    tree, text = load_tree(config.tree)
    registry = Registry(tree, config.content.collector.zone, config.content.zones)
    with store.transaction():
        if not store.take_tree(tree.version, text, now_ms):
            raise RegistryError(
                f"{config.tree}: version {tree.version} was taken before with another content; raise it"
            )
    return registry


@lru_cache(maxsize=64)
def zone_info(name: str) -> ZoneInfo:
    """Raises RegistryError for a name that the time zone data base does not have."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RegistryError(f"zone {name!r} is unknown; use an IANA name such as {DEFAULT_ZONE!r}") from None
