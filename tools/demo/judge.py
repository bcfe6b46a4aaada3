"""The judge of the demo: one named line for each thing that must agree, and whether it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from checkpoint.drill import is_drill
from checkpoint.records import Verdict
from tools.demo.evidence import Kept, Opened, Passage, broken_chain, passages
from tools.demo.people import Expected, Scene

# A record may be stamped a little after the scene that made it was over; scenes leave room for that.
_LATE_MS: Final = 600
_SWITCH_MS: Final = 3000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """Everything known of one gate."""

    gate: str
    grid_path: str
    on_disk: list[Kept]
    stored: list[Kept]
    openings: list[Opened]


def judge_scene(scene: Scene, evidence: GateEvidence) -> Finding:
    """Whether what was recorded between a scene's start and end is what the script says."""
    if scene.error:
        return Finding(scene.title, False, scene.error)
    found = [p for p in passages(evidence.on_disk) if scene.start_ms <= p.at_ms <= scene.end_ms + _LATE_MS]
    actual = "; ".join(_told(passage) for passage in found) or "nothing"
    if any(wanted.policy for wanted in scene.expected):
        actual += f", by {', '.join(_judged_by(passage) for passage in found)}"
    if len(found) != len(scene.expected):
        return Finding(scene.title, False, f"{len(found)} passages: {actual}")
    wrong = [
        why for passage, wanted in zip(found, scene.expected, strict=True) for why in _differences(passage, wanted)
    ]
    for later, earlier in scene.linked.items():
        verdict = found[later].verdict
        if verdict is None or verdict.retest_of != found[earlier].passage:
            wrong.append("the second passage does not name the first")
    opened = sum(scene.start_ms <= opening.at_ms <= scene.end_ms for opening in evidence.openings)
    wanted_openings = sum(wanted.openings for wanted in scene.expected)
    if opened != wanted_openings:
        wrong.append(f"relay opened {opened} times, expected {wanted_openings}")
    return Finding(scene.title, not wrong, "; ".join([actual, *wrong]) if wrong else actual)


def _told(passage: Passage) -> str:
    verdict, outcome = passage.verdict, passage.outcome
    first = f"{verdict.verdict} ({verdict.reason})" if verdict else "-"
    return f"{first} → {outcome.outcome if outcome else 'no outcome'}"


def _judged_by(passage: Passage) -> str:
    return f"{passage.verdict.policy}.{passage.verdict.policy_version}" if passage.verdict else "nobody"


def _differences(passage: Passage, wanted: Expected) -> Iterator[str]:
    verdict, outcome = passage.verdict, passage.outcome
    if (verdict.verdict if verdict else "") != wanted.verdict:
        yield f"expected verdict {wanted.verdict or 'none'}"
    if verdict and wanted.reasons and verdict.reason not in wanted.reasons:
        yield f"expected reason {' or '.join(wanted.reasons)}"
    if (outcome.outcome if outcome else "") != wanted.outcome:
        yield f"expected outcome {wanted.outcome}"
    if outcome and wanted.note and outcome.reason != wanted.note:
        yield f"expected note {wanted.note}, found {outcome.reason or 'none'}"
    missing = [tag for tag in wanted.tags if verdict is None or tag not in verdict.tags]
    if missing:
        yield f"expected tags {', '.join(missing)}, found {', '.join(verdict.tags) if verdict else 'none'}"
    if wanted.policy and _judged_by(passage) != wanted.policy:
        yield f"expected to be judged by {wanted.policy}, was by {_judged_by(passage)}"
    if {is_drill(one) for one in (verdict, outcome) if one} - {wanted.drill}:
        yield f"expected {'a' if wanted.drill else 'no'} drill's mark"


def judge_gate(evidence: GateEvidence) -> list[Finding]:
    """The invariants that one gate's evidence can show."""
    name, on_disk, stored = evidence.gate, evidence.on_disk, evidence.stored
    missing = {kept.key for kept in on_disk} - {kept.key for kept in stored}
    doubled = [key for key, times in Counter(kept.key for kept in stored).items() if times > 1]
    disorder = broken_chain(stored)
    heads = {kept.key: kept.head for kept in on_disk}
    differing = [kept.key for kept in stored if heads.get(kept.key, kept.head) != kept.head]
    unchecked = [p.passage.hex() for p in passages(on_disk) if p.verdict and not _allow_is_earned(p.verdict)]
    open_ended = [p.passage.hex() for p in passages(on_disk) if p.outcome is None]
    return [
        Finding(f"I1 {name}: every record on the gate's disk is stored", not missing, f"{len(on_disk)} records"),
        Finding(f"I2 {name}: nothing is stored twice", not doubled, f"{len(stored)} stored"),
        Finding(f"I3 {name}: stored in order, without gaps", not disorder, disorder),
        Finding(f"I5 {name}: no allow without its checks", not unchecked, ", ".join(unchecked)),
        Finding(f"I6 {name}: chains verify and agree", not (broken_chain(on_disk) or differing), broken_chain(on_disk)),
        _openings_have_records(evidence),
        Finding(f"I8 {name}: every passage has its outcome", not open_ended, ", ".join(open_ended)),
    ]


def _allow_is_earned(verdict: Verdict) -> bool:
    if verdict.verdict != "allow" or "unmeasured" in verdict.tags:
        return True
    # What the fail table lets go: not obtained, and said so.
    by_table = {"ok", "not_obtained"} if verdict.reason == "allowed_by_fail_table" else {"ok"}
    return all(check.result in by_table for check in verdict.checks if check.mode == "enforce")


def _openings_have_records(evidence: GateEvidence) -> Finding:
    """I7: each opening on the wire has exactly one verdict or override before it, or a way out's record after it."""
    before = [k for k in evidence.on_disk if _opens(k)]
    ways_out = [k for k in evidence.on_disk if k.header.kind == "egress"]
    unmatched = 0
    for opening in evidence.openings:
        cause = next((k for k in before if 0 <= opening.at_ms - k.header.at <= _SWITCH_MS), None)
        if cause is not None:
            before.remove(cause)
            continue
        exit_ = next((k for k in ways_out if 0 <= k.header.at - opening.at_ms <= _SWITCH_MS), None)
        if exit_ is not None:
            ways_out.remove(exit_)
        else:
            unmatched += 1
    detail = f"{len(evidence.openings)} openings on the wire, {unmatched} without a record"
    return Finding(f"I7 {evidence.gate}: every opening has its record", unmatched == 0, detail)


def _opens(kept: Kept) -> bool:
    payload = kept.payload
    if kept.header.kind == "override":
        return getattr(payload, "act", "") in ("admit", "open")
    # A drill's verdict opens nothing: the demo holds none with the barrier.
    return isinstance(payload, Verdict) and payload.verdict == "allow" and not payload.drill
