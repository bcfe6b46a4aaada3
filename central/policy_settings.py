"""The settings of a policy beside its rules and zones, each by its key, and what changed between two policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from central.policy_labels import ANY_COLUMN, NONE, UNSET, label_of
from checkpoint.explain_words import (
    ATTENDANCE,
    CALLS,
    CHECKS,
    CLASSES,
    LEVELS,
    MODES,
    VERDICTS,
    Said,
    joined,
    plain,
    said,
)
from checkpoint.policy_schema import Policy
from checkpoint.reasons import ALL

# What people are told of in other words: rules and zones by what they do to whom, and which policy it is.
_APART: Final = frozenset({"rule", "zones", "zone_level", "id", "version", "title_zh", "title_en"})
# Texts of many lines: said by their length and the beginning of their digest.
_LONG: Final = ("pass.rules.", "pass.value_sets")
_YES: Final = {True: Said("是", "yes"), False: Said("否", "no")}
_WORDS: Final = {
    "visitor": Said("视同访客", "as a visitor"),
    "off": Said("不接受", "not taken"),
    "hours": Said("时段", "hours"),
    "modes": Said("方式", "modes"),
    "zones": Said("区域等级", "levels of zones"),
    "told": Said("通知对象", "who is told"),
}
_COLUMN: Final = re.compile(rf"^(fail\.[a-z_]+)\.({'|'.join(ATTENDANCE)})\.")
_DURATIONS: Final = ((86_400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min"))


class SettingChange(msgspec.Struct, frozen=True):
    """One setting that is no longer what it was. `key` as in the file."""

    key: str
    name: Said
    old: Said
    new: Said


def setting_changes(old: Policy, new: Policy) -> tuple[SettingChange, ...]:
    """Every setting with another value, in the order of docs/policy.md; defaults count like what is written."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    keys = dict.fromkeys((*before, *after))
    return tuple(
        SettingChange(key, label_of(key), value_said(key, before.get(key)), value_said(key, after.get(key)))
        for key in keys
        if before.get(key) != after.get(key) and not _is_moot(key, after)
    )


def _is_moot(key: str, after: dict[str, Any]) -> bool:
    """For how long residents are let in says nothing where they are no longer."""
    return key.endswith(".for_s") and after.get(f"{key.removesuffix('.for_s')}.residents") != "allow"


def setting_keys(policy: Policy) -> tuple[str, ...]:
    """The key of every setting, in the order of the form; a table that is left out is one."""
    return tuple(key for key, _ in _leaves(policy))


def joined_columns(changes: tuple[SettingChange, ...]) -> tuple[SettingChange, ...]:
    """What changes alike in every column of a row of the fail table, said once."""
    alike: dict[object, list[SettingChange]] = {}
    for change in changes:
        alike.setdefault(_without_column(change), []).append(change)
    made: list[SettingChange] = []
    for group in alike.values():
        if len(group) == len(ATTENDANCE):
            key = _COLUMN.sub(rf"\1.{ANY_COLUMN}.", group[0].key)
            made.append(SettingChange(key, label_of(key), group[0].old, group[0].new))
        else:
            made += group
    return tuple(made)


def _without_column(change: SettingChange) -> object:
    return (_COLUMN.sub(r"\1..", change.key), change.old, change.new)


def _leaves(policy: Policy) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(policy):
        if field.encode_name not in _APART:
            yield from _under(field.encode_name, getattr(policy, field.name))


def _under(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A table's keys one by one; a table that is not there has none."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from _under(f"{key}.{field.encode_name}", getattr(value, field.name))
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from _under(f"{key}.{name}", value[name])
    else:
        yield key, value


def value_said(key: str, value: Any) -> Said:
    """A setting's value with its unit, in both languages."""
    if value is None and key.startswith("told."):
        row = ALL.get(key.removeprefix("told."))
        return said(CALLS, row.call) if row is not None and row.call else UNSET
    if value is None:
        return NONE.get(key, NONE.get(key.rsplit(".", 1)[-1], UNSET))
    if key.startswith(_LONG):
        digest = sha256(value.encode()).hexdigest()[:8]
        return Said(f"{len(value)} 字符（摘要 {digest}）", f"{len(value)} characters (digest {digest})")
    if isinstance(value, bool):
        return _YES[value]
    if isinstance(value, datetime):
        text = value.isoformat(" ", "minutes")
        return Said(text, text)
    if isinstance(value, tuple):
        return joined(tuple(_word(one) for one in value)) if value else Said("无", "none")
    if isinstance(value, (int, float)):
        return _number(key, value)
    return _word(value)


def _word(value: Any) -> Said:
    """A word of the policy's own language in ours; any other text as it is."""
    if isinstance(value, (int, float)):
        text = f"{value:g}"
        return Said(text, text)
    for table in (CALLS, CHECKS, CLASSES, LEVELS, VERDICTS, MODES, _WORDS):
        if value in table:
            return table[value]
    return said({}, plain(value))


def _number(key: str, value: float) -> Said:
    name = key.rsplit(".", 1)[-1]
    text = f"{value:g}"
    if name.endswith("_s"):
        return duration_said(value)
    for ending, zh, en in (("_c", " °C", " °C"), ("_h", " 小时", " h"), ("_days", " 天", " d")):
        if name.endswith(ending):
            return Said(text + zh, text + en)
    return Said(text, text)


def duration_said(seconds: float) -> Said:
    """In the largest unit that needs no fraction."""
    for unit, zh, en in _DURATIONS:
        if seconds >= unit and seconds % unit == 0:
            return Said(f"{seconds / unit:g} {zh}", f"{seconds / unit:g} {en}")
    return Said(f"{seconds:g} 秒", f"{seconds:g} s")
