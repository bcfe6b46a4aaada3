"""What the watch list says is never what a verdict says: whoever is on it is asked to wait like anybody else.

The record of a passage holds what the check found, for whoever has to answer for it later. Reason, warnings and all
that screens and subscribers are shown are made without it; the one thing that is added is whom to call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from checkpoint.records import CheckResult, Verdict
from checkpoint.verdict_case import FIXED
from checkpoint.verdict_facts import Decision
from checkpoint.watch import WATCH_ROLES

# Also the reason where there is no list to look at: from the outside nobody can tell which of the two it was.
DISCREET: Final = "wait_staff"
# What stands in place of a result, whatever it was.
WITHHELD: Final = "withheld"
_CODES: Final = frozenset({"watch_hit", "watch_unlisted", "watch_missing"})


def discreet(decision: Decision) -> Decision:
    """The same verdict without a word of the watch list in what people and subscribers are shown.

    Somebody on the list waits for whoever is called for that, whatever else holds them up; a refusal stays a refusal,
    and a fever is the health officer's business first.
    """
    role = next((role for result in decision.results if (role := _role(result))), "")
    warnings = tuple(code for code in decision.warnings if code not in _CODES)
    if decision.verdict == "deny" or decision.reason in FIXED:
        return replace(decision, warnings=warnings)
    waits = decision.verdict == "escalate" and (role or decision.reason in _CODES)
    reason = DISCREET if waits else decision.reason
    return replace(decision, reason=reason, warnings=warnings, call=role or decision.call)


def without_watch(verdict: Verdict) -> Verdict:
    """The record without what this check found: for a screen that whoever is asked to wait can see."""
    kept = (
        CheckResult(check.check, check.mode, WITHHELD, "", None, None) if check.check == "watch" else check
        for check in verdict.checks
    )
    return msgspec.structs.replace(verdict, checks=tuple(kept))


def _role(result: CheckResult) -> str:
    """Whom this result calls; nobody where the policy only records."""
    if result.check != "watch" or result.reason != "watch_hit" or result.mode in ("record", "off"):
        return ""
    return str(result.value) if result.value in WATCH_ROLES else ""
