"""Events for subscribers: complete by CloudEvents 1.0, the same id for a repeat, and nothing about the person."""

from __future__ import annotations

import json

import msgspec
import pytest

from checkpoint import records
from checkpoint.cloudevents import passage_event
from tests.golden import samples

HEADER = records.decode_header(samples.HEADERS[2])
OUTCOME = samples.PAYLOADS["outcome"]
VERDICT = samples.PAYLOADS["verdict"]
assert isinstance(OUTCOME, records.OutcomeOf)
assert isinstance(VERDICT, records.Verdict)


def event(
    verdict: records.Verdict | None = VERDICT, *, header: records.Header = HEADER, late: bool = False
) -> dict[str, object]:
    return passage_event(header, OUTCOME, verdict, grid_path="nanchang/donghu", source="/collector/1", late=late)


def test_an_event_is_what_the_contract_says() -> None:
    assert event() == {
        "specversion": "1.0",
        "id": "gate-7/a1b2c3d4e5f60718/3",
        "source": "/collector/1",
        "type": "guankou.passage.v1",
        "subject": "nanchang/donghu/sunrise-garden",
        "time": "2020-02-10T00:00:00.003Z",
        "datacontenttype": "application/json",
        "data": {
            "grid": "grid-0101",
            "site": "sunrise-garden",
            "lane": "in-1",
            "direction": "in",
            "lane_kind": "person",
            "pass_class": "resident",
            "outcome": "passed",
            "reason": "temperature_high",
            "late": False,
            "verdict": "escalate",
        },
    }


def test_nothing_in_an_event_can_be_tied_to_a_person() -> None:
    text = json.dumps(event())
    facts = VERDICT.pass_facts
    assert facts is not None
    for secret in (facts.pass_id, facts.subject, facts.household, facts.key_id):
        assert secret is not None
        assert secret.hex() not in text
        assert secret.decode() not in text
    for reading in ("36.9", "37.9", "21.5", "0.9"):
        assert reading not in text


def test_an_outcome_without_its_verdict_is_still_told() -> None:
    data = event(None)["data"]
    assert isinstance(data, dict)
    assert "verdict" not in data
    assert data["reason"] == ""


@pytest.mark.parametrize("at", [-1, 2**62])
def test_a_time_that_is_no_date_is_left_out(at: int) -> None:
    assert "time" not in event(header=msgspec.structs.replace(HEADER, at=at))


def test_an_untrusted_time_is_told_as_the_original_beside_the_corrected_one() -> None:
    header = msgspec.structs.replace(HEADER, clock="untrusted", at=1000)
    common = {"grid_path": "a/b", "source": "s", "late": False}
    undated = passage_event(header, OUTCOME, None, **common)  # type: ignore[arg-type]
    assert "time" not in undated
    assert (undated["clockstate"], undated["originaltime"]) == ("untrusted", "1970-01-01T00:00:01.000Z")
    corrected = passage_event(header, OUTCOME, None, corrected_ms=HEADER.at, **common)  # type: ignore[arg-type]
    assert corrected["time"] == "2020-02-10T00:00:00.003Z"
    assert (corrected["clockstate"], corrected["originaltime"]) == ("corrected", "1970-01-01T00:00:01.000Z")
    right = passage_event(header, OUTCOME, None, corrected_ms=1000, **common)  # type: ignore[arg-type]
    assert "originaltime" not in right
    assert right["time"] == "1970-01-01T00:00:01.000Z"
