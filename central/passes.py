"""Issues passes: claims from what a desk knows, the signed text, and the code as picture or in the terminal."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import segno

from central.keys import load_key_file
from checkpoint.formats import gk1
from checkpoint.passes import LONGEST_LIFETIME_S, Claims, PassClass

_ID_BYTES = 8
_HOUSEHOLD_BYTES = 4


def new_claims(
    pass_class: PassClass,
    scope: tuple[str, ...],
    not_before_s: int,
    lifetime_s: int | None,
    *,
    household: bytes | None = None,
    party_size: int = 1,
    plate: str | None = None,
    subject: bytes | None = None,
) -> Claims:
    """Claims of a new pass under a fresh random id.

    Without a lifetime the longest of its class; without a subject a new pseudonym.
    """
    return Claims(
        pass_id=secrets.token_bytes(_ID_BYTES),
        subject=subject or secrets.token_bytes(_ID_BYTES),
        pass_class=pass_class,
        scope=scope,
        not_before_s=not_before_s,
        expires_s=not_before_s + (LONGEST_LIFETIME_S[pass_class] if lifetime_s is None else lifetime_s),
        household=household,
        plate=plate,
        party_size=party_size,
    )


def issue(claims: Claims, key_file: Path) -> str:
    """The text of a pass. Raises IssueError or KeyFileError."""
    return gk1.issue(claims, load_key_file(key_file))


def save_code(text: str, file: Path) -> None:
    """The QR code as PNG or SVG, by the file's ending, with error correction M. Raises ValueError or OSError."""
    if file.suffix.lower() not in {".png", ".svg"}:
        raise ValueError(f"{file}: the ending says the kind of picture: name a .png or .svg file")
    code = _code(text)
    # Whoever can read a pass, or a link to one, has it.
    file.touch(mode=0o600)
    code.save(str(file), scale=8, border=4)


def terminal_code(text: str) -> str:
    """The QR code in half blocks, for a terminal with dark background."""
    out = io.StringIO()
    _code(text).terminal(out, border=4, compact=True)
    return out.getvalue()


def _code(text: str) -> segno.QRCode:
    if len(text) > gk1.MAX_CHARACTERS:
        raise ValueError(f"a pass has at most {gk1.MAX_CHARACTERS} characters, this text {len(text)}")
    return segno.make_qr(text, error="m")
