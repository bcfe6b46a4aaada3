"""The rows of the table of reasons. Columns: code, Chinese, English, what to do (both), verdict, who is called."""

from __future__ import annotations

from typing import Final

from checkpoint.reason_rows import Step
from checkpoint.reason_rows import rows as _rows
from checkpoint.reason_table_gate import GATE_ROWS
from checkpoint.reason_table_lists import LIST_ROWS

_OWN_PASS = ("请出示本人有效通行码", "Show your own valid pass")
_NEW_PASS = ("请重新申领通行码", "Ask for a new pass")
_LIVE_CODE = ("请刷新后重新出示", "Refresh it and show it again")
_IDENTITY = ("请核对身份证件", "Check the identity document")
_ASK_CITY = ("请人工核实或拨打热线", "Check by hand or call the hotline")
_ASK_STAFF = ("如有急需，请询问屏上所示工作人员", "If you must, ask the staff that the screen names")
_HOLD = ("请稍候，工作人员协助", "Please wait, staff will help")
_BY_HAND = ("请人工测温并登记", "Measure by hand and record it")
_RETEST = ("请引导到复测点", "Guide to the place for a second measurement")

_PASS: Final = (
    *_rows(
        "pass", "allow", "",
        ("pass_valid", "通行码有效", "Pass valid", "", ""),
    ),
    *_rows(
        "pass", "deny", "",
        ("not_a_pass", "不是通行码", "Not a pass", *_OWN_PASS),
        ("format_not_enabled", "本关口不支持此类通行码", "This kind of pass is not used here", *_OWN_PASS),
        ("pass_too_long", "通行码内容过长", "The code is too long for a pass", *_OWN_PASS),
        ("pass_malformed", "通行码已损坏", "The pass is damaged", *_NEW_PASS),
        ("pass_profile", "通行码内容不合规定", "The pass breaks the rules for passes", *_NEW_PASS),
        ("issuer_not_allowed", "发码单位无权签发此通行码", "Its issuer may not give this pass", *_NEW_PASS),
        ("pass_not_yet", "通行码尚未生效", "The pass is not valid yet", "请在生效后再来", "Come back when it is valid"),
        ("pass_expired", "通行码已过期", "The pass has expired", "请更新通行码", "Renew the pass"),
        ("out_of_scope", "通行码不适用于此处", "The pass is for another place", *_OWN_PASS),
        ("pass_revoked", "通行码已停用", "The pass is no longer in use", "请联系发码单位", "Ask the issuer"),
        ("pass_used", "一次性通行码已用过", "This pass was for one entry and has been used", *_NEW_PASS),
        ("step_stale", "动态码已过时", "The code on the phone is an old one", *_LIVE_CODE),
        ("device_proof_missing", "请用手机出示动态码", "Show this pass live on its phone", *_LIVE_CODE),
        ("device_key_missing", "通行码未登记手机密钥", "The pass names no key of a phone", *_NEW_PASS),
        ("pass_incomplete", "凭证分为多个码，尚不完整", "One part of a certificate in several codes",
         "请出示其余的码", "Show its other codes as well"),
        ("foreign_rule_failed", "外部凭证不符合准入规则", "The certificate does not meet the rules for coming in",
         "请出示其他有效凭证", "Show another valid certificate"),
        ("unsigned", "凭证没有有效签名", "The certificate is not signed", *_OWN_PASS),
        ("arrival_stale", "场所码已过时", "The code of this place was scanned too long ago",
         "请重新扫描屏上场所码", "Scan the code on the screen again"),
        ("arrival_elsewhere", "所扫场所码不是本关口的", "The code that was scanned is of another gate",
         "请扫描本屏场所码", "Scan the code on this screen"),
        ("city_code_expired", "健康码二维码已失效", "The code of the city is out of date", *_LIVE_CODE),
        ("card_unknown", "此卡未登记", "This card belongs to no pass", *_OWN_PASS),
        ("card_off", "本关口不凭卡通行", "Cards are not used here", *_OWN_PASS),
        ("plate_off", "本关口不凭车牌通行", "Number plates are not used here", *_OWN_PASS),
    ),
    *_rows(
        "pass", "deny", "police",
        ("pass_forged", "通行码签名不符", "The signature of the pass is wrong", *_OWN_PASS),
    ),
    *_rows(
        "pass", "escalate", "guard",
        ("pass_missing", "未出示通行码", "No pass was shown", "请核对身份", "Check who it is"),
        ("status_ask", "通行码需要核实", "The pass needs a question", "请电话核实", "Check by phone"),
        ("pass_suspended", "通行码暂停使用", "The pass is suspended", "请联系社区核实", "Ask the community office"),
        ("step_unknown", "本机无法核验动态码", "This gate can't check the live part of the code",
         "请改用其他方式出示", "Show the pass another way"),
        ("foreign_valid", "外部凭证有效，不作通行依据", "A genuine certificate, but no pass for here", *_IDENTITY),
        ("foreign_rule_unknown", "无法按准入规则判断外部凭证", "The rules can't be applied to this certificate",
         "请人工核验凭证", "Check the certificate by hand"),
        ("city_code_ok", "健康码平台已答复", "The city's server has confirmed the code", *_IDENTITY),
        ("city_code_refused", "健康码需要核实", "The city's server asks for a check", *_ASK_CITY),
        ("city_code_offline", "健康码平台无法连接", "The city's server can't be reached", *_ASK_CITY),
        ("city_code_timeout", "健康码平台未及时答复", "The city's server did not answer in time", *_ASK_CITY),
        ("passback", "此码进入后未见离开", "This pass is inside already",
         "请核实并说明原因", "Ask, then clear it with a reason"),
        ("seen_elsewhere", "此码刚在其他关口使用", "This pass was just used at another gate",
         "请核实本人", "Check that it is the holder"),
        ("static_repeat", "静态码短时内多次使用", "A printed code was used too often", *_IDENTITY),
        ("document_ask", "请核对本人证件", "The printed pass needs a look at the document", *_IDENTITY),
        ("card_ask", "凭卡通行，请核对本人", "A card can be copied: see that it is the holder", *_IDENTITY),
        ("plate_ask", "凭车牌通行，请核对", "A plate can be copied: see that it is the vehicle",
         "请核对车辆与驾驶人", "Check vehicle and driver"),
    ),
    *_rows(
        "pass", "escalate", "administrator",
        ("status_missing", "无法查到通行码状态", "No list says whether the pass is in use",
         "请电话核实", "Check by phone"),
    ),
    *_rows(
        "pass", "deny", "administrator",
        ("key_unknown", "发码单位不在名单上", "The issuer is not on the list", *_NEW_PASS),
    ),
)  # fmt: skip

