"""The page's own files, read once; their digest tells an old page in a browser to load itself again."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file and its media type."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by name. `build` changes with any byte of them."""

    files: dict[str, Asset]
    build: str


def load_assets(folder: Path) -> Assets:
    """Reads `pages/` and `static/` below the folder."""
    paths = sorted([*(folder / "pages").iterdir(), *(folder / "static").iterdir()])
    files = {path.name: Asset(path.read_bytes(), _TYPES[path.suffix]) for path in paths if path.suffix in _TYPES}
    digest = sha256(b"".join(name.encode() + asset.content for name, asset in files.items()))
    return Assets(files, digest.hexdigest()[:12])
