"""`guankou-gate verify`: what each line of the input is, as a pass, by a trust list and a point in time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from checkpoint.documents import DocumentError, TrustFile, read_trust_file
from checkpoint.formats import MAX_CHARACTERS, read_pass
from checkpoint.instants import instant_ms
from checkpoint.passes import Pass, Presented
from checkpoint.trust import TrustError, TrustList

# A JSON line may write each character of the longest text as a \uXXXX escape.
_MAX_LINE_BYTES: Final = 6 * MAX_CHARACTERS + 256

_KEY_BYTES: Final = 32
# A trust list of a thousand issuers has about 200 kB.
_MAX_TRUST_BYTES: Final = 4 * 1024 * 1024


class InputError(ValueError):
    """What the command was given can't be used; the message names it and the remedy."""


def read_root(text: str | None) -> bytes | None:
    """The root public key of `--root`. Raises InputError."""
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InputError(
            f"--root {text[:80]!r}: must be {2 * _KEY_BYTES} hex digits, as `guankou-central keys` shows them"
        )
    return key


def read_trust(path: Path, root: bytes | None) -> TrustFile:
    """The trust list in `path`. Raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_TRUST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a readable trust file") from None
    if len(data) > _MAX_TRUST_BYTES:
        raise InputError(f"{path}: larger than {_MAX_TRUST_BYTES} bytes; is it a trust file?")
    try:
        return read_trust_file(data, root)
    except (ValueError, DocumentError, TrustError) as error:
        raise InputError(f"{path}: {error}") from None


def bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream. Of a line that is too long only the beginning is given, and never more is held."""
    while line := stream.readline(_MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > _MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(_MAX_LINE_BYTES + 1)
        yield line


def verify_lines(lines: Iterable[bytes], trust: TrustList, at_s: int) -> Iterator[dict[str, Any]]:
    """One answer per line, in order: `{"valid", "format", "reason", "claims"}`.

    A line is the text of a code, of which only the line feed is cut off, or a JSON object `{"text": ..., "at": ...}`
    with its own time (seconds, milliseconds or ISO 8601). `valid`: signature, profile, issuer and time hold at `at_s`
    (seconds UTC); scope and status are for a gate to judge. Nothing in the input raises.
    """
    for line in lines:
        text = line.removesuffix(b"\n")
        yield _answer(_from_json(text, trust, at_s) if text.startswith(b"{") else read_pass(text, trust, at_s))


def _from_json(line: bytes, trust: TrustList, at_s: int) -> Presented:
    try:
        request = json.loads(line)
        text = request["text"].encode()
        at_ms = instant_ms(request["at"], "at") if "at" in request else at_s * 1000
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Presented(None, None, "pass_malformed", f'line is no {{"text": ..., "at": ...}}: {error}')
    return read_pass(text, trust, at_ms // 1000)


def _answer(presented: Presented) -> dict[str, Any]:
    return {
        "valid": presented.valid,
        "format": presented.format,
        "reason": presented.reason,
        "claims": _claims(presented.pass_) if presented.pass_ else None,
    }


def _claims(held: Pass) -> dict[str, Any]:
    """The claims as JSON: bytes in hex, claims that are not there left out."""
    claims: dict[str, Any] = {
        "pass_id": held.pass_id.hex(),
        "subject": held.subject.hex(),
        "class": held.pass_class,
        "scope": list(held.scope),
        "not_before": held.not_before_s,
        "expires": held.expires_s,
        "key_id": held.key_id.hex(),
        "household": held.household and held.household.hex(),
        "status_index": held.status_index,
        "travel": held.travel
        and {"attested_until_day": held.travel.attested_until_day, "regions": list(held.travel.regions)},
        "document_digest": held.document_digest and held.document_digest.hex(),
        "plate": held.plate,
        "device_key": held.device_key and held.device_key.hex(),
        "party_size": held.party_size,
    }
    return {name: value for name, value in claims.items() if value is not None}
