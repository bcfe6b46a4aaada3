"""Everything that can stand before a gate under a policy, and the fewest groups that say how it is treated."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, Generic, Literal, TypeVar, get_args

from central.policy_slots import ALWAYS, Slot
from checkpoint.passes import PassClass
from checkpoint.policy_schema import Attendance, CheckName, Mode, Policy, ZoneLevel
from checkpoint.records import Direction, LaneKind

LEVELS: Final[tuple[ZoneLevel, ...]] = get_args(ZoneLevel)
# None: somebody without a pass that could be read.
CLASSES: Final[tuple[PassClass | None, ...]] = (*get_args(PassClass), None)
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
ATTENDANCES: Final[tuple[Attendance, ...]] = get_args(Attendance)
LANE_KINDS: Final[tuple[LaneKind, ...]] = get_args(LaneKind)
_RANK: Final[dict[str, int]] = {"off": 0, "record": 1, "warn": 2, "enforce": 3}
# By the hour or the zone: a person decides (checkpoint.verdict_case).
_NEVER_REFUSED: Final = frozenset({"resident", "emergency"})
_REFUSAL: Final = {"": 0, "warn": 1, "escalate": 2, "deny": 3}
Sense = Literal["stricter", "laxer", "other"]

_Of = TypeVar("_Of", bound=Hashable)
_Place = TypeVar("_Place", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cell(Generic[_Place]):
    """Who comes, where and when. `place`: whatever the caller tells zones apart by."""

    place: _Place
    pass_class: PassClass | None
    direction: Direction
    attendance: Attendance
    lane_kind: LaneKind
    slot: Slot


# In this order groups are joined: what nobody need be told apart by goes first.
_PARTS: Final = ("lane_kind", "attendance", "slot", "direction", "place", "pass_class")


@dataclass(frozen=True, slots=True)
class Group(Generic[_Place]):
    """A product of parts: every combination of them is in it. Parts stand in the order of the whole."""

    place: tuple[_Place, ...]
    pass_class: tuple[PassClass | None, ...]
    direction: tuple[Direction, ...]
    attendance: tuple[Attendance, ...]
    lane_kind: tuple[LaneKind, ...]
    slot: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a rule asks, as far as somebody at the gate notices. `checks`: those that are asked, in order, with modes.

    `party`: of whom; empty where nobody is measured. `verdict`: what the rule itself says, empty if the checks decide.
    """

    checks: tuple[tuple[CheckName, Mode], ...]
    party: str = ""
    verdict: str = ""
    reason: str = ""
    each_occupant: bool = False

    def sense(self, then: Treatment) -> Sense:
        """`stricter` or `laxer` than `then` in everything that differs, else `other`."""
        pairs = list(zip(self._ranks(then), then._ranks(self), strict=True))
        if all(own == was for own, was in pairs):
            return "other"
        if all(own >= was for own, was in pairs):
            return "stricter"
        return "laxer" if all(own <= was for own, was in pairs) else "other"

    def _ranks(self, beside: Treatment) -> list[int]:
        if self.verdict != beside.verdict and "deny" in (self.verdict, beside.verdict):
            # Whoever is refused anyhow is asked for less: that is no relief.
            return [_REFUSAL[self.verdict]]
        own = dict(self.checks)
        names = sorted({name for one in (self, beside) for name, _ in one.checks})
        ranks = [_RANK[own.get(name, "off")] for name in names]
        return [*ranks, _REFUSAL[self.verdict], int(self.party == "each"), int(self.each_occupant)]


def treatment_at(policy: Policy, level: ZoneLevel, cell: Cell[_Place]) -> Treatment:
    """What this policy asks in a zone of this level of whoever the cell stands for."""
    rule = policy.rule_for(level, cell.pass_class, cell.direction, cell.attendance, cell.lane_kind, cell.slot.at)
    verdict = rule.verdict or ""
    if verdict == "deny" and cell.pass_class in _NEVER_REFUSED:
        verdict = "escalate"
    checks = tuple(
        (check, mode)
        for check in rule.checks
        if (mode := rule.mode_of(check)) != "off" and (verdict != "deny" or check == "pass")
    )
    party = rule.party if any(check == "temperature" for check, _ in checks) else ""
    everybody = bool(checks) and cell.lane_kind == "vehicle" and rule.occupants == "each"
    return Treatment(checks, party, verdict, rule.reason or "", everybody)


def cells(places: Iterable[_Place], slots: Iterable[Slot] = (ALWAYS,)) -> Iterator[Cell[_Place]]:
    """Every combination."""
    for parts in product(places, CLASSES, DIRECTIONS, ATTENDANCES, LANE_KINDS, slots):
        yield Cell(*parts)


_Box = tuple[frozenset[Hashable], ...]


def grouped(found: Mapping[Cell[_Place], _Of]) -> list[tuple[Group[_Place], _Of]]:
    """The cells joined into products of parts, for each value apart; in the order in which the cells came."""
    whole = {part: tuple(dict.fromkeys(getattr(cell, part) for cell in found)) for part in _PARTS}
    order = {cell: at for at, cell in enumerate(found)}
    by_value: dict[_Of, list[_Box]] = {}
    for cell, value in found.items():
        by_value.setdefault(value, []).append(tuple(frozenset({getattr(cell, part)}) for part in _PARTS))
    made = []
    for value, boxes in by_value.items():
        for at in range(len(_PARTS)):
            boxes = _joined(boxes, at)
        for box in boxes:
            parts = {
                part: tuple(one for one in whole[part] if one in own) for part, own in zip(_PARTS, box, strict=True)
            }
            first = Cell(**{part: ones[0] for part, ones in parts.items()})
            made.append((order[first], Group(**parts), value))
    return [(group, value) for _, group, value in sorted(made, key=lambda item: item[0])]


def _joined(boxes: Iterable[_Box], at: int) -> list[_Box]:
    """Boxes that differ in the part `at` alone, made one."""
    alike: dict[_Box, frozenset[Hashable]] = {}
    for box in boxes:
        rest = (*box[:at], *box[at + 1 :])
        alike[rest] = alike.get(rest, frozenset()) | box[at]
    return [(*rest[:at], own, *rest[at:]) for rest, own in alike.items()]
