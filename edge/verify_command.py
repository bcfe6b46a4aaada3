"""`guankou-gate verify`: what each line of the input is, as a pass, by a trust list and a point in time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from checkpoint.foreign import hc1
from checkpoint.foreign.keys import ForeignKeys
from checkpoint.foreign.plain import plain
from checkpoint.foreign.rule_file import RuleSet
from checkpoint.foreign.shc_parts import Parts
from checkpoint.formats import MAX_CHARACTERS, read_pass
from checkpoint.instants import instant_ms
from checkpoint.passes import ForeignClaims, Pass, Presented
from checkpoint.trust import TrustList

# A JSON line may write each character of the longest text as a \uXXXX escape.
_MAX_LINE_BYTES: Final = 6 * MAX_CHARACTERS + 256

_KEY_BYTES: Final = 32
# What `valid` stands for: a native pass, or a genuine one of another system.
_VALID: Final = frozenset({"pass_valid", "foreign_valid"})


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


def bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream. Of a line that is too long only the beginning is given, and never more is held."""
    while line := stream.readline(_MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > _MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(_MAX_LINE_BYTES + 1)
        yield line


def verify_lines(
    lines: Iterable[bytes],
    trust: TrustList,
    at_s: int,
    foreign: ForeignKeys | None = None,
    rules: RuleSet | None = None,
) -> Iterator[dict[str, Any]]:
    """One answer per line, in order: `{"valid", "format", "reason", "claims"}`.

    A line is the text of a code, of which only the line feed is cut off, or a JSON object `{"text": ..., "at": ...}`
    with its own time (seconds, milliseconds or ISO 8601). `valid`: signature, profile, issuer and time hold at `at_s`
    (seconds UTC); scope and status are for a gate to judge. `foreign`: keys for passes of other systems, None: they are
    not read. The parts of a health card in several codes are joined as they come. With `rules` a health
    certificate's answer also has `rules`: by name, kept, broken or null. Nothing in the input raises.
    """
    parts = Parts()
    for line in lines:
        text, line_at_s = line.removesuffix(b"\n"), at_s
        if text.startswith(b"{"):
            request = _request(text, at_s)
            if isinstance(request, Presented):
                yield _answer(request)
                continue
            text, line_at_s = request
        presented = read_pass(parts.take(text), trust, line_at_s, foreign=foreign)
        held = presented.foreign
        judged = rules.judge(held.claims, line_at_s) if rules and held and held.kind == hc1.FORMAT else None
        yield _answer(presented) | ({} if judged is None else {"rules": judged})


def _request(line: bytes, at_s: int) -> tuple[bytes, int] | Presented:
    """Text and time of a JSON line; what is wrong with it otherwise."""
    try:
        request = json.loads(line)
        at_ms = instant_ms(request["at"], "at") if "at" in request else at_s * 1000
        return request["text"].encode(), at_ms // 1000
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Presented(None, None, "pass_malformed", f'line is no {{"text": ..., "at": ...}}: {error}')


def _answer(presented: Presented) -> dict[str, Any]:
    claims = _claims(presented.pass_) if presented.pass_ else None
    return {
        "valid": presented.reason in _VALID,
        "format": presented.format,
        "reason": presented.reason,
        "claims": _foreign_claims(presented.foreign) if presented.foreign else claims,
    }


def _foreign_claims(held: ForeignClaims) -> dict[str, Any]:
    """What a pass of another system says, and all that a gate would keep of it: the digest."""
    return {
        "issuer": held.issuer,
        "digest": held.digest.hex(),
        "not_before": held.not_before_s,
        "expires": held.expires_s,
        "content": plain(dict(held.claims)),
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
        "arrival": held.arrival and {"gate": held.arrival.gate, "nonce": held.arrival.nonce.hex()},
        "uses": held.uses,
    }
    return {name: value for name, value in claims.items() if value is not None}
