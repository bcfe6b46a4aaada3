"""What one verdict record says about the inputs it was decided from: of each input, every value it may have had."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, cast, get_args

import msgspec

from checkpoint.passes import PassClass
from checkpoint.policy_schema import Attendance, CheckName, Condition, FailTable, Policy
from checkpoint.policy_time import LocalTime
from checkpoint.reasons import ALL, Step, of_step
from checkpoint.records import CheckResult, PassFacts, ReadingKept, Verdict, Where
from checkpoint.status_list import ASK, REVOKED, SUSPENDED, StatusAnswer
from checkpoint.verdict_case import FOREIGN
from checkpoint.verdict_facts import CheckFact, Retest

# The place in all that is supposed of a record: a site in an area.
HERE: Final = ("site", "area")
# Codes of the check `pass` that only a pass gets whose signature, time, place and kind are in order.
_STANDING: Final = frozenset({
    "pass_valid", "pass_revoked", "pass_suspended", "status_ask", "status_missing", "lists_stale", "pass_used",
    "quota_unknown", "passback", "seen_elsewhere", "static_repeat", "document_ask", "card_ask", "plate_ask",
})  # fmt: skip
# Refusals of a genuine pass that a policy words, or the place; the pass itself was in order.
_BY_POLICY: Final = frozenset({"out_of_scope", "card_off", "plate_off", "format_not_enabled"})
# Whose home this may be.
_HOME: Final[tuple[PassClass, ...]] = ("resident",)
_MEASURED: Final = CheckFact("ok", "temperature_ok")
_NOT_NORMAL: Final = ("fever", "temperature_low")

# Of every input by its name, the values that it may have had; the commonest first.
Candidates = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Shown:
    """What reading the code gave: its reason and its format."""

    reason: str
    format: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A verdict record with what its header adds. `grids`: the gate's and all above, nearest first.

    `local`: the time at the place; None if the gate's clock was not trusted.
    """

    verdict: Verdict
    grids: tuple[str, ...]
    clock_trusted: bool
    local: LocalTime | None = None

    @property
    def people(self) -> int:
        held = self.verdict.pass_facts
        return held.party_size if held else 1

    def results(self, check: str) -> tuple[CheckResult, ...]:
        """What came of a check that was made; empty if nobody made it."""
        return tuple(result for result in self.verdict.checks if result.check == check and result.result != "skipped")

    def bare(self) -> Recorded:
        """Without what no rule looks at: whose it is, where in the site, which numbers were measured."""
        verdict = self.verdict
        held, where = verdict.pass_facts, verdict.where
        by_hand = dict.fromkeys(reading.manual for reading in verdict.readings)
        return replace(self, verdict=msgspec.structs.replace(
            verdict,
            where=Where("", "", where.direction, where.lane_kind),
            checks=tuple(_bare_result(result) for result in verdict.checks),
            pass_facts=held and PassFacts(b"", b"", held.pass_class, None, b"", held.party_size),
            readings=tuple(ReadingKept("", None, None, None, None, None, None, (), manual) for manual in by_hand),
            retest_of=None if verdict.retest_of is None else b"",
            call="",
            of_vehicle=None,
        ))  # fmt: skip


def _bare_result(result: CheckResult) -> CheckResult:
    """The word that a check has left counts only where it names a format or a role."""
    is_name = result.check == "watch" or result.reason in ("format_not_enabled", *FOREIGN)
    value = result.value if is_name and isinstance(result.value, str) else None
    return CheckResult(result.check, result.mode, result.result, result.reason, value, None)


