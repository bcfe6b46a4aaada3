"""Policies that nobody would write: rules, modes, hours and fail tables drawn at random, as TOML."""

from __future__ import annotations

import json
import random
from typing import Any

from checkpoint.policy import PolicyError, parse_policy

_HEAD = """
id = "made-up"
version = 1
title_zh = "随机"
title_en = "Made up"
authority = "nobody"
valid_from = 2026-01-01T00:00:00Z
valid_until = 2030-01-01T00:00:00Z
"""
_CHECKS = ("temperature", "mask", "travel", "document", "vehicle", "watch", "quota")
_CLASSES = ("resident", "visitor", "courier", "worker", "vehicle", "emergency")
_LEVELS = ("low", "medium", "high", "closed")
_ROWS = (
    "lists_stale", "policy_stale", "clock_untrusted", "thermometer_down", "not_obtained", "temperature_low",
    "camera_down", "reader_down",
)  # fmt: skip
_REASONS = ("fever", "curfew", "mask_none", "pass_missing", "lists_stale", "zone_closed", "temperature_missing")
_ROLES = ("guard", "head", "health", "first_head")


def text_of(dice: random.Random) -> str:
    """The text of one policy that parses."""
    while True:
        tables = {f"fail.{name}": _row(dice) for name in _ROWS if dice.random() < 0.4}
        tables |= {"told": {code: _told(dice) for code in _REASONS if dice.random() < 0.3}}
        if dice.random() < 0.5:
            tables["passback"] = {"mode": dice.choice(("enforce", "warn", "record", "off"))}
        if dice.random() < 0.5:
            tables["pass"] = {
                "card": dice.choice(("allow", "escalate")),
                "static_needs_document": _some(dice, _CLASSES),
            }
        rules = [_rule(dice) for _ in range(dice.randint(0, 5))] + [_last(dice)]
        head = (
            f'{_HEAD}zone_level = "{dice.choice(_LEVELS)}"\naccept_weak_binding = {str(dice.random() < 0.5).lower()}\n'
        )
        text = head + "".join(f"[[rule]]\n{_lines(rule)}" for rule in rules)
        text += "".join(f"[{name}]\n{_lines(table)}" for name, table in tables.items())
        try:
            parse_policy(text.encode())
        except PolicyError:
            continue
        return text


def _lines(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def _some(dice: random.Random, of: tuple[str, ...]) -> list[str]:
    return dice.sample(of, dice.randint(1, len(of)))


def _last(dice: random.Random) -> dict[str, Any]:
    checks = (["pass"] if dice.random() < 0.9 else []) + dice.sample(_CHECKS, dice.randint(0, 4))
    modes = ("enforce", "warn", "record", "off")
    soft = {check: dice.choice(modes) for check in checks if check != "pass" and dice.random() < 0.5}
    return {"name": "rule", "checks": checks, "modes": soft, "party": dice.choice(("each", "holder"))}


def _rule(dice: random.Random) -> dict[str, Any]:
    rule = _last(dice)
    keys: dict[str, Any] = {
        "level": _some(dice, _LEVELS), "class": _some(dice, _CLASSES), "direction": dice.choice(("in", "out")),
        "attendance": _some(dice, ("guard", "remote", "none")), "lane_kind": dice.choice(("person", "vehicle")),
    }  # fmt: skip
    odds = {"level": 0.5, "class": 0.6, "direction": 0.5, "attendance": 0.2, "lane_kind": 0.2}
    rule |= {key: value for key, value in keys.items() if dice.random() < odds[key]}
    if dice.random() < 0.3:
        rule["from"], rule["until"] = dice.choice((("22:00", "06:00"), ("14:00", "17:00")))
    if dice.random() < 0.2:
        rule["days"] = _some(dice, ("mon", "wed", "fri", "sat"))
    if dice.random() < 0.3:
        rule |= {"verdict": dice.choice(("deny", "escalate", "warn")), "reason": dice.choice(("curfew", "zone_closed"))}
    return rule


def _row(dice: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in ("guard", "remote", "none"):
        if dice.random() < 0.6:
            residents = dice.choice(("allow", "allow", "escalate", "deny"))
            row[column] = {"residents": residents, "others": dice.choice(("escalate", "deny")), "for_s": 14_400}
    return row


def _told(dice: random.Random) -> Any:
    return dice.choice(_ROLES) if dice.random() < 0.5 else _some(dice, _ROLES)
