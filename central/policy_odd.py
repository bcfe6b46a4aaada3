"""Finds what is odd in a policy that may be followed: each thing with its code, its place in the file and its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from central.policy_cells import CLASSES, LEVELS, Cell, cells, treatment_at
from central.policy_slots import slots_of
from central.policy_words import checks_said, class_said
from checkpoint.explain_words import LEVELS as LEVEL_WORDS
from checkpoint.explain_words import Said, joined, plain, reason_said, said
from checkpoint.local_order import LocalOrder
from checkpoint.passes import PassClass
from checkpoint.policy_lines import Path
from checkpoint.policy_schema import (
    CLOSED,
    HEALTH_CHECKS,
    CheckName,
    FailTable,
    Policy,
    Rule,
    TravelSettings,
    ZoneLevel,
)
from checkpoint.reasons import ALL

_DAY_S: Final = 86_400.0
# A health policy that runs for longer is looked at again before it goes on.
_LONG_DAYS: Final = 183
# What stands where nobody has yet said who answers for it.
_BLANKS: Final = frozenset({"-", "?", "todo", "tbd", "xxx", "example", "n/a", "待定", "无"})
# So many rules are named that leave nothing to another.
_SHOWN: Final = 3
# Whoever lives there, and whoever comes to save a life, is asked about instead.
_NEVER_REFUSED: Final[frozenset[PassClass | None]] = frozenset({"resident", "emergency"})
# Nobody looks into an ambulance; and without a readable pass nobody comes in anyway.
_NEVER_IN_VEHICLES: Final = frozenset({"emergency", None})
_CREWS: Final = ("emergency",)
_CHECK_STEPS: Final = frozenset(get_args(CheckName))

Found = Iterator[tuple[str, Path, Said]]
_Seen = dict[Cell[ZoneLevel], Rule]


def all_odd(policy: Policy, now_s: float, grids: frozenset[str] | None) -> Found:
    """Code, path and words of everything odd. `grids`: all there are; None if nobody knows."""
    seen = _rules_in_use(policy)
    yield from _of_header(policy, now_s)
    yield from _of_zones(policy, grids)
    yield from _of_names(policy.rules)
    yield from _unreached(policy, seen)
    yield from _open_to_all(policy, seen)
    yield from _of_crews(policy, seen)
    yield from _of_closed(policy, seen)
    yield from _of_home(policy, seen)
    yield from _of_occupants(policy, seen)
    yield from _of_levels(policy)
    yield from _of_tables(policy)
    yield from _without_limit(policy.fail)
    yield from _of_told(policy)


def order_odd(order: LocalOrder, now_s: float, grids: frozenset[str] | None) -> Found:
    """The same of a local order by itself; what it does to people hangs on the policy that it comes on top of."""
    yield from _of_header(order, now_s)
    yield from _of_zones(order, grids)
    yield from _of_names(order.rules)


def _rules_in_use(policy: Policy) -> _Seen:
    """Which rule is used, in every case that a policy can meet; built in ones too."""
    return {
        cell: policy.rule_for(
            cell.place, cell.pass_class, cell.direction, cell.attendance, cell.lane_kind, cell.slot.at
        )
        for cell in cells(LEVELS, slots_of((policy,)))
    }  # fmt: skip


def _of_header(policy: Policy | LocalOrder, now_s: float) -> Found:
    until = policy.valid_until
    if not policy.authority.strip() or policy.authority.strip().lower() in _BLANKS:
        yield (
            "authority_empty",
            ("authority",),
            Said("没有写明发布单位：受影响的人不知道该问谁", "nobody answers for it: people must know whom to ask"),
        )
    if until is None:
        return
    if until.timestamp() <= now_s:
        yield "over", ("valid_until",), Said("已过截止时间，不会生效", "its time is over: no gate will follow it")
    days = (until - policy.valid_from).total_seconds() / _DAY_S
    if days > _LONG_DAYS and any(_asks(rule) & HEALTH_CHECKS for rule in policy.rules):
        yield (
            "long",
            ("valid_until",),
            Said(
                f"健康检查持续 {days:.0f} 天：请定得更短，到期再续",
                f"checks of people's health for {days:.0f} days: end it earlier and renew it",
            ),
        )


def _of_zones(policy: Policy | LocalOrder, grids: frozenset[str] | None) -> Found:
    for grid in policy.zones:
        if grids is not None and grid not in grids:
            yield (
                "zone_unknown",
                ("zones", grid),
                Said(f"网格树里没有 {grid}：这一行不起作用", f"no grid {grid} in the tree: this line does nothing"),
            )


def _of_names(rules: tuple[Rule, ...]) -> Found:
    names = [rule.name for rule in rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (
                "name_twice",
                ("rule", index, "name"),
                Said(
                    f"规则名“{plain(name)}”用了两次：记录只写规则名",
                    f"two rules are called {name!r}, and records only tell the name",
                ),
            )


def _unreached(policy: Policy, seen: _Seen) -> Found:
    used = set(map(id, seen.values()))
    for index, rule in enumerate(policy.rules):
        if id(rule) in used:
            continue
        takers = dict.fromkeys(plain(seen[cell].name) for cell in seen if _is_for(rule, cell))
        names = list(takers)[:_SHOWN]
        yield (
            "unreached",
            ("rule", index),
            Said(
                f"规则“{plain(rule.name)}”永远用不到：前面的“{'”“'.join(names)}”已包括其全部情形，请调整顺序或删去",
                f"rule {rule.name!r} is never used: {_quoted(names)} before it takes all; move it up or take it out",
            ),
        )


def _is_for(rule: Rule, cell: Cell[ZoneLevel]) -> bool:
    is_met = rule.matches(cell.place, cell.pass_class, cell.direction, cell.attendance, cell.lane_kind)
    return is_met and (cell.slot.at is None or rule.holds_at(cell.slot.at))


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _open_to_all(policy: Policy, seen: _Seen) -> Found:
    """Rules by which anybody walks in."""
    for index, rule in enumerate(policy.rules):
        is_used = any(cell.direction == "in" and own is rule for cell, own in seen.items())
        if is_used and "pass" not in _asks(rule) and rule.verdict not in ("deny", "escalate"):
            yield (
                "open",
                ("rule", index),
                Said(
                    f"规则“{plain(rule.name)}”进入时不查通行码：任何人都能进",
                    f"rule {rule.name!r} asks for no pass on the way in: anybody comes in",
                ),
            )


def _of_crews(policy: Policy, seen: _Seen) -> Found:
    """Whoever comes to save a life must not be measured first."""
    found: dict[int, set[str]] = {}
    used = {policy.zone_level, *policy.zones.values()}
    for cell, rule in seen.items():
        is_meant = (cell.pass_class, cell.direction) == ("emergency", "in") and cell.place in used
        if is_meant and rule is not CLOSED:
            made = treatment_at(policy, cell.place, cell)
            more = {str(check) for check, mode in made.checks if mode == "enforce"} - {"pass"}
            if more or made.verdict in ("deny", "escalate"):
                found.setdefault(_index(policy, rule), set()).update(more)
    for index, more in found.items():
        names = checks_said(tuple(sorted(more)))
        zh, en = (names.zh, names.en.lower()) if more else ("规则本身", "the rule itself")
        yield (
            "crew_held",
            ("rule", index),
            Said(
                f"救护、消防、警车也会被拦下（{zh}）：请在前面为 emergency 另立规则",
                f"ambulances and fire engines are held ({en}): give class emergency a rule of its own before it",
            ),
        )


def _index(policy: Policy, rule: Rule) -> int:
    return next(index for index, own in enumerate(policy.rules) if own is rule)


def _of_closed(policy: Policy, seen: _Seen) -> Found:
    """Who is left without a rule where only named people come in."""
    path = _closed_by(policy)
    if path is None:
        return
    shut = {cell.pass_class for cell, rule in seen.items() if rule is CLOSED and cell.direction == "in"}
    for code, classes, zh, en in (
        (
            "closed_home",
            _NEVER_REFUSED,
            "封闭区没有这些类别的规则，每次都要等人处理",
            "no rule names these in closed zones: they wait for somebody to decide",
        ),
        (
            "closed_class",
            frozenset(CLASSES) - _NEVER_REFUSED - {None},
            "封闭区没有这些类别的规则，一律拒绝",
            "no rule names these in closed zones, and they are refused",
        ),
    ):
        if named := [one for one in CLASSES if one in shut & classes]:
            names = joined(tuple(map(class_said, named)))
            yield code, path, Said(f"{zh}：{names.zh}", f"{en}: {names.en}")


def _closed_by(policy: Policy) -> Path | None:
    """Where it says that a zone is closed, or may be; None if it never does. Crews may be let in anywhere."""
    if policy.zone_level == "closed":
        return ("zone_level",)
    if grid := next((grid for grid, level in policy.zones.items() if level == "closed"), None):
        return ("zones", grid)
    named = (at for at, rule in enumerate(policy.rules) if "closed" in (rule.level or ()) and rule.classes != _CREWS)
    return next((("rule", at, "level") for at in named), None)


def _of_home(policy: Policy, seen: _Seen) -> Found:
    """Rules by which whoever lives there waits at a gate where nobody is."""
    for index, rule in enumerate(policy.rules):
        waits = any(
            own is rule and (cell.pass_class, cell.direction, cell.attendance) == ("resident", "in", "none")
            for cell, own in seen.items()
        )
        if waits and rule.verdict == "escalate":
            yield (
                "home_waits",
                ("rule", index),
                Said(
                    f"规则“{plain(rule.name)}”在无人值守时也拦下回家的居民，要等人赶来处理",
                    f"by rule {rule.name!r} residents coming home wait for somebody, also where nobody is",
                ),
            )


def _of_occupants(policy: Policy, seen: _Seen) -> Found:
    """A vehicle in which not everybody is asked as soon as somebody on a pass of another class shows it first."""
    beside: dict[tuple[object, ...], list[Rule]] = {}
    for cell, rule in seen.items():
        is_met = (cell.lane_kind, cell.direction) == ("vehicle", "in") and cell.pass_class not in _NEVER_IN_VEHICLES
        if is_met and rule.verdict != "deny":
            beside.setdefault((cell.place, cell.attendance, cell.slot), []).append(rule)
    mixed: dict[int, Rule] = {}
    for rules in beside.values():
        if asking := next((rule for rule in rules if rule.occupants == "each"), None):
            mixed |= {_index(policy, rule): asking for rule in rules if rule.occupants == "driver"}
    for index, asking in mixed.items():
        lax = policy.rules[index]
        yield (
            "occupants_mixed",
            ("rule", index),
            Said(
                f"规则“{plain(asking.name)}”逐个查车内人员，“{plain(lax.name)}”只查司机：先出示哪种码，决定查不查乘客",
                f"rule {asking.name!r} asks everybody in a vehicle and {lax.name!r} only the driver: who shows a pass"
                " first decides whether passengers are looked at",
            ),
        )


def _of_levels(policy: Policy) -> Found:
    """A zone of more risk that asks for less."""
    whole = cells(LEVELS[:-1], slots_of((policy,)))
    found: dict[tuple[ZoneLevel, ZoneLevel], int] = {}
    for cell in whole:
        above = LEVELS[LEVELS.index(cell.place) + 1]
        if above != "closed" and cell.direction == "in":
            here, there = (treatment_at(policy, level, cell) for level in (cell.place, above))
            found[cell.place, above] = found.get((cell.place, above), 0) + (there.sense(here) == "laxer")
    for (low, high), count in found.items():
        if count:
            less, more = said(LEVEL_WORDS, low), said(LEVEL_WORDS, high)
            yield (
                "level_laxer",
                ("rule",),
                Said(
                    f"{more.zh}区有人比{less.zh}区查得少",
                    f"somebody is asked for less in {more.en} zones than in {less.en} ones",
                ),
            )


def _asks(rule: Rule) -> frozenset[str]:
    return frozenset(check for check in rule.checks if rule.mode_of(check) != "off")


def _of_tables(policy: Policy) -> Found:
    """Checks without the table that they go by, and tables that nobody goes by."""
    asked = frozenset[str]().union(*map(_asks, policy.rules))
    if "quota" in asked and policy.quota is None:
        yield (
            "quota_untold",
            ("rule",),
            Said(
                "要查外出次数，却没有 [quota] 表：每次都是“未能核对”",
                "quota is asked for without a table [quota]: nobody can answer",
            ),
        )
    if "quota" not in asked and policy.quota is not None:
        yield (
            "quota_unasked",
            ("quota",),
            Said("没有规则查外出次数：此表不起作用", "no rule asks for quota: this table does nothing"),
        )
    if "travel" not in asked and policy.travel != TravelSettings():
        yield (
            "travel_unasked",
            ("travel",),
            Said("没有规则查行程：此表不起作用", "no rule asks for travel: this table does nothing"),
        )
    if "temperature" in asked and policy.accept_weak_binding:
        yield (
            "weak_binding",
            ("accept_weak_binding",),
            Said(
                "无在场传感器的通道可能把别人的体温算给持码人",
                "in a lane without a presence sensor somebody else's temperature may count for who shows the pass",
            ),
        )


def _without_limit(table: FailTable) -> Found:
    for condition in FailTable.__struct_fields__:
        for attendance in ("guard", "remote"):
            column = getattr(getattr(table, condition), attendance)
            if column.residents == "allow" and column.for_s is None:
                yield (
                    "no_limit",
                    ("fail", condition, attendance),
                    Said(
                        "设备或名单失效期间一直放行居民：请用 for_s 限时",
                        "residents are let in for as long as it is broken: limit it with for_s",
                    ),
                )


def _of_told(policy: Policy) -> Found:
    """Whoever is named for something that this policy never looks at is never told."""
    asked = frozenset[str]().union(*map(_asks, policy.rules))
    for code in policy.told:
        step = ALL[code].step
        if step in _CHECK_STEPS and step not in asked:
            name = reason_said(code)
            yield (
                "told_never",
                ("told", code),
                Said(
                    f"没有规则查这一项，“{name.zh}”不会出现，无人会被通知",
                    f"no rule asks for {step}, so that {name.en!r} never comes up and nobody is told",
                ),
            )
        elif policy.told[code] == ALL[code].call:
            yield "told_anyway", ("told", code), Said("本来就通知此人", "they are told anyway")
