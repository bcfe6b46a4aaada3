"""The screen's own words, Chinese first; reasons and prompts come from the table of reasons."""

from __future__ import annotations

from typing import Final

import msgspec

try:
    from checkpoint.reasons import reason
except ImportError:  # TEMPORARY
    from types import SimpleNamespace
    _T={"fever":("体温偏高","Temperature high","请引导到复测点，电话上报","Guide to the second measurement and call"),"forged":("通行码无效：签名不符","Forged pass: bad signature","请勿放行，请对方出示本人通行码","Do not open; ask for their own pass"),"ok":("通行码有效","Pass valid","",""),"thermometer_down":("测温仪无读数","Thermometer silent","请人工测温并登记","Measure by hand and record"),"prompt_scan":("请出示通行码","Please show your pass","",""),"prompt_measure":("请靠近测温","Please step close to be measured","",""),"prompt_go":("请通行","Please go through","",""),"prompt_hold":("请稍候，工作人员协助","Please wait, staff will help","","")}
    def reason(code):
        z=_T.get(code,(code,code,"",""))
        return SimpleNamespace(zh=z[0],en=z[1],todo_zh=z[2],todo_en=z[3])


class Words(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: str = ""
    en: str = ""


STATES: Final = {
    "wait": Words("请扫码", "PLEASE SCAN"),
    "allow": Words("放行", "ALLOW"),
    "deny": Words("禁止", "DENY"),
    "escalate": Words("上报", "ESCALATE"),
    "fault": Words("设备故障", "FAULT"),
}
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
    "prompt_measure": "measure",
    "prompt_mask": "mask",
    "prompt_go": "go",
}

# Why a guard decided by hand: at most eight of each, never free text.
ADMITTING: Final = {
    "known_resident": Words("认识的住户", "Known resident"),
    "pass_by_paper": Words("纸质通行证", "Paper pass"),
    "measured_by_hand": Words("人工测温正常", "Measured by hand"),
    "device_fault": Words("设备故障", "Device fault"),
    "medical": Words("就医急救", "Medical need"),
    "on_duty": Words("公务应急", "On duty"),
    "accompanied": Words("有人陪同", "Accompanied"),
    "told_by_call": Words("电话获准", "Allowed by call"),
}
REFUSING: Final = {
    "not_the_holder": Words("非本人", "Not the holder"),
    "fever_confirmed": Words("复测仍高", "High again"),
    "no_valid_pass": Words("无有效通行证", "No valid pass"),
    "no_mask": Words("不戴口罩", "No mask"),
    "left_by_choice": Words("本人离开", "Left by choice"),
}

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def word(table: dict[str, Words], code: str) -> Words:
    """The text of a code; a code that this table doesn't know stands for itself."""
    return table.get(code) or Words(code, code)


def reason_words(code: str) -> tuple[Words, Words]:
    """What happened, and what to do about it; empty texts for an empty code."""
    if not code:
        return Words(), Words()
    row = reason(code)
    return Words(row.zh, row.en), Words(row.todo_zh, row.todo_en)


def age(seconds: float) -> Words:
    """An age in its largest whole unit."""
    whole = max(0, int(seconds))
    for unit_s, zh, en in ((_DAY_S, "天", "d"), (_HOUR_S, "小时", "h"), (_MINUTE_S, "分钟", "min")):
        if whole >= unit_s:
            return Words(f"{whole // unit_s} {zh}", f"{whole // unit_s} {en}")
    return Words(f"{whole} 秒", f"{whole} s")
