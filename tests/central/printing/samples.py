"""Cards of every class, of every length, and from people who mean no good."""

from __future__ import annotations

from central.printing.card import Card, card_of
from checkpoint.formats import gk1
from checkpoint.passes import LONGEST_LIFETIME_S, PassClass, Travel
from tests.checkpoint.pass_samples import KEY, NOW_S, claims

FULL = {
    "household": b"abcd",
    "status_index": 123_456,
    "travel": Travel(18_300, (360_100, 420_100)),
    "document_digest": bytes(range(16)),
}
# Markup, code, raw text, references, comments, escapes: all of it must come out as it went in.
HOSTILE = ('#panic("x") *粗* $x^2$ @ref \\ <标签> `c`', '= H #let x = 1; _i_ // c /* #read("/etc/passwd")')


def text_of(pass_class: PassClass, **changes: object) -> str:
    lifetime_s = LONGEST_LIFETIME_S[pass_class]
    given = {"pass_class": pass_class, "expires_s": NOW_S + lifetime_s, **changes}
    return gk1.issue(claims(**given), KEY)


def card(pass_class: PassClass = "resident", *, name: str = "李小明", **changes: object) -> Card:
    text = text_of(pass_class, **changes)
    return card_of(text, place_zh="幸福里小区 3 号门", place_en="Xingfuli, Gate 3", name=name, contact="0791-8888 0000")


def every_class() -> list[Card]:
    return [
        card("resident", **FULL),
        card("visitor", party_size=3),
        card("vehicle", name="", plate="赣A12345", status_index=9),
        card("worker", status_index=4),
        card("courier", uses=1),
        card("emergency"),
    ]


def hostile() -> Card:
    return card_of(
        text_of("resident", **FULL), place_zh=HOSTILE[0], place_en=HOSTILE[1], name="*#", bring=("#x", "*y*")
    )
