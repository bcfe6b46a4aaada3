"""`guankou-gate verify`: what each line of the input is, as a pass, by a trust list and a point in time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from checkpoint.formats import MAX_CHARACTERS, read_pass
from checkpoint.instants import instant_ms
from checkpoint.passes import Pass, Presented
from checkpoint.trust import TrustList

# A JSON line may write each character of the longest text as a \uXXXX escape.
_MAX_LINE_BYTES: Final = 6 * MAX_CHARACTERS + 256


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
