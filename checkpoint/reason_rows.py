"""What a row of the table of reasons is, and how many of them are written down at once."""

from __future__ import annotations

from typing import Literal, NamedTuple

from checkpoint.records import VerdictName

Step = Literal[
    "pass", "temperature", "mask", "travel", "document", "vehicle", "quota", "watch",
    "policy", "lane", "device", "records", "way_out", "outcome", "override", "note", "prompt",
]  # fmt: skip
# The guard, the six roles of a grid, and whoever repairs the gate; "" nobody.
Call = Literal["", "guard", "first_head", "head", "administrator", "health", "police", "supervisor", "maintainer"]
Barrier = Literal["open", "closed", ""]


class Reason(NamedTuple):
    """One row. `verdict` is the default one, None where the code never decides a passage.

    `barrier` follows from it: open only for `allow` and for ways out. `call`: whose business it is first; "" nobody's.
    """

    code: str
    step: Step
    zh: str
    en: str
    verdict: VerdictName | None
    barrier: Barrier
    call: Call
    todo_zh: str
    todo_en: str


# One line of the lists: code, zh, en, todo_zh, todo_en.
Line = tuple[str, str, str, str, str]


def rows(
    step: Step, verdict: VerdictName | None, call: Call, *lines: Line, barrier: Barrier | None = None
) -> tuple[Reason, ...]:
    """Rows of one step that share verdict and call. `barrier`: where it does not follow from the verdict."""
    moved: Barrier = "" if verdict is None else "open" if verdict == "allow" else "closed"
    return tuple(
        Reason(code, step, zh, en, verdict, moved if barrier is None else barrier, call, todo_zh, todo_en)
        for code, zh, en, todo_zh, todo_en in lines
    )