_TEMPERATURE: Final = (
    *_rows(
        "temperature", "allow", "",
        ("temperature_ok", "体温检测通过", "Temperature check passed", "", ""),
    ),
    *_rows(
        "temperature", "escalate", "guard",
        ("temperature_missing", "未完成测温", "Temperature was not taken", *_BY_HAND),
        ("temperature_unmeasured", "设备异常，未测温", "Not measured: device fault", *_BY_HAND),
        ("temperature_high", "需要复测", "Needs a second measurement", *_RETEST),
        ("temperature_unstable", "读数不稳定，需要复测", "Unsteady reading, measure again", *_RETEST),
        ("temperature_low_again", "再次未测得有效体温", "No usable temperature again", *_BY_HAND),
        ("not_obtained_cold", "天气寒冷，未测得体温", "Not obtained: too cold", *_BY_HAND),
        ("not_obtained_heat", "天气炎热，未测得体温", "Not obtained: too hot", *_BY_HAND),
    ),
    *_rows(
        "temperature", "escalate", "health",
        ("fever", "需要人工复测", "Needs a measurement by staff",
         "请引导到复测点，并联系疫情信息员", "Guide to the second measurement and call the health officer"),
    ),
    *_rows(
        "temperature", "deny", "",
        ("temperature_low", "请取暖后复测", "Please warm up and measure again",
         "请到取暖处休息 5 分钟后再来", "Rest in the warm place and come back in 5 minutes"),
        ("retest_too_early", "复测时间未到", "Too early to measure again",
         "请再休息片刻", "Please rest a little longer"),
    ),
)  # fmt: skip

_MISSING: Final[tuple[tuple[Step, str, str, str, str], ...]] = (
    ("mask", "未确认佩戴口罩", "Mask not confirmed", "请确认佩戴口罩", "See that a mask is worn"),
    ("travel", "缺少 14 天行程", "No 14-day travel statement", "请核实行程", "Ask about travel"),
    ("document", "未核验证件", "Document not checked", "请核验证件", "Check the document"),
    ("vehicle", "未核验车辆", "Vehicle not checked", "请核验车辆", "Check the vehicle"),
    ("quota", "未核对进出次数", "Count of passages not checked", "请核对进出次数", "Check the count"),
    ("watch", "未核对名单", "List not checked", "请核对名单", "Check the list"),
)
_OTHER_CHECKS: Final = tuple(
    row
    for step, zh, en, todo_zh, todo_en in _MISSING
    for row in _rows(step, "escalate", "guard", (f"{step}_missing", zh, en, todo_zh, todo_en))
)

_SEE_MASK: Final = ("请确认佩戴口罩", "See that a mask is worn")
_MASK: Final = (
    *_rows("mask", "allow", "", ("mask_ok", "已佩戴口罩", "A mask is worn", "", "")),
    *_rows(
        "mask", "escalate", "guard",
        ("mask_none", "未佩戴口罩", "No mask is worn", "请提醒佩戴口罩", "Ask to put on a mask"),
        ("mask_unsure", "未能确认佩戴口罩", "The camera can't tell whether a mask is worn", *_SEE_MASK),
        ("mask_not_assessed", "口罩未能检测", "The mask was not assessed", *_SEE_MASK),
        ("mask_unchecked", "设备异常，未检测口罩", "Mask not checked: device fault", *_SEE_MASK),
    ),
)  # fmt: skip

