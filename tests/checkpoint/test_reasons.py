"""The table of reasons: complete, in both languages, and never a diagnosis."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from checkpoint.policy_schema import CheckName
from checkpoint.reason_table import ROWS
from checkpoint.reasons import ALL, LISTED_DENIALS, OVERRIDES, UnknownReasonError, of_step, reason
from checkpoint.records import Outcome

DEVICE_FAULTS = [
    *("thermometer_gone", "thermometer_silent", "thermometer_stuck", "thermometer_range"),
    *("camera_missing", "camera_black", "camera_frozen", "vision_died", "board_gone", "disk_full", "disk_failing"),
    *("clock_untrusted", "broker_unreachable", "collector_absent", "broker_refused", "policy_stale", "drift"),
    "level_off",
]


def test_every_code_has_one_row() -> None:
    assert len(ALL) == len(ROWS)
    assert all(code == row.code for code, row in ALL.items())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_a_row_is_short_and_in_both_languages(row: object) -> None:
    zh, en, todo_zh, todo_en = (getattr(row, name) for name in ("zh", "en", "todo_zh", "todo_en"))
    assert any("\u4e00" <= sign <= "\u9fff" for sign in zh)
    assert en.isascii()
    assert len(zh) <= 20
    assert len(en) <= 64
    assert bool(todo_zh) == bool(todo_en)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_no_text_on_the_screen_states_a_diagnosis(row: object) -> None:
    shown = " ".join(str(getattr(row, name)) for name in ("zh", "en", "todo_zh", "todo_en")).lower()
    assert not any(word in shown for word in ("发热", "发烧", "感染", "病", "阳性", "高烧"))
    assert {"fever", "feverish", "ill", "sick", "infected", "patient"}.isdisjoint(re.findall(r"[a-z]+", shown))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_the_barrier_opens_only_for_allow_and_ways_out(row: object) -> None:
    verdict, step, barrier = (getattr(row, name) for name in ("verdict", "step", "barrier"))
    assert (barrier == "open") == (verdict == "allow" or step == "way_out")
    assert (barrier == "closed") == (verdict in ("deny", "escalate"))


def test_whoever_escalates_is_somebodys_business() -> None:
    assert [row.code for row in ROWS if row.verdict == "escalate" and not row.call] == []


def test_the_fixed_refusals_are_refusals() -> None:
    assert {reason(code).verdict for code in LISTED_DENIALS} == {"deny"}
    assert reason("not_a_pass").verdict == "deny"
    assert reason("fever").verdict == "escalate"


@pytest.mark.parametrize("code", DEVICE_FAULTS)
def test_every_fault_has_a_row_and_somebody_to_mend_it(code: str) -> None:
    assert reason(code).call in ("maintainer", "administrator")


def test_every_check_and_every_outcome_has_its_rows() -> None:
    for check in get_args(CheckName):
        assert f"{check}_missing" in ALL
    for outcome in get_args(Outcome):
        assert reason(outcome).step in ("outcome", "way_out")


def test_a_guard_chooses_from_at_most_eight_reasons() -> None:
    assert OVERRIDES == (
        "known_resident", "medical", "manual_temperature_normal", "assisted",
        "system_fault", "official_order", "delivery", "other_told_supervisor",
    )  # fmt: skip
    assert len(OVERRIDES) <= 8


def test_an_unknown_code_is_named_in_the_error() -> None:
    with pytest.raises(UnknownReasonError, match="'no_such_code'"):
        reason("no_such_code")


def test_prompts_are_prompts() -> None:
    assert all(row.code.startswith("prompt_") for row in of_step("prompt"))
