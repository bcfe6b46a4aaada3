"""An explanation as short tables of texts, the same for a terminal and for both screens."""

from __future__ import annotations

from typing import Final

import msgspec

from checkpoint.explain import CheckLine, Explanation, ReadingLine
from checkpoint.explain_words import Said

_DECIDED: Final = "▶ "
_CHECK_HEADS: Final = (
    Said("检查", "check"),
    Said("方式", "mode"),
    Said("结果", "result"),
    Said("值", "value"),
    Said("限值", "limit"),
    Said("原因", "reason"),
    Said("由来", "why asked"),
)
_READING_HEADS: Final = (
    Said("部位", "site"),
    Said("判读 °C", "judged"),
    Said("基线", "level"),
    Said("超出", "excess"),
    Said("限值", "limit"),
    Said("表面", "object"),
    Said("环境", "ambient"),
    Said("体温当量", "body"),
    Said("质量", "quality"),
)
_NOTHING: Final = "—"


class Sheet(msgspec.Struct, frozen=True):
    """One table. `name`: what a style or a test finds it by; `heads` may be empty; rows have their length."""

    name: str
    title: Said
    heads: tuple[Said, ...]
    rows: tuple[tuple[Said, ...], ...]


class Shown(msgspec.Struct, frozen=True):
    """What a screen shows of one explanation."""

    headline: Said
    sheets: tuple[Sheet, ...]


def sheets(found: Explanation) -> tuple[Sheet, ...]:
    """Checks first, then readings, what was missing, what is not known, what the verdict rests on; empty ones not."""
    made = (
        Sheet("checks", Said("检查", "Checks"), _CHECK_HEADS, tuple(_check(line) for line in found.checks)),
        Sheet("readings", Said("读数", "Readings"), _READING_HEADS, tuple(_reading(line) for line in found.readings)),
        Sheet("missing", Said("缺少", "Missing"), (), tuple((line,) for line in found.missing)),
        Sheet("unrecorded", Said("不明", "Not known"), (), tuple((line,) for line in found.unrecorded)),
        Sheet("facts", Said("依据", "Rests on"), (), tuple((fact.name, fact.value) for fact in found.facts)),
    )
    return tuple(sheet for sheet in made if sheet.rows)


def shown(found: Explanation) -> Shown:
    return Shown(found.headline, sheets(found))


def _check(line: CheckLine) -> tuple[Said, ...]:
    name = Said(_DECIDED + line.name.zh, line.name.en) if line.decided else line.name
    values = (_both(line.value), _both(line.limit))
    return (name, line.mode_said, line.result_said, *values, line.reason_said, line.why)


def _reading(line: ReadingLine) -> tuple[Said, ...]:
    texts = (
        line.judged_c, line.level_c, line.excess_c, line.limit_c, line.object_c, line.ambient_c, line.body_c,
    )  # fmt: skip
    return (line.site, *(_both(text) for text in texts), line.marks)


def _both(text: str) -> Said:
    return Said(text or _NOTHING, text or _NOTHING)
