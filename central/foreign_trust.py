"""The content of a trust document from a file or a folder: native issuers, and keys of other systems beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from checkpoint.documents import DocumentError
from checkpoint.foreign.algorithms import KeyFormError
from checkpoint.foreign.trust_import import import_file, import_trust
from checkpoint.foreign.trust_rows import encode_foreign, foreign_from_content
from checkpoint.trust import TrustError, encode_trust

_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_NAMED: Final = 5


def trust_content(path: Path) -> bytes:
    """What is signed for gates. Raises TrustError or OSError.

    A folder holds PEM certificates, JWKS and trust files, in folders of its own if it likes; names that start with a
    dot are not looked at. What can't be used is an error: whoever signs must know what they sign.
    """
    try:
        found = import_trust(_files(path)) if path.is_dir() else import_file(path.name, _content(path))
    except (DocumentError, KeyFormError) as error:
        raise TrustError(f"{path}: {error}") from None
    if found.problems:
        named = "; ".join(found.problems[:_MAX_NAMED])
        raise TrustError(f"{path}: {len(found.problems)} can't be used, take them out or mend them: {named}")
    native = found.trust.entries
    if not found.foreign.entries:
        return encode_trust(native)
    content = encode_foreign(found.foreign.entries, native)
    # What no gate would take is not signed.
    foreign_from_content(content)
    return content


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("[!.]*")):
        if path.is_file():
            yield str(path.relative_to(folder)), _content(path)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise TrustError(f"{path}: larger than {_MAX_BYTES} bytes; is it a trust file?")
    return data
