"""A replay's report in lines that people can read in a meeting: Chinese first, then English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from central.registry import DEFAULT_ZONE
from central.replay_report import Change, Report, Unknown
from checkpoint.explain_words import CHECKS, CLASSES, VERDICTS, Said, joined, plain, reason_said, said

# What a record does not say, by the names of checkpoint.replaying.
_LACKS: Final = {
    "lists_age_s": Said("名单当时有多旧未记录", "how old the lists were is not on record"),
    "policy_age_s": Said("策略当时有多久未更新未记录", "how old the policy was is not on record"),
    "clock_untrusted_for_s": Said("时钟失准多久未记录", "how long the clock had not been trusted is not on record"),
    "thermometer_down": Said("测温仪是否故障未记录", "whether the thermometer was down is not on record"),
    "camera_down": Said("摄像头是否故障、多久未记录", "whether and how long the camera was down is not on record"),
    "reader_down_lasted": Said("读卡器故障多久未记录", "how long the reader was down is not on record"),
    "not_obtained_lasted": Said("读数无意义多久未记录", "how long readings had said nothing is not on record"),
    "shown": Said("出示了什么未查验", "what was shown was not looked into"),
    "by_clock": Said("是否因时间被拒未记录", "whether it was refused by time is not on record"),
    "variant": Said("通行码以何种方式出示未记录", "how the pass was shown (phone or paper) is not on record"),
    "in_scope": Said("通行码是否适用此处未查", "whether the pass is for this place was not asked"),
    "resident_here": Said("是否本院居民未记录", "whether it is a resident of this very site is not on record"),
    "status": Said("通行码是否注销未查", "whether the pass was revoked was not asked"),
    "uses": Said("已用次数未记录", "how often the pass was used is not on record"),
    "last_hour": Said("一小时内次数未记录", "how often the pass was shown within the hour is not on record"),
    "passback": Said("是否一码两用未查", "one pass in two hands was not looked for"),
    "retest": Said("距上次低读数多久未记录", "how long ago a low reading was is not on record"),
    "halt": Said("通道内是否另有情况未记录", "whether something else in the lane stopped it is not on record"),
    "warm_place": Said("有无暖处未记录", "whether there was a warm place is not on record"),
    "other_free_exit": Said("有无其他出口未记录", "whether there was another free exit is not on record"),
    "manual": Said("是否人工测温未记录", "whether it was measured by hand is not on record"),
    "occupant": Said("取决于车内他人", "it hangs on somebody else in the vehicle"),
    "occupants": Said("车内各人是否查验规定不同", "who in a vehicle is asked differs between the policies"),
    "party": Said("同行各人未逐一记录", "not everybody of the party is on record"),
    "certificate": Said("证书内容不入记录", "what is in a certificate is never on record"),
    "pass_times": Said("通行码起止时间不入记录", "from when until when a pass is good is not on record"),
    "policy_over": Said("当时策略已到期", "the policy then had come to its end"),
    "zone": Said("当时区域等级与策略不符", "the zone level on record is not that of its policy"),
    "unexplained": Said("以当时策略无法重现", "its own policy does not give this record"),
    "temperature*": Said("温度设定不同，需重新测量", "with these settings it would have to be measured again"),
    "quota*": Said("次数规定不同，需重新计数", "with this quota it would have to be counted again"),
    "travel*": Said("行程规定不同，需重新比对", "with these settings travel would have to be compared again"),
    "passback*": Said("一码两用规定不同，需重新比对", "with these times two hands would have to be looked for again"),
}  # fmt: skip
_LEFT_OUT: Final = {
    "drill": Said("演练", "of a drill"),
    "own_policy": Said("所在范围另有策略", "at places that keep a policy of their own"),
    "purged": Said("已按保存期限清除", "deleted after their time"),
    "unread": Said("出自新版本，无法读取", "written by a newer version"),
    "policy_unknown": Said("所依策略此处无文本", "made under a policy whose text is not here"),
}
_NOBODY: Final = Said("无码", "no pass")
_OTHER: Final = Said("其他缘由", "another reason")


def lines(report: Report, zone: str = DEFAULT_ZONE) -> list[str]:
    """For a terminal or a minute-book. `zone`: in which times are shown."""
    told = report.records - report.untold
    since, until = (_day(at_ms, zone) for at_ms in (report.since_ms, report.until_ms))
    name = f"{report.policy} v{report.version}"
    return [
        f"以策略 {name} 重判 {since} 至 {until} 的 {report.records} 次通行：",
        f"policy {name} on {report.records} passages from {since} to {until}:",
        f"  结果不变 {report.same}，改变 {report.changed}，无从判断 {report.untold}"
        f" / same {report.same}, changed {report.changed}, can't be told {report.untold}",
        *([f"  {_shares(report)}"] if told else []),
        *_section(report.changes, Said("结果改变", "changed")),
        *_section(report.reworded, Said("结果不变，缘由改变", "same verdict, other reason")),
        *_unknown(report.unknown),
        *_left_out(report.left_out),
    ]


def lacking(name: str) -> Said:
    """What a record does not say, by its name."""
    if name in CHECKS:
        return Said(f"未问{CHECKS[name].zh}", f"{CHECKS[name].en.lower()} was not asked")
    return said(_LACKS, name)


def _day(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def _shares(report: Report) -> str:
    """Of what can be told: how many of each verdict then and now."""
    parts = []
    for verdict in ("allow", "escalate", "deny"):
        was, now = report.was.get(verdict, 0), report.now.get(verdict, 0)
        word = VERDICTS[verdict]
        parts.append(f"{word.zh} {word.en} {was} → {now}")
    return "，".join(parts)


def _section(changes: Iterable[Change], title: Said) -> list[str]:
    found = [line for change in changes for line in _change(change)]
    return [f"{title.zh} / {title.en}:", *found] if found else []


def _change(change: Change) -> list[str]:
    was, now = VERDICTS[change.was], VERDICTS[change.now]
    rule = plain(change.rule)
    before, after = reason_said(change.was_reason), reason_said(change.now_reason) if change.now_reason else _OTHER
    return [
        f"  {change.n}  {was.zh}（{before.zh}）→ {now.zh}（{after.zh}），规则“{rule}”",
        f'      {was.en} ({before.en}) -> {now.en} ({after.en}), rule "{rule}"',
        *_who_and_where(change),
    ]


def _unknown(groups: Iterable[Unknown]) -> list[str]:
    found = []
    for group in groups:
        what = joined(tuple(lacking(name) for name in group.names), "，或", ", or ")
        found += [f"  {group.n}  {what.zh} / {what.en}", *_who_and_where(group)]
    return ["无从判断 / can't be told:", *found] if found else []


def _who_and_where(group: Change | Unknown) -> list[str]:
    classes = ", ".join(f"{_class(name)} {n}" for name, n in group.by_class.items())
    gates = ", ".join(f"{name} {n}" for name, n in group.by_gate.items())
    examples = [f"      例 e.g. {' '.join(group.examples)}"] if group.examples else []
    return [f"      {classes}; {gates}", *examples]


def _class(name: str) -> str:
    word = CLASSES.get(name, _NOBODY)
    return f"{word.zh} {word.en.lower()}"


def _left_out(causes: Mapping[str, int]) -> list[str]:
    words = ((said(_LEFT_OUT, name), n) for name, n in causes.items())
    found = [f"  {n}  {word.zh} / {word.en}" for word, n in words]
    return ["未重判 / not decided again:", *found] if found else []
