"""Passes, gates and policies for the tests of the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checkpoint.passes import Pass, PassClass, Presented
from checkpoint.policy import Policy, parse_policy
from checkpoint.verdict import CheckFact, GateState

NOW_S = 1_800_000_000.0
SITE, GRID = "lakeview", "grid-7"

POLICY_TOML = """
id = "test"
version = 3
title_zh = "测试"
title_en = "Test"
authority = "nobody"
valid_from = 2026-01-01T00:00:00Z
valid_until = 2030-01-01T00:00:00Z

[[rule]]
name = "pass and temperature"
checks = ["pass", "temperature"]

[fail.lists_stale]
after_s = 1000
none = { residents = "allow", for_s = 500 }
guard = { residents = "allow", for_s = 500 }

[fail.policy_stale]
after_s = 1000
none = { residents = "allow", for_s = 500 }
"""


def policy(text: str = "", **rule: str) -> Policy:
    """The test policy with more TOML after it, or with its rule changed, for example checks='["pass"]'."""
    toml = POLICY_TOML
    for key, value in rule.items():
        toml = toml.replace('checks = ["pass", "temperature"]\n', "") if key == "checks" else toml
        toml = toml.replace('name = "pass and temperature"\n', f'name = "pass and temperature"\n{key} = {value}\n')
    return parse_policy((toml + text).encode())


POLICY = policy()


def held(pass_class: PassClass = "resident", scope: tuple[str, ...] = (SITE,), party_size: int = 1) -> Pass:
    return Pass(
        format="GK1",
        pass_id=bytes(8),
        subject=bytes(8),
        pass_class=pass_class,
        scope=scope,
        not_before_s=0,
        expires_s=2**40,
        key_id=bytes(4),
        party_size=party_size,
    )


def shown(reason: str = "pass_valid", pass_: Pass | None = None, by_clock: bool = False) -> Presented:
    """What read_pass would give for a resident's pass with this reason."""
    known = pass_ or held() if reason in ("pass_valid", "pass_expired", "pass_not_yet", "pass_revoked") else pass_
    clock = by_clock or reason in ("pass_expired", "pass_not_yet")
    return Presented("GK1", known, reason, by_clock=clock)


VISITOR = shown(pass_=held("visitor"))

GATE = GateState(
    site=SITE,
    here=(SITE, GRID),
    grids=(GRID,),
    direction="in",
    lane_kind="person",
    attendance="guard",
    lists_age_s=10.0,
    policy_age_s=10.0,
)


def gate(**changes: Any) -> GateState:
    return replace(GATE, **changes)


OK = CheckFact("ok", "temperature_ok", 36.2, 37.0)
FEVER = CheckFact("failed", "fever", 38.4, 37.0)
HIGH = CheckFact("failed", "temperature_high", 37.4, 37.0)
LOW = CheckFact("failed", "temperature_low", 33.4, 34.0)
UNSTABLE = CheckFact("failed", "temperature_unstable")
MISSING = CheckFact("missing", "temperature_missing")
COLD = CheckFact("not_obtained", "not_obtained_cold", 33.5, 34.5, for_s=60.0)
