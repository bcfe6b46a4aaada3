"""What people call the settings of a policy, Chinese first: the key of the file is for those who write it."""

from __future__ import annotations

from typing import Final

from checkpoint.explain_words import ATTENDANCE, BODY_SITES, CHECKS, CONDITIONS, Said, plain, reason_said, said

UNSET: Final = Said("未设", "not set")
# What it means that a setting has no value, by its key or by the last part of it.
NONE: Final = {
    "valid_until": Said("无截止", "no end"),
    "for_s": Said("不限时", "no limit"),
    "pass.static": Said("所有类别", "every class"),
    "pass.static_repeat_per_h": Said("不限", "no limit"),
    "local.may": Said("不允许", "none is taken"),
}
# Stands in a key for every column of a row of the fail table.
ANY_COLUMN: Final = "*"
_COLUMNS: Final = {**ATTENDANCE, ANY_COLUMN: Said("无论何人值守", "whoever is at the gate")}
_BODY: Final = {**BODY_SITES, "body": Said("体温当量", "body value")}
_LIMITS: Final = {"high_c": Said("高限", "high from"), "low_c": Said("低限", "low under")}
_WHO: Final = {
    "residents": Said("本处居民", "residents of the site"),
    "others": Said("其他人", "everybody else"),
    "for_s": Said("居民放行时限", "residents let in for"),
}
_TABLES: Final = {
    "temperature": Said("体温", "temperature"),
    "timeouts": Said("等待", "waits"),
    "pass": Said("通行码", "pass"),
    "passback": Said("重复进入", "passback"),
    "quota": Said("外出次数", "quota"),
    "travel": Said("行程", "travel"),
    "local": Said("下级通知", "local orders"),
}
_LABELS: Final = {
    key: Said(zh, en)
    for key, zh, en in (
        ("authority", "发布单位", "authority"),
        ("valid_from", "生效时间", "in force from"),
        ("valid_until", "截止时间", "in force until"),
        ("accept_weak_binding", "无在场传感器也可判定", "a lane without a presence sensor may decide"),
        ("temperature.window_s", "一次读数的时长", "one reading takes"),
        ("temperature.min_frames", "一次读数的帧数", "frames in one reading"),
        ("temperature.spread_c", "帧间容差", "frames may differ by"),
        ("temperature.plausible_min_c", "可信读数下限", "no reading under"),
        ("temperature.plausible_max_c", "可信读数上限", "no reading over"),
        ("temperature.wrist_below_c", "环境低于此值先测手腕", "wrist first when it is colder than"),
        ("temperature.hot_above_c", "环境高于此值复测前先到阴凉处", "shade before the second place when hotter than"),
        ("temperature.shade_s", "阴凉处停留", "time in the shade"),
        ("temperature.ambient_min_c", "环境偏冷标记", "marked as cold under"),
        ("temperature.ambient_max_c", "环境偏热标记", "marked as hot over"),
        ("temperature.level_window_s", "通道基线取最近", "the lane's level is of the last"),
        ("temperature.level_min", "建立基线所需读数", "readings needed for a level"),
        ("temperature.level_fallback", "读数少时取最近的个数", "else of the latest readings"),
        ("temperature.level_follows_c", "基线可偏离参考", "the level may leave its reference by"),
        ("temperature.band_edges_c", "环境温度分段", "bands of ambient temperature"),
        ("temperature.high_c", "高出基线即偏高", "high: over the level by"),
        ("temperature.high_forehead_c", "额头高出基线即偏高", "forehead high: over the level by"),
        ("temperature.high_wrist_c", "手腕高出基线即偏高", "wrist high: over the level by"),
        ("temperature.high_neck_c", "颈部高出基线即偏高", "neck high: over the level by"),
        ("temperature.high_mads", "偏高的离散倍数", "high: MADs over the level"),
        ("temperature.second_factor", "第二部位确认系数", "share of it that confirms a fever"),
        ("temperature.low_c", "低于基线即偏低", "low: under the level by"),
        ("temperature.low_mads", "偏低的离散倍数", "low: MADs under the level"),
        ("temperature.low_forehead_c", "额头过低", "forehead too low under"),
        ("temperature.low_wrist_c", "手腕过低", "wrist too low under"),
        ("temperature.low_neck_c", "颈部过低", "neck too low under"),
        ("temperature.extreme_c", "无论基线即偏高", "high whatever the level from"),
        ("temperature.body_high_c", "体温当量高限", "body value: high from"),
        ("temperature.body_low_c", "体温当量低限", "body value: low under"),
        ("temperature.informative_sd_c", "读数有意义的最大离散", "readings mean something up to a spread of"),
        ("temperature.informative_off_c", "读数有意义的最大偏离", "and up to a distance of"),
        ("temperature.reference_readings", "参考所用读数", "readings in the reference"),
        ("temperature.drift_slack_c", "漂移监测容差", "drift watch: slack"),
        ("temperature.drift_limit_c", "漂移监测限值", "drift watch: limit"),
        ("temperature.drift_variances", "漂移监测方差倍数", "drift watch: variances"),
        ("temperature.drift_clip_sds", "漂移监测单步上限", "drift watch: clip of one step"),
        ("temperature.retest_after_s", "低读数后再测不早于", "after a low reading not before"),
        ("temperature.retest_valid_s", "低读数后再测不晚于", "after a low reading not later than"),
        ("timeouts.presentation_s", "等待出示", "for showing a pass"),
        ("timeouts.measure_s", "等待测温", "for one measurement"),
        ("timeouts.crossing_s", "等待通过", "for going through"),
        ("timeouts.verdict_shown_s", "结果显示", "how long a verdict is shown"),
        ("timeouts.escalation_s", "等待工作人员", "for staff to decide"),
        ("timeouts.same_code_ignored_s", "同码不重复计", "the same code again counts as one"),
        ("timeouts.assisted_factor", "协助通行延长倍数", "longer for an assisted passage, times"),
        ("pass.formats", "可用格式", "formats taken"),
        ("pass.not_before_leeway_s", "可提前", "may be early by"),
        ("pass.expires_leeway_s", "可延后", "may be late by"),
        ("pass.phone", "可用的手机动态码", "live variants taken"),
        ("pass.static", "可用静态码的类别", "classes that may print it"),
        ("pass.static_needs_document", "静态码须核对证件的类别", "classes whose print needs a document"),
        ("pass.static_repeat_per_h", "静态码每小时次数", "uses of a print in an hour"),
        ("pass.value_sets", "外部凭证取值表", "value sets of certificate rules"),
        ("pass.card", "凭卡", "a card's number"),
        ("pass.plate", "凭车牌", "a number plate"),
        ("passback.mode", "检查方式", "mode"),
        ("passback.window_s", "进入后未离开不得再进", "not in again within"),
        ("passback.walk_s", "两关口间最短间隔", "between two gates at least"),
        ("quota.every_days", "每几天", "once in so many days"),
        ("quota.back_within_h", "须返回", "back within"),
        ("quota.people", "每户人数", "people of a household"),
        ("travel.attested_within_days", "声明不早于", "statement at most this old"),
        ("travel.risk_level", "风险等级不低于", "regions count from level"),
        ("local", "下级通知", "local orders"),
        ("local.may", "可改", "may change"),
        ("local.max_days", "最长", "last at most"),
        ("quota", "外出次数", "quota"),
        ("travel.days", "查最近", "days looked back on"),
    )
}  # fmt: skip


