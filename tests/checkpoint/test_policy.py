"""The policy file: what is shipped covers everybody, and what is wrong is named with its remedy."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.local_order import LocalOrder
from checkpoint.passes import PassClass
from checkpoint.policy import MAX_POLICY_BYTES, PolicyError, in_force, parse_policy
from checkpoint.policy_schema import (
    Attendance,
    Condition,
    FailColumn,
    FailRow,
    FailTable,
    ListsRow,
    LocalSettings,
    PassbackSettings,
    PassSettings,
    Policy,
    QuotaSettings,
    Rule,
    TemperatureSettings,
    Timeouts,
    TravelSettings,
    ZoneLevel,
)
from checkpoint.records import Direction, LaneKind
from tests.checkpoint.verdict_kit import POLICY_TOML

FOLDER = Path(__file__).parents[2] / "firmware_config" / "policies"
SHIPPED = sorted(FOLDER.glob("*.toml"))
COMBINATIONS = list(
    product(
        get_args(ZoneLevel),
        (*get_args(PassClass), None),
        get_args(Direction),
        get_args(Attendance),
        get_args(LaneKind),
    )
)


def test_these_policies_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} == {
        "demo", "everyday", "epidemic-low", "epidemic-medium", "epidemic-high", "epidemic-closed", "open-compound",
        "village", "office", "school", "hospital", "care-home", "factory",
    }  # fmt: skip


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_has_a_rule_for_everybody(path: Path) -> None:
    policy = parse_policy(path.read_bytes())
    assert policy.id == path.stem
    for level, pass_class, direction, attendance, lane_kind in COMBINATIONS:
        rule = policy.rule_for(level, pass_class, direction, attendance, lane_kind)
        assert rule.matches(level, pass_class, direction, attendance, lane_kind)
        # A hospital asks its patients for no pass.
        assert direction == "out" or policy.id == "hospital" or rule.mode_of("pass") == "enforce"


def test_the_everyday_policy_measures_nobody_and_never_ends() -> None:
    everyday = parse_policy((FOLDER / "everyday.toml").read_bytes())
    assert everyday.valid_until is None
    assert all(rule.mode_of("temperature") == "off" for rule in everyday.rules)


def test_the_epidemic_policy_measures_everybody_but_crews_on_the_way_in() -> None:
    policy = parse_policy((FOLDER / "epidemic-medium.toml").read_bytes())
    for pass_class in (*get_args(PassClass), None):
        rule = policy.rule_for("medium", pass_class, "in", "none", "person")
        assert rule.mode_of("temperature") == ("off" if pass_class == "emergency" else "enforce")


def test_left_out_numbers_are_the_published_starting_values() -> None:
    assert parse_policy(POLICY_TOML.encode()).temperature == TemperatureSettings()


def test_the_first_rule_that_matches_is_used() -> None:
    first = '[[rule]]\nname = "visitors"\nclass = ["visitor"]\nchecks = ["pass"]\n\n[[rule]]'
    policy = parse_policy(POLICY_TOML.replace("[[rule]]", first, 1).encode())
    assert policy.rule_for("low", "visitor", "in", "guard", "person").name == "visitors"
    assert policy.rule_for("low", "resident", "in", "guard", "person").name == "pass and temperature"
    assert policy.rule_for("low", None, "in", "guard", "person").name == "pass and temperature"


def test_the_nearest_grid_that_the_policy_names_gives_the_level() -> None:
    policy = parse_policy((POLICY_TOML + '\n[zones]\ncommunity = "medium"\ngrid-7 = "high"\n').encode())
    assert policy.level_of(("grid-7", "community")) == "high"
    assert policy.level_of(("grid-8", "community")) == "medium"
    assert policy.level_of(("elsewhere",)) == "low"


def test_the_first_policy_whose_time_it_is_is_in_force() -> None:
    epidemic, everyday = (
        parse_policy((FOLDER / f"{name}.toml").read_bytes()) for name in ("epidemic-medium", "everyday")
    )
    begins_s, ends_s = epidemic.valid_from.timestamp(), (epidemic.valid_until or epidemic.valid_from).timestamp()
    both = [epidemic, everyday]
    assert in_force(both, begins_s - 1) is everyday
    assert in_force(both, begins_s) is epidemic
    assert in_force(both, ends_s - 1) is epidemic
    assert in_force(both, ends_s) is everyday
    assert in_force([epidemic], ends_s) is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version = 3", "version = 0", ["version = 0", ">= 1"]),
        ("version = 3", 'version = "3"', ["version = '3'", "`int`"]),
        ('authority = "nobody"\n', "", ["authority", "missing"]),
        ("valid_until = 2030-01-01T00:00:00Z\n", "", ["valid_until", "temperature", "must end"]),
        ("valid_until = 2030", "valid_until = 2025", ["valid_until", "after valid_from"]),
        ("T00:00:00Z\nvalid_until", "T00:00:00\nvalid_until", ["valid_from", "timezone"]),
        ('id = "test"', 'id = "Test 1"', ["id = 'Test 1'", "^[a-z0-9-]{1,32}$"]),
        ('["pass", "temperature"]', '["pass", "temprature"]', ["rule[0].checks[1] = 'temprature'", "temperature"]),
        ('["pass", "temperature"]', '["pass", "pass"]', ["checks", "twice"]),
        ('"temperature"]\n', '"temperature"]\nmodes = { mask = "warn" }\n', ["modes", "mask", "not among"]),
        ('"temperature"]\n', '"temperature"]\nmodes = { pass = "warn" }\n', ["modes.pass", "forged", "enforce"]),
        ('"temperature"]\n', '"temperature"]\nmodes = { pass = "wrn" }\n', ["modes", "enforce warn record off"]),
        ('"temperature"]\n', '"temperature"]\nclass = ["visitor"]\n', ["the last rule", "everything"]),
        ('"temperature"]\n', '"temperature"]\nclass = ["guest"]\n', ["'guest'", "visitor"]),
        ("[fail.lists_stale]", "[temperature]\nhigh_cc = 1\n[fail.lists_stale]", ["temperature", "high_cc"]),
        ("[fail.lists_stale]", "[temperature]\nhigh_c = 11\n[fail.lists_stale]", ["temperature.high_c = 11", "<= 10"]),
        ("[fail.lists_stale]", "[temperature]\nwindow_s = nan\n[fail.lists_stale]", ["temperature.window_s"]),
        ("[fail.lists_stale]", "[temperature]\nbody_low_c = 38\n[fail.lists_stale]", ["body_low_c", "body_high_c"]),
        ("[fail.lists_stale]", "[temperature]\nband_edges_c = [9, 5]\n[fail.lists_stale]", ["band_edges_c", "rise"]),
        ("[fail.lists_stale]", "[temperature]\nretest_after_s = 9000\n[fail.lists_stale]", ["retest_after_s", "under"]),
        ("[fail.lists_stale]", "[temperature]\nplausible_min_c = 50\n[fail.lists_stale]", ["plausible_min_c", "under"]),
        (", for_s = 500 }", " }", ["fail.lists_stale.none.for_s", "limited"]),
        ("for_s = 500 }", "for_s = 0 }", ["for_s = 0", "> 0"]),
        ('residents = "allow"', 'others = "allow"', ["others = 'allow'", "escalate deny"]),
        ("[fail.lists_stale]", "[fail.rain]", ["fail", "rain"]),
        ("after_s = 1000\nnone", "after_s = 1000\nwarn_after_s = -1\nnone", ["fail.lists_stale.warn_after_s", "> 0"]),
        ("[fail.policy_stale]", "[fail.policy_stale]\nwarn_after_s = 9", ["fail.policy_stale", "warn_after_s"]),
        ("[fail.lists_stale]", '[pass]\nphone = ["paper"]\n[fail.lists_stale]', ["'paper'", "rotating step device"]),
        ("[fail.lists_stale]", '[pass]\nstatic = ["guest"]\n[fail.lists_stale]', ["'guest'", "visitor"]),
        ("[fail.lists_stale]", '[pass.foreign]\nHC1 = "visitor"\n[fail.lists_stale]', ["pass.foreign", "pass.formats"]),
        ("[fail.lists_stale]", '[pass.foreign]\nGK1 = "allow"\n[fail.lists_stale]', ["'allow'", "visitor"]),
        ("[fail.lists_stale]", '[passback]\nmode = "on"\n[fail.lists_stale]', ["passback.mode", "enforce"]),
        ("[fail.lists_stale]", "[quota]\npeople = 1\n[fail.lists_stale]", ["quota", "every_days"]),
        ("[fail.lists_stale]", "[quota]\nevery_days = 36\n[fail.lists_stale]", ["quota.every_days = 36", "<= 35"]),
        ("[fail.lists_stale]", "[zones]\n'A B' = \"low\"\n[fail.lists_stale]", ["zones", "^[a-z0-9-]{1,32}$"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_bound_and_remedy(old: str, new: str, words: list[str]) -> None:
    assert old in POLICY_TOML
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY_TOML.replace(old, new, 1).encode())
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


@pytest.mark.parametrize("text", [b"\xff\xfe", b"id = ", b"", b"id = 1\nid = 2", b"#" * (MAX_POLICY_BYTES + 1)])
def test_what_is_no_policy_at_all_is_refused(text: bytes) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (POLICY_TOML + text).encode()))
def test_no_bytes_crash_the_parser(text: bytes) -> None:
    with suppress(PolicyError):
        assert parse_policy(text).id == "test"


def test_a_condition_without_a_row_escalates_or_has_a_limit_where_nobody_is_there() -> None:
    table = parse_policy(POLICY_TOML.encode()).fail
    for condition in get_args(Condition):
        column = table.row(condition).column("none")
        assert column.others == "escalate"
        assert column.residents == "escalate" or column.for_s is not None


@pytest.mark.parametrize(
    "table",
    [
        *(Policy, Rule, TemperatureSettings, Timeouts, FailTable, FailRow, ListsRow, FailColumn, PassSettings),
        *(PassbackSettings, QuotaSettings, TravelSettings, LocalSettings, LocalOrder),
    ],
)
def test_the_documentation_names_every_key(table: type[msgspec.Struct]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    assert [key for key in table.__struct_encode_fields__ if f"`{key}`" not in text] == []
