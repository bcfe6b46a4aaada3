"""Writes docs/pass-sizes.md, how large the code of each kind of pass is: `python -m tools.pass_sizes`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import segno
from base45 import b45decode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose
from checkpoint.formats import gk1, gk1_variants
from checkpoint.passes import Arrival, Claims, Travel
from checkpoint.steps import step_at

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "pass-sizes.md"
LEVELS: Final = ("L", "M", "Q")
FULL: Final = "resident, full: and travel (2 regions) and document digest"
# Fixed, so that the page is the same each time: nothing here opens anything.
_ISSUER: Final = Ed25519PrivateKey.from_private_bytes(bytes([41]) * 32)
_PHONE: Final = Ed25519PrivateKey.from_private_bytes(bytes([42]) * 32)
_AT_S: Final = 1_581_292_800
_DAY_S: Final = 86_400

_VISITOR: Final = Claims(
    pass_id=b"pass-id1",
    subject=b"subject1",
    pass_class="visitor",
    scope=("sunrise-garden",),
    not_before_s=_AT_S,
    expires_s=_AT_S + _DAY_S,
)
_RESIDENT: Final = replace(_VISITOR, pass_class="resident", expires_s=_AT_S + 180 * _DAY_S, household=b"hh01")
_LISTED: Final = replace(_RESIDENT, status_index=123_456)
_FULL: Final = replace(_LISTED, travel=Travel(18_302, (360_102, 360_103)), document_digest=bytes(range(16)))
_PHONE_PASS: Final = replace(_LISTED, device_key=cose.public_bytes(_PHONE))
_VEHICLE: Final = replace(
    _VISITOR, pass_class="vehicle", expires_s=_AT_S + 30 * _DAY_S, status_index=123_456, plate="赣A12345"
)
_HEAD: Final = """# Sizes of passes

How large the code of each kind of pass is: bytes before base45, characters in the code, and the smallest QR version at
each level of error correction, as `segno` makes them. Scope of one site with a name of 14 letters, status indices up to
a million. Level M is the advice: modules large enough for a phone's screen, and a torn corner still reads. Made by
`python -m tools.pass_sizes`.

| pass | shown as | bytes | characters | L | **M** | Q |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Size:
    """One row: what the pass holds, how it is shown, and the text of the code."""

    what: str
    shown: str
    text: str

    @property
    def signed_bytes(self) -> int:
        """Bytes that base45 stands for."""
        return len(b45decode(self.text.partition(":")[2]))

    def version(self, level: str) -> int:
        """The smallest QR version that holds the text at an error correction level."""
        return int(segno.make(self.text, error=level, micro=False, boost_error=False).version)


def sizes() -> Iterator[Size]:
    """Every row of the page."""
    minted_s = _AT_S + 300
    yield _plain("visitor", _VISITOR)
    yield _plain("visitor, party of 3", replace(_VISITOR, party_size=3))
    yield _plain("visitor, one entry, with status index", replace(_VISITOR, uses=1, status_index=123_456))
    yield _plain("visitor, arrival of a place code", replace(_VISITOR, arrival=Arrival("north-gate-1", bytes(8))))
    yield _plain("vehicle with status index and plate 赣A12345", _VEHICLE)
    yield _plain("resident with household", _RESIDENT)
    yield _plain("resident, and status index", _LISTED)
    yield _plain(FULL, _FULL)
    yield _plain("resident, minted for 5 minutes", replace(_LISTED, expires_s=minted_s))
    yield _plain("resident with a phone's key, minted for 5 minutes", replace(_PHONE_PASS, expires_s=minted_s))
    yield _step("visitor", _VISITOR)
    yield _step("resident, and status index", _LISTED)
    yield _step(FULL, _FULL)
    yield _device("visitor with a phone's key", replace(_VISITOR, device_key=_PHONE_PASS.device_key))
    yield _device("resident with a phone's key and status index", _PHONE_PASS)
    yield _device("resident, full, with a phone's key", replace(_FULL, device_key=_PHONE_PASS.device_key))


def page() -> str:
    """docs/pass-sizes.md."""
    return _HEAD + "".join(map(_row, sizes()))


def _row(size: Size) -> str:
    low, medium, high = map(size.version, LEVELS)
    return (
        f"| {size.what} | `{size.shown}` | {size.signed_bytes} | {len(size.text)} | {low} | **{medium}** | {high} |\n"
    )


def _plain(what: str, claims: Claims) -> Size:
    return Size(what, gk1.PREFIX, gk1.issue(claims, _ISSUER))


def _step(what: str, claims: Claims) -> Size:
    key = gk1_variants.pass_key(bytes(32), claims.pass_id)
    text = gk1_variants.step_text(gk1.issue(claims, _ISSUER), claims.pass_id, key, step_at(_AT_S))
    return Size(what, gk1_variants.STEP_PREFIX, text)


def _device(what: str, claims: Claims) -> Size:
    text = gk1_variants.device_text(gk1.issue(claims, _ISSUER), _PHONE, step_at(_AT_S))
    return Size(what, gk1_variants.DEVICE_PREFIX, text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
