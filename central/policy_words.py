"""Who is treated how, in words for a meeting: Chinese first, each part left out where it makes no difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from central.policy_cells import ATTENDANCES, CLASSES, DIRECTIONS, LANE_KINDS, Group, Treatment
from central.policy_slots import hours_said
from checkpoint.explain_words import (
    ATTENDANCE,
    CHECKS,
    MODES,
    NOBODY,
    VERDICTS,
    Said,
    joined,
    reason_said,
    said,
)
from checkpoint.explain_words import CLASSES as CLASS_WORDS

_DIRECTIONS: Final = {"in": Said("进", "coming in"), "out": Said("出", "going out")}
_LANES: Final = {"person": Said("人行通道", "on foot"), "vehicle": Said("车道", "in vehicle lanes")}
_EVERYBODY: Final = Said("所有人", "everybody")
_NOTHING: Final = Said("不查", "nothing is asked")
# So many who are not meant are named instead of all the others.
_FEW: Final = 2
_WARNED: Final = Said("提示", "warned")


def who_said(group: Group[Any], places: Said) -> Said:
    """Where, who, which way, when, who is at the gate, which lane."""
    parts = (
        places,
        _classes_said(group.pass_class),
        _part(_DIRECTIONS, group.direction, DIRECTIONS),
        hours_said(group.slot),
        _part(ATTENDANCE, group.attendance, ATTENDANCES),
        _part(_LANES, group.lane_kind, LANE_KINDS),
    )
    return joined(tuple(part for part in parts if part.zh), "，", "; ")


def treatment_said(treated: Treatment) -> Said:
    """What is asked, and what the rule itself says."""
    parts = [] if treated.checks or treated.verdict else [_NOTHING]
    if treated.verdict:
        word = VERDICTS.get(treated.verdict, _WARNED)
        reason = reason_said(treated.reason)
        parts.append(Said(f"{word.zh}（{reason.zh}）", f"{word.en} ({reason.en})"))
    if treated.checks:
        checks = joined(tuple(_check_said(check, mode) for check, mode in treated.checks))
        parts.append(Said(f"查{checks.zh}", checks.en.lower()))
    if treated.party == "holder":
        parts.append(Said("同行人不测温", "companions are not measured"))
    if treated.each_occupant:
        parts.append(Said("车上每人", "everybody in a vehicle"))
    return joined(tuple(parts), "，", "; ")


def checks_said(names: tuple[str, ...]) -> Said:
    """Checks by name."""
    return joined(tuple(said(CHECKS, name) for name in names))


def _check_said(check: str, mode: str) -> Said:
    name = said(CHECKS, check)
    if mode == "enforce":
        return name
    word = said(MODES, mode)
    return Said(f"{name.zh}（{word.zh}）", f"{name.en} ({word.en})")


def _classes_said(own: tuple[str | None, ...]) -> Said:
    """Who; of nearly all of them rather who is not meant."""
    others = [one for one in CLASSES if one not in own]
    if not others:
        return _EVERYBODY
    if len(others) > _FEW:
        return joined(tuple(map(class_said, own)))
    rest = joined(tuple(map(class_said, others)))
    return Said(f"除{rest.zh}外所有人", f"everybody but {rest.en}")


def class_said(pass_class: str | None) -> Said:
    """A class of passes, or whoever has none."""
    if pass_class is None:
        return Said(NOBODY.zh + "者", "people without a pass that can be read")
    word = said(CLASS_WORDS, pass_class)
    return Said(word.zh, word.en.lower())


def _part(words: Mapping[str, Said], own: tuple[str, ...], whole: tuple[str, ...]) -> Said:
    """Empty where a part makes no difference."""
    return Said() if len(own) == len(whole) else joined(tuple(said(words, one) for one in own))
