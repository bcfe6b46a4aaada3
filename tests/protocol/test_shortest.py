"""Each rule between gate and collector is needed: the shortest schedule found that breaks without it, and not with it.

`python -m tools.faults.search MINUTES --without RULE` finds such schedules.
"""

from __future__ import annotations

import pytest

from tools.faults.protocol.schedules import play
from tools.faults.protocol.world import Step
from tools.faults.removed_rules import REMOVED
from tools.faults.search import removed

# Two records, the second a fault with its copy, and what clears it, sent together; copies are carried one by one.
_ALARM_AND_CLEARED: list[Step] = [("write", 0, 4), ("write", 0, 5), ("turn", 0, 0)]
_BEYOND: list[Step] = [("beyond", 0, 0)]

SHORTEST: dict[str, list[Step]] = {
    # At the gate: writing
    "a new epoch at every opening": [
        ("keep_disk", 0, 0), ("write", 0, 7), ("exchange", 0, 0), ("roll_back", 0, 0), ("write", 0, 7),
    ],
    "numbers begin at 1 in each epoch": [("crash", 0, 0)],
    "number 1 names the head of the epoch before": [("crash", 0, 0)],
    "after a commit error the tail is read": [("commit_error", 0, 3)],
    # At the gate: what counts as an answer
    "an answer is signed by the collector": [("exchange", 0, 0), ("forge_answer", 0, 0)],
    "an answer echoes a question of this process": [("turn", 1, 0), ("restart", 1, 0)],
    "no later question has been answered": [("turn", 0, 3), ("turn", 0, 3), ("restore", 0, 0)],
    "an answer's head is the gate's own": [("diverge", 0, 20)],
    "an answer is not above the last number": [("exchange", 0, 0), ("forge_answer", 0, 3)],
    "an answer sets the watermark lower too": [("exchange", 0, 0), ("restore", 0, 0)],
    "an answer below the floor needs no head": _BEYOND,
    "below the floor a hello comes first": [("many", 0, 0), ("twin", 0, 0), ("beyond", 0, 0)],
    "a conflict sets its epoch aside": [("decay", 0, 0)],
    "a record that decayed is never sent": [("decay", 0, 0)],
    # At the gate: asking
    "an unanswered question is asked again": [("turn", 0, 0), ("lose", 0, 1)],
    "older epochs are sent first": [("restart", 0, 0)],
    "a hello has pages for older epochs": [("restarts", 0, 0), ("exchange", 0, 0), ("restore", 0, 0)],
    # At the gate: purging
    "a lower answer that does not count stops purging": [
        ("many", 0, 7), ("exchange", 0, 0), ("days", 0, 0), ("exchange", 0, 0), ("old_answer", 0, 0), ("purge", 0, 0),
    ],
    "an answer below the floor stops purging": [
        ("write", 0, 7), ("write", 0, 0), ("exchange", 0, 0), ("days", 0, 0), ("exchange", 0, 0), ("purge", 0, 0),
        ("settle", 0, 0), ("restore", 0, 0), ("turn", 0, 0), ("carry_all", 0, 1), ("hear_all", 0, 1), ("purge", 0, 0),
    ],
    "a lower answer shortens what may be purged": [
        ("exchange", 0, 0), ("days", 0, 0), ("exchange", 0, 0), ("crossed", 0, 0), ("purge", 0, 0),
    ],
    "purging needs a question asked after the age": [("exchange", 0, 0), ("days", 0, 0), ("purge", 0, 0)],
    "purging needs an answer that covers it": [("days", 0, 0), ("purge", 0, 0)],
    "purging needs a trusted clock": [("exchange", 0, 0), ("clock_step", 0, 4), ("exchange", 0, 0), ("purge", 0, 0)],
    "a record is old only by a trusted clock": [
        ("days", 0, 0), ("clock_step", 0, 3), ("write", 0, 7), ("clock_found", 0, 0), ("exchange", 0, 0),
        ("purge", 0, 0),
    ],
    "what is set aside is never purged": [
        ("exchange", 0, 0), ("days", 0, 0), ("exchange", 0, 0), ("write", 0, 7), ("decay", 0, 0), ("turn", 0, 3),
        ("purge", 0, 0),
    ],
    "passages that are open are not purged": [
        ("write", 0, 0), ("exchange", 0, 0), ("days", 0, 0), ("exchange", 0, 0), ("purge", 0, 0),
    ],
    # At the collector: what is taken at all
    "a batch is signed by its gate": [("exchange", 0, 0), ("tamper", 0, 4)],
    "a payload matches its digest": [("turn", 0, 0), ("tamper", 0, 0)],
    "the chain of a batch holds": [("many", 0, 4), ("turn", 0, 0), ("tamper", 0, 3)],
    "topic, batch and key name one gate": [("turn", 0, 0), ("tamper", 0, 2)],
    "a newer payload version is stored": [("write", 0, 6)],
    "what can't be read is exempt from retention": [
        ("write", 0, 6), ("exchange", 0, 0), ("days", 0, 0), ("forget", 0, 0),
    ],
    "what was read late is counted": [("write", 0, 6), ("exchange", 0, 0), ("learn", 0, 0)],
    # At the collector: one transaction, one gate at a time
    "records and counts are one transaction": [("turn", 0, 0), ("collector_fails", 1, 0)],
    "one worker takes a gate's messages at a time": [("turn", 0, 0), ("two_workers", 1, 1)],
    # At the collector: where records stand
    "a repeat has the same head": [("diverge", 0, 7)],
    "a batch that starts too early is not stored": [("many", 0, 9), ("turn", 0, 0), ("carry", 4, 1)],
    "what follows names the head before it": [
        ("twin", 0, 0), *[("write", 0, 7)] * 3, *[("write", 2, 7)] * 4, ("turn", 0, 0), ("carry_all", 0, 1),
        ("turn", 2, 0), ("carry", 2, 1),
    ],
    "an unknown parent is never refused": [("decay", 0, 0), ("restart", 0, 0)],
    "a repeat never restores a purged payload": [
        ("exchange", 0, 0), ("days", 0, 0), ("forget", 0, 0), ("old_message", 1, 0),
    ],
    # At the collector: answers and gaps
    "an answer names no more than the question": [("many", 0, 9), ("exchange", 0, 0), ("old_message", 3, 0)],
    "what lies below a gate's floor is noted as a gap": _BEYOND,
    "the collector goes on from the floor": _BEYOND,
    "a gap is not stored for a lower floor": [
        ("twin", 0, 0), ("exchange", 2, 0), ("tidy", 0, 0), ("restore", 0, 0), ("turn", 0, 3), ("carry_all", 0, 1),
    ],
    "a gap is filled from its beginning": [
        ("tidy", 0, 0), ("write", 0, 7), ("twin", 0, 0), ("exchange", 2, 0), ("tidy", 0, 0), ("restore", 0, 0),
    ],
    "a gap is filled from its end": [
        ("tidy", 0, 0), ("write", 0, 7), ("twin", 0, 0), ("tidy", 0, 0), ("turn", 0, 3), ("lose", 0, 1),
        ("restore", 0, 0), ("turn", 2, 0), ("carry", 1, 1),
    ],
    "a gap that is filled shrinks": [
        ("twin", 0, 0), ("exchange", 2, 0), ("tidy", 0, 0), ("restore", 0, 0), ("exchange", 0, 0),
    ],
    # At the collector: what is told
    "a fork within one epoch is told": [("diverge", 0, 7)],
    "a fork between epochs is told, the epoch before the record": [
        ("clone", 0, 0), ("exchange", 2, 2), ("write", 0, 7),
    ],
    "a fork between epochs is told, the record before the epoch": [("clone", 0, 0), ("restart", 0, 0)],
    "a rollback is told": [("keep_disk", 0, 0), ("write", 0, 7), ("exchange", 0, 0), ("roll_back", 0, 0)],
    "a gap is told": _BEYOND,
    "a copy without a record is an orphan": [("alarm_lost", 0, 0)],
    "the second of copy and record changes nothing": [
        *_ALARM_AND_CLEARED, ("carry", 0, 0), ("carry", 1, 1), ("carry", 0, 1), ("lose", 0, 1), ("power_cut", 0, 7),
    ],
    "a copy opens its case": [("alarm_lost", 0, 0)],
    "a copy is never counted": [
        ("write", 0, 48), ("turn", 0, 0), ("carry", 0, 1), ("lose", 0, 1), ("new_card", 0, 0),
    ],
    "a cleared before its alarm closes it": [
        *_ALARM_AND_CLEARED, ("carry", 1, 1), ("carry", 0, 1), ("lose", 0, 1), ("power_cut", 0, 7),
    ],
    # At the collector: counts
    "the smallest of a passage's records counts": [("write", 0, 24), ("clock_step", 0, 2), ("write", 0, 0)],
    "a passage counts once": [("write", 0, 0), ("exchange", 0, 0), ("write", 0, 0)],
    "sums are corrected when a smaller record comes": [
        ("write", 0, 24), ("exchange", 0, 0), ("clock_step", 0, 2), ("write", 0, 0),
    ],
}  # fmt: skip


def test_every_rule_that_can_be_taken_out_has_its_schedule() -> None:
    assert set(SHORTEST) == set(REMOVED)


@pytest.mark.parametrize("rule", SHORTEST)
def test_without_the_rule_its_schedule_breaks(rule: str) -> None:
    steps = SHORTEST[rule]
    assert play(steps).broken == ""
    with removed(rule):
        assert play(steps).broken
