"""Secrets of 32 random bytes that are made when they are first needed and stay in files of their own."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from central.keys import KeyFileError, write_secret

SECRET_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def kept_secret(file: Path) -> bytes:
    """The secret in a file, made there if there is none. Raises KeyFileError."""
    try:
        if not file.exists():
            _make(file)
        return _read(file)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{file}: can't be used ({error}); its folder holds the collector's keys") from None


def _make(file: Path) -> None:
    """Under another name first: whoever finds the file finds all of it, also when two make it at once."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        write_secret(draft, secrets.token_bytes(SECRET_BYTES).hex() + "\n")
        os.link(draft, file)
        _sync(file.parent)
    except FileExistsError:
        # Somebody else was first: theirs counts.
        return
    finally:
        draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """What is made from a secret is kept for years: a power cut must not take the secret alone."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: Path) -> bytes:
    if file.stat().st_mode & _OTHERS:
        raise KeyFileError(f"{file}: others can read this key; `chmod 600 {file}`, or replace it if it has leaked")
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != SECRET_BYTES:
        raise KeyFileError(f"{file}: is not the hex of {SECRET_BYTES} bytes; put it back from a backup")
    return key
