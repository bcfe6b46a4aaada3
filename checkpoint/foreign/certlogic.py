"""CertLogic: rules about the content of a health certificate, as their publishers write them in JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Final

_MAX_DEPTH: Final = 64
_MAX_NODES: Final = 10_000
# With every round of every `reduce`: published rules take some hundreds.
_MAX_STEPS: Final = 20_000
_OPERATIONS: Final = frozenset({
    "if", "and", "reduce", "===", "<", ">", "<=", ">=", "!", "+", "in", "var",
    "before", "not-before", "after", "not-after", "plusTime", "extractFromUVCI",
})  # fmt: skip
# Everything that the evaluator is known to raise for a rule or a value that does not fit.
_FAILS: Final = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, ReferenceError, RecursionError,
)  # fmt: skip


class RuleError(ValueError):
    """The rule can't be judged: it counts as neither kept nor broken, and whoever asked must not let it pass.

    `rule`: its name, and `line`: the line of the JSON, where they are known.
    """

    def __init__(self, message: str, rule: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.rule = rule
        self.line = line


def rule_holds(rule: object, claims: Mapping[str, object], external: Mapping[str, object]) -> bool:
    """Whether the rule's logic gives exactly `true` for this certificate.

    `claims`: what `ForeignClaims.claims` holds. `external`: what the rule may ask for beside it, such as
    `validationClock` (ISO 8601 text) and `valueSets`. Raises RuleError.
    """
    data = {"payload": claims, "external": external}
    if _walk(rule, 1)[1]:
        _walk(rule, _longest(rule, data))
    evaluate = _evaluator()
    try:
        return evaluate(rule, data) is True
    except _FAILS as error:
        raise RuleError(f"the rule can't be judged: {type(error).__name__}: {error}"[:200]) from None


def require_library() -> None:
    """Raises RuleError where no rule could ever be judged."""
    _evaluator()


def check_rule(rule: object) -> None:
    """Whether a rule can be judged at all, whatever the certificate. Needs no library. Raises RuleError."""
    if stray := sorted(_walk(rule, 1)[0] - _OPERATIONS):
        raise RuleError(f"unknown operation {stray[0][:40]!r}: known are {' '.join(sorted(_OPERATIONS))}")


def _evaluator() -> Callable[[object, object], object]:
    try:
        evaluate: Callable[[object, object], object] = import_module("json_logic.cert_logic").certLogic
    except ImportError:
        raise RuleError("rules need the package panzi-json-logic: install guankou[foreign]") from None
    return evaluate


def _walk(rule: object, rounds: int) -> tuple[set[str], bool]:
    """The operations in a rule, and whether one repeats. Walked without recursion, before anything else walks it.

    `rounds`: how often a `reduce` may repeat its inner logic at most. Raises RuleError for a rule that is too large or
    would take too long.
    """
    left: list[tuple[object, int, int]] = [(rule, 0, 1)]
    operations: set[str] = set()
    seen = steps = 0
    while left:
        node, depth, times = left.pop()
        seen, steps = seen + 1, steps + times
        if depth > _MAX_DEPTH or seen > _MAX_NODES:
            raise RuleError(f"a rule has at most {_MAX_DEPTH} levels and {_MAX_NODES} parts")
        if steps > _MAX_STEPS:
            raise RuleError(f"a rule takes at most {_MAX_STEPS} steps: shorten the list that reduce goes through")
        if isinstance(node, dict) and len(node) == 1:
            (name,) = node
            operations.add(str(name))
            if name == "reduce" and isinstance(node[name], list):
                left += [(item, depth + 2, times * (rounds if at == 1 else 1)) for at, item in enumerate(node[name])]
                continue
        left += [(item, depth + 1, times) for item in _inner(node)]
    return operations, "reduce" in operations


def _longest(*values: object) -> int:
    """The length of the longest list in what a rule and its `reduce` may look at; at least 1."""
    left, longest = list(values), 1
    while left:
        node = left.pop()
        if isinstance(node, list):
            longest = max(longest, len(node))
        left += _inner(node)
    return longest


def _inner(node: object) -> Collection[object]:
    return node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