def candidates_of(recorded: Recorded, then: Policy, new: Policy) -> Candidates:
    """Durations are sampled once between every two limits of the two policies: no rule can tell more apart."""
    policies = (then, new)
    is_asked_twice = any(policy.passback.mode != "off" for policy in policies)
    found: Candidates = {
        "shown": _shown(recorded, policies),
        "by_clock": (True, False),
        "variant": _variants(recorded, policies),
        "in_scope": _in_scope(recorded),
        "resident_here": (True, False) if recorded.verdict.pass_class in _HOME else (False,),
        "status": tuple(StatusAnswer(value, cut_off=False) for value in (0, REVOKED, SUSPENDED, ASK, None)),
        # Of a pass with several entries it is all the same to a policy how many.
        "uses": (None, 1),
        "entries": (0, 1, None),
        "passback": ("", "passback", "seen_elsewhere") if is_asked_twice else ("",),
        "last_hour": (0, *sorted({most for policy in policies if (most := policy.passes.static_repeat_per_h)})),
        "retest": _retests(recorded, policies),
        "halt": _halts(recorded.verdict.reason),
        "warm_place": (False, True),
        "other_free_exit": (False, True),
        "manual": _manual(recorded),
        "lists_age_s": _ages(recorded, policies),
        "policy_age_s": _ages(recorded, policies),
        "clock_untrusted_for_s": _lasted("clock_untrusted", recorded, policies),
    }
    for condition in FailTable.__struct_fields__:
        lasted = _lasted(cast(Condition, condition), recorded, policies)
        found |= {f"{condition}_lasted": lasted, condition: (None, *lasted)}
    if recorded.clock_trusted:
        found["clock_untrusted_for_s"] = (None,)
    _narrow(found, recorded, then)
    found |= {check: _unmade(check) for check in get_args(CheckName) if check not in ("pass", "temperature")}
    found["temperature"] = ((_MEASURED,), *((CheckFact("failed", code),) for code in _NOT_NORMAL), ())
    return found | {f"{name}*": found[name] for name in ("passback", "quota", "travel", "temperature")}


def _narrow(found: Candidates, recorded: Recorded, then: Policy) -> None:
    """Leaves out at once what can't have given this record: to try it would find the same, much later."""
    verdict, tags = recorded.verdict, recorded.verdict.tags
    codes = {result.reason for result in recorded.results("pass")}
    lists_s, policy_s = then.fail.lists_stale.after_s, then.fail.policy_stale.after_s
    if "pass_valid" in codes:
        found["status"], found["uses"] = found["status"][:1], found["uses"][:1]
        found["lists_age_s"] = _up_to(found["lists_age_s"], lists_s)
        if then.passback.mode != "off" and not codes & {"passback", "seen_elsewhere"}:
            found["passback"] = ("",)
        # The same answers of the collector confirm lists and policy.
        found["policy_age_s"] = _up_to(found["policy_age_s"], lists_s)
    if "lists_stale" in codes:
        found["lists_age_s"] = _over(found["lists_age_s"], lists_s)
    if verdict.reason == "fever" and recorded.people == 1:
        # A lane decides at once when something halts it, and when it has such a reading: nothing else came between.
        found["halt"], found["thermometer_down"] = ("",), (None,)
    if verdict.verdict == "allow" and verdict.reason != "way_out":
        found["halt"] = ("",)
        sift = _over if "policy_stale" in tags else _up_to
        found["policy_age_s"] = sift(found["policy_age_s"], policy_s)
    elif verdict.reason == "policy_stale":
        found["policy_age_s"] = _over(found["policy_age_s"], policy_s)
    temperatures = recorded.results("temperature")
    if any(result.reason == "temperature_unmeasured" for result in temperatures):
        found["thermometer_down"] = found["thermometer_down"][1:]
    elif found["manual"] == (False,) and any(result.result in ("ok", "not_obtained") for result in temperatures):
        found["thermometer_down"] = (None,)


def _up_to(ages: tuple[float | None, ...], limit_s: float) -> tuple[float | None, ...]:
    return tuple(age for age in ages if age is not None and age <= limit_s)


def _over(ages: tuple[float | None, ...], limit_s: float) -> tuple[float | None, ...]:
    return tuple(age for age in ages if age is None or age > limit_s)


def _unmade(check: Step) -> tuple[tuple[CheckFact, ...], ...]:
    """What a check that nobody made might have said: nothing, that all is well, a code for each that may follow."""
    codes = {
        row.verdict: row.code for row in of_step(check) if row.verdict != "allow" and row.code != f"{check}_missing"
    }
    failed = tuple((CheckFact("failed", code),) for code in codes.values())
    return ((), (CheckFact("ok", f"{check}_ok"),), *failed)


