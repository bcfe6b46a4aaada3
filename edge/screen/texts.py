"""The screen's own words, Chinese first; reasons and prompts come from the table of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from checkpoint import explain_words
from checkpoint.explain_words import Said
from checkpoint.reasons import ALL
from webscreen.words import Words


def _words(table: Mapping[str, Said]) -> dict[str, Words]:
    """The words of an explanation as this screen's own."""
    return {code: Words(said.zh, said.en) for code, said in table.items()}


STATES: Final = {
    "wait": Words("请扫码", "PLEASE SCAN"),
    "allow": Words("放行", "ALLOW"),
    "deny": Words("禁止", "DENY"),
    "escalate": Words("上报", "ESCALATE"),
    "fault": Words("设备故障", "FAULT"),
}
# Where no code can be read, nobody is asked for one.
WAITING: Final = {"prompt_card": Words("请刷卡", "TAP YOUR CARD")}
CHECKING: Final = Words("查验中", "CHECKING")

CHECKS: Final = _words(explain_words.CHECKS)
TICKS: Final = {
    "waiting": Words("等待", "waiting"),
    "done": Words("完成", "done"),
    "missing": Words("缺失", "missing"),
    "failed": Words("未通过", "failed"),
    "warned": Words("注意", "warning"),
    "off": Words("不查", "not asked"),
}
CLASSES: Final = _words(explain_words.CLASSES)
BODY_SITES: Final = _words(explain_words.BODY_SITES)
DIRECTIONS: Final = _words(explain_words.DIRECTIONS)
KINDS: Final = _words(explain_words.KINDS)
ATTENDANCE: Final = _words(explain_words.ATTENDANCE)
# Whom a guard is to call: another than the guard who reads it.
_CALLS: Final = {
    **_words(explain_words.CALLS),
    "guard": Words("值班负责人", "the head of the watch"),
    "police": Words("民警", "the police"),
}

# What the resident is asked for, as a pictogram; every other prompt shows the hour glass.
PICTOGRAMS: Final = {
    "prompt_scan": "scan",
    "prompt_one_code": "scan",
    "prompt_scan_or_card": "scan",
    "prompt_card": "card",
    "prompt_document": "card",
    "prompt_measure_forehead": "measure",
    "prompt_measure_wrist": "measure",
    "prompt_measure_neck": "measure",
    "prompt_closer": "measure",
    "prompt_hold_still": "measure",
    "prompt_next_of_party": "measure",
    "prompt_mask": "mask",
    "prompt_face": "mask",
    "prompt_pass_through": "go",
}


def word(table: dict[str, Words], code: str) -> Words:
    """The text of a code; a code that this table doesn't know stands for itself."""
    return table.get(code) or Words(code, code)


def call_words(roles: str) -> Words:
    """Whom to call, and not a word more; several roles with a space between them."""
    who = [word(_CALLS, role) for role in roles.split()]
    return Words(f"请联系{'、'.join(one.zh for one in who)}", f"Call {' and '.join(one.en for one in who)}")


def reason_words(code: str) -> tuple[Words, Words]:
    """What happened, and what to do about it; empty texts for an empty code.

    A code without a row stands for itself: a missing translation must not darken the screen.
    """
    row = ALL.get(code)
    if row is None:
        return Words(code, code), Words()
    return Words(row.zh, row.en), Words(row.todo_zh, row.todo_en)
