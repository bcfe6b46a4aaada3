"""Secrets of time steps: found by the place and week that they are for."""

from __future__ import annotations

import pytest

from checkpoint import steps
from checkpoint.steps import SecretsError, StepSecret, StepSecrets


def test_secrets_are_found_by_scope_and_week() -> None:
    held = StepSecrets([StepSecret("a", 2, b"a2"), StepSecret("b", 2, b"b2"), StepSecret("a", 3, b"a3")])
    assert held.candidates(["a", "b", "c"], 2 * 20_160) == [b"a2", b"b2"]
    assert held.candidates(["a"], 3 * 20_160 - 1) == [b"a2"]
    assert held.candidates(["a"], 3 * 20_160) == [b"a3"]
    assert held.candidates(["a"], 0) == []
    assert steps.week_at(2 * 604_800) == steps.week_of(steps.step_at(2 * 604_800)) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (StepSecret("Site A", 1, bytes(32)), "no site or grid id"),
        (StepSecret("site-a", -1, bytes(32)), "week -1"),
        (StepSecret("site-a", 1, b"short"), "has 5"),
    ],
)
def test_what_is_no_secret_is_named(row: StepSecret, why: str) -> None:
    with pytest.raises(SecretsError, match=why):
        steps.check_secrets([row])
