"""What a replay found, summed up: kinds of change and of what can't be told, each with records to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from checkpoint.policy_schema import Policy
from checkpoint.records import Verdict
from checkpoint.replaying import Told, Untold


class Change(msgspec.Struct, frozen=True):
    """Passages that would be decided otherwise in the same way. `now_reason` empty: it depends on the passage.

    `by_class` and `by_gate` count them; `examples` are records, as gate/epoch/number.
    """

    was: str
    was_reason: str
    now: str
    now_reason: str
    rule: str
    n: int
    by_class: dict[str, int]
    by_gate: dict[str, int]
    examples: list[str]


class Unknown(msgspec.Struct, frozen=True):
    """Records that do not say what the new policy would look at. `names`: what they would have to say."""

    names: tuple[str, ...]
    n: int
    by_class: dict[str, int]
    by_gate: dict[str, int]
    examples: list[str]


class Report(msgspec.Struct, frozen=True):
    """Of `records` that were decided again: `same`, `changed` and `untold`, which add up to it.

    `changes` are other verdicts, `reworded` the same verdict for another reason (its records are among `same`).
    `was` and `now` count verdicts of what could be told. `left_out`: records that were not decided again, by cause.
    """

    policy: str
    version: int
    since_ms: int
    until_ms: int
    records: int
    same: int
    changed: int
    untold: int
    was: dict[str, int]
    now: dict[str, int]
    changes: list[Change]
    reworded: list[Change]
    unknown: list[Unknown]
    left_out: dict[str, int]


@dataclass(slots=True)
class _Group:
    """Records of which the same is to be said."""

    n: int = 0
    by_class: Counter[str] = field(default_factory=Counter)
    by_gate: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, gate: str, place: str, pass_class: str, most: int) -> None:
        self.n += 1
        self.by_class[pass_class] += 1
        self.by_gate[gate] += 1
        if len(self.examples) < most:
            self.examples.append(place)


# Verdict and reason then, verdict, reason and rule now.
_Kind = tuple[str, str, str, str, str]


class Tally:
    """Counts record after record; `report` sums up."""

    def __init__(self, new: Policy, since_ms: int, until_ms: int, examples: int) -> None:
        self.new = new
        self._times_ms = since_ms, until_ms
        self._most = examples
        self._same = 0
        self._was: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._changes: dict[_Kind, _Group] = {}
        self._reworded: dict[_Kind, _Group] = {}
        self._unknown: dict[tuple[str, ...], _Group] = {}
        self._left_out: Counter[str] = Counter()

    def left_out(self, why: str) -> None:
        self._left_out[why] += 1

    def take(self, gate: str, place: str, verdict: Verdict, answer: Told | Untold) -> None:
        if isinstance(answer, Untold):
            self._unknown.setdefault(answer.names, _Group()).add(gate, place, verdict.pass_class, self._most)
            return
        self._was[verdict.verdict] += 1
        self._now[answer.verdict] += 1
        is_same = answer.verdict == verdict.verdict
        self._same += is_same
        if is_same and answer.reason in ("", verdict.reason):
            # Of several reasons that it may have, its own may be one.
            return
        kind = (verdict.verdict, verdict.reason, answer.verdict, answer.reason, answer.rule)
        groups = self._reworded if is_same else self._changes
        groups.setdefault(kind, _Group()).add(gate, place, verdict.pass_class, self._most)

    def report(self) -> Report:
        untold = sum(group.n for group in self._unknown.values())
        changed = sum(group.n for group in self._changes.values())
        return Report(
            self.new.id, self.new.version, *self._times_ms,
            records=self._same + changed + untold, same=self._same, changed=changed, untold=untold,
            was=_sorted(self._was), now=_sorted(self._now),
            changes=_changes(self._changes), reworded=_changes(self._reworded),
            unknown=[
                Unknown(names, group.n, _sorted(group.by_class), _sorted(group.by_gate), group.examples)
                for names, group in sorted(self._unknown.items(), key=lambda item: (-item[1].n, item[0]))
            ],
            left_out=_sorted(self._left_out),
        )  # fmt: skip


def _changes(groups: dict[_Kind, _Group]) -> list[Change]:
    """The commonest first."""
    return [
        Change(*kind, group.n, _sorted(group.by_class), _sorted(group.by_gate), group.examples)
        for kind, group in sorted(groups.items(), key=lambda item: (-item[1].n, item[0]))
    ]


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
