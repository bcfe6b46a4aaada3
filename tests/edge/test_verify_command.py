"""`verify`: one answer for every line, whatever is in it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.formats import gk1
from checkpoint.passes import Travel
from edge.verify_command import bounded_lines, verify_lines
from tests.checkpoint.pass_samples import DAY_S, KEY, KID, NOW_S, STRANGER, TRUST, claims

PASS = gk1.issue(claims(), KEY)


def answers(data: bytes, at_s: int = NOW_S) -> list[dict[str, Any]]:
    return list(verify_lines(bounded_lines(io.BytesIO(data)), TRUST, at_s))


def reasons(data: bytes) -> list[str]:
    return [answer["reason"] for answer in answers(data)]


def test_a_good_pass_is_valid_and_its_claims_can_be_read_by_people() -> None:
    rich = claims(household=b"\x01\x02\x03\x04", travel=Travel(18_000, (360_102,)), plate="赣A12345", party_size=3)
    (answer,) = answers(gk1.issue(rich, KEY).encode() + b"\n")
    assert json.loads(json.dumps(answer)) == {
        "valid": True,
        "format": "GK1",
        "reason": "pass_valid",
        "claims": {
            "pass_id": b"pass-id1".hex(),
            "subject": b"subject1".hex(),
            "class": "resident",
            "scope": ["site-a"],
            "not_before": NOW_S,
            "expires": NOW_S + DAY_S,
            "key_id": KID.hex(),
            "household": "01020304",
            "travel": {"attested_until_day": 18_000, "regions": [360_102]},
            "plate": "赣A12345",
            "party_size": 3,
        },
    }


def test_every_line_is_answered_in_its_order() -> None:
    lines = [PASS, "", "hello", gk1.issue(claims(), STRANGER), "GK1:x", "HC1:6BF", "A" * 8001, PASS]
    expected = [
        "pass_valid", "not_a_pass", "not_a_pass", "key_unknown", "pass_malformed", "format_not_enabled",
        "pass_too_long", "pass_valid",
    ]  # fmt: skip
    assert reasons("\n".join(lines).encode()) == expected
    assert reasons("\n".join(lines).encode() + b"\n") == expected


def test_only_the_line_feed_is_cut_off() -> None:
    assert reasons(PASS.encode() + b"\r\n") == ["pass_malformed"]
    assert reasons(PASS.encode() + b" \n") == ["pass_malformed"]


def test_a_forged_pass_shows_no_claims_and_an_expired_one_does() -> None:
    forged = PASS[:-1] + ("0" if PASS[-1] != "0" else "1")
    assert answers(forged.encode())[0]["claims"] is None
    (expired,) = answers(PASS.encode(), NOW_S + DAY_S)
    assert (expired["valid"], expired["reason"]) == (False, "pass_expired")
    assert expired["claims"]["expires"] == NOW_S + DAY_S


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (NOW_S, "pass_valid"),
        (NOW_S + DAY_S, "pass_expired"),
        ((NOW_S + DAY_S) * 1000, "pass_expired"),
        ("2020-02-10T00:00:00Z", "pass_valid"),
        ("2020-02-09T23:58:59Z", "pass_not_yet"),
        ("tomorrow", "pass_malformed"),
        (None, "pass_malformed"),
        (float("inf"), "pass_malformed"),
    ],
)
def test_a_json_line_brings_its_own_time(at: object, reason: str) -> None:
    assert reasons(json.dumps({"text": PASS, "at": at}).encode()) == [reason]


def test_a_json_line_without_a_time_is_judged_at_the_time_of_the_command() -> None:
    assert reasons(json.dumps({"text": PASS}).encode()) == ["pass_valid"]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"{}",
        b'{"text": 3}',
        b'{"text": "\\ud800"}',
        b'{"text": null, "at": 1}',
        b'{"a":' + b"[" * 40_000,
        b"{\xff",
    ],
)
def test_a_json_line_that_is_none_is_answered(line: bytes) -> None:
    (answer,) = answers(line)
    assert (answer["valid"], answer["reason"], answer["claims"]) == (False, "pass_malformed", None)


def test_a_line_without_end_is_one_answer_and_the_next_line_is_read() -> None:
    stream = io.BytesIO(b"A" * 5_000_000 + b"\n" + PASS.encode() + b"\n" + b"B" * 1_000_000)
    kept = list(bounded_lines(stream))
    assert max(map(len, kept)) < 50_000
    assert [item["reason"] for item in verify_lines(kept, TRUST, NOW_S)] == [
        "pass_too_long",
        "pass_valid",
        "pass_too_long",
    ]


@given(st.lists(st.binary(max_size=100).filter(lambda line: b"\n" not in line), min_size=1))
def test_there_are_as_many_answers_as_lines(lines: list[bytes]) -> None:
    found = answers(b"".join(line + b"\n" for line in lines))
    assert len(found) == len(lines)
    assert not any(answer["valid"] for answer in found)
