"""The model's file: read once, bounded, and known by the hash of the very bytes that are loaded. No native code."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from drivers.errors import OptionError

# Models that can be decoded, and the side of the square picture that each takes, in pixels.
PICTURE_PX: Final = {"ssd260": 260}
KINDS: Final = tuple(PICTURE_PX)
# Detectors for small computers have 1 to 20 MB; what is larger is something else, or too slow.
MAX_MODEL_BYTES: Final = 64 << 20


def read_model(path: str) -> bytes:
    """The bytes of a model file. Raises OptionError, which names the file and the remedy."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise OptionError(f"mask: model {path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_MODEL_BYTES:
        raise OptionError(f"mask: model {path} is larger than {MAX_MODEL_BYTES >> 20} MiB; is it the right file?")
    if not data:
        raise OptionError(f"mask: model {path} is empty; copy it again")
    return data


def digest_of(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
