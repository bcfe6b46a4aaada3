"""A second opinion on every verdict: docs/policy.md, docs/lists.md and docs/reasons.md put into plain if and else.

It reads the policy's own TOML tables and shares nothing with checkpoint.verdict*: where the two differ, one of them or
the page is wrong.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

Table = dict[str, Any]

_REASONS = Path(__file__).parents[2] / "docs" / "reasons.md"
_ROW = re.compile(r"^\| `(\w+)` \| \w+ \| [^|]+ \| [^|]+ \| (\w*) ?\| (\w*) ?\|$", re.M)
# code: (verdict by default, whom it calls)
TABLE = {code: (verdict, call) for code, verdict, call in _ROW.findall(_REASONS.read_text(encoding="utf-8"))}

HOME = {"residents": "allow", "for_s": 14400}
DAYS = {"residents": "allow", "for_s": 14 * 86400}
ALL_DAYS = {"guard": DAYS, "remote": DAYS, "none": DAYS}
# "if the table is left out"
LEFT_OUT: dict[str, Table] = {
    "lists_stale": ALL_DAYS, "policy_stale": ALL_DAYS, "clock_untrusted": {"none": HOME},
    "thermometer_down": {"none": HOME}, "not_obtained": {"none": HOME}, "temperature_low": {},
    "camera_down": {"none": HOME}, "reader_down": {"none": HOME},
}  # fmt: skip
NEVER_SOFT = ("fever", "symptoms_declared")
OVERRULE = ("pass_forged", "pass_malformed", "pass_expired", "pass_revoked", "out_of_scope")
STRICTNESS = ("off", "record", "warn", "enforce")


class Said(NamedTuple):
    """What one step says: `verdict` empty where it holds nobody, `warning` what is said all the same."""

    verdict: str
    reason: str
    warning: str = ""
    by_table: bool = False


class Opinion(NamedTuple):
    verdict: str
    reason: str
    told: str


def judge(case: Table, policy: Table) -> Opinion:
    rules = rules_for(case, policy)
    rule = rules[0] if len(rules) == 1 else strictest(rules)
    said = walk(case, policy, rule, hour_unknown=len(rules) > 1)
    stops = [one for one in said if one.verdict in ("deny", "escalate")]
    warnings = [one.warning for one in said if one.warning]
    if not stops:
        verdict, reason = "allow", "allowed_by_fail_table" if any(one.by_table for one in said) else "all_ok"
    else:
        verdict, reason = stops[0].verdict, stops[0].reason
        if any(one.reason in NEVER_SOFT for one in stops):
            verdict, reason = next((one.verdict, one.reason) for one in stops if one.reason in NEVER_SOFT)
        elif verdict == "escalate" and any(one.reason in OVERRULE for one in stops):
            verdict, reason = next((one.verdict, one.reason) for one in stops if one.reason in OVERRULE)
    told = who_is_told(warnings if verdict == "allow" else [reason], policy, case)
    if verdict != "deny" and reason not in NEVER_SOFT:
        hit = case["watch"] == "watch_hit" and mode_of(rule, "watch") in ("warn", "enforce")
        told = "health" if hit else told
        if verdict == "escalate" and (hit or reason in ("watch_hit", "watch_unlisted", "watch_missing")):
            reason = "wait_staff"
    if case["direction"] == "out" and not case["free_exit"] and verdict != "allow":
        return Opinion("allow", "way_out", told)
    return Opinion(verdict, reason, told)


# Which rule


def rules_for(case: Table, policy: Table) -> list[Table]:
    """The first that matches; with an untrusted clock every one that may hold at some hour."""
    known, found = case["clock_untrusted_s"] is None, []
    for rule in policy["rule"]:
        if not matches(rule, case, policy["zone_level"]):
            continue
        has_hours = "from" in rule or "days" in rule
        if known and has_hours and not is_time(rule, case["weekday"], case["minute"]):
            continue
        found.append(rule)
        if known or not has_hours:
            return found
    closed = {"name": "closed", "checks": ["pass"], "verdict": "deny", "reason": "zone_closed"}
    return [*found, closed]


def class_of(case: Table) -> str | None:
    unreadable = case["who"] == "nobody" or case["pass"] in ("forged", "malformed", "stranger", "unknown_key")
    return None if unreadable else case["who"]


def matches(rule: Table, case: Table, level: str) -> bool:
    if level == "closed" and "level" not in rule:
        return False
    if "level" in rule and level not in rule["level"]:
        return False
    if "class" in rule and class_of(case) not in rule["class"]:
        return False
    if "attendance" in rule and case["attendance"] not in rule["attendance"]:
        return False
    if "direction" in rule and rule["direction"] != case["direction"]:
        return False
    return "lane_kind" not in rule or rule["lane_kind"] == case["lane"]


def is_time(rule: Table, weekday: int, minute: int) -> bool:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    day = names[weekday]
    if "from" in rule:
        first, end = (int(rule[key][:2]) * 60 + int(rule[key][3:]) for key in ("from", "until"))
        if first < end and not first <= minute < end:
            return False
        if first > end and end <= minute < first:
            return False
        if first > end and minute < end:
            day = names[weekday - 1]
    return "days" not in rule or day in rule["days"]


def strictest(rules: list[Table]) -> Table:
    checks = list(dict.fromkeys(check for rule in rules for check in rule["checks"]))
    modes = {check: max((mode_of(rule, check) for rule in rules), key=STRICTNESS.index) for check in checks}
    party = "each" if any(rule.get("party", "each") == "each" for rule in rules) else "holder"
    joined = {"name": "", "checks": checks, "modes": modes, "party": party}
    if len({(rule.get("verdict"), rule.get("reason")) for rule in rules}) == 1 and "verdict" in rules[0]:
        joined |= {"verdict": rules[0]["verdict"], "reason": rules[0]["reason"]}
    return joined


def mode_of(rule: Table, check: str) -> str:
    return rule.get("modes", {}).get(check, "enforce") if check in rule["checks"] else "off"


# The steps


def walk(case: Table, policy: Table, rule: Table, hour_unknown: bool) -> list[Said]:
    said: list[Said] = []
    gate = at_the_gate(case, policy, rule, hour_unknown)
    order = list(rule["checks"])
    if order[:1] != ["pass"]:
        said += gate
    for check in order:
        mode = mode_of(rule, check)
        if mode != "off":
            said += [softened(one, mode) for one in one_check(check, case, policy, rule)]
        if check == "pass" and order[0] == "pass":
            said += gate
    return said


def softened(one: Said, mode: str) -> Said:
    if mode == "enforce" or not one.verdict or one.reason in NEVER_SOFT:
        return one
    return one._replace(verdict="", warning=one.reason if mode == "warn" else "", by_table=False)


def one_check(check: str, case: Table, policy: Table, rule: Table) -> list[Said]:
    if check == "pass":
        return the_pass(case, policy)
    if check == "temperature":
        return the_temperature(case, policy, rule)
    return [another(check, case, policy)]


def at_the_gate(case: Table, policy: Table, rule: Table, hour_unknown: bool) -> list[Said]:
    said = []
    if case["halt"]:
        said.append(Said(TABLE[case["halt"]][0], case["halt"]))
    after_s = row_of(policy, "policy_stale").get("after_s", 7 * 86400)
    if case["policy_age_s"] is None or case["policy_age_s"] > after_s:
        over_s = None if case["policy_age_s"] is None else case["policy_age_s"] - after_s
        said.append(by_fail_table("policy_stale", "policy_stale", over_s, case, policy))
    if hour_unknown:
        said.append(by_fail_table("clock_untrusted", "clock_untrusted", case["clock_untrusted_s"], case, policy))
    asked = [check for check in rule["checks"] if mode_of(rule, check) != "off"]
    if case["weak_binding"] and len(asked) > 1 and not policy.get("accept_weak_binding", False):
        said.append(Said("escalate", "binding_weak"))
    return with_the_rules_word(said, case, rule)


def with_the_rules_word(said: list[Said], case: Table, rule: Table) -> list[Said]:
    if "verdict" not in rule:
        return said
    if rule["verdict"] == "warn":
        return [Said("", rule["reason"], rule["reason"]), *said]
    if rule["verdict"] == "deny" and not is_resident_here(case) and class_of(case) != "emergency":
        return [Said("deny", rule["reason"]), *said]
    asks = Said("escalate", rule["reason"])
    held_by = [one.verdict for one in said if one.verdict]
    return [*said, asks] if held_by[:1] == ["deny"] else [asks, *said]


def the_pass(case: Table, policy: Table) -> list[Said]:
    if case["who"] == "nobody":
        return [Said("escalate", "pass_missing")]
    if case["pass"] == "unknown_key":
        return [Said("escalate" if lists_are_old(case, policy) else "deny", "key_unknown")]
    for word, code in (("forged", "pass_forged"), ("malformed", "pass_malformed"), ("stranger", "not_a_pass")):
        if case["pass"] == word:
            return [Said("deny", code)]
    if case["pass"] == "elsewhere":
        return [Said("deny", "out_of_scope")]
    if case["clock_untrusted_s"] is not None:
        doubt = by_fail_table("clock_untrusted", "clock_untrusted", case["clock_untrusted_s"], case, policy)
        return [doubt, *(status_says(case, policy) if doubt.verdict else held_against(case, policy))]
    if case["pass"] in ("expired", "early"):
        return [Said("deny", "pass_expired" if case["pass"] == "expired" else "pass_not_yet")]
    said = held_against(case, policy)
    warn_after_s = row_of(policy, "lists_stale").get("warn_after_s", 24 * 3600)
    if not any(one.verdict or one.by_table for one in said) and case["lists_age_s"] > warn_after_s:
        said.append(Said("", "stale_revocation", "stale_revocation"))
    return said


def held_against(case: Table, policy: Table) -> list[Said]:
    said = status_says(case, policy)
    if lists_are_old(case, policy):
        after_s = row_of(policy, "lists_stale").get("after_s", 72 * 3600)
        over_s = None if case["lists_age_s"] is None else case["lists_age_s"] - after_s
        said.append(by_fail_table("lists_stale", "lists_stale", over_s, case, policy))
    mode = policy.get("passback", {}).get("mode", "off")
    if case["passback"] and mode != "off" and case["who"] != "emergency":
        said.append(softened(Said("escalate", case["passback"]), mode))
    return [*said, *only_a_copy(case, policy)]


def status_says(case: Table, policy: Table) -> list[Said]:
    if case["pass"] == "revoked":
        return [Said("deny", "pass_revoked")]
    if case["pass"] in ("suspended", "ask"):
        return [Said("escalate", "pass_suspended" if case["pass"] == "suspended" else "status_ask")]
    if case["pass"] == "unlisted":
        return [by_fail_table("status_missing", "lists_stale", case["lists_age_s"], case, policy)]
    return []


def only_a_copy(case: Table, policy: Table) -> list[Said]:
    settings = policy.get("pass", {})
    if (
        case["direction"] != "in"
        or case["variant"] not in ("static", "card")
        or case["document"] in ("document_ok", "document_seen")
    ):
        return []
    if case["who"] in settings.get("static_needs_document", []):
        return [Said("escalate", "document_ask")]
    return (
        [Said("escalate", "card_ask")]
        if case["variant"] == "card" and settings.get("card", "escalate") == "escalate"
        else []
    )


def the_temperature(case: Table, policy: Table, rule: Table) -> list[Said]:
    settings = policy.get("temperature", {})
    retest_s = case["retest_s"]
    if retest_s is not None and retest_s > settings.get("retest_valid_s", 1800):
        retest_s = None
    if retest_s is not None and retest_s < settings.get("retest_after_s", 300):
        return [Said("deny", "retest_too_early")]
    measured = [code for code in case["temperature"] if code]
    wanted = case["size"] if class_of(case) and rule.get("party", "each") == "each" else 1
    people = measured + ["temperature_missing"] * (wanted - len(measured))
    said = [one_person(code, retest_s, case, policy) for code in people]
    # Fever before everything, then who needs a person, then who is refused.
    rank = {"escalate": 1, "deny": 2, "": 3}
    return sorted(said, key=lambda one: (0 if one.reason in NEVER_SOFT else rank[one.verdict], one.reason))


def one_person(code: str, retest_s: float | None, case: Table, policy: Table) -> Said:
    down_s = case["thermometer_down_s"]
    failed = code in ("fever", "temperature_high", "temperature_unstable", "temperature_low")
    clears_nobody = down_s is not None and not (case["by_hand"] and code != "temperature_missing")
    if code == "temperature_missing" or (clears_nobody and not failed):
        if down_s is None:
            return Said("escalate", "temperature_missing")
        return by_fail_table("temperature_unmeasured", "thermometer_down", down_s, case, policy)
    if code == "temperature_ok":
        return Said("", code)
    if code in ("not_obtained_cold", "not_obtained_heat"):
        return by_fail_table(code, "not_obtained", case["for_s"], case, policy)
    if code != "temperature_low":
        return Said("escalate", code)
    if retest_s is not None:
        return Said("escalate", "temperature_low_again")
    if case["warm_place"] and not case["by_hand"]:
        return Said("deny", code)
    return by_fail_table(code, "temperature_low", 0.0, case, policy)


def another(check: str, case: Table, policy: Table) -> Said:
    code = case[check]
    if not code:
        if check == "mask" and case["camera_down_s"] is not None:
            return by_fail_table("mask_missing", "camera_down", case["camera_down_s"], case, policy)
        return Said("escalate", f"{check}_missing")
    conditions = {
        "document_unchecked": "reader_down", "vehicle_unchecked": "reader_down", "mask_unchecked": "camera_down",
        "travel_unlisted": "lists_stale", "watch_unlisted": "lists_stale",
        "travel_undated": "clock_untrusted", "document_undated": "clock_untrusted",
    }  # fmt: skip
    if code in conditions:
        return by_fail_table(code, conditions[code], case["for_s"], case, policy)
    if TABLE[code][0] == "allow":
        return Said("", code)
    return Said("", code, code) if code == "quota_late" else Said(TABLE[code][0], code)


# The fail table


def row_of(policy: Table, condition: str) -> Table:
    fail: dict[str, Table] = policy.get("fail", {})
    return fail[condition] if condition in fail else LEFT_OUT[condition]


def is_resident_here(case: Table) -> bool:
    return class_of(case) == "resident" and case["pass"] != "elsewhere"


def lists_are_old(case: Table, policy: Table) -> bool:
    age_s = case["lists_age_s"]
    return age_s is None or age_s > row_of(policy, "lists_stale").get("after_s", 72 * 3600)


def by_fail_table(code: str, condition: str, for_s: float | None, case: Table, policy: Table) -> Said:
    column = row_of(policy, condition).get(case["attendance"], {})
    answer = column.get("others", "escalate")
    if is_resident_here(case):
        residents = column.get("residents", "escalate")
        in_time = "for_s" not in column or (for_s is not None and for_s <= column["for_s"])
        answer = residents if residents != "allow" or in_time else answer
    return Said("", code, code, by_table=True) if answer == "allow" else Said(answer, code, by_table=True)


def who_is_told(codes: list[str], policy: Table, case: Table) -> str:
    for code in codes:
        roles = policy.get("told", {}).get(code, TABLE[code][1])
        roles = [roles] if isinstance(roles, str) else roles
        if case["attendance"] == "none":
            roles = ["administrator" if role == "guard" else role for role in roles]
        if any(roles):
            return " ".join(dict.fromkeys(roles))
    return ""
