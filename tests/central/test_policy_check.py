"""What `policy check` finds odd, with the line that it is about; and that it finds nothing odd in an honest policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from central.policy_check import as_json, check_policy, lines
from central.policy_odd import all_odd
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import Policy
from tests.central.policy_texts import EVERYBODY, NOW_S, ORDER, policies, rule, text

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "firmware_config" / "policies").glob("*.toml"))
CREW = rule("crews", 'class = ["emergency"]', 'checks = ["pass"]')
MEASURED = rule("visitors", 'class = ["visitor"]', 'checks = ["pass", "temperature"]')


def found(source: str, now_s: float = NOW_S, grids: tuple[str, ...] | None = None) -> dict[str, tuple[int | None, str]]:
    """Code -> line and key."""
    return {one.code: (one.line, one.key) for one in check_policy(source.encode(), now_s, grids).odd}


def line_of(source: str, words: str) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if words in line)


def test_an_honest_policy_has_nothing_odd():
    source = text(CREW, MEASURED)
    assert not found(source)
    assert lines(check_policy(source.encode(), NOW_S), "a.toml") == [
        "a.toml：sample 1，3 条规则 rules，未见异常 nothing odd"
    ]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_policy_that_ships_can_be_looked_over(file):
    checked = check_policy(file.read_bytes(), NOW_S)
    assert not {one.code for one in checked.odd} & {"unreached", "name_twice", "crew_held", "closed_home", "no_limit"}


def test_a_rule_that_is_never_used_is_named_with_what_takes_its_people():
    source = text(MEASURED, rule("again", 'class = ["visitor"]', 'direction = "in"', 'checks = ["pass", "mask"]'))
    assert found(source)["unreached"] == (line_of(source, '"again"') - 1, "rule[2]")
    [odd] = check_policy(source.encode(), NOW_S).odd
    assert "'visitors'" in odd.said.en
    assert "“visitors”" in odd.said.zh


def test_two_rules_together_can_leave_nothing_to_a_third():
    by_way = [rule(way, f'direction = "{way}"', 'checks = ["pass"]') for way in ("in", "out")]
    source = text(*by_way, rule("third", 'class = ["worker"]', 'checks = ["pass"]'))
    assert "unreached" in found(source)


def test_a_rule_for_the_hours_that_another_leaves_is_used():
    day = rule("day", 'from = "06:00"', 'until = "22:00"', 'checks = ["pass"]')
    night = rule("night", 'from = "22:00"', 'until = "06:00"', 'checks = ["pass", "temperature"]')
    assert found(text(CREW, day, night)) == {"unreached": (found(text(CREW, day, night))["unreached"][0], "rule[4]")}


def test_a_curfew_hidden_behind_another_rule_is_found():
    curfew = rule("night", 'class = ["visitor"]', 'from = "22:00"', 'until = "06:00"', 'checks = ["pass"]',
                  'verdict = "deny"', 'reason = "curfew"')  # fmt: skip
    assert "unreached" in found(text(MEASURED, curfew))
    assert "unreached" not in found(text(curfew, MEASURED))


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        (text(CREW).replace("居委会 committee", " 待定 "), "authority_empty", "authority"),
        (text(CREW, MEASURED).replace("2026-12-01", "2027-12-01"), "long", "valid_until"),
        (text(CREW, rule("crews", 'class = ["worker"]', 'checks = ["pass"]')), "name_twice", None),
        (text(rule("children", 'class = ["visitor"]', 'checks = ["temperature"]')), "open", "[[rule]]"),
        (text(rule("all in", 'direction = "in"', 'checks = ["pass", "mask"]')), "crew_held", "[[rule]]"),
        (text(CREW, rule("asked", 'class = ["worker"]', 'checks = ["pass", "quota"]')), "quota_untold", None),
        (text(CREW, last=f"{EVERYBODY}[quota]\nevery_days = 2\n"), "quota_unasked", "[quota]"),
        (text(CREW, last=f"{EVERYBODY}[travel]\ndays = 3\n"), "travel_unasked", "[travel]"),
        (text("accept_weak_binding = true", CREW, MEASURED), "weak_binding", "accept_weak_binding"),
        (text(CREW, last=f"{EVERYBODY}[fail.camera_down]\nguard = {{ residents = 'allow' }}\n"), "no_limit", "guard ="),
        (text(CREW, last=f"{EVERYBODY}[told]\nmask_none = 'head'\n"), "told_never", "mask_none"),
        (text(CREW, MEASURED, last=f"{EVERYBODY}[told]\nfever = 'health'\n"), "told_anyway", "fever ="),
    ],
)
def test_what_is_odd_is_found_with_its_line(source, code, words):
    assert code in found(source)
    if words is not None:
        assert found(source)[code][0] == line_of(source, words)


def test_a_policy_whose_time_is_over_is_said_to_be_over():
    source = text(CREW)
    assert found(source, NOW_S + 365 * 86_400)["over"][0] == line_of(source, "valid_until")


def test_a_grid_that_the_tree_does_not_have_is_found_where_there_is_a_tree():
    source = text(CREW, last=f'{EVERYBODY}[zones]\ndonghu = "high"\ndonhgu = "high"\n')
    assert found(source, grids=("donghu",))["zone_unknown"] == (line_of(source, "donhgu"), "zones.donhgu")
    assert "zone_unknown" not in found(source)


def test_a_closed_zone_names_everybody_who_comes_in():
    source = text(rule("post", 'class = ["courier"]', 'level = ["closed"]', 'checks = ["pass"]'), level="closed")
    odd = {one.code: one for one in check_policy(source.encode(), NOW_S).odd}
    assert odd["closed_home"].line == odd["closed_class"].line == line_of(source, "zone_level")
    assert odd["closed_home"].said.zh == "封闭区没有这些类别的规则，每次都要等人处理：居民、应急"
    assert odd["closed_class"].said.zh == "封闭区没有这些类别的规则，一律拒绝：访客、车辆、务工"


def test_zones_that_nobody_has_closed_need_no_rule():
    everywhere = rule("crews", 'class = ["emergency"]', 'level = ["low", "closed"]', 'checks = ["pass"]')
    assert not found(text(everywhere))
    assert "closed_home" in found(text(everywhere, last=f'{EVERYBODY}[zones]\neast = "closed"\n'))


def test_more_risk_that_asks_for_less_is_found():
    low = rule("low", 'level = ["low"]', 'class = ["visitor"]', 'checks = ["pass", "temperature"]')
    [odd] = check_policy(text(low).encode(), NOW_S).odd
    assert odd.code == "level_laxer"
    assert "低风险" in odd.said.zh


def test_residents_who_wait_where_nobody_is_are_told_of_and_not_where_somebody_is():
    held = ('from = "22:00"', 'until = "06:00"', 'verdict = "escalate"', 'reason = "curfew"', 'checks = ["pass"]')
    assert "home_waits" in found(text(CREW, rule("night", 'class = ["resident"]', *held)))
    guarded = rule("night", 'class = ["resident"]', 'attendance = ["guard", "remote"]', *held)
    assert "home_waits" not in found(text(CREW, guarded))
    assert "home_waits" not in found(text(CREW, rule("night", 'class = ["visitor"]', *held)))


def test_a_vehicle_in_which_not_everybody_is_asked_is_told_of():
    each = rule("cars", 'class = ["vehicle"]', 'lane_kind = "vehicle"', 'occupants = "each"', 'checks = ["pass"]')
    people = rule("people in cars", 'lane_kind = "vehicle"', 'occupants = "each"', 'checks = ["pass"]')
    assert "occupants_mixed" in found(text(CREW, each))
    assert "occupants_mixed" not in found(text(CREW, each, people))
    assert "occupants_mixed" not in found(text(CREW))


def test_crews_are_looked_at_only_in_zones_that_there_are():
    asked = rule("asked", 'level = ["high"]', 'checks = ["pass", "mask"]')
    assert "crew_held" not in found(text(asked))
    assert "crew_held" in found(text(asked, level="high"))


def test_an_error_names_line_key_value_and_remedy():
    source = text(rule("typo", 'checks = ["pass", "temprature"]'))
    with pytest.raises(PolicyError) as error:
        check_policy(source.encode(), NOW_S)
    assert error.value.line == line_of(source, "temprature")
    assert all(
        word in str(error.value) for word in ("'temprature'", "checks", "choose from", f"line {error.value.line}")
    )


def test_lines_are_right_in_a_file_with_windows_line_ends():
    source = text(CREW, last=f"{EVERYBODY}[quota]\nevery_days = 2\n")
    crlf = source.replace("\n", "\r\n")
    assert found(crlf) == found(source)


def test_no_name_of_a_rule_reaches_a_terminal_with_control_signs():
    source = text(MEASURED, MEASURED.replace("visitors", r"x\u001b[2J")) + EVERYBODY.replace("everybody", r"x\u001b[2J")
    assert {"name_twice", "unreached"} <= set(found(source))
    assert "\x1b" not in "".join(lines(check_policy(source.encode(), NOW_S), "a.toml"))


def test_the_json_of_a_check_has_codes_and_lines():
    made = as_json(check_policy(text(CREW, last=f"{EVERYBODY}[quota]\nevery_days = 2\n").encode(), NOW_S))
    assert made["ok"]
    assert [one["code"] for one in made["odd"]] == ["quota_unasked"]


@settings(max_examples=25, deadline=None)
@given(policies())
def test_any_policy_that_a_gate_would_follow_can_be_looked_over(policy: Policy):
    for code, path, words in all_odd(policy, NOW_S, frozenset({"east"})):
        assert code
        assert path
        assert words.zh
        assert words.en


def test_a_local_order_is_looked_over_by_itself():
    source = ORDER.replace("居委会", "待定")
    checked = check_policy(source.encode(), NOW_S, ("west",))
    assert [(one.code, one.line) for one in checked.odd] == [
        ("authority_empty", line_of(source, "authority")),
        ("zone_unknown", line_of(source, "east =")),
    ]
    assert as_json(checked)["order_of"] == "sample"
    assert "在 sample 之上的下级通知 a local order on it" in lines(checked, "a.toml")[0]
