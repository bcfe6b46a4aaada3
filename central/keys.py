"""The collector's keys on disk: hex of 32 raw bytes a file, in a folder that only its owner may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose

# Answers to gates; documents that go down; passes. The root key is for an offline place once it has signed.
KeyName = Literal["collector", "root", "issuer"]
KEY_NAMES: Final[tuple[KeyName, ...]] = ("collector", "root", "issuer")

# Public keys and rights of the issuers, written by `issuer` commands.
REGISTER: Final = "issuers.json"
_ROOT_PUBLIC: Final = "root.pub"
_PUBLIC_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(ValueError):
    """A key file is missing, malformed or in the way; the message names it and the remedy."""


def make_keys(folder: Path) -> dict[KeyName, bytes]:
    """Make all keys; name -> public key. Raises KeyFileError rather than overwrite one."""
    existing = [name for name in KEY_NAMES if _file(folder, name).exists()]
    if existing:
        raise KeyFileError(
            f"{folder} already holds {', '.join(existing)}; name another folder: keys are never overwritten"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = {name: _make(folder, name) for name in KEY_NAMES}
    write_secret(folder / _ROOT_PUBLIC, made["root"].hex() + "\n")
    return made


def load_key(folder: Path, name: KeyName) -> Ed25519PrivateKey:
    """Raises KeyFileError."""
    return load_key_file(_file(folder, name))


def root_public(folder: Path) -> bytes:
    """The root's public key: from `root.pub`, so that the private one can be kept elsewhere. Raises KeyFileError."""
    file = folder / _ROOT_PUBLIC
    if not file.exists():
        return cose.public_bytes(load_key(folder, "root"))
    try:
        public = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{file}: is not the hex of a public key ({error})") from None
    if len(public) != _PUBLIC_BYTES:
        raise KeyFileError(f"{file}: holds {len(public)} bytes; a public key has {_PUBLIC_BYTES}")
    return public


def load_key_file(file: Path) -> Ed25519PrivateKey:
    """Raises KeyFileError, also when others may read the file."""
    try:
        mode, data = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{file}: can't be read ({error.strerror}); make keys with `guankou-central keys`") from None
    if mode & _OTHERS:
        raise KeyFileError(f"{file}: others can read this key; `chmod 600 {file}`, or replace it if it has leaked")
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(data.decode("ascii").strip()))
    except ValueError:
        raise KeyFileError(f"{file}: is not the hex of a 32 byte private key") from None


def write_secret(file: Path, text: str) -> None:
    """A new file that only its owner may read, safely on disk. Raises FileExistsError."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _make(folder: Path, name: KeyName) -> bytes:
    key = Ed25519PrivateKey.generate()
    write_secret(_file(folder, name), key.private_bytes_raw().hex() + "\n")
    return cose.public_bytes(key)


def _file(folder: Path, name: KeyName) -> Path:
    return folder / f"{name}.key"
