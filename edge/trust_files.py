"""Files that `verify` is told of: trust in one file or in a folder of keys, and rules about certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from checkpoint.documents import DocumentError
from checkpoint.foreign.algorithms import KeyFormError
from checkpoint.foreign.certlogic import RuleError
from checkpoint.foreign.rule_file import RuleSet, rules_from_json
from checkpoint.foreign.trust_import import ImportedTrust, import_file, import_trust
from checkpoint.trust import TrustError

# A trust list of a thousand issuers has about 200 kB.
_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_FILES: Final = 5000


class TrustFilesError(ValueError):
    """What was named can't be used; the message names it and the remedy."""


def read_trust(path: Path, root: bytes | None) -> ImportedTrust:
    """The keys in `path`, a file or a folder with all that lies under it. Raises TrustFilesError.

    In a folder, a file that can't be used is left out and named in `problems`; names that start with a dot are not
    looked at. With `root` (32 bytes) only documents that this root signed count.
    """
    try:
        if path.is_dir():
            return import_trust(_files(path), root)
        return import_file(path.name, _content(path), root)
    except (TrustError, DocumentError, KeyFormError) as error:
        raise TrustFilesError(f"{path}: {error}") from None


def read_rules(path: Path, value_sets: Path | None) -> RuleSet:
    """The rules in a file, with the value sets that they ask for. Raises TrustFilesError."""
    try:
        return rules_from_json(_content(path), b"{}" if value_sets is None else _content(value_sets))
    except RuleError as error:
        raise TrustFilesError(f"{path}: {error}") from None


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    found = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    if len(found) > _MAX_FILES:
        raise TrustFilesError(f"{folder}: {len(found)} files; at most {_MAX_FILES}: is it a folder of keys?")
    for path in found:
        yield str(path.relative_to(folder)), _content(path)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TrustFilesError(f"{path}: {error.strerror}; give a readable trust file") from None
    if len(data) > _MAX_BYTES:
        raise TrustFilesError(f"{path}: larger than {_MAX_BYTES} bytes; is it a trust file?")
    return data
