"""Generated cases under every shipped policy: the rules and a naive second opinion must not differ in one of them."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from checkpoint.policy import parse_policy
from checkpoint.verdict import decide
from tests.situations import made_up, oracle
from tests.situations.cases import NOW_S, Case, case_with, facts_of, presented_of, state_of
from tests.situations.test_situations import POLICIES

CASES_EACH: Final = 60
# What a case may have instead of being in order. The first of each is in order, and drawn most of the time.
_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "who": ("resident", "visitor", "courier", "worker", "vehicle", "emergency", "nobody"),
    "pass": (
        "good", "expired", "early", "forged", "malformed", "stranger", "revoked", "suspended", "ask", "elsewhere",
        "unknown_key", "unlisted",
    ),
    "variant": ("rotating", "static", "card"),
    "size": (1, 2, 3),
    "direction": ("in", "out"), "free_exit": (False, True), "lane": ("person", "vehicle"),
    "attendance": ("guard", "none", "remote"),
    "weekday": (2, 0, 4, 5, 6), "minute": (600, 0, 359, 360, 840, 1020, 1199, 1260, 1320, 1439),
    "by_hand": (False, True), "retest_s": (None, 100.0, 400.0, 2000.0), "warm_place": (False, True),
    "mask": ("mask_ok", "mask_none", "mask_unsure", "mask_not_assessed", "mask_unchecked", ""),
    "travel": ("travel_ok", "travel_risk", "travel_old", "travel_not_stated", "travel_unlisted", "travel_undated", ""),
    "document": (
        "document_ok", "document_seen", "document_mismatch", "document_expired", "document_unreadable",
        "document_unbound", "document_unchecked", "document_undated", "",
    ),
    "vehicle": (
        "vehicle_ok", "plate_mismatch", "plate_several", "plate_unread", "plate_unbound", "vehicle_unchecked", "",
    ),
    "watch": ("watch_ok", "watch_hit", "watch_unlisted", ""),
    "quota": ("quota_free", "quota_used", "quota_late", "quota_unknown", ""),
    "for_s": (60.0, 14_400.0, 14_401.0, 2e6),
    "thermometer_down_s": (None, 60.0, 20_000.0), "camera_down_s": (None, 60.0, 20_000.0),
    "clock_untrusted_s": (None, 60.0, 20_000.0),
    "lists_age_s": (60.0, None, 100_000.0, 200_000.0, 700_000.0, 3e6),
    "policy_age_s": (60.0, None, 700_000.0, 3e6),
    "weak_binding": (False, True), "passback": ("", "passback", "seen_elsewhere"),
    "halt": ("", "two_people", "two_codes", "symptoms_declared", "not_recorded"),
}  # fmt: skip
_READINGS: Final = (
    "temperature_ok", "temperature_ok", "temperature_ok", "fever", "temperature_high", "temperature_unstable",
    "temperature_low", "not_obtained_cold", "not_obtained_heat", "temperature_missing", "",
)  # fmt: skip


def drawn(dice: random.Random) -> Case:
    """A case with about four things that are not as they should be; who, way, hour and attendance are drawn evenly."""
    odds = {"who": 0.8, "attendance": 0.6, "minute": 0.5, "direction": 0.25, "weekday": 0.4}
    changes = {
        name: dice.choice(choices) if dice.random() < odds.get(name, 0.12) else choices[0]
        for name, choices in _CHOICES.items()
    }
    people = changes["size"] if dice.random() < 0.8 else dice.randint(0, 3)
    readings = [dice.choice(_READINGS) if dice.random() < 0.3 else "temperature_ok" for _ in range(people)]
    return case_with(**changes, temperature=readings)


def agreed(text: bytes, dice: random.Random, cases: int) -> set[str]:
    """The verdicts on which both were of one mind."""
    policy, raw, seen = parse_policy(text), tomllib.loads(text.decode()), set()
    for _ in range(cases):
        case = drawn(dice)
        opinion = oracle.judge(case, raw)
        decision = decide(presented_of(case), facts_of(case), policy, state_of(case), NOW_S)
        found = oracle.Opinion(decision.verdict, decision.reason, decision.call)
        assert found == opinion, (case, text.decode())
        seen.add(opinion.verdict)
    return seen


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_rules_and_second_opinion_agree(name: str) -> None:
    assert len(agreed(POLICIES[name], random.Random(name), CASES_EACH)) > 1


@pytest.mark.parametrize("seed", range(8))
def test_they_agree_under_policies_that_nobody_would_write(seed: int) -> None:
    dice = random.Random(seed)
    seen = set().union(*(agreed(made_up.text_of(dice).encode(), dice, 15) for _ in range(12)))
    assert seen == {"allow", "deny", "escalate"}


def test_there_are_enough_cases() -> None:
    assert CASES_EACH * len(POLICIES) >= 300


def test_the_second_opinion_imports_nothing_of_ours() -> None:
    lines = Path(str(oracle.__file__)).read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported == {"__future__", "re", "pathlib", "typing"}
