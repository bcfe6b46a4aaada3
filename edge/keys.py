"""The gate's own signing key: one file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from checkpoint.cose import public_bytes
from edge.blind import SECRET_BYTES
from edge.outbox_files import sync_folder, write_whole

_log = structlog.get_logger(__name__)
_MAX_BYTES: Final = 4096
_PRIVATE_BYTES: Final = 32


class KeyFileError(ValueError):
    """The key file can't be used; the message names the file, the cause and the remedy."""


def create_key(path: Path) -> bytes:
    """Make a new key and write it (mode 0600). Returns the public key, 32 bytes, for enrolment at the collector.

    Raises KeyFileError when the file exists: a gate that signs with another key is another gate.
    """
    key = Ed25519PrivateKey.generate()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path}: already exists; move it away first if this gate is to be enrolled anew") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; name a file in a folder that can be written") from None
    with os.fdopen(fd, "w") as file:
        file.write(key.private_bytes_raw().hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return public_bytes(key)


def load_or_make_secret(path: Path) -> bytes:
    """The secret in `path`, made once (mode 0600). On a disk that takes nothing it holds for this run only."""
    try:
        kept = path.read_bytes()
        if len(kept) == SECRET_BYTES:
            return kept
        _log.warning("secret_made_anew", path=str(path), why=f"{len(kept)} bytes, not {SECRET_BYTES}")
    except FileNotFoundError:
        pass
    except OSError as error:
        _log.warning("secret_made_anew", path=str(path), why=str(error))
    secret = os.urandom(SECRET_BYTES)
    try:
        write_whole(path, secret)
    except OSError as error:
        _log.warning("secret_not_kept", path=str(path), why=str(error))
    return secret


def load_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`: 64 hex digits, or PEM. Raises KeyFileError, also when others may read the file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_BYTES)
    except FileNotFoundError:
        raise KeyFileError(f"{path}: no gate key; make one with `guankou-gate keys {path}`") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the gate's user must be able to read it") from None
    if mode & 0o077:
        raise KeyFileError(f"{path}: others can read this key; `chmod 600 {path}`, or replace it if it has leaked")
    return _parse(path, data)


def _parse(path: Path, data: bytes) -> Ed25519PrivateKey:
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            key = load_pem_private_key(data, password=None)
        else:
            raw = bytes.fromhex(data.decode("ascii"))
            key = Ed25519PrivateKey.from_private_bytes(raw)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        expected = f"{2 * _PRIVATE_BYTES} hex digits or PEM without a password"
        raise KeyFileError(f"{path}: not an Ed25519 key ({expected}); make one with `guankou-gate keys {path}`")
    return key
