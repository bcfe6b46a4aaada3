"""A TOML text read into its typed form: what is wrong is said with place, value, line, bound and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args

import msgspec

from checkpoint.passes import PassClass
from checkpoint.policy_lines import Path, line_at, lines_of
from checkpoint.policy_rule import Attendance, CheckName, Mode, RuleReason, RuleVerdict, ZoneLevel
from checkpoint.policy_schema import LiveVariant, LocalMatter, RiskLevel, Role, RuledFormat, Stands, Worth
from checkpoint.policy_time import DAYS
from checkpoint.records import Direction, LaneKind

MAX_POLICY_BYTES: Final = 64 * 1024
_PLACE = re.compile(r"\s+- at (`key` in )?`(?P<path>[^`]+)`$")
# Far deeper than any key of a policy.
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DEEP_NAME: Final = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{30}}")
# Words that a key may have, by the last name of its path: msgspec's message does not list them.
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "level": get_args(ZoneLevel), "zone_level": get_args(ZoneLevel), "zones": get_args(ZoneLevel),
    "checks": get_args(CheckName), "modes": (*get_args(CheckName), "=", *get_args(Mode)),
    "class": get_args(PassClass), "attendance": get_args(Attendance), "direction": get_args(Direction),
    "lane_kind": get_args(LaneKind), "party": ("each", "holder"),
    "residents": ("allow", "escalate", "deny"), "others": ("escalate", "deny"),
    "days": DAYS, "verdict": get_args(RuleVerdict), "reason": get_args(RuleReason), "occupants": ("driver", "each"),
    "told": get_args(Role), "may": get_args(LocalMatter),
    "milder": (*get_args(CheckName), "=", *get_args(Mode)),
    "phone": get_args(LiveVariant), "static": get_args(PassClass), "static_needs_document": get_args(PassClass),
    "foreign": get_args(Worth), "rules": get_args(RuledFormat), "mode": get_args(Mode),
    "card": get_args(Stands), "plate": get_args(Stands), "risk_level": get_args(RiskLevel),
}  # fmt: skip
REMEDY: Final = "correct the policy file; docs/policy.md lists every key with its bounds"

_T = TypeVar("_T")


class PolicyError(ValueError):
    """The text is no policy that a gate may follow. `line`: where it is wrong, None where that can't be told."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Flaw(Exception):  # Whoever reads the text makes a PolicyError of it.
    """A value that has its form and still can't be. `place`: its keys with dots between; `rule`: place and name of the
    rule that it stands in."""

    def __init__(
        self, place: str, value: object, bound: str, remedy: str, rule: tuple[int, str] | None = None
    ) -> None:  # fmt: skip
        super().__init__(f"rule {rule[1]!r}.{place}" if rule else place)
        self.path: Path = (*(("rule", rule[0]) if rule else ()), *place.split("."))
        self.value, self.bound, self.remedy = value, bound, remedy


def read(text: bytes, form: type[_T], what: str = "policy") -> tuple[_T, Mapping[Path, int]]:
    """`text` as `form`, and the line of every key in it. Raises PolicyError and nothing else."""
    tables = tables_of(text, what)
    lines = lines_of(text.decode("utf-8"))
    try:
        return msgspec.convert(tables, form), lines
    except msgspec.ValidationError as error:
        raise _explained(what, str(error), tables, lines) from error


def tables_of(text: bytes, what: str = "policy") -> dict[str, Any]:
    """The TOML as it stands there. Raises PolicyError."""
    if len(text) > MAX_POLICY_BYTES:
        raise PolicyError(f"{what} has {len(text)} bytes, at most {MAX_POLICY_BYTES} are read: {REMEDY}")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{what} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    # Reading a long name takes the square of its length.
    if (deep := _DEEP_NAME.search(decoded)) is not None:
        line = decoded.count("\n", 0, deep.start()) + 1
        raise PolicyError(f"{what}: {deep[0][:20]!r} (line {line}): names tables in too many tables: {REMEDY}", line)
    try:
        return tomllib.loads(decoded)
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number of thousands of digits.
        raise PolicyError(f"{what} is not TOML: {error}: {REMEDY}") from error
    except RecursionError:
        raise PolicyError(f"{what} has lists or tables in too many others: {REMEDY}") from None


def flawed(what: str, flaw: Flaw, lines: Mapping[Path, int]) -> PolicyError:
    """The error that a flaw is to whoever wrote the text."""
    line = line_at(lines, flaw.path)
    return PolicyError(f"{what}: {flaw} = {flaw.value}{_on(line)}: {flaw.bound}: {flaw.remedy}", line)


def _on(line: int | None) -> str:
    return "" if line is None else f" (line {line})"


def _explained(what: str, message: str, tables: dict[str, Any], lines: Mapping[Path, int]) -> PolicyError:
    """msgspec's message as: table, key, value, line, bound, remedy."""
    found = _PLACE.search(message)
    bound = message[: found.start()] if found else message
    bound = f"{bound[:1].lower()}{bound[1:]}"
    text = found["path"].removeprefix("$").removeprefix(".") if found else ""
    unknown = re.search(r"unknown field `([^`]+)`", bound)
    if not text:
        line = lines.get((unknown[1],)) if unknown else None
        return PolicyError(f"{what} header: {bound}{_on(line)}: {REMEDY}", line)
    words = _words(text, bound)
    path = _completed(_path(text), tables, words)
    line = line_at(lines, (*path, unknown[1]) if unknown else path)
    text = text.replace("[...]", f".{path[-1]}") if len(path) == len(_path(text)) else text
    choice = f", choose from {' '.join(words)}" if words else _hint(text)
    return PolicyError(f"{what}: {text} = {_value_at(tables, path)}{_on(line)}: {bound}{choice}: {REMEDY}", line)


def _words(text: str, bound: str) -> tuple[str, ...]:
    if "enum" in bound or "`array`" in bound:
        return _WORDS.get(re.findall(r"[a-z_]+", text)[-1], ())
    return ()


def _hint(text: str) -> str:
    return ', written "HH:MM"' if text.startswith("rule") and text.endswith((".from", ".until")) else ""


def _path(text: str) -> Path:
    """msgspec's path, in which `...` is some key of a table."""
    parts = re.findall(r"([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]", text)
    return tuple(int(number) if number else name or some for name, number, some in parts)


def _completed(path: Path, tables: dict[str, Any], words: tuple[str, ...]) -> Path:
    """The same with the key for which `...` stands, where one value alone is none of the words that it may be."""
    if "..." not in path:
        return path
    at = path.index("...")
    table = _found(tables, path[:at])
    if not isinstance(table, dict):
        return path[:at]
    wrong = [key for key, value in table.items() if any(one not in words for one in _each(value))]
    return (*path[:at], wrong[0]) if len(wrong) == 1 and words else path[:at]


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _found(tables: dict[str, Any], path: Path) -> Any:
    value: Any = tables
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _value_at(tables: dict[str, Any], path: Path) -> str:
    """The value at a path, cut to a length that fits a line."""
    value = _found(tables, path)
    text = "(see there)" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
