"""Makes the pictures of docs/printing.md: `python -m tools.print_samples`. The people and the key are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.printing.card import Card, card_of
from central.printing.printer import render_png
from checkpoint.formats import gk1
from checkpoint.passes import LONGEST_LIFETIME_S, Claims, PassClass, Travel

IMAGES: Final = Path("docs/images")
_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
# 2020-04-01 08:00 in Nanchang.
_MORNING_S: Final = 1_585_699_200
_PPI: Final = 110.0


def cards() -> list[Card]:
    """One of each class; the resident's has every claim that a printed pass may have."""
    return [
        _card(
            "resident",
            "李小明",
            household=b"\x00\x12\x34\x56",
            status_index=48_213,
            travel=Travel(18_352, (360_100,)),
            document_digest=bytes(range(16)),
        ),
        _card("visitor", "王芳", party_size=3),
        _card("vehicle", "", plate="赣A12345", status_index=2_077),
        _card("worker", "张伟", status_index=31_900),
        _card("courier", "陈晨", uses=1),
        _card("emergency", "刘洋", status_index=512),
    ]


def _card(pass_class: PassClass, name: str, **claims: Any) -> Card:
    number = bytes.fromhex("7a31c0de5b9e44") + bytes([len(name) + LONGEST_LIFETIME_S[pass_class] % 251])
    signed = Claims(
        pass_id=number,
        subject=bytes(8),
        pass_class=pass_class,
        scope=("xingfuli",),
        not_before_s=_MORNING_S,
        expires_s=_MORNING_S + LONGEST_LIFETIME_S[pass_class],
        **claims,
    )
    text = gk1.issue(signed, _KEY)
    return card_of(text, place_zh="幸福里小区", place_en="Xingfuli Compound", name=name, contact="物业 0791-0000 0000")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    every = cards()
    (IMAGES / "printed-sheet.png").write_bytes(render_png(every, "sheet", _PPI)[0])
    (IMAGES / "printed-large.png").write_bytes(render_png(every[:1], "large", _PPI)[0])


if __name__ == "__main__":
    main()
