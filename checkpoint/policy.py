"""The policy, read from its TOML: errors name table, key, value, bound and remedy; what it doesn't say is never guessed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from checkpoint.policy_schema import HEALTH_CHECKS, FailTable, Policy, Rule, TemperatureSettings

MAX_POLICY_BYTES: Final = 64 * 1024
_PLACE = re.compile(r"\s+- at `(?P<path>[^`]+)`$")
_REMEDY: Final = "correct the policy file; docs/policy.md lists every key with its bounds"


class PolicyError(ValueError):
    """The text is no policy that a gate may follow."""


def parse_policy(text: bytes) -> Policy:
    """A policy out of its exact TOML bytes. Raises PolicyError and nothing else."""
    if len(text) > MAX_POLICY_BYTES:
        raise PolicyError(f"policy has {len(text)} bytes, at most {MAX_POLICY_BYTES} are read: {_REMEDY}")
    try:
        tables = tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"policy is not TOML: {error}: {_REMEDY}") from error
    try:
        policy = msgspec.convert(tables, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(_explain(str(error), tables)) from error
    _check_header(policy)
    _check_rules(policy.rules)
    _check_temperature(policy.temperature)
    _check_fail_table(policy.fail)
    return policy


def in_force(policies: Iterable[Policy], now_s: float) -> Policy | None:
    """The first of `policies` whose time it is. Give the narrowest scope first and the everyday policy last."""
    return next((policy for policy in policies if policy.in_force_at(now_s)), None)
