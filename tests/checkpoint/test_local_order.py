"""Local orders: what a place may make stricter by itself, what is refused in which words, what records name."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.local_order import LocalOrder, based_on, combine, is_order, parse_either, parse_order, recompose
from checkpoint.passes import PassClass
from checkpoint.policy import MAX_POLICY_BYTES, PolicyError, parse_policy
from checkpoint.policy_rule import CLOSED, STRICTNESS, Rule
from checkpoint.policy_schema import Attendance, Policy, ZoneLevel
from checkpoint.policy_time import LocalTime
from checkpoint.records import Direction, LaneKind
from checkpoint.verdict import decide
from tests.checkpoint.verdict_kit import FEVER, NOW_S, OK, VISITOR, gate, held, shown

CITY = """
id = "city"
version = 7
title_zh = "全市"
title_en = "City"
authority = "the city"
valid_from = 2026-01-01T00:00:00Z
valid_until = 2030-01-01T00:00:00Z
zone_level = "low"

[zones]
harbour = "high"

[[rule]]
name = "crews"
level = ["low", "medium", "high", "closed"]
class = ["emergency"]
checks = ["pass"]

[[rule]]
name = "high"
level = ["high"]
checks = ["pass", "temperature", "mask", "watch"]

[[rule]]
name = "visitors by night"
class = ["visitor"]
from = "23:00"
until = "05:00"
checks = ["pass", "temperature", "watch"]

[[rule]]
name = "everybody"
checks = ["pass", "temperature"]
modes = { temperature = "warn" }

[told]
fever = "health"

