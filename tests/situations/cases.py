"""One person at one gate as a plain table of words, and the same as the verdict is given it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, get_args

from checkpoint.passes import Pass, PassClass, Presented
from checkpoint.policy_schema import CheckName, Condition
from checkpoint.policy_time import LocalTime
from checkpoint.status_list import ASK, REVOKED, SUSPENDED, StatusAnswer
from checkpoint.verdict import CheckFact, Facts, GateState, PassUse, Retest

Case = dict[str, Any]

SITE, GRID = "lakeview", "grid-7"
NOW_S: Final = datetime.fromisoformat("2026-12-09T10:00:00+08:00").timestamp()
WEDNESDAY: Final = 2

# Somebody with everything in order, by day, at a gate with everything in order.
ALL_WELL: Final[Case] = {
    "who": "resident", "pass": "good", "variant": "rotating", "size": 1,
    "direction": "in", "free_exit": False, "lane": "person", "attendance": "guard",
    "weekday": WEDNESDAY, "minute": 600,
    "temperature": ["temperature_ok"], "by_hand": False, "retest_s": None, "warm_place": False,
    "mask": "mask_ok", "travel": "travel_ok", "document": "document_ok", "vehicle": "vehicle_ok",
    "watch": "watch_ok", "quota": "quota_free",
    # How long what could not be obtained has been so.
    "for_s": 0.0,
    "thermometer_down_s": None, "camera_down_s": None, "clock_untrusted_s": None,
    "lists_age_s": 60.0, "policy_age_s": 60.0, "weak_binding": False, "halt": "", "passback": "",
}  # fmt: skip

# Codes of the facts that are not plain failures, by what the check says of them.
_MISSING: Final = {
    "temperature_missing", "mask_unsure", "mask_not_assessed", "travel_old", "travel_not_stated", "document_unreadable",
    "document_unbound", "plate_unread", "plate_unbound",
}  # fmt: skip
_NOT_OBTAINED: Final = {
    "not_obtained_cold", "not_obtained_heat", "mask_unchecked", "travel_unlisted", "travel_undated",
    "document_unchecked", "document_undated", "vehicle_unchecked", "watch_unlisted",
}  # fmt: skip
_OK: Final = {
    "temperature_ok", "mask_ok", "travel_ok", "document_ok", "document_seen", "vehicle_ok", "watch_ok", "quota_free",
    "quota_late",
}  # fmt: skip
_STATUS: Final = {"revoked": REVOKED, "suspended": SUSPENDED, "ask": ASK, "good": 0}
# What read_pass says of a code that holds no pass which anybody could go by.
UNREADABLE: Final = {
    "forged": "pass_forged", "malformed": "pass_malformed", "stranger": "not_a_pass", "unknown_key": "key_unknown",
}  # fmt: skip
_BY_CLOCK: Final = {"expired": "pass_expired", "early": "pass_not_yet"}


def case_with(**changes: Any) -> Case:
    return {**ALL_WELL, **changes}


def presented_of(case: Case) -> Presented | None:
    if case["who"] == "nobody":
        return None
    if case["pass"] in UNREADABLE:
        return Presented("GK1", None, UNREADABLE[case["pass"]])
    reason = _BY_CLOCK.get(case["pass"], "pass_valid")
    return Presented("GK1", _held(case), reason, by_clock=reason != "pass_valid", variant=case["variant"])


def _held(case: Case) -> Pass:
    assert case["who"] in get_args(PassClass), case["who"]
    return Pass(
        format="GK1", pass_id=bytes(8), subject=bytes(8), pass_class=case["who"],
        scope=("hillside",) if case["pass"] == "elsewhere" else (SITE,),
        not_before_s=0, expires_s=2**40, key_id=bytes(4), party_size=case["size"],
        status_index=5 if case["pass"] in ("revoked", "suspended", "ask", "unlisted") else None,
    )  # fmt: skip


def facts_of(case: Case) -> Facts:
    """A check that the case has no word for is left out: nobody has made it."""
    facts: dict[CheckName, tuple[CheckFact, ...]] = {}
    if people := [code for code in case["temperature"] if code]:
        facts["temperature"] = tuple(replace(_fact(code, case), manual=case["by_hand"]) for code in people)
    others: tuple[CheckName, ...] = ("mask", "travel", "document", "vehicle", "watch", "quota")
    return facts | {check: (_fact(case[check], case),) for check in others if case[check]}


def _fact(code: str, case: Case) -> CheckFact:
    if code in _OK:
        return CheckFact("ok", code)
    if code in _NOT_OBTAINED:
        return CheckFact("not_obtained", code, for_s=case["for_s"])
    value = "health" if code == "watch_hit" else None
    return CheckFact("missing" if code in _MISSING else "failed", code, value)


def state_of(case: Case) -> GateState:
    conditions: tuple[Condition, ...] = ("thermometer_down", "camera_down")
    down = {name: case[f"{name}_s"] for name in conditions if case[f"{name}_s"] is not None}
    status = StatusAnswer(_STATUS.get(case["pass"]), cut_off=False)
    return GateState(
        site=SITE, here=(SITE, GRID), grids=(GRID,), direction=case["direction"], lane_kind=case["lane"],
        attendance=case["attendance"], lists_age_s=case["lists_age_s"], policy_age_s=case["policy_age_s"],
        clock_untrusted_for_s=case["clock_untrusted_s"], down_for_s=down, warm_place=case["warm_place"],
        other_free_exit=case["free_exit"], weak_binding=case["weak_binding"], halt=case["halt"],
        retest=None if case["retest_s"] is None else Retest(b"earlier", case["retest_s"]),
        status=status, use=PassUse(0, 0, case["passback"]), local=LocalTime(case["weekday"], case["minute"]),
    )  # fmt: skip
