"""What is allowed in a policy and odd all the same: said before it goes out, with its line and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from central.policy_odd import all_odd, order_odd
from checkpoint.explain_words import Said
from checkpoint.local_order import LocalOrder, parse_either
from checkpoint.policy_lines import Path, line_at, lines_of
from checkpoint.policy_schema import Policy


class Oddity(msgspec.Struct, frozen=True):
    """One thing to look at. `code` for programs; `line` None where it can't be told; `key` as in the file."""

    code: str
    line: int | None
    key: str
    said: Said


class Checked(msgspec.Struct, frozen=True):
    """A policy, or a local order on one, that a gate would follow, and what is odd about it."""

    policy: Policy | LocalOrder
    odd: tuple[Oddity, ...]


def check_policy(text: bytes, now_s: float, grids: Iterable[str] | None = None) -> Checked:
    """Reads a policy and looks it over. `grids`: all there are, None if nobody knows. Raises PolicyError."""
    policy = parse_either(text)
    lines = lines_of(text.decode().replace("\r\n", "\n"))
    known = None if grids is None else frozenset(grids)
    found = order_odd(policy, now_s, known) if isinstance(policy, LocalOrder) else all_odd(policy, now_s, known)
    odd = (Oddity(code, line_at(lines, path), _key(path), words) for code, path, words in found)
    return Checked(policy, tuple(sorted(odd, key=lambda one: (one.line or 0, one.code))))


def lines(checked: Checked, name: str) -> list[str]:
    """Chinese first, then English, ready for a terminal."""
    policy, count = checked.policy, len(checked.odd)
    on = f"，在 {policy.order_of} 之上的下级通知 a local order on it" if isinstance(policy, LocalOrder) else ""
    head = f"{name}：{policy.id} {policy.version}{on}，{len(policy.rules)} 条规则 rules"
    verdict = f"，{count} 处请留意 to look at" if count else "，未见异常 nothing odd"
    return [head + verdict, *(line for one in checked.odd for line in _odd_lines(one))]


def as_json(checked: Checked) -> dict[str, Any]:
    """For a program."""
    policy = checked.policy
    return {
        "ok": True,
        "id": policy.id,
        "order_of": policy.order_of if isinstance(policy, LocalOrder) else None,
        "version": policy.version,
        "rules": len(policy.rules),
        "odd": msgspec.to_builtins(checked.odd),
    }


def _odd_lines(one: Oddity) -> Iterator[str]:
    place = f"第 {one.line} 行 line {one.line}" if one.line else "文件 file"
    yield f"  {place}  {one.key}"
    yield f"    {one.said.zh}"
    yield f"    {one.said.en}"


def _key(path: Path) -> str:
    """Rules are counted from 1: people do."""
    made = ""
    for part in path:
        made += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if made else part
    return made
