"""The judge of the kill tests: one named line for each invariant of each gate, from evidence outside the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from checkpoint.records import Note, OutcomeOf, Verdict
from tools.chaos.people import Person, Try
from tools.chaos.sides import Pulse, Side
from tools.demo.evidence import Kept, broken_chain
from tools.demo.judge import Finding
from tools.demo.sums import judge_summaries

# From a committed verdict to the contact: the board's turn, the pause between two pulses, a loaded machine.
_SWITCH_MS: Final = 3000
# The relay's own timer, and the emulator's turn.
_LONGEST_PULSE_MS: Final = 1500
# From stepping in to an outcome, without a kill and with one.
_TRY_MS: Final = 12_000
_PERSON_MS: Final = 90_000


def judge(sides: list[Side], summaries: Mapping[str, dict[str, Any]]) -> list[Finding]:
    """Everything that must hold after everything was healed and drained."""
    return [*(finding for side in sides for finding in judge_side(side)), *judge_summaries(sides, summaries)]


def judge_side(side: Side) -> list[Finding]:
    """The invariants that one gate's evidence can show."""
    made = (
        ("I1", _lost(side), f"{len(side.on_disk)} records"),
        ("I2", _doubled(side), f"{len(side.stored)} stored"),
        ("I3", _disorder(side.stored), f"{len({kept.header.epoch for kept in side.stored})} epochs"),
        ("I5", [*_unearned(side), *_stuck_open(side)], "no allow without its checks, barrier closed by itself"),
        ("I6", [*_disorder(side.on_disk), *_differing(side)], "both chains verify and agree"),
        ("I7", _unexplained(side), f"{len(side.pulses)} openings on the wire{_excuses(side)}"),
        ("I8", _without_outcome(side), _told(side)),
    )
    return [
        Finding(f"{name} {side.gate}", not (wrong := list(found)), _some(wrong) or good) for name, found, good in made
    ]


def _lost(side: Side) -> Iterator[str]:
    stored = {kept.key for kept in side.stored}
    yield from (f"{_name(kept)} is not at the collector" for kept in side.on_disk if kept.key not in stored)


def _doubled(side: Side) -> Iterator[str]:
    """A record stored twice, or a passage with two verdicts or two outcomes."""
    for key, times in Counter(kept.key for kept in side.stored).items():
        if times > 1:
            yield f"{key[1].hex()}/{key[2]} is stored {times} times"
    figures = Counter((kept.header.passage, kept.header.kind) for kept in side.stored)
    for (passage, kind), times in figures.items():
        if passage and kind in ("verdict", "outcome") and times > 1:
            yield f"passage {passage.hex()} has {times} records of kind {kind}"


def _disorder(records: list[Kept]) -> list[str]:
    found = broken_chain(records)
    return [found] if found else []


def _differing(side: Side) -> Iterator[str]:
    heads = {kept.key: kept.head for kept in side.on_disk}
    yield from (f"{_name(kept)} differs" for kept in side.stored if heads.get(kept.key, kept.head) != kept.head)


def _unearned(side: Side) -> Iterator[str]:
    for kept in side.on_disk:
        verdict = kept.payload
        if isinstance(verdict, Verdict) and verdict.verdict == "allow":
            missing = [check.check for check in verdict.checks if check.mode == "enforce" and check.result != "ok"]
            if missing or not verdict.checks:
                yield f"{_name(kept)} allows without {', '.join(missing) or 'any check'}"


def _stuck_open(side: Side) -> Iterator[str]:
    for pulse in side.pulses:
        if pulse.to_ms is None or pulse.to_ms - pulse.from_ms > _LONGEST_PULSE_MS:
            yield f"open from {pulse.from_ms} to {pulse.to_ms}"


# --- I7 ------------------------------------------------------------------------------------------------------------


def _unexplained(side: Side) -> Iterator[str]:
    yield from (f"opening at {pulse.from_ms} without a record" for pulse in _unmatched(side) if not _cut(side, pulse))


def _unmatched(side: Side) -> list[Pulse]:
    """Openings that no record of their own stands for. A record explains one opening: the next after it."""
    before = [kept.header.at for kept in side.on_disk if _lets_in(kept)]
    ways_out = [kept.header.at for kept in side.on_disk if _frees(kept)]
    left = []
    for pulse in side.pulses:
        cause = max((at for at in before if 0 <= pulse.from_ms - at <= _SWITCH_MS), default=None)
        way_out = min((at for at in ways_out if 0 <= at - pulse.from_ms <= _SWITCH_MS), default=None)
        if cause is not None:
            before.remove(cause)
        elif way_out is not None:
            ways_out.remove(way_out)
        else:
            left.append(pulse)
    return left


def _lets_in(kept: Kept) -> bool:
    if kept.header.kind == "override":
        return getattr(kept.payload, "act", "") in ("admit", "open")
    if _reconstructed(kept) == "override" and isinstance(kept.payload, Note):
        return kept.payload.facts.get("act") in ("admit", "open")
    return isinstance(kept.payload, Verdict) and kept.payload.verdict == "allow"


def _frees(kept: Kept) -> bool:
    return kept.header.kind == "egress" or _reconstructed(kept) == "egress"


