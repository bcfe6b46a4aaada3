"""What the doctor found: one line for each thing looked at, with the remedy where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from webscreen.words import Words

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`part`: what was looked at. `what`: what was seen there. `remedy`: what to do, empty when nothing is to be done.

    `facts`: the same as values, for programs; nothing secret is ever in them.
    """

    part: Words
    state: State
    what: Words
    remedy: Words = field(default_factory=Words)
    facts: dict[str, Any] = field(default_factory=dict)


def ok(part: Words, what: Words, **facts: Any) -> Finding:
    """As it should be."""
    return Finding(part, "ok", what, facts=facts)


def warn(part: Words, what: Words, remedy: Words, **facts: Any) -> Finding:
    """It works, and will make trouble one day."""
    return Finding(part, "warn", what, remedy, facts)


def fail(part: Words, what: Words, remedy: Words, **facts: Any) -> Finding:
    """The gate does not work like this."""
    return Finding(part, "fail", what, remedy, facts)


def same(text: str) -> Words:
    """A name or a figure that is the same in both languages."""
    return Words(text, text)


def as_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain values."""
    return {
        "part": finding.part.en,
        "part_zh": finding.part.zh,
        "state": finding.state,
        "what": finding.what.en,
        "what_zh": finding.what.zh,
        "remedy": finding.remedy.en,
        "remedy_zh": finding.remedy.zh,
        "facts": finding.facts,
    }


def worst(findings: Iterable[Finding]) -> State:
    """`fail` above `warn` above `ok`."""
    states = {finding.state for finding in findings}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"
