"""Trust lists as others publish them: certificates and keys in PEM, JSON Web Key Sets, signed trust documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from checkpoint.documents import DocumentError, read_trust_file
from checkpoint.foreign.algorithms import KeyFormError
from checkpoint.foreign.jwk_import import keys_from_set
from checkpoint.foreign.keys import ForeignKey, ForeignKeys
from checkpoint.foreign.pem_import import keys_from_der, keys_from_pem
from checkpoint.foreign.trust_rows import MAX_KEYS
from checkpoint.trust import TrustEntry, TrustError, TrustList

_PEM_MARK: Final = b"-----BEGIN "
_MOST_NAMED: Final = 5
# DER of a certificate: a SEQUENCE whose length takes two bytes.
_DER_MARK: Final = b"\x30\x82"


@dataclass(frozen=True, slots=True)
class ImportedTrust:
    """What the files gave. `signed`: all of it under the root's signature; `problems`: what was left out, and why."""

    trust: TrustList
    foreign: ForeignKeys
    signed: bool
    problems: tuple[str, ...] = ()


def import_trust(files: Iterable[tuple[str, bytes]], root: bytes | None = None) -> ImportedTrust:
    """All keys in files given as (name, content).

    A file that can't be used is named in `problems`, so that one broken certificate does not cost a gate the other
    two hundred. With `root` (32 bytes) only documents that this root signed count. Raises TrustError if nothing is
    left, or if there are too many keys.
    """
    entries: list[TrustEntry] = []
    keys: list[ForeignKey] = []
    problems: list[str] = []
    signed = True
    for name, data in files:
        try:
            one = import_file(name, data, root)
        except (TrustError, DocumentError, KeyFormError) as error:
            problems.append(f"{name}: {error}")
            continue
        entries += one.trust.entries
        keys += one.foreign.entries
        problems += one.problems
        signed = signed and one.signed
    if not entries and not keys:
        raise TrustError("; ".join(problems[:_MOST_NAMED]) or "no keys: give PEM certificates, JWKS or trust documents")
    if len(keys) > MAX_KEYS:
        raise TrustError(f"{len(keys)} foreign keys: at most {MAX_KEYS}")
    return ImportedTrust(
        TrustList(dict.fromkeys(entries)), ForeignKeys(tuple(dict.fromkeys(keys))), signed, tuple(problems)
    )


def import_file(name: str, data: bytes, root: bytes | None = None) -> ImportedTrust:
    """The keys of one file, by what is in it. Raises TrustError, DocumentError or KeyFormError."""
    head = data.lstrip()
    if _PEM_MARK in data[:4096] or data.startswith(_DER_MARK):
        _need_no_root(root)
        return _foreign(name, *(keys_from_der if data.startswith(_DER_MARK) else keys_from_pem)(name, data))
    if head.startswith((b"{", b"[")) and (key_set := _key_set(data)):
        _need_no_root(root)
        return _foreign(name, *keys_from_set(name, key_set))
    file = read_trust_file(data, root)
    return ImportedTrust(file.trust, file.foreign, file.signed)


def _foreign(name: str, keys: Sequence[ForeignKey], problems: Sequence[str]) -> ImportedTrust:
    if not keys:
        raise TrustError("; ".join(problem.removeprefix(f"{name}: ") for problem in problems[:_MOST_NAMED]))
    return ImportedTrust(TrustList(()), ForeignKeys(tuple(keys)), signed=False, problems=tuple(problems))


def _need_no_root(root: bytes | None) -> None:
    if root is not None:
        raise TrustError("carries no signature of the root: leave out the root key, or give a signed document")


def _key_set(data: bytes) -> Mapping[str, Any] | None:
    """The table of a JWKS, whose keys name a type; a hand-written trust file names public keys instead."""
    try:
        table: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(table, dict) or not isinstance(table.get("keys"), list):
        return None
    return table if any(isinstance(key, dict) and "kty" in key for key in table["keys"]) else None