_QUOTA: Final = (
    *_rows("quota", "allow", "", ("quota_free", "进出次数符合规定", "Count of passages in order", "", "")),
    *_rows(
        "quota", "deny", "",
        ("quota_used", "本户出门次数已用完", "The household has used its ways out",
         "请减少外出人数或改日再来", "Fewer people, or another day"),
    ),
    *_rows(
        "quota", "escalate", "guard",
        ("quota_unknown", "无法核对进出次数", "The count of passages is not known", "请人工核实", "Check by hand"),
    ),
    *_rows(
        "quota", None, "guard",
        ("quota_late", "返回超过规定时间", "Back later than the rule says", "请询问", "Please ask"),
    ),
)  # fmt: skip

_DOCUMENT: Final = (
    *_rows("document", "allow", "", ("document_ok", "证件核验通过", "The document is the holder's", "", "")),
    *_rows(
        "document", "deny", "",
        ("document_expired", "证件已过有效期", "The document has expired", "请出示有效证件", "Show a valid document"),
    ),
    *_rows(
        "document", "escalate", "guard",
        ("document_mismatch", "证件与通行码不符", "The document is not the holder's", *_IDENTITY),
        ("document_unbound", "通行码未登记证件", "The pass names no document", *_IDENTITY),
        ("document_unreadable", "证件未能读出", "The document could not be read", *_IDENTITY),
        ("document_undated", "时钟未校准，证件有效期不明", "Clock not trusted: is the document over?", *_IDENTITY),
        ("document_unchecked", "设备异常，未核验证件", "Document not checked: device fault", *_IDENTITY),
    ),
)  # fmt: skip

_VEHICLE_TODO: Final = ("请核对车辆", "Check the vehicle")
_VEHICLE: Final = (
    *_rows("vehicle", "allow", "", ("vehicle_ok", "车牌核验通过", "The plate is the pass's", "", "")),
    *_rows(
        "vehicle", "escalate", "guard",
        ("plate_mismatch", "车牌与通行码不符", "The plate is not the pass's", *_VEHICLE_TODO),
        ("plate_several", "识别到多个车牌", "More than one plate was read", "请引导逐车通过", "One vehicle at a time"),
        ("plate_unread", "未识别到车牌", "No plate was read", *_VEHICLE_TODO),
        ("plate_unbound", "通行码未登记车牌", "The pass names no plate", *_VEHICLE_TODO),
        ("vehicle_unchecked", "设备异常，未核验车辆", "Vehicle not checked: device fault", *_VEHICLE_TODO),
    ),
)  # fmt: skip

_POLICY: Final = (
    *_rows(
        "policy", "allow", "",
        ("all_ok", "查验通过", "All checks passed", "请通行", "Please go through"),
        ("allowed_by_fail_table", "异常时居民按规定放行", "Let in under the rule for faults",
         "请通行", "Please go through"),
        ("way_out", "出口放行", "The way out is free", "请通行", "Please go through"),
    ),
    *_rows(
        "policy", "deny", "guard",
        ("curfew", "此时段不可进入", "Not open to you at this hour", *_ASK_STAFF),
        ("zone_closed", "封闭区域，未经指定不可进入", "This zone is closed to all but those named for it", *_ASK_STAFF),
    ),
    *_rows(
        "policy", "escalate", "administrator",
        ("lists_stale", "名单过期，需要核实", "Lists are too old", "请电话核实", "Check by phone"),
        ("policy_stale", "策略长期未更新", "The policy has not been renewed", "请电话核实", "Check by phone"),
        ("policy_expired", "策略已到期", "The policy is over", "请电话核实", "Check by phone"),
        ("unexplained", "判定依据不明", "No known reason", *_HOLD),
    ),
    *_rows(
        "policy", None, "administrator",
        ("stale_revocation", "停用名单超过一天未更新", "The list of withdrawn passes is over a day old",
         "请检查网络", "Look at the network"),
    ),
    *_rows(
        "policy", None, "maintainer",
        ("site_apart", "与本院其他关口失联", "Other gates of this site can't be heard",
         "请检查网络", "Look at the network"),
    ),
    *_rows(
        "policy", "escalate", "maintainer",
        ("clock_untrusted", "时钟未校准，有效期无法确认", "Clock not trusted, validity unknown",
         "请人工核实", "Check by hand"),
    ),
)  # fmt: skip

ROWS: Final = (
    *_PASS, *_TEMPERATURE, *_OTHER_CHECKS, *_MASK, *_DOCUMENT, *_VEHICLE, *_QUOTA, *LIST_ROWS, *_POLICY, *GATE_ROWS,
)  # fmt: skip
