"""What is missing, stale or failed lets nobody in whom it would not otherwise, save where the fail table says so."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any, Final

import pytest

from checkpoint.document_digest import document_digest
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Policy
from checkpoint.verdict import Decision, class_for, decide
from edge import facts
from tests.edge.lane_bench import POLICY, STRANGER, Bench, a_pass
from tests.situations.cases import ALL_WELL, NOW_S, Case, facts_of, presented_of, state_of
from tests.situations.test_oracle import drawn
from tests.situations.test_situations import POLICIES

# One input at a time, in order and otherwise.
WORSE: Final[dict[str, tuple[Any, ...]]] = {
    "temperature": ([], ["temperature_missing"], ["temperature_unstable"], ["not_obtained_cold"], ["temperature_low"]),
    "mask": ("", "mask_none", "mask_unsure", "mask_not_assessed", "mask_unchecked"),
    "travel": ("", "travel_risk", "travel_old", "travel_not_stated", "travel_unlisted", "travel_undated"),
    "document": ("", "document_mismatch", "document_expired", "document_unchecked", "document_undated"),
    "vehicle": ("", "plate_mismatch", "plate_unread", "vehicle_unchecked"),
    "watch": ("", "watch_hit", "watch_unlisted"),
    "pass": ("expired", "revoked", "suspended", "ask", "elsewhere", "unlisted"),
    "thermometer_down_s": (60.0,), "camera_down_s": (60.0,), "clock_untrusted_s": (60.0,),
    "lists_age_s": (None, 9e5), "policy_age_s": (None, 9e6), "weak_binding": (True,),
}  # fmt: skip
ENOUGH: Final = 25


def decided(case: Case, policy: Policy) -> Decision:
    return decide(presented_of(case), facts_of(case), policy, state_of(case), NOW_S)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_what_is_missing_stale_or_failed_turns_no_verdict_into_allow(name: str) -> None:
    policy, dice = parse_policy(POLICIES[name]), random.Random(f"worse {name}")
    turned = 0
    for _ in range(ENOUGH):
        case = drawn(dice) | {"direction": "in"}
        for key, values in WORSE.items():
            good = decided(case | {key: ALL_WELL[key]}, policy)
            for value in values:
                worse = decided(case | {key: value}, policy)
                if good.verdict != "allow" and worse.verdict == "allow":
                    assert worse.reason == "allowed_by_fail_table", (key, value, case)
                turned += good.verdict == "allow" and worse.verdict != "allow"
    assert turned > 0


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_an_enforced_check_without_its_answer_is_never_all_ok(name: str) -> None:
    policy, dice = parse_policy(POLICIES[name]), random.Random(f"asked {name}")
    for _ in range(ENOUGH):
        case = drawn(dice) | {"direction": "in", "clock_untrusted_s": None}
        for check in ("pass", "temperature", "mask", "travel", "document", "vehicle", "watch"):
            for value in WORSE[check]:
                short = case | {check: value, "size": 1}
                if mode_of(check, short, policy) == "enforce":
                    decision = decided(short, policy)
                    assert decision.verdict != "allow" or decision.reason == "allowed_by_fail_table", short


def mode_of(check: Any, case: Case, policy: Policy) -> str:
    state = state_of(case)
    pass_class = class_for(presented_of(case), policy)
    level = policy.level_of(state.grids)
    rule = policy.rule_for(level, pass_class, "in", state.attendance, state.lane_kind, state.local)
    return rule.mode_of(check)


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {"everyday"}))
@pytest.mark.parametrize("level", ["low", "medium", "high", "closed"])
def test_crews_are_held_up_by_their_pass_alone_at_every_level(name: str, level: str) -> None:
    policy = parse_policy(POLICIES[name] + f'\n[zones]\ngrid-7 = "{level}"\n'.encode())
    for lane in ("person", "vehicle"):
        crew = ALL_WELL | {"who": "emergency", "lane": lane, "minute": 180, "temperature": [], "mask": "", "watch": ""}
        for attendance in ("guard", "remote", "none"):
            assert decided(crew | {"attendance": attendance}, policy).verdict == "allow"


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_who_lives_here_and_is_in_order_comes_home_at_any_hour(name: str) -> None:
    policy = parse_policy(POLICIES[name])
    for attendance in ("guard", "remote", "none"):
        for weekday in range(7):
            for minute in range(0, 1440, 180):
                case = ALL_WELL | {"attendance": attendance, "weekday": weekday, "minute": minute}
                assert decided(case, policy).verdict == "allow"


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {"office", "school", "hospital", "demo"}))
def test_nobody_is_kept_from_home_for_what_nobody_was_there_to_see(name: str) -> None:
    alone = ALL_WELL | {"attendance": "none", "mask": "", "travel": "travel_not_stated", "document": ""}
    for minute in (600, 1380):
        decision = decided(alone | {"minute": minute}, parse_policy(POLICIES[name]))
        assert (decision.verdict, decision.reason) == ("allow", "all_ok")


# --- through the lane ------------------------------------------------------------------------------------------------

NUMBER, OTHER = "11010519491231002X", "110105194912310038"
SLOW: Final = (
    POLICY.replace(b'"pass", "temperature"', b'"pass", "temperature", "mask", "document"')
    .replace(b"presentation_s = 5.0", b"presentation_s = 15.0")
    .replace(b"measure_s = 4.0", b"measure_s = 10.0")
    .replace(b"escalation_s = 6.0", b"escalation_s = 300.0")
    .replace(b"verdict_shown_s = 2.0", b"verdict_shown_s = 60.0")
)
GOOD = a_pass(1, document_digest=document_digest(NUMBER, (1).to_bytes(8, "big")))


def tell(bench: Bench, what: str, value: Any) -> None:
    if what == "code":
        bench.tell(facts.Scanned(value))
    elif what == "document":
        bench.tell(facts.DocumentRead(value))
    elif what == "mask":
        for _ in range(3):
            bench.wait(200)
            bench.tell(facts.MaskSeen(value, 0.5, 0.97, bench.now_ms - 40))
    else:
        bench.wait(1200, object_c=value)


def verdict_of(order: tuple[tuple[str, Any], ...]) -> list[tuple[str, str]]:
    readers: dict[str, tuple[facts.Brings, ...]] = {"scanner": ("code",), "id": ("document",)}
    bench = Bench(policy=SLOW, readers=readers, mask_score_min=0.9)
    bench.come()
    for what, value in order:
        tell(bench, what, value)
    # Longer than all that may be waited for, one after the other.
    bench.wait(45_000)
    return bench.verdicts


@pytest.mark.parametrize(
    ("code", "object_c", "face", "number", "expected"),
    [
        (GOOD, 36.2, "mask", NUMBER, ("allow", "all_ok")),
        (GOOD, 36.2, "no_mask", NUMBER, ("escalate", "mask_none")),
        (GOOD, 36.2, "mask", OTHER, ("escalate", "document_mismatch")),
        (GOOD, 33.0, "mask", NUMBER, ("deny", "temperature_low")),
        (a_pass(2, expired=True), 36.2, "mask", NUMBER, ("deny", "pass_expired")),
        (a_pass(3, key=STRANGER), 36.2, "no_mask", OTHER, ("deny", "key_unknown")),
    ],
)
def test_the_order_in_which_facts_are_bound_to_a_passage_decides_nothing(
    code: bytes, object_c: float, face: str, number: str, expected: tuple[str, str]
) -> None:
    told = (("code", code), ("temperature", object_c), ("mask", face), ("document", number))
    orders = list(permutations(told))
    assert [verdict_of(order)[0] for order in orders] == [expected] * len(orders)
