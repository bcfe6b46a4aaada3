"""The alarm about the collector's own disk: when it begins and ends, and what people and subscribers get of it."""

from __future__ import annotations

import json

from central.store_health import StoreHealth, StoreTrouble, store_message, store_topics
from central.views import case_name

BATCH, HELLO = "guankou/1/gate/gate-1/records", "guankou/1/gate/gate-1/state"
FULL = OSError("database or disk is full")


class Hands:
    """A clock that a test moves."""

    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def test_all_is_well_until_something_fails_and_again_once_that_has_worked() -> None:
    hands = Hands()
    health = StoreHealth(hands)
    health.worked(BATCH)
    assert health.trouble is None
    health.failed(BATCH, FULL)
    hands.now_ms += 5000
    health.failed(BATCH, OSError("something else"))
    assert health.trouble == StoreTrouble(1_000_000, "database or disk is full")
    health.worked(BATCH)
    assert health.trouble is None


def test_a_small_message_that_finds_room_is_not_the_end_of_a_full_disk() -> None:
    health = StoreHealth(Hands())
    health.failed(HELLO, FULL)
    health.failed(BATCH, FULL)
    health.worked(HELLO)
    assert health.trouble is not None
    health.worked(BATCH)
    assert health.trouble is None


def test_a_gate_that_never_came_again_does_not_keep_the_alarm_up() -> None:
    hands = Hands()
    health = StoreHealth(hands)
    health.failed(BATCH, FULL)
    # A gate's longest pause between two questions.
    hands.now_ms += 5 * 60_000
    assert health.trouble is not None
    hands.now_ms += 5 * 60_000
    assert health.trouble is None


def test_subscribers_get_it_once_for_each_root_and_an_empty_message_at_its_end() -> None:
    topics = store_topics(["nanchang/donghu/yangming", "nanchang", "wuhan/hongshan"])
    assert topics == {
        "guankou/1/escalation/nanchang/collector-store": "nanchang",
        "guankou/1/escalation/wuhan/collector-store": "wuhan",
    }
    body = json.loads(store_message("wuhan", StoreTrouble(0, "database or disk is full")))
    assert (body["name"], body["gate"], body["path"], body["priority"]) == ("store_failing", "", "wuhan", 2)
    assert (body["detail"], body["opened"]) == ("database or disk is full", "1970-01-01T00:00:00.000Z")
    assert store_message("wuhan", None) == b""
    assert case_name("store_failing")[0] != "store_failing"
