"""The rows that are about the gate itself: lane, devices, records, outcomes, what a guard does, what a screen asks."""

from __future__ import annotations

from typing import Final

from checkpoint.reason_rows import rows as _rows

_IDENTITY = ("请核对身份证件", "Check the identity document")
_REPAIR = ("请联系维护人员", "Call the technician")
_BY_HAND = ("请人工测温并登记", "Measure by hand and record it")

_LANE: Final = (
    *_rows(
        "lane", "escalate", "guard",
        ("two_people", "请逐个通过", "One by one, please", "请引导逐个通过", "Let them come one by one"),
        ("two_vehicles", "出现两个车辆码", "Two vehicles' passes", "请核对车辆", "Look whose vehicle it is"),
        ("occupant_refused", "车内人员未获准通行", "Somebody in the vehicle may not go on",
         "请核实车内人员", "See to the people in the vehicle"),
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
        ("door_held", "门长时间未关", "The door stands open too long", "请关门", "Close the door"),
        ("door_forced", "门被强行打开", "The door was opened without permission", "请查看", "Please look"),
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
    ("scanner_gone", "扫码器未连接", "Scanner unplugged", *_REPAIR),
    ("card_reader_gone", "读卡器未连接", "Card reader unplugged", *_REPAIR),
    ("id_reader_gone", "身份证阅读器未连接", "Document reader unplugged", *_IDENTITY),
    ("plate_camera_gone", "车牌相机无应答", "The plate camera does not answer", *_REPAIR),
    ("board_gone", "控制板未连接", "Barrier board unplugged", "请人工开门", "Open by hand"),
    ("mask_model_failed", "口罩识别模型不可用", "The mask model does not work",
     "请人工确认口罩", "See to masks by hand"),
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
    ("occupants", "值守人员登记车内人数", "The guard counted the people in a vehicle", "", ""),
    ("mask_seen", "值守人员确认已戴口罩", "The guard saw a mask", "", ""),
    ("mask_absent", "值守人员确认未戴口罩", "The guard saw no mask", "", ""),
    ("passback_cleared", "已人工解除进出限制", "The guard cleared a pass that was inside already", "", ""),
    ("walk_up", "无码到访，人工登记", "Came without a pass, noted by the guard", "", ""),
    ("drill", "演练，无需处置", "A drill: nobody is called", "", ""),
    ("drill_started", "演练开始", "A drill began", "", ""),
    ("drill_goes_on", "重启后演练继续", "The drill goes on after a restart", "", ""),
    ("drill_ended", "演练结束", "The drill ended", "", ""),
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
    ("no_barrier", "无道闸，未确认通过", "No barrier here, passing not confirmed", "", ""),
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
    ("prompt_scan_or_card", "请出示通行码或刷卡", "Show your pass, or hold your card to the reader", "", ""),
    ("prompt_occupant", "请车内人员逐个出示通行码", "Everybody in the vehicle: show your pass, one by one", "", ""),
    ("prompt_vehicle_pass", "请出示车辆通行码", "Please show the vehicle's pass", "", ""),
    ("prompt_card", "请刷卡", "Hold your card to the reader", "", ""),
    ("prompt_document", "请刷身份证", "Place your ID card on the reader", "", ""),
    ("prompt_plate", "正在识别车牌，请稍候", "Reading the number plate, please wait", "", ""),
    ("prompt_other_parts", "请继续出示其余的码", "Show the other codes of the certificate", "", ""),
    ("prompt_asking", "正在联网核验，请稍候", "Asking the city's server, please wait", "", ""),
    ("prompt_next_of_party", "请下一位同行人测温", "Next of your party, please", "", ""),
    ("prompt_mask", "请佩戴口罩", "Please wear a mask", "", ""),
    ("prompt_face", "请面向摄像头", "Please face the camera", "", ""),
    ("prompt_step_back", "请退后一步，稍候再试", "Please step back and try again", "", ""),
)  # fmt: skip

GATE_ROWS: Final = (
    *_LANE, *_DEVICE, *_RECORDS, *_WAY_OUT, *_OUTCOME, *_OVERRIDE, *_NOTE, *_PROMPT,
)  # fmt: skip