[local]
may = ["modes", "hours", "zones", "told"]
max_days = 14
"""
HEAD = """
id = "night"
version = 2
order_of = "city"
title_zh = "夜间管控"
title_en = "Quiet nights"
authority = "the first grid head"
valid_from = 2026-11-01T00:00:00+08:00
valid_until = 2026-11-14T00:00:00+08:00
"""
RULE = '[[rule]]\nname = "visitors"\nclass = ["visitor"]\nchecks = ["pass", "temperature", "watch", "mask"]\n'
NIGHT = (
    '[[rule]]\nname = "night"\nclass = ["visitor", "courier"]\ndirection = "in"\nfrom = "22:00"\nuntil = "06:00"\n'
    'checks = ["pass", "temperature", "watch", "mask"]\nverdict = "deny"\nreason = "curfew"\n'
)
WIDER = parse_policy(CITY.encode())
MIDDAY = LocalTime(0, 12 * 60)


def order(text: str = RULE, head: str = HEAD) -> LocalOrder:
    return parse_order((head + text).encode())


def test_an_order_is_put_before_the_policy_and_has_its_own_name() -> None:
    combined = combine(WIDER, order(NIGHT))
    assert (combined.id, combined.version, combined.title_zh) == ("city.7+night", 2, "夜间管控")
    assert combined.authority == "the first grid head"
    assert combined.valid_until == order().valid_until
    at_night = combined.rule_for("low", "visitor", "in", "guard", "person", LocalTime(0, 23 * 60))
    assert (at_night.name, at_night.verdict) == ("night", "deny")
    assert combined.rule_for("low", "visitor", "in", "guard", "person", MIDDAY).name == "everybody"


def test_the_text_says_whether_it_is_an_order() -> None:
    assert is_order((HEAD + RULE).encode())
    assert not is_order(CITY.encode())
    assert isinstance(parse_either((HEAD + RULE).encode()), LocalOrder)
    assert isinstance(parse_either(CITY.encode()), Policy)
    with pytest.raises(PolicyError):
        parse_policy((HEAD + RULE).encode())


def test_a_zone_may_be_raised_and_never_lowered() -> None:
    raised = combine(WIDER, order('[zones]\ngrid-7 = "high"\n'))
    assert (raised.level_of(("grid-7",)), raised.level_of(("grid-8",))) == ("high", "low")
    assert combine(WIDER, order('[zones]\nharbour = "high"\n')).zones["harbour"] == "high"
    with pytest.raises(PolicyError, match=r"asks less: temperature = .warn.*level high"):
        combine(WIDER, order('[zones]\nharbour = "low"\n'))
    # It may lie in the harbour, whose level it would then take down.
    with pytest.raises(PolicyError, match="level high"):
        combine(WIDER, order('[zones]\ngrid-7 = "medium"\n'))
    assert combine(WIDER, order('[zones]\ngrid-7 = "closed"\n' + SPARED)).level_of(("grid-7",)) == "closed"


# Whoever is refused need not be asked for more than the pass; residents are not refused, so what they are asked stays.
SPARED = (
    '[[rule]]\nname = "residents of the closed zone"\nlevel = ["closed"]\nclass = ["resident"]\n'
    'checks = ["pass", "temperature", "mask", "watch"]\nverdict = "escalate"\nreason = "zone_closed"\n'
)


def test_who_is_told_can_only_become_more() -> None:
    text = '[told]\nfever = "first_head"\nmask_none = ["head", "guard"]\ncurfew = "police"\n'
    told = combine(WIDER, order(text)).told
    assert told == {"fever": ("health", "first_head"), "mask_none": ("guard", "head"), "curfew": ("guard", "police")}


def test_orders_may_stand_on_one_another() -> None:
    looked_at = RULE.replace('"visitor"', '"worker"')
    grid, site = order(NIGHT), order(looked_at, HEAD.replace("night", "school").replace("version = 2", "version = 5"))
    both = combine(combine(WIDER, grid), site)
    assert (both.id, both.version, based_on(both.id)) == ("city.7+night.2+school", 5, "city")
    assert recompose(both.id, both.version, [WIDER], [site, grid]) == both
    assert recompose(both.id, both.version, [WIDER], [site]) is None
    assert recompose("city", 7, [WIDER], []) is WIDER
    assert recompose("city", 8, [WIDER], []) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            RULE.replace(', "mask"', "").replace(', "watch"', ""),
            ["'visitors'", "asks less", "watch", "visitors by night"],
        ),
        (RULE.replace('class = ["visitor"]\n', ""), []),
        (RULE.replace(', "mask"', "").replace('class = ["visitor"]\n', ""), ["mask", "level high", "rule 'high'"]),
        (RULE + 'modes = { temperature = "off" }\n', ["temperature", '"off"', '"enforce"']),
        (RULE + 'modes = { temperature = "warn" }\n', ["temperature", '"warn"', '"enforce"']),
        (RULE + 'party = "holder"\n', ["party"]),
        (RULE + 'level = ["closed"]\n', ["milder", "closed", "deny"]),
        (NIGHT.replace('"deny"', '"warn"'), []),
        ('[zones]\ngrid-7 = "closed"\n', ["asks less", "temperature", "resident, in"]),
        (RULE.replace('"watch"', '"travel"') + 'direction = "in"\nverdict = "deny"\nreason = "curfew"\n', []),
        (RULE.replace('"watch"', '"travel"') + 'verdict = "deny"\nreason = "curfew"\n', ["visitor, out", "watch"]),
    ],
)
def test_what_asks_less_is_refused_with_words(text: str, words: list[str]) -> None:
    if not words:
        combine(WIDER, order(text))
        return
    with pytest.raises(PolicyError) as caught:
        combine(WIDER, order(text))
    assert [word for word in ("local order night", *words) if word not in str(caught.value)] == []


def test_a_check_becomes_milder_only_as_far_as_the_policy_says() -> None:
    allowing = parse_policy((CITY + 'milder = { mask = "warn" }\n').encode())
    everybody = RULE.replace('class = ["visitor"]\n', "")
    assert combine(allowing, order(everybody + 'modes = { mask = "warn" }\n')).rules[0].mode_of("mask") == "warn"
    with pytest.raises(PolicyError, match='mask = "record", at least "warn"'):
        combine(allowing, order(everybody + 'modes = { mask = "record" }\n'))
    with pytest.raises(PolicyError, match="pass is asked everywhere"):
        parse_policy((CITY + 'milder = { pass = "warn" }\n').encode())


@pytest.mark.parametrize(
    ("city", "head", "text", "words"),
    [
        (CITY.replace("[local]\n", "[ignored]\n").split("[ignored]")[0], HEAD, RULE, ["no [local]"]),
        (CITY, HEAD.replace('"city"', '"town"'), RULE, ["order_of = town", "city"]),
        (CITY, HEAD.replace("11-14", "11-16"), RULE, ["valid_until", "14 days"]),
        (CITY.replace('may = ["modes", ', "may = ["), HEAD, RULE, ["visitors = modes", "hours zones told"]),
        (CITY.replace('"hours", ', ""), HEAD, NIGHT, ["night = hours", "modes zones told"]),
        (CITY.replace('"zones", ', ""), HEAD, '[zones]\nx = "high"\n', ["[zones]", "modes hours told"]),
        (CITY.replace(', "told"]', "]"), HEAD, '[told]\nfever = "head"\n', ["[told]", "modes hours zones"]),
    ],
)
def test_what_the_policy_does_not_allow_is_refused(city: str, head: str, text: str, words: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        combine(parse_policy(city.encode()), order(text, head))
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("head", "text", "words"),
    [
        (HEAD, "", ["says something"]),
        (HEAD.replace("11-14", "10-14"), RULE, ["valid_until", "(line 9)", "after valid_from"]),
        (HEAD.replace("valid_until", "until"), RULE, ["until"]),
        (HEAD, RULE + 'verdict = "deny"\n', ["'visitors'.verdict", "(line 14)", "reason"]),
        (HEAD, NIGHT.replace('"courier"', '"resident"'), ["the way home"]),
        (HEAD, RULE + "[temperature]\nhigh_c = 2.0\n", ["unknown field `temperature`", "line 14"]),
        (HEAD, '[told]\nfevers = "head"\n', ["told.fevers", "(line 11)"]),
        (HEAD, "#" * MAX_POLICY_BYTES, ["local order", "bytes"]),
    ],
)
def test_an_order_that_is_wrong_in_itself_is_refused_with_its_line(head: str, text: str, words: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_order((head + text).encode())
    assert [word for word in words if word not in str(caught.value)] == []


def rules() -> st.SearchStrategy[str]:
    """Rules as somebody might write them, most of them too mild somewhere."""
    checks = ["pass", "temperature", "mask", "watch"]
    modes = st.dictionaries(st.sampled_from(checks[1:]), st.sampled_from(STRICTNESS), max_size=2)
    keys = st.tuples(
        st.sampled_from(["", 'class = ["visitor"]', 'class = ["courier", "worker"]', 'class = ["resident"]']),
        st.sampled_from(["", 'direction = "in"', 'direction = "out"']),
        st.sampled_from(["", 'level = ["low"]', 'level = ["high", "closed"]']),
        st.sampled_from(["", 'from = "22:00"\nuntil = "06:00"', 'from = "01:00"\nuntil = "04:30"\ndays = ["sat"]']),
        st.sampled_from(["", 'verdict = "deny"\nreason = "curfew"', 'verdict = "warn"\nreason = "curfew"']),
        st.sampled_from(["", 'party = "holder"']),
    )
    return st.builds(written, st.sampled_from([checks[:size] for size in (2, 3, 4, 4, 4)]), keys, modes)


def written(checks: list[str], keys: tuple[str, ...], modes: dict[str, str]) -> str:
    listed = ", ".join(f'"{check}"' for check in checks)
    softened = ", ".join(f'{check} = "{mode}"' for check, mode in modes.items() if check in checks)
    return "\n".join(("[[rule]]", 'name = "made"', *keys, f"checks = [{listed}]", f"modes = {{ {softened} }}", ""))


def is_less(old: Rule, new: Rule, pass_class: str | None, direction: str) -> bool:
    """Straight from the promise: fewer checks, a softer mode, a milder word, fewer people; or else they are refused."""
    is_shut = direction == "in" or new is CLOSED
    if new.verdict == "deny" and is_shut and pass_class not in ("resident", "emergency"):
        return "pass" in old.checks and "pass" not in new.checks
    return (
        any(STRICTNESS.index(new.mode_of(check)) < STRICTNESS.index(old.mode_of(check)) for check in old.checks)
        or (old.verdict in ("deny", "escalate") and new.verdict not in ("deny", "escalate"))
        or (old.verdict == "deny" and new.verdict == "escalate" and pass_class not in ("resident", "emergency"))
        or (old.verdict == "warn" and new.verdict is None)
        or (old.party == "each" and new.party == "holder")
    )


@settings(max_examples=60)
@given(
    st.lists(rules(), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["grid-7", "harbour"]), st.sampled_from(get_args(ZoneLevel)), max_size=2),
    st.lists(st.builds(LocalTime, st.integers(0, 6), st.integers(0, 1439)), min_size=3, max_size=3),
)
def test_under_no_order_is_anybody_asked_less(texts: list[str], zones: dict[str, str], hours: list[LocalTime]) -> None:
    named = "".join(f'{grid} = "{level}"\n' for grid, level in zones.items())
    try:
        combined = combine(WIDER, order("\n".join(texts) + (f"\n[zones]\n{named}" if zones else "")))
    except PolicyError:
        return
    who = product((*get_args(PassClass), None), get_args(Direction), get_args(Attendance), get_args(LaneKind))
    for whom, local, grids in product(who, hours, (("grid-7",), ("harbour",), ("grid-7", "harbour"), ())):
        old = WIDER.rule_for(WIDER.level_of(grids), *whom, local)
        new = combined.rule_for(combined.level_of(grids), *whom, local)
        assert not is_less(old, new, *whom[:2]), (whom, local, grids)


@given(st.sampled_from([shown(), VISITOR, shown(pass_=held("courier"))]), st.integers(0, 1439), st.booleans())
def test_under_an_order_no_verdict_becomes_milder(presented, minute: int, fever: bool) -> None:
    combined = combine(WIDER, order(NIGHT + RULE))
    facts, state = {"temperature": (FEVER if fever else OK,)}, gate(local=LocalTime(2, minute))
    ranks = {"allow": 0, "escalate": 1, "deny": 2}
    before, after = (decide(presented, facts, under, state, NOW_S).verdict for under in (WIDER, combined))
    assert ranks[after] >= ranks[before] or fever