def _shown(recorded: Recorded, policies: tuple[Policy, Policy]) -> tuple[Shown | None, ...]:
    first = next(iter(recorded.results("pass")), None)
    if recorded.verdict.pass_facts is not None:
        return _shown_of_pass(first.reason if first else "")
    foreign = sorted({name for policy in policies for name in policy.passes.foreign})
    certificates = tuple(Shown("foreign_valid", name) for name in foreign)
    if first is None:
        return (None, Shown("not_a_pass", None), *certificates)
    if first.reason in ("clock_untrusted", "lists_stale"):
        return certificates or (None,)
    if first.reason in ("foreign_rule_failed", "foreign_rule_unknown"):
        return (Shown("foreign_valid", "HC1"),)
    name = first.value if isinstance(first.value, str) else None
    return (None,) if first.reason == "pass_missing" else (Shown(first.reason, name),)


def _shown_of_pass(code: str) -> tuple[Shown, ...]:
    own = Shown("pass_valid", "GK1")
    if code in ("", "clock_untrusted"):
        return (own, Shown("pass_expired", "GK1"))
    if code == "device_proof_missing":
        return (own, Shown(code, "GK1"))
    return (own,) if code in _STANDING or code in _BY_POLICY else (Shown(code, "GK1"),)


def _variants(recorded: Recorded, policies: tuple[Policy, Policy]) -> tuple[str, ...]:
    """Printed, or live: one of each kind of live variant that the two policies treat alike."""
    for variant in ("card", "plate"):
        if variant in recorded.verdict.tags:
            return (variant,)
    live = {tuple(name in policy.passes.phone for policy in policies): name for name in ("step", "device", "rotating")}
    return ("static", *sorted(live.values()))


def _in_scope(recorded: Recorded) -> tuple[bool, ...]:
    codes = {result.reason for result in recorded.results("pass")}
    if "out_of_scope" in codes:
        return (False,)
    return (True,) if codes & _STANDING else (True, False)


def _manual(recorded: Recorded) -> tuple[bool, ...]:
    by_hand = {reading.manual for reading in recorded.verdict.readings}
    if "manual" in recorded.verdict.tags:
        by_hand.add(True)
    return tuple(sorted(by_hand)) or (False,)


def _halts(reason: str) -> tuple[str, ...]:
    row = ALL.get(reason)
    own = reason if row is not None and row.step == "lane" else "unknown"
    return tuple(dict.fromkeys(("", "two_people", "two_codes", own)))


def _samples(limits: Iterable[float]) -> tuple[float, ...]:
    """One value under the lowest limit, one between every two, one over the highest."""
    edges = [0.0, *sorted(set(limits))]
    return (*((low + high) / 2 for low, high in pairwise(edges)), edges[-1] + 1.0)


def _lasted(condition: Condition, recorded: Recorded, policies: tuple[Policy, Policy]) -> tuple[float, ...]:
    attendance = cast(Attendance, recorded.verdict.attendance)
    columns = [policy.fail.row(condition).column(attendance) for policy in policies]
    return _samples(column.for_s for column in columns if column.for_s is not None)


def _ages(recorded: Recorded, policies: tuple[Policy, Policy]) -> tuple[float | None, ...]:
    """Of lists and policy alike: an age that was confirmed together is compared with the limits of both."""
    limits = []
    for policy in policies:
        limits.append(policy.fail.lists_stale.warn_after_s)
        for row in (policy.fail.lists_stale, policy.fail.policy_stale):
            for_s = row.column(cast(Attendance, recorded.verdict.attendance)).for_s
            limits += [row.after_s, row.after_s + (for_s or 0.0)]
    return (*_samples(limits), None)


def _retests(recorded: Recorded, policies: tuple[Policy, Policy]) -> tuple[Retest | None, ...]:
    then, new = (policy.temperature for policy in policies)
    ages = _samples((then.retest_after_s, new.retest_after_s, then.retest_valid_s, new.retest_valid_s))
    if "retest" in recorded.verdict.tags:
        return tuple(Retest(b"", age) for age in ages if age <= then.retest_valid_s)
    return (None, *(Retest(b"", age) for age in ages if then.retest_valid_s < age <= new.retest_valid_s))
