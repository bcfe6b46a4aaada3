"""The judge of the kill tests condemns what must be condemned: each invariant, broken once by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from checkpoint.records import (
    ZERO_HEAD,
    CheckResult,
    Egress,
    Header,
    Kind,
    OutcomeOf,
    PassFacts,
    Payload,
    Verdict,
    Where,
    encode_header,
    head_of,
)
from tools.chaos.judge import judge_side
from tools.chaos.kills import Kill
from tools.chaos.people import Person, Try
from tools.chaos.sides import Pulse, Side
from tools.demo.evidence import Kept
from tools.demo.sums import judge_summaries

START_MS = 1_700_000_000_000
WHERE = Where("garden", "in", "in", "person")
PASS_ID = b"pass---1"
FACTS = PassFacts(PASS_ID, b"subject1", "resident", None, b"kid4", 1)
CHECKED = (CheckResult("pass", "enforce", "ok", "", None, None),)
ALLOW = Verdict(
    1, WHERE, "allow", "all_ok", "resident", CHECKED, FACTS, (), "chaos", 1, "low", "guard", (), None, ""
)  # fmt: skip
PASSED = OutcomeOf(1, WHERE, "passed", "resident", "", 1, PASS_ID)
PASSAGE, DIGEST = b"p" * 16, b"d" * 32
PATH = "city/grid"
# What a resident leaves behind: the verdict, the opening a moment later, the outcome.
STORY: tuple[tuple[Kind, Payload], ...] = (("verdict", ALLOW), ("outcome", PASSED))
PULSE = Pulse(START_MS + 50, START_MS + 350)
RESIDENT = Person("gate-1", "resident", PASS_ID, [Try(START_MS - 500, "open", True, START_MS + 1500)])


def chain(*story: tuple[Kind, Payload]) -> list[Kept]:
    records: list[Kept] = []
    for number, (kind, payload) in enumerate(story, 1):
        prev, at_ms = records[-1].head if records else ZERO_HEAD, START_MS + 1000 * (number - 1)
        header = Header(
            1, "gate-1", b"epoch--1", number, kind, at_ms, b"b" * 16, at_ms, "trusted", PASSAGE, "grid", 1, prev, DIGEST
        )  # fmt: skip
        records.append(Kept(header, head_of(encode_header(header)), payload))
    return records


def side(**changes: Any) -> Side:
    records = chain(*STORY)
    good = Side("gate-1", PATH, records, list(records), [PULSE], [RESIDENT], [])
    return replace(good, **changes)


def failing(evidence: Side) -> list[str]:
    return [finding.name for finding in judge_side(evidence) if not finding.ok]


def test_a_run_in_which_all_is_well_passes() -> None:
    assert failing(side()) == []


def _allowed_without_a_check() -> Side:
    checks = (CheckResult("temperature", "enforce", "missing", "", None, None),)
    records = chain(("verdict", msgspec.structs.replace(ALLOW, checks=checks)), ("outcome", PASSED))
    return side(on_disk=records, stored=records)


def _a_gap() -> Side:
    records = chain(("verdict", ALLOW), ("note", ALLOW), ("outcome", PASSED))
    return side(on_disk=[records[0], records[2]], stored=[records[0], records[2]])


def _another_head() -> Side:
    records = chain(*STORY)
    return side(stored=[records[0], replace(records[1], head=b"x" * 32)])


def _no_outcome() -> Side:
    records = chain(("verdict", ALLOW))
    return side(on_disk=records, stored=records)


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        (lambda: side(stored=chain(*STORY)[:1]), ["I1"]),
        (lambda: side(stored=[*chain(*STORY), chain(*STORY)[1]]), ["I2", "I3"]),
        (_a_gap, ["I3", "I6"]),
        (lambda: side(stored=chain(*STORY)[::-1]), ["I3"]),
        (_allowed_without_a_check, ["I5"]),
        (lambda: side(pulses=[Pulse(PULSE.from_ms, None)]), ["I5"]),
        (lambda: side(pulses=[Pulse(PULSE.from_ms, PULSE.from_ms + 5000)]), ["I5"]),
        (_another_head, ["I6"]),
        (lambda: side(pulses=[PULSE, Pulse(START_MS + 900, START_MS + 1200)]), ["I7"]),
        (lambda: side(pulses=[Pulse(START_MS - 10, START_MS + 290)]), ["I7"]),
        (_no_outcome, ["I8"]),
        (lambda: side(people=[Person("gate-1", "resident", PASS_ID, [Try(START_MS, "", False, START_MS)])]), ["I8"]),
        (lambda: side(people=[Person("gate-1", "resident", b"another1", RESIDENT.tries)]), ["I8"]),
        (lambda: side(people=[Person("gate-1", "resident", PASS_ID, [slow()])]), ["I8"]),
    ],
)
def test_each_broken_invariant_is_named(broken: Callable[[], Side], names: list[str]) -> None:
    assert failing(broken()) == [f"{name} gate-1" for name in names]


def slow() -> Try:
    return Try(START_MS - 30_000, "open", True, START_MS + 1500)


def test_a_way_out_may_be_recorded_after_it_opened() -> None:
    records = chain(("egress", Egress(1, WHERE, "exit_button", 1)), ("outcome", PASSED))
    leaves = Person("gate-1", "leaves", b"", [Try(START_MS - 200, "open", True, START_MS + 900)])
    opened = Pulse(START_MS - 20, START_MS + 280)
    assert failing(side(on_disk=records, stored=records, pulses=[opened], people=[leaves])) == []
    assert failing(side(on_disk=[], stored=[], pulses=[opened], people=[leaves])) == ["I7 gate-1"]
    # Killed between the contact and the disk: only then, and only for a pressed button, is there nothing to find.
    kills = [Kill("gate-1", START_MS + 5, START_MS + 500)]
    assert failing(side(on_disk=[], stored=[], pulses=[opened], people=[leaves], kills=kills)) == []
    assert "I7 gate-1" in failing(side(on_disk=[], stored=[], pulses=[opened], kills=kills))


def test_an_abandoned_passage_is_right_only_if_the_gate_was_killed() -> None:
    abandoned = OutcomeOf(1, WHERE, "abandoned", "resident", "gate_restarted", 0, PASS_ID)
    records = chain(("verdict", ALLOW), ("outcome", abandoned))
    assert failing(side(on_disk=records, stored=records)) == ["I8 gate-1"]
    killed = side(on_disk=records, stored=records, kills=[Kill("gate-1", START_MS + 100, START_MS + 900)])
    assert failing(killed) == []


def said(**outcome: int) -> dict[str, Any]:
    today = {"start": "2023-11-14T16:00:00.000Z", "verdict": {"allow": 1}, "outcome": outcome}
    return {"today": today, "completeness": {"expected": 1}}


def test_sums_must_equal_a_recount_at_every_level() -> None:
    both = {"city": said(passed=1), "city/grid": said(passed=1)}
    assert all(finding.ok for finding in judge_summaries([side()], both))
    assert not all(finding.ok for finding in judge_summaries([side()], {**both, "city": said(passed=2)}))
    assert not all(finding.ok for finding in judge_summaries([side()], {"city": said(passed=1)}))
    # Of two outcomes of one passage the first counts.
    twice = chain(*STORY, ("outcome", OutcomeOf(1, WHERE, "abandoned", "resident", "", 0, PASS_ID)))
    assert all(finding.ok for finding in judge_summaries([side(on_disk=twice)], both))
