"""What changes when one policy takes the place of another: who is treated otherwise, which zones, which settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from central.policy_cells import LEVELS, Group, Sense, Treatment, cells, grouped, treatment_at
from central.policy_settings import SettingChange, joined_columns, setting_changes
from central.policy_slots import slots_of
from central.policy_words import treatment_said, who_said
from checkpoint.explain_words import LEVELS as LEVEL_WORDS
from checkpoint.explain_words import Said, joined, plain, said
from checkpoint.policy_schema import Policy, ZoneLevel

# The ids of an area and of all above it, nearest first; without a tree an area stands alone.
Upwards = Callable[[str], tuple[str, ...]]
_MARKS: Final[dict[Sense, Said]] = {
    "stricter": Said("更严", "stricter"),
    "laxer": Said("更宽", "laxer"),
    "other": Said("不同", "other"),
}
_ALL_ZONES: Final = Said("各区", "all zones")
_OUT: Final = Said(
    "出口不拦人：出向的不通过只提示并上报，另有自由出口的通道除外。",
    "A way out holds nobody: what fails there warns and calls, save at a lane with another free exit.",
)


class Named(msgspec.Struct, frozen=True):
    """Which policy."""

    id: str
    version: int
    title_zh: str
    title_en: str


class Treated(msgspec.Struct, frozen=True):
    """One group of people who are treated otherwise. `now`: whether any zone has such a level at present."""

    who: Said
    sense: Sense
    now: bool
    old: Said
    new: Said
    levels: tuple[ZoneLevel, ...]
    classes: tuple[str | None, ...]
    directions: tuple[str, ...]
    attendance: tuple[str, ...]
    lane_kinds: tuple[str, ...]


class ZoneChange(msgspec.Struct, frozen=True):
    """A grid whose level is another. `grid` empty: every grid that the policy does not name."""

    grid: str
    old: ZoneLevel
    new: ZoneLevel


class Difference(msgspec.Struct, frozen=True):
    """Everything that changes. `rewritten`: the rules are other ones, and treat everybody alike."""

    old: Named
    new: Named
    people: tuple[Treated, ...]
    zones: tuple[ZoneChange, ...]
    settings: tuple[SettingChange, ...]
    rewritten: bool


class _Place(msgspec.Struct, frozen=True):
    """Zones that had one level and now have one."""

    old: ZoneLevel
    new: ZoneLevel
    grids: tuple[str, ...] = ()


def _alone(grid: str) -> tuple[str, ...]:
    return (grid,)


def difference(old: Policy, new: Policy, upwards: Upwards = _alone) -> Difference:
    """What changes if `new` takes the place of `old` everywhere. Pure."""
    zones = tuple(_zone_changes(old, new, upwards))
    used = _places(old, new, upwards)
    unused = tuple(_Place(level, level) for level in LEVELS if level not in {place.new for place in used})
    people = (*_treated(old, new, used, now=True), *_treated(old, new, unused, now=False))
    return Difference(
        _named(old), _named(new), people, zones, setting_changes(old, new), old.rules != new.rules and not people
    )


def as_json(found: Difference) -> dict[str, Any]:
    """For a program: codes beside the words."""
    made: dict[str, Any] = msgspec.to_builtins(found)
    return made


def _named(policy: Policy) -> Named:
    return Named(policy.id, policy.version, policy.title_zh, policy.title_en)


def _zone_changes(old: Policy, new: Policy, upwards: Upwards) -> Iterator[ZoneChange]:
    if old.zone_level != new.zone_level:
        yield ZoneChange("", old.zone_level, new.zone_level)
    for grid in sorted({*old.zones, *new.zones}):
        was, is_ = old.level_of(upwards(grid)), new.level_of(upwards(grid))
        if was != is_:
            yield ZoneChange(grid, was, is_)


def _places(old: Policy, new: Policy, upwards: Upwards) -> tuple[_Place, ...]:
    """The zones there are, told apart by their two levels; the mildest first."""
    found: dict[tuple[ZoneLevel, ZoneLevel], list[str]] = {(old.zone_level, new.zone_level): [""]}
    for grid in sorted({*old.zones, *new.zones}):
        found.setdefault((old.level_of(upwards(grid)), new.level_of(upwards(grid))), []).append(grid)
    places = [_Place(*levels, tuple(grids)) for levels, grids in found.items()]
    return tuple(sorted(places, key=lambda place: (LEVELS.index(place.new), LEVELS.index(place.old))))


def _treated(old: Policy, new: Policy, places: tuple[_Place, ...], *, now: bool) -> Iterator[Treated]:
    both = {
        cell: (treatment_at(old, cell.place.old, cell), treatment_at(new, cell.place.new, cell))
        for cell in cells(places, slots_of((old, new)))
    }
    for group, (was, is_) in grouped(both):
        if was != is_:
            is_everywhere = now and 1 < len(places) == len(group.place)
            where = _ALL_ZONES if is_everywhere else joined(tuple(_place_said(place) for place in group.place))
            yield _told(group, where, was, is_, now=now)


def _told(group: Group[_Place], where: Said, was: Treatment, is_: Treatment, *, now: bool) -> Treated:
    return Treated(
        who_said(group, where),
        is_.sense(was),
        now,
        treatment_said(was),
        treatment_said(is_),
        tuple(dict.fromkeys(place.new for place in group.place)),
        group.pass_class,
        group.direction,
        group.attendance,
        group.lane_kind,
    )


def _place_said(place: _Place) -> Said:
    level = said(LEVEL_WORDS, place.new)
    if place.old == place.new:
        return Said(f"{level.zh}区", f"{level.en} zones")
    was, names = said(LEVEL_WORDS, place.old), _grids_said(place.grids)
    return Said(f"由{was.zh}改为{level.zh}的区（{names.zh}）", f"zones from {was.en} to {level.en} ({names.en})")


def _grids_said(grids: Iterable[str]) -> Said:
    return joined(tuple(Said(grid, grid) if grid else Said("未列名的各网格", "every grid not named") for grid in grids))


def lines(found: Difference) -> list[str]:
    """Chinese first, then English, ready for a terminal."""
    made = [_head(found)]
    if not (found.people or found.zones or found.settings):
        made.append("两份策略一样。 Nothing is treated otherwise.")
    if found.zones:
        made += ["", "区域等级 Zones", *map(_zone_line, found.zones)]
    for now, title in (
        (True, "对人员和车辆 People and vehicles"),
        (False, "若有区定为此级 Where a zone gets this level"),
    ):
        if groups := [group for group in found.people if group.now is now]:
            made += ["", title]
            made += [line for number, group in enumerate(groups, 1) for line in _group_lines(number, group)]
    if found.rewritten:
        made += ["", "规则写法不同，对任何人都没有变化。 The rules are written otherwise and treat everybody alike."]
    if any("out" in group.directions for group in found.people):
        made += ["", _OUT.zh, _OUT.en]
    if found.settings:
        made += [
            "",
            "设置 Settings",
            *(line for change in joined_columns(found.settings) for line in _setting_lines(change)),
        ]
    return made


def _head(found: Difference) -> str:
    old, new = found.old, found.new
    return (
        f"{plain(old.title_zh)} {plain(old.title_en)}（{old.id} {old.version}）→"
        f" {plain(new.title_zh)} {plain(new.title_en)}（{new.id} {new.version}）"
    )


def _zone_line(change: ZoneChange) -> str:
    was, is_ = said(LEVEL_WORDS, change.old), said(LEVEL_WORDS, change.new)
    name = _grids_said((change.grid,))
    both = name.zh if name.zh == name.en else f"{name.zh} {name.en}"
    return f"  {both}：{was.zh} {was.en} → {is_.zh} {is_.en}"


def _group_lines(number: int, group: Treated) -> Iterator[str]:
    mark = _MARKS[group.sense]
    yield f"{number:3}. [{mark.zh}] {group.who.zh}"
    yield f"     原：{group.old.zh}"
    yield f"     现：{group.new.zh}"
    yield f"     [{mark.en}] {group.who.en}"
    yield f"     was: {group.old.en}"
    yield f"     is:  {group.new.en}"


def _setting_lines(change: SettingChange) -> Iterator[str]:
    yield f"  {change.name.zh}：{change.old.zh} → {change.new.zh}"
    yield f"  {change.name.en}: {change.old.en} → {change.new.en}    {change.key}"
