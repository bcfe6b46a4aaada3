"""Reasons: the one table of every code that a verdict, a fault, a prompt or an override may carry, in both languages.

    reason("pass_expired").zh      # 通行码已过期
    reason("pass_expired").verdict # deny

The texts are read by residents and guards on one screen: they say what to do, and never name a diagnosis.
"""

from __future__ import annotations

from typing import Final

from checkpoint.reason_rows import Call, Reason, Step
from checkpoint.reason_table import ROWS

__all__ = ["ALL", "LISTED_DENIALS", "OVERRIDES", "Call", "Reason", "Step", "UnknownReasonError", "of_step", "reason"]

ALL: Final[dict[str, Reason]] = {row.code: row for row in ROWS}

# These refusals stand whatever step came before them; no other `deny` overrules an `escalate`.
LISTED_DENIALS: Final = frozenset({"pass_forged", "pass_malformed", "out_of_scope", "pass_expired", "pass_revoked"})


class UnknownReasonError(LookupError):
    """A code that the table doesn't have."""


def reason(code: str) -> Reason:
    """The row of `code`. Raises UnknownReasonError, which names the code."""
    row = ALL.get(code)
    if row is None:
        raise UnknownReasonError(f"reason code {code!r} is not in checkpoint/reason_table*.py: add a row for it")
    return row


def of_step(step: Step) -> tuple[Reason, ...]:
    """All rows of one step, in table order."""
    return tuple(row for row in ROWS if row.step == step)


# What a guard may choose from when deciding instead of the gate: codes only, never free text alone.
OVERRIDES: Final = tuple(row.code for row in of_step("override"))
