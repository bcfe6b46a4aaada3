"""The rows of checks that rest on lists and on what a guard sees: travel, the watch list, symptoms."""

from __future__ import annotations

from typing import Final

from checkpoint.reason_rows import rows as _rows

_ASK_TRAVEL = ("请核实行程", "Ask about travel")

TRAVEL: Final = (
    *_rows("travel", "allow", "", ("travel_ok", "行程核验通过", "Travel statement in order", "", "")),
    *_rows(
        "travel", "escalate", "administrator",
        ("travel_unlisted", "无有效风险地区名单", "No list of risk regions is in force", *_ASK_TRAVEL),
    ),
    *_rows(
        "travel", "escalate", "health",
        ("travel_risk", "14 天内行程需要核实", "Travel in the last 14 days needs a question",
         "请联系疫情信息员", "Call the health officer"),
    ),
    *_rows(
        "travel", "escalate", "guard",
        ("travel_old", "行程声明过期", "The travel statement is too old", *_ASK_TRAVEL),
        ("travel_not_stated", "通行码未登记行程", "The pass says nothing of travel", *_ASK_TRAVEL),
        ("travel_undated", "时钟未校准，行程无法核对", "Clock not trusted: which days count?", *_ASK_TRAVEL),
    ),
)  # fmt: skip

# One sentence for whatever the list says, and for a list that is not there: residents, bystanders and subscribers learn
# nothing from it. The guard's screen adds whom to call.
_WAIT = ("请稍候，工作人员即将到来", "Please wait, staff are coming")
_STAY = ("请与其保持礼貌交谈，等候来人", "Stay polite and wait for them")
WATCH: Final = (
    *_rows("watch", "allow", "", ("watch_ok", "名单核对完成", "List checked", "", "")),
    *_rows(
        "watch", "escalate", "administrator",
        ("watch_unlisted", *_WAIT, "请核对名单是否下发", "See whether the list has come down"),
    ),
    *_rows(
        "watch", "escalate", "guard",
        ("wait_staff", *_WAIT, *_STAY),
        ("watch_hit", *_WAIT, *_STAY),
    ),
)  # fmt: skip

# Nobody is told here what anybody feels: the words on the screen are the guard's business and the person's.
DECLARED: Final = (
    *_rows(
        "lane", "escalate", "health",
        ("symptoms_declared", "需要工作人员询问", "Staff have a question",
         "请联系疫情信息员", "Call the health officer"),
    ),
    *_rows(
        "document", "allow", "",
        ("document_seen", "证件已人工核验", "The guard has looked at the document", "", ""),
    ),
    *_rows(
        "note", None, "",
        ("symptoms_noted", "值守人员已登记申报", "The guard noted what was declared", "", ""),
        ("document_noted", "值守人员已查看证件", "The guard looked at the document", "", ""),
    ),
)  # fmt: skip

LIST_ROWS: Final = (*TRAVEL, *WATCH, *DECLARED)
