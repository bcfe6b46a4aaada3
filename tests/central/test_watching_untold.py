"""What subscribers are told of somebody on the watch list is what they are told where there is no list at all."""

from __future__ import annotations

import pytest

from central.cases import alarm_of
from checkpoint.records import Header, Verdict, Where
from checkpoint.verdict_watch import DISCREET
from checkpoint.watch import WATCH_ROLES

HEADER = Header(
    1, "gate-1", bytes(8), 1, "verdict", 1, bytes(16), 1, "trusted", bytes(16), "east", 1, bytes(32), bytes(32)
)  # fmt: skip


def escalated(call: str) -> Verdict:
    where = Where("site", "in", "in", "person")
    return Verdict(
        1, where, "escalate", DISCREET, "resident", (), None, (), "policy", 1, "medium", "guard", (), None, call
    )  # fmt: skip


@pytest.mark.parametrize("role", WATCH_ROLES)
def test_how_urgent_a_case_is_says_not_whom_a_list_calls(role: str) -> None:
    listed, unlisted = alarm_of(HEADER, escalated(role)), alarm_of(HEADER, escalated("administrator"))
    assert listed is not None
    assert unlisted is not None
    assert listed[:2] == unlisted[:2]