def _reconstructed(kept: Kept) -> str:
    """What was done while nothing could be recorded, written down afterwards with its own time; else empty."""
    return kept.payload.code if kept.header.kind == "reconstructed" and isinstance(kept.payload, Note) else ""


def _cut(side: Side, pulse: Pulse) -> bool:
    """A way out opens before it is recorded: one that is killed in between can leave none. Only a pressed button
    excuses that."""
    pressed = any(
        person.intent == "leaves" and any(one.began_ms <= pulse.from_ms <= one.ended_ms for one in person.tries)
        for person in side.people
    )
    return pressed and side.killed_between(pulse.from_ms, pulse.from_ms + _SWITCH_MS)


def _excuses(side: Side) -> str:
    cut = sum(_cut(side, pulse) for pulse in _unmatched(side))
    return f", {cut} way out cut off by a kill before its record" if cut else ""


# --- I8 ------------------------------------------------------------------------------------------------------------


def _without_outcome(side: Side) -> Iterator[str]:
    kept = _outcomes(side.on_disk)
    for passage, (verdict, outcomes) in kept.items():
        if len(outcomes) != 1:
            yield f"passage {passage.hex()} with verdict {verdict} has {len(outcomes)} outcomes"
    by_pass = _by_pass(side.on_disk)
    for person in side.people:
        yield from _person(side, person, by_pass[person.pass_id])


def _person(side: Side, person: Person, outcomes: list[OutcomeOf]) -> Iterator[str]:
    who = f"{person.intent} {person.pass_id.hex()}"
    if not person.done:
        yield f"{who} gave up after {[one.answer or 'nothing' for one in person.tries]}"
        return
    if person.tries[-1].ended_ms - person.tries[0].began_ms > _PERSON_MS:
        yield f"{who} took too long"
    for one in person.tries:
        yield from (f"{who}: {why}" for why in _try(side, one))
    if person.intent == "leaves":
        return
    excused = any(side.excused_between(one.began_ms, one.ended_ms) for one in person.tries)
    told: Counter[str] = Counter(outcome.outcome for outcome in outcomes)
    good = "turned_back" if person.intent == "expired" else "passed"
    if told != {good: 1} and not excused:
        yield f"{who} is recorded as {dict(told)}"
    # A board that is silent while somebody walks through has seen nobody.
    if excused and (told[good] > 1 or told[good] + told["abandoned"] + told["opened_unconfirmed"] == 0):
        yield f"{who}, whose gate was in trouble, is recorded as {dict(told)}"


def _try(side: Side, one: Try) -> Iterator[str]:
    if side.excused_between(one.began_ms, one.ended_ms):
        return
    if one.answer not in ("open", "deny"):
        yield f"was answered {one.answer or 'nothing'!r} at {one.began_ms}{_why(side, one)}"
    if one.ended_ms - one.began_ms > _TRY_MS:
        yield f"stood there for {one.ended_ms - one.began_ms} ms"


def _why(side: Side, one: Try) -> str:
    """What the gate itself recorded meanwhile."""
    verdicts = [
        kept.payload
        for kept in side.on_disk
        if isinstance(kept.payload, Verdict) and one.began_ms <= kept.header.at <= one.ended_ms
    ]
    checks = [
        f"{check.check} {check.result} {check.reason} {check.value}" for verdict in verdicts for check in verdict.checks
    ]
    return f" ({', '.join(checks)})" if checks else ""


def _outcomes(records: Iterable[Kept]) -> dict[bytes, tuple[str, list[str]]]:
    found: dict[bytes, tuple[str, list[str]]] = {}
    for kept in records:
        if kept.header.passage is None or kept.header.kind in ("note", "reconstructed"):
            continue
        verdict, outcomes = found.get(kept.header.passage, ("none", []))
        if isinstance(kept.payload, Verdict):
            verdict = kept.payload.verdict
        if isinstance(kept.payload, OutcomeOf):
            outcomes = [*outcomes, kept.payload.outcome]
        found[kept.header.passage] = (verdict, outcomes)
    return found


def _by_pass(records: Iterable[Kept]) -> defaultdict[bytes, list[OutcomeOf]]:
    found: defaultdict[bytes, list[OutcomeOf]] = defaultdict(list)
    for kept in records:
        if isinstance(kept.payload, OutcomeOf) and kept.payload.pass_id:
            found[kept.payload.pass_id].append(kept.payload)
    return found


def _told(side: Side) -> str:
    again = sum(len(person.tries) > 1 for person in side.people)
    longest_ms = max((p.tries[-1].ended_ms - p.tries[0].began_ms for p in side.people if p.tries), default=0)
    abandoned = sum(outcomes == ["abandoned"] for _, outcomes in _outcomes(side.on_disk).values())
    return (
        f"{len(side.people)} people, {again} had to try again, {abandoned} abandoned,"
        f" the slowest took {longest_ms / 1000:.1f} s"
    )


def _name(kept: Kept) -> str:
    return f"{kept.header.epoch.hex()}/{kept.header.number} ({kept.header.kind})"


def _some(wrong: list[str]) -> str:
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return "; ".join(wrong[:3]) + more