def label_of(key: str) -> Said:
    """A setting's name; one that has none of its own is called by its key."""
    table, _, rest = key.partition(".")
    own = _LABELS.get(key) or _composed(table, rest)
    if own is None:
        return said({}, plain(key))
    head = _TABLES.get(table) if rest else None
    return own if head is None else Said(f"{head.zh}：{own.zh}", f"{head.en}: {own.en}")


def _composed(table: str, rest: str) -> Said | None:
    """The name of a key whose parts say what it is."""
    parts = rest.split(".")
    match table, parts:
        case "fail", [condition, age]:
            ends = {"after_s": Said("此后算过期", "too old after"), "warn_after_s": Said("此后提示", "warned of after")}
            return _row(condition, said(ends, age))
        case "fail", [condition, attendance, who]:
            column = said(_COLUMNS, attendance)
            name = said(_WHO, who)
            return _row(condition, Said(f"{column.zh}，{name.zh}", f"{column.en}, {name.en}"))
        case "temperature", ["absolute", site, limit]:
            place, name = said(_BODY, site), said(_LIMITS, limit)
            return Said(f"无基线时{place.zh}{name.zh}", f"without a level, {place.en} {name.en}")
        case "temperature", ["expected", site]:
            place = said(_BODY, site)
            return Said(f"{place.zh}通常读数", f"{place.en} usually reads")
        case "pass", ["foreign", name]:
            return Said(f"外部凭证 {plain(name)}", f"genuine {plain(name)} certificate")
        case "pass", ["rules", name]:
            return Said(f"{plain(name)} 准入规则", f"rules for {plain(name)}")
        case "local", ["milder", check]:
            name = said(CHECKS, check)
            return Said(f"{name.zh}最低可改为", f"{name.en.lower()} at least")
        case "told", [code]:
            reason = reason_said(code)
            return Said(f"{reason.zh}时通知", f"told of: {reason.en}")
    return None


def _row(condition: str, rest: Said) -> Said:
    name = said(CONDITIONS, condition)
    return Said(f"{name.zh}时：{rest.zh}", f"when {name.en}: {rest.en}")
