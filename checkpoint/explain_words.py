"""The words of an explanation in both languages, Chinese first; reasons have theirs in the table of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkpoint.one_line import one_line
from checkpoint.reasons import ALL

# A record may hold any text: this much of one is shown.
_LONGEST: Final = 80


class Said(msgspec.Struct, frozen=True):
    """One text in both languages; empty by default."""

    zh: str = ""
    en: str = ""


CHECKS: Final = {
    "mask": Said("口罩", "Mask"),
    "temperature": Said("体温", "Temperature"),
    "pass": Said("通行码", "Pass"),
    "travel": Said("14 天行程", "14-day travel"),
    "document": Said("证件", "Document"),
    "vehicle": Said("车辆", "Vehicle"),
    "quota": Said("次数", "Quota"),
    "watch": Said("名单核对", "List"),
}
CLASSES: Final = {
    "resident": Said("居民", "Resident"),
    "visitor": Said("访客", "Visitor"),
    "vehicle": Said("车辆", "Vehicle"),
    "worker": Said("务工", "Worker"),
    "courier": Said("快递", "Courier"),
    "emergency": Said("应急", "Emergency"),
}
BODY_SITES: Final = {
    "forehead": Said("额头", "forehead"),
    "wrist": Said("手腕", "wrist"),
    "neck": Said("颈部", "neck"),
}
DIRECTIONS: Final = {"in": Said("进", "In"), "out": Said("出", "Out")}
KINDS: Final = {"person": Said("行人", "people"), "vehicle": Said("车辆", "vehicles")}
ATTENDANCE: Final = {
    "guard": Said("有人值守", "guard present"),
    "remote": Said("远程值守", "remote"),
    "none": Said("无人值守", "unattended"),
}
DAYS: Final = {
    "mon": Said("周一", "Mon"),
    "tue": Said("周二", "Tue"),
    "wed": Said("周三", "Wed"),
    "thu": Said("周四", "Thu"),
    "fri": Said("周五", "Fri"),
    "sat": Said("周六", "Sat"),
    "sun": Said("周日", "Sun"),
}
LEVELS: Final = {
    "low": Said("低风险", "low"),
    "medium": Said("中风险", "medium"),
    "high": Said("高风险", "high"),
    "closed": Said("封闭", "closed"),
}
VERDICTS: Final = {
    "allow": Said("放行", "allow"),
    "deny": Said("禁止", "deny"),
    "escalate": Said("上报", "escalate"),
}
MODES: Final = {
    "enforce": Said("强制", "enforce"),
    "warn": Said("提示", "warn"),
    "record": Said("只记录", "record"),
    "off": Said("不查", "off"),
}
RESULTS: Final = {
    "ok": Said("通过", "ok"),
    "failed": Said("未通过", "failed"),
    "missing": Said("缺失", "missing"),
    "not_obtained": Said("未能取得", "not obtained"),
    "skipped": Said("未问", "not asked"),
    "withheld": Said("此处不显示", "not shown here"),
}
ACTS: Final = {
    "admit": Said("人工放行", "admitted by hand"),
    "refuse": Said("人工拒绝", "refused by hand"),
    "open": Said("人工开门", "opened by hand"),
}
CALLS: Final = {
    "guard": Said("值守人员", "the guard"),
    "first_head": Said("第一网格长", "the first grid head"),
    "head": Said("网格长", "the grid head"),
    "supervisor": Said("网格监督员", "the grid supervisor"),
    "health": Said("疫情信息员", "the health officer"),
    "police": Said("警务人员", "the police"),
    "administrator": Said("管理员", "the administrator"),
    "maintainer": Said("维护人员", "the technician"),
}
CONDITIONS: Final = {
    "lists_stale": Said("名单过期", "lists too old"),
    "policy_stale": Said("策略未更新", "policy not renewed"),
    "clock_untrusted": Said("时钟未校准", "clock not trusted"),
    "thermometer_down": Said("测温仪故障", "thermometer down"),
    "not_obtained": Said("读数无意义", "readings say nothing"),
    "temperature_low": Said("读数过低", "low reading"),
    "camera_down": Said("摄像头或口罩模型故障", "camera or mask model down"),
    "reader_down": Said("读卡器故障", "reader down"),
}
TAGS: Final = {
    "offline": Said("离线核验", "verified offline"),
    "card": Said("凭卡", "by card"),
    "plate": Said("凭车牌", "by number plate"),
    "assisted": Said("协助", "assisted"),
    "party": Said("同行多人", "a party"),
    "weak_binding": Said("无在场传感器", "no presence sensor"),
    "retest": Said("复测", "measured again after a low reading"),
    "unmeasured": Said("未测温", "not measured"),
    "manual": Said("人工测温", "measured by hand"),
    **CONDITIONS,
}
MARKS: Final = {
    "ok": Said("正常", "ok"),
    "ambient_low": Said("环境偏冷", "ambient low"),
    "ambient_high": Said("环境偏热", "ambient high"),
    "no_level": Said("尚无通道基线", "no level yet"),
}
NOBODY: Final = Said("无可读通行码", "no pass that could be read")
MANUAL: Final = Said("人工", "by hand")


def plain(text: object) -> str:
    """Any stored text on one line: no control character reaches a terminal, and nothing is longer than a line."""
    return one_line(str(text), _LONGEST)


def said(table: Mapping[str, Said], code: str) -> Said:
    """The words of a code; a code of a newer gate stands for itself."""
    return table.get(code) or Said(plain(code), plain(code))


def reason_said(code: str) -> Said:
    """What the table of reasons says happened; empty for an empty code."""
    row = ALL.get(code)
    return said({}, code) if row is None else Said(row.zh, row.en)


def tag_said(tag: str) -> Said:
    """The words of a verdict's tag: its own, else those of the reason of that name."""
    return TAGS.get(tag) or reason_said(tag)


def joined(parts: tuple[Said, ...], between_zh: str = "、", between_en: str = ", ") -> Said:
    return Said(between_zh.join(part.zh for part in parts), between_en.join(part.en for part in parts))


def number(value: float | str | None) -> str:
    """A stored value as text: at most two places after the point, empty for none."""
    if not isinstance(value, float):
        return "" if value is None else plain(value)
    text = f"{value:.2f}"
    return plain(text.rstrip("0").rstrip(".") if "." in text else text)
