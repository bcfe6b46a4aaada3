"""The screen's own words, Chinese first; reasons and prompts come from the table of reasons."""

from __future__ import annotations

from typing import Final

from checkpoint.reasons import ALL
from webscreen.words import Words

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

CHECKS: Final = {
    "mask": Words("口罩", "Mask"),
    "temperature": Words("体温", "Temperature"),
    "pass": Words("通行码", "Pass"),
    "travel": Words("14 天行程", "14-day travel"),
    "document": Words("证件", "Document"),
    "vehicle": Words("车辆", "Vehicle"),
    "quota": Words("次数", "Quota"),
    "watch": Words("名单核对", "List"),
}
TICKS: Final = {
    "waiting": Words("等待", "waiting"),
    "done": Words("完成", "done"),
    "missing": Words("缺失", "missing"),
    "failed": Words("未通过", "failed"),
    "warned": Words("注意", "warning"),
    "off": Words("不查", "not asked"),
}
CLASSES: Final = {
    "resident": Words("居民", "Resident"),
    "visitor": Words("访客", "Visitor"),
    "vehicle": Words("车辆", "Vehicle"),
    "worker": Words("务工", "Worker"),
    "courier": Words("快递", "Courier"),
    "emergency": Words("应急", "Emergency"),
}
BODY_SITES: Final = {
    "forehead": Words("额头", "forehead"),
    "wrist": Words("手腕", "wrist"),
    "neck": Words("颈部", "neck"),
}
DIRECTIONS: Final = {"in": Words("进", "In"), "out": Words("出", "Out")}
KINDS: Final = {"person": Words("行人", "people"), "vehicle": Words("车辆", "vehicles")}
ATTENDANCE: Final = {
    "guard": Words("有人值守", "guard present"),
    "remote": Words("远程值守", "remote"),
    "none": Words("无人值守", "unattended"),
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
    "prompt_pass_through": "go",
}


def word(table: dict[str, Words], code: str) -> Words:
    """The text of a code; a code that this table doesn't know stands for itself."""
    return table.get(code) or Words(code, code)


def reason_words(code: str) -> tuple[Words, Words]:
    """What happened, and what to do about it; empty texts for an empty code.

    A code without a row stands for itself: a missing translation must not darken the screen.
    """
    row = ALL.get(code)
    if row is None:
        return Words(code, code), Words()
    return Words(row.zh, row.en), Words(row.todo_zh, row.todo_en)
