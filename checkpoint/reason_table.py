"""The rows of the table of reasons. Columns: code, Chinese, English, what to do (both), verdict, who is called."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from checkpoint.records import VerdictName

Step = Literal[
    "pass", "temperature", "mask", "travel", "document", "vehicle", "quota", "watch",
    "policy", "lane", "device", "records", "way_out", "outcome", "override", "note", "prompt",
]  # fmt: skip
Call = Literal["", "guard", "health", "police", "administrator", "maintainer"]
Barrier = Literal["open", "closed", ""]


class Reason(NamedTuple):
    """One row. `verdict` is the default one, None where the code never decides a passage.

    `barrier` follows from it: open only for `allow` and for ways out. `call`: whose business it is first; "" nobody's.
    """

    code: str
    step: Step
    zh: str
    en: str
    verdict: VerdictName | None
    barrier: Barrier
    call: Call
    todo_zh: str
    todo_en: str


# One line of the lists below: code, zh, en, todo_zh, todo_en, then verdict and call where they differ from the list's.
_Line = tuple[str, str, str, str, str]


def _rows(
    step: Step, verdict: VerdictName | None, call: Call, *lines: _Line, barrier: Barrier | None = None
) -> tuple[Reason, ...]:
    moved: Barrier = "" if verdict is None else "open" if verdict == "allow" else "closed"
    return tuple(
        Reason(code, step, zh, en, verdict, moved if barrier is None else barrier, call, todo_zh, todo_en)
        for code, zh, en, todo_zh, todo_en in lines
    )


_OWN_PASS = ("请出示本人有效通行码", "Show your own valid pass")
_NEW_PASS = ("请重新申领通行码", "Ask for a new pass")
_LIVE_CODE = ("请刷新后重新出示", "Refresh it and show it again")
_IDENTITY = ("请核对身份证件", "Check the identity document")
_ASK_CITY = ("请人工核实或拨打热线", "Check by hand or call the hotline")
_HOLD = ("请稍候，工作人员协助", "Please wait, staff will help")
_REPAIR = ("请联系维护人员", "Call the technician")
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

_POLICY: Final = (
    *_rows(
        "policy", "allow", "",
        ("all_ok", "查验通过", "All checks passed", "请通行", "Please go through"),
        ("allowed_by_fail_table", "异常时居民按规定放行", "Let in under the rule for faults",
         "请通行", "Please go through"),
        ("way_out", "出口放行", "The way out is free", "请通行", "Please go through"),
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

_LANE: Final = (
    *_rows(
        "lane", "escalate", "guard",
        ("two_people", "请逐个通过", "One by one, please", "请引导逐个通过", "Let them come one by one"),
        ("binding_weak", "无法确认为同一人", "Can't tell that it is one person", "请人工核实", "Check by hand"),
        ("not_recorded", "无法存储记录", "Nothing can be recorded", "请人工放行并登记", "Decide by hand and note it"),
    ),
    *_rows(
        "lane", "deny", "",
        ("two_codes", "请只出示一个通行码", "Show one pass only", "请只出示一个通行码", "Show one pass only"),
    ),
    *_rows("lane", None, "", ("party", "同行多人", "A party", "", "")),
    *_rows(
        "lane", None, "guard",
        ("tailgating", "有人尾随", "Somebody followed through", "请查看", "Please look"),
        ("party_incomplete", "同行人员未全部通过", "Not all of the party went through", "请查看", "Please look"),
        ("barrier_not_moved", "闸门未动作", "The barrier did not move", "请人工开门", "Open by hand"),
    ),
)  # fmt: skip

_DEVICE: Final = _rows(
    "device", None, "maintainer",
    ("thermometer_gone", "测温仪未连接", "Thermometer unplugged", *_BY_HAND),
    ("thermometer_silent", "测温仪无读数", "Thermometer silent", *_BY_HAND),
    ("thermometer_stuck", "测温仪读数不变", "Thermometer repeats one value", *_BY_HAND),
    ("thermometer_range", "测温仪超出工作范围", "Thermometer out of its range", *_BY_HAND),
    ("camera_missing", "摄像头未连接", "Camera unplugged", *_REPAIR),
    ("camera_black", "摄像头无画面", "Camera shows black", "请查看镜头是否被遮挡", "See whether it is covered"),
    ("camera_frozen", "摄像头画面静止", "Camera picture frozen", *_REPAIR),
    ("vision_died", "识别程序重启", "The reader of codes restarted", "", ""),
    ("thread_hung", "设备程序无响应，已重启", "A device's program hung and was restarted", "", ""),
    ("gate_hung", "关口程序无响应，已重启", "The gate's program hung and was restarted", "", ""),
    ("core_late", "关口程序响应迟缓", "The gate answers too slowly", *_REPAIR),
    ("lane_failed", "通道程序出错", "The lane's program failed", "请人工开门", "Open by hand"),
    ("board_gone", "控制板未连接", "Barrier board unplugged", "请人工开门", "Open by hand"),
    ("disk_full", "存储空间不足", "Disk full", *_REPAIR),
    ("disk_failing", "存储故障，无法记录", "Disk failing, nothing is recorded", *_REPAIR),
    ("broker_unreachable", "网络不通", "Broker unreachable", "记录保存在本机", "Records are kept here"),
    ("broker_refused", "服务器拒绝连接", "Broker refused this gate", *_REPAIR),
    ("collector_absent", "汇集端无应答", "The collector does not answer", "记录保存在本机", "Records are kept here"),
    ("drift", "测温仪读数漂移", "Thermometer drifts", "请用标准源校验", "Check against a reference target"),
    ("level_off", "本通道体温基线异常", "The lane's usual reading is off", *_BY_HAND),
)  # fmt: skip

_KEEP_CARD: Final = ("请保留存储卡，联系维护人员", "Keep the card and call the technician")
_RECORDS: Final = (
    *_rows(
        "records", None, "maintainer",
        ("record_damaged", "记录损坏，已隔离", "A record is damaged and set aside", *_KEEP_CARD),
        ("epoch_conflict", "记录与汇集端不一致", "Records differ from the collector's", *_KEEP_CARD),
        ("acts_not_held", "部分人工操作未能保存", "Some acts by hand could not be kept",
         "请查阅值班登记", "Look into the guard's book"),
    ),
    *_rows(
        "records", None, "administrator",
        ("fork", "记录出现分叉", "Records forked: a clone or a restored image",
         "请查找克隆设备", "Look for a second device"),
        ("conflict", "记录不一致", "The gate names another hash than the one stored",
         "请查找克隆设备", "Look for a second device"),
        ("rollback", "关口记录回退", "The gate no longer holds records stored here",
         "请检查存储卡", "Look at its card"),
        ("gap", "记录缺失", "Records are missing", "请查找备份", "Look for a backup or a copy of the card"),
        ("orphan", "告警没有对应记录", "An alarm whose record never came", "请检查存储卡", "Look at its card"),
    ),
)  # fmt: skip

_NOTE: Final = _rows(
    "note", None, "",
    ("document_installed", "下发文件已生效", "A document is in force", "", ""),
    ("document_refused", "下发文件被拒收", "A document was refused", "", ""),
    ("command_refused", "指令被拒收", "A command was refused", "", ""),
    ("retained_command_refused", "滞留指令被拒收", "A retained command was refused", "", ""),
    ("acknowledged", "值守人员已确认", "The guard has seen it", "", ""),
    ("measured_by_hand", "人工测温", "Measured by hand", "", ""),
    ("passback_cleared", "已人工解除进出限制", "The guard cleared a pass that was inside already", "", ""),
    ("walk_up", "无码到访，人工登记", "Came without a pass, noted by the guard", "", ""),
    ("next_exit", "下次可出门时间", "Next way out from", "", ""),
    ("gate_restarted", "关口重启，结果不明", "The gate restarted, outcome unknown", "", ""),
)  # fmt: skip

_WAY_OUT: Final = _rows(
    "way_out", None, "",
    ("exit_button", "出门按钮", "Exit button", "", ""),
    ("fire", "消防联动", "Fire input", "请立即撤离", "Leave at once"),
    barrier="open",
)  # fmt: skip

_OUTCOME: Final = _rows(
    "outcome", None, "",
    ("passed", "已通过", "Went through", "", ""),
    ("opened_unconfirmed", "已开门，未确认通过", "Opened, passing not confirmed", "", ""),
    ("turned_back", "已折返", "Turned back", "", ""),
    ("abandoned", "已离开", "Left", "", ""),
    ("admitted_by_guard", "人工放行", "Let in by the guard", "", ""),
    ("refused_by_guard", "人工拒绝", "Refused by the guard", "", ""),
    ("egress", "出门", "Went out", "", ""),
)  # fmt: skip

_OVERRIDE: Final = _rows(
    "override", None, "",
    ("known_resident", "认识的住户", "Known resident", "", ""),
    ("medical", "就医急救", "Medical need", "", ""),
    ("manual_temperature_normal", "人工测温正常", "Measured by hand: normal", "", ""),
    ("assisted", "协助通行", "Assisted passage", "", ""),
    ("system_fault", "设备故障", "System fault", "", ""),
    ("official_order", "公务", "Official order", "", ""),
    ("delivery", "配送", "Delivery", "", ""),
    ("other_told_supervisor", "其他，已报上级", "Other, supervisor told", "", ""),
)  # fmt: skip

_PROMPT: Final = _rows(
    "prompt", None, "",
    ("prompt_scan", "请出示通行码", "Please show your pass", "", ""),
    ("prompt_measure_forehead", "请将额头靠近测温仪", "Please hold your forehead to the sensor", "", ""),
    ("prompt_measure_wrist", "请卷起袖口，手腕靠近测温仪", "Please bare your wrist and hold it to the sensor", "", ""),
    ("prompt_measure_neck", "请将颈侧靠近测温仪", "Please hold the side of your neck to the sensor", "", ""),
    ("prompt_closer", "请靠近测温仪", "Please come closer to the sensor", "", ""),
    ("prompt_hold_still", "请保持不动", "Please hold still", "", ""),
    ("prompt_wait_guard", "请稍候，工作人员协助", "Please wait, staff will help", "", ""),
    ("prompt_call", "请拨打屏幕上的电话", "Please call the number on the screen", "", ""),
    ("prompt_pass_through", "请通行", "Please go through", "", ""),
    ("prompt_shade", "请到阴凉处休息 5 分钟后复测", "Rest in the shade for 5 minutes, then measure again", "", ""),
    ("prompt_rest_warm", "请到取暖处休息 5 分钟后再来", "Rest in the warm place and come back in 5 minutes", "", ""),
    ("prompt_one_by_one", "请逐个通过", "One by one, please", "", ""),
    ("prompt_one_code", "请只出示一个通行码", "Show one pass only", "", ""),
    ("prompt_other_parts", "请继续出示其余的码", "Show the other codes of the certificate", "", ""),
    ("prompt_asking", "正在联网核验，请稍候", "Asking the city's server, please wait", "", ""),
    ("prompt_next_of_party", "请下一位同行人测温", "Next of your party, please", "", ""),
    ("prompt_mask", "请戴好口罩", "Please wear your mask", "", ""),
    ("prompt_step_back", "请退后一步，稍候再试", "Please step back and try again", "", ""),
)  # fmt: skip

ROWS: Final = (
    *_PASS, *_TEMPERATURE, *_OTHER_CHECKS, *_QUOTA, *_POLICY, *_LANE, *_DEVICE, *_RECORDS, *_WAY_OUT, *_OUTCOME,
    *_OVERRIDE, *_NOTE, *_PROMPT,
)  # fmt: skip
