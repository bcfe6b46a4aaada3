"""Texts in both languages, Chinese first, and ages in words."""

from __future__ import annotations

from typing import Final

import msgspec

_UNITS: Final = ((86_400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min"))


class Words(msgspec.Struct, frozen=True):
    """One text in both languages; empty by default."""

    zh: str = ""
    en: str = ""


def age(seconds: float) -> Words:
    """An age in its largest whole unit."""
    whole = max(0, int(seconds))
    for unit_s, zh, en in _UNITS:
        if whole >= unit_s:
            return Words(f"{whole // unit_s} {zh}", f"{whole // unit_s} {en}")
    return Words(f"{whole} 秒", f"{whole} s")
