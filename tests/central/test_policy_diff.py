"""What `policy diff` says is what the rules do: every case that changes is named once, and nothing else is."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.policy_cells import CLASSES, LEVELS, cells, grouped, treatment_at
from central.policy_diff import Difference, as_json, difference, lines
from central.policy_labels import label_of
from central.policy_settings import setting_keys
from central.policy_slots import Slot, hours_said, slots_of
from checkpoint.explain_words import CONDITIONS
from checkpoint.policy_schema import Policy
from checkpoint.policy_time import LocalTime
from checkpoint.reasons import ALL
from tests.central.policy_texts import EVERYBODY, made, policies, rule

VISITORS = rule("visitors", 'class = ["visitor", "courier"]', 'direction = "in"', 'checks = ["pass", "temperature"]')
CURFEW = rule(
    "night", 'class = ["visitor", "courier"]', 'direction = "in"', 'from = "22:00"', 'until = "06:00"',
    'checks = ["pass"]', 'verdict = "deny"', 'reason = "curfew"',
)  # fmt: skip


def zh(found: Difference) -> list[str]:
    return [f"[{group.sense}] {group.who.zh}：{group.old.zh} → {group.new.zh}" for group in found.people if group.now]


def en(found: Difference) -> list[str]:
    return [f"{group.who.en}: {group.old.en} -> {group.new.en}" for group in found.people if group.now]


def test_one_more_check_of_visitors_is_one_line():
    found = difference(made(), made(VISITORS))
    assert zh(found) == ["[stricter] 低风险区，访客、快递，进：查通行码 → 查通行码、体温"]
    assert en(found) == ["low zones; visitor, courier; coming in: pass -> pass, temperature"]
    assert not found.settings
    assert not found.zones


def test_a_curfew_is_said_with_its_hours():
    assert zh(difference(made(), made(CURFEW))) == [
        "[stricter] 低风险区，访客、快递，进，每天 22:00–06:00：查通行码 → 禁止（此时段不可进入），查通行码"
    ]


def test_lifting_a_curfew_is_laxer():
    assert [group.sense for group in difference(made(CURFEW), made()).people] == ["laxer", "laxer"]


def test_a_zone_that_rises_is_told_by_what_it_means_for_people():
    rules = rule("measured", 'level = ["medium"]', 'checks = ["pass", "temperature"]')
    found = difference(made(rules), made(rules, last=EVERYBODY + '[zones]\nlakeview = "medium"\n'))
    assert [(zone.grid, zone.old, zone.new) for zone in found.zones] == [("lakeview", "low", "medium")]
    assert zh(found) == ["[stricter] 由低风险改为中风险的区（lakeview），所有人：查通行码 → 查通行码、体温"]
    assert "  lakeview：低风险 low → 中风险 medium" in lines(found)


def test_a_zone_keeps_the_level_of_the_area_around_it():
    around = made(last=EVERYBODY + '[zones]\ndonghu = "high"\n')
    named = made(last=EVERYBODY + '[zones]\ndonghu = "high"\n"donghu-7" = "high"\n')
    tree = {"donghu-7": ("donghu-7", "donghu"), "donghu": ("donghu",)}
    assert not difference(around, named, tree.__getitem__).zones
    assert difference(around, named).zones


def test_a_level_that_no_zone_has_is_told_apart():
    rules = rule("measured", 'level = ["high"]', 'checks = ["pass", "temperature"]')
    found = difference(made(), made(rules))
    assert not zh(found)
    assert [group.levels for group in found.people] == [("high",)]
    assert "若有区定为此级 Where a zone gets this level" in lines(found)


def test_rules_written_otherwise_are_no_change():
    visitors, couriers = (
        rule(name, f'class = ["{name}"]', 'direction = "in"', 'checks = ["pass", "temperature"]')
        for name in ("visitor", "courier")
    )
    found = difference(made(VISITORS), made(visitors, couriers))
    assert found.rewritten
    assert not found.people
    assert "规则写法不同，对任何人都没有变化。 The rules are written otherwise and treat everybody alike." in lines(
        found
    )


def test_who_is_refused_is_treated_more_strictly_however_little_is_asked():
    refused = rule("none", 'class = ["visitor"]', 'checks = ["pass"]', 'verdict = "deny"', 'reason = "zone_closed"')
    found = difference(made(VISITORS), made(refused, VISITORS))
    assert [group.sense for group in found.people if group.directions == ("in",)] == ["stricter", "stricter"]


def test_nobody_is_told_that_residents_or_crews_are_refused():
    found = difference(made(), made(level="closed"))
    assert [(group.classes, group.new.zh[:2]) for group in found.people] == [
        (("resident", "emergency"), "上报"),
        (("visitor", "vehicle", "worker", "courier", None), "禁止"),
    ]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("[temperature]\nhigh_c = 1.0\n", "  体温：高出基线即偏高：0.8 °C → 1 °C"),
        ("[timeouts]\npresentation_s = 40\n", "  等待：等待出示：20 秒 → 40 秒"),
        ("[pass]\nstatic = ['resident']\n", "  通行码：可用静态码的类别：所有类别 → 居民"),
        ("[quota]\nevery_days = 2\n", "  外出次数：每几天：未设 → 2 天"),
        ("[passback]\nmode = 'warn'\n", "  重复进入：检查方式：不查 → 提示"),
        ("[told]\nfever = ['health', 'head']\n", f"  {ALL['fever'].zh}时通知：疫情信息员 → 疫情信息员、网格长"),
        ("[local]\nmay = ['hours']\n", "  下级通知：可改：不允许 → 时段"),
        ("[fail.camera_down]\nnone = { residents = 'allow', for_s = 3600 }\n",
         f"  {CONDITIONS['camera_down'].zh}时：无人值守，居民放行时限：4 小时 → 1 小时"),
    ],
)  # fmt: skip
def test_a_setting_is_said_in_words(table, line):
    assert line in lines(difference(made(), made(last=EVERYBODY + table)))


def test_what_changes_in_all_columns_of_a_row_is_said_once():
    columns = "".join(f"{who} = {{ residents = 'allow', for_s = 86400 }}\n" for who in ("guard", "remote", "none"))
    told = lines(difference(made(), made(last=f"{EVERYBODY}[fail.lists_stale]\n{columns}")))
    assert [line for line in told if line.startswith("  名单过期")] == [
        "  名单过期时：无论何人值守，居民放行时限：14 天 → 1 天"
    ]


def test_where_residents_are_no_longer_let_in_nothing_is_said_of_how_long():
    table = "[fail.camera_down]\nnone = {{ residents = '{}'{} }}\n"
    old, new = table.format("allow", ", for_s = 3600"), table.format("escalate", "")
    changed = [change.key for change in difference(made(last=EVERYBODY + old), made(last=EVERYBODY + new)).settings]
    assert changed == ["fail.camera_down.none.residents"]
    back = [change.key for change in difference(made(last=EVERYBODY + new), made(last=EVERYBODY + old)).settings]
    assert back == ["fail.camera_down.none.residents", "fail.camera_down.none.for_s"]


def test_long_rules_of_certificates_are_told_by_their_digest():
    table = '[pass]\nformats = ["GK1", "HC1"]\n[pass.rules]\n'
    rules = table + """HC1 = '''[{{"Identifier": "{}", "Logic": {{"===": [1, 1]}}}}]'''\n"""
    old, new = (made(last=EVERYBODY + rules.format(name)) for name in ("A-1", "A-2"))
    [change] = difference(old, new).settings
    assert change.key == "pass.rules.HC1"
    assert change.old != change.new
    assert "digest" in change.new.en


def test_nothing_that_changes_is_said_to_be_nothing():
    told = lines(difference(made(), made(version=2)))
    assert told[-1] == "两份策略一样。 Nothing is treated otherwise."


def test_every_setting_has_a_name_that_people_know():
    policy = made(last=f"{EVERYBODY}[quota]\nevery_days = 2\n[local]\nmay = ['hours']\n[told]\nfever = 'head'\n")
    nameless = [key for key in setting_keys(policy) if not re.search(r"[\u4e00-\u9fff]", label_of(key).zh)]
    assert len(setting_keys(policy)) > 100
    assert not nameless


def test_no_text_of_a_policy_reaches_a_terminal_as_it_is():
    sneaky = made().__class__
    policy = made()
    old = sneaky(**{name: getattr(policy, name) for name in policy.__struct_fields__} | {"title_zh": "a\x1b[2Jb"})
    assert not any("\x1b" in line for line in lines(difference(old, policy)))


@settings(max_examples=20, deadline=None)
@given(policies(), policies())
def test_every_case_that_changes_is_named_once_and_no_other(old: Policy, new: Policy):
    found = difference(old, new)
    places = {(old.zone_level, new.zone_level)}
    places |= {(old.level_of((grid,)), new.level_of((grid,))) for grid in {*old.zones, *new.zones}}
    places |= {(level, level) for level in LEVELS if level not in {new_level for _, new_level in places}}
    changed = 0
    for cell in cells(tuple(places), slots_of((old, new))):
        was, is_ = (treatment_at(policy, level, cell) for policy, level in zip((old, new), cell.place, strict=True))
        changed += was != is_
    assert bool(changed) == bool(found.people)
    assert all(group.old != group.new for group in found.people)
    assert as_json(found)["people"] is not None


@settings(max_examples=20, deadline=None)
@given(policies(), st.data())
def test_groups_are_the_cells_again(policy: Policy, data: st.DataObject):
    found = {cell: treatment_at(policy, cell.place, cell) for cell in cells(LEVELS, slots_of((policy,)))}
    again = {}
    for group, treated in grouped(found):
        parts = (group.place, group.pass_class, group.direction, group.attendance, group.lane_kind, group.slot)
        for own in product(*parts):
            assert own not in again, "two groups have the same case"
            again[own] = treated
    assert len(again) == len(found)
    for cell, treated in found.items():
        own = (cell.place, cell.pass_class, cell.direction, cell.attendance, cell.lane_kind, cell.slot)
        assert again[own] == treated


@settings(max_examples=20, deadline=None)
@given(policies(), policies())
def test_what_is_stricter_one_way_is_laxer_the_other(old: Policy, new: Policy):
    opposite = {"stricter": "laxer", "laxer": "stricter", "other": "other"}
    for cell in cells(LEVELS, slots_of((old, new))):
        was, is_ = treatment_at(old, cell.place, cell), treatment_at(new, cell.place, cell)
        assert was.sense(is_) == opposite[is_.sense(was)]


@settings(max_examples=20, deadline=None)
@given(policies(), st.integers(0, 7 * 1440 - 1), st.sampled_from(CLASSES), st.sampled_from(LEVELS))
def test_a_slot_speaks_for_each_of_its_minutes(policy: Policy, minute: int, pass_class: str | None, level: str):
    slots = [slot for slot in slots_of((policy,)) if any(first <= minute < end for first, end in slot.spans)]
    assert len(slots) == 1
    local = LocalTime(*divmod(minute, 1440))
    for direction in ("in", "out"):
        facts = (level, pass_class, direction, "guard", "person")
        if slots[0].at is not None:
            assert policy.rule_for(*facts, local) == policy.rule_for(*facts, slots[0].at)


DAY = 1440


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([(0, 7 * DAY)], ""),
        ([(day * DAY + 360, day * DAY + 1320) for day in range(7)], "daily 06:00–22:00"),
        ([(0, 360), *((day * DAY + 1320, day * DAY + 1800) for day in range(6)), (6 * DAY + 1320, 7 * DAY)],
         "daily 22:00–06:00"),
        ([(day * DAY + 540, day * DAY + 1080) for day in range(5)], "Mon–Fri 09:00–18:00"),
        ([(5 * DAY, 7 * DAY)], "Sat/Sun"),
        ([(4 * DAY + 1320, 5 * DAY + 360)], "Fri 22:00–06:00"),
        ([(DAY + 600, 2 * DAY + 1200)], "Tue 10:00–24:00, Wed 00:00–20:00"),
    ],
)  # fmt: skip
def test_hours_are_said_as_people_say_them(spans, words):
    assert hours_said([Slot(None, tuple(sorted(spans)))]).en == words
