"""Policies on paper for the tests of `guankou-central policy`, and a strategy for any honest one."""

from __future__ import annotations

from hypothesis import strategies as st

from checkpoint.policy import PolicyError, parse_policy
from checkpoint.policy_schema import Policy

HEADER = """id = "{id}"
version = {version}
title_zh = "样例"
title_en = "Sample"
authority = "居委会 committee"
valid_from = 2026-11-01T00:00:00+08:00
valid_until = 2026-12-01T00:00:00+08:00
zone_level = "{level}"
"""
EVERYBODY = '[[rule]]\nname = "everybody"\nchecks = ["pass"]\n'
# A local order on the policy of `text`, which must take such orders.
LOCAL = '[local]\nmay = ["modes", "zones"]\n'
ORDER = """id = "east-week"
version = 1
order_of = "sample"
title_zh = "东区一周"
title_en = "A week in the east"
authority = "居委会"
valid_from = 2026-11-10T00:00:00+08:00
valid_until = 2026-11-20T00:00:00+08:00

[[rule]]
name = "visitors wear masks"
class = ["visitor"]
direction = "in"
checks = ["pass", "mask"]

[zones]
east = "medium"
"""
NOW_S = 1_795_000_000.0


def text(*parts: str, id: str = "sample", version: int = 1, level: str = "low", last: str = EVERYBODY) -> str:
    """A policy with these parts between its header and its last rule; a table goes after that with `last`."""
    return "\n".join((HEADER.format(id=id, version=version, level=level), *parts, last))


def made(*parts: str, **words: object) -> Policy:
    return parse_policy(text(*parts, **words).encode())  # type: ignore[arg-type]


def rule(name: str, *lines: str) -> str:
    return "\n".join(("[[rule]]", f'name = "{name}"', *lines, ""))


_LEVELS = st.lists(st.sampled_from(["low", "medium", "high", "closed"]), min_size=1, max_size=3, unique=True)
_CLASSES = st.lists(
    st.sampled_from(["resident", "visitor", "vehicle", "worker", "courier", "emergency"]), min_size=1, unique=True
)
_HOURS = st.sampled_from(["00:00", "06:00", "09:30", "22:00", "23:59"])
_DAYS = st.lists(
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, max_size=7, unique=True
)


@st.composite
def _rule(draw: st.DrawFn, number: int) -> str:
    others = draw(st.lists(st.sampled_from(["temperature", "mask", "travel", "watch"]), unique=True, max_size=3))
    lines = [f"checks = {['pass', *others]}"]
    if others:
        mode = draw(st.sampled_from(["enforce", "warn", "record", "off"]))
        lines.append(f'modes = {{ {others[0]} = "{mode}" }}')
    for key, values in (("level", _LEVELS), ("class", _CLASSES), ("days", _DAYS)):
        if draw(st.booleans()):
            lines.append(f"{key} = {draw(values)}")
    for key, words in (
        ("direction", ["in", "out"]),
        ("lane_kind", ["person", "vehicle"]),
        ("party", ["each", "holder"]),
    ):
        if draw(st.booleans()):
            lines.append(f'{key} = "{draw(st.sampled_from(words))}"')
    if draw(st.booleans()):
        begins, ends = draw(st.lists(_HOURS, min_size=2, max_size=2, unique=True))
        lines += [f'from = "{begins}"', f'until = "{ends}"']
    if draw(st.booleans()):
        verdict = draw(st.sampled_from(["warn", "escalate", "deny"]))
        lines += [f'verdict = "{verdict}"', 'reason = "curfew"']
    return rule(f"rule {number}", *lines).replace("'", '"')


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that a gate would follow, with up to four rules before the last."""
    rules = [draw(_rule(number)) for number in range(draw(st.integers(0, 4)))]
    level = draw(st.sampled_from(["low", "medium", "high", "closed"]))
    zones = draw(st.dictionaries(st.sampled_from(["east", "west", "north"]), _LEVELS.map(lambda some: some[0])))
    table = "[zones]\n" + "".join(f'{grid} = "{value}"\n' for grid, value in zones.items())
    try:
        return made(*rules, level=level, last=EVERYBODY + table)
    except PolicyError:
        # A rule that would refuse residents the way home.
        return made(level=level, last=EVERYBODY + table)
