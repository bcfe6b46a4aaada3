"""CertLogic: rules about the content of a health certificate, as their publishers write them in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

_MAX_DEPTH: Final = 64
_MAX_NODES: Final = 10_000
# Everything that the evaluator is known to raise for a rule or a value that does not fit.
_FAILS: Final = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, ReferenceError, RecursionError,
)  # fmt: skip


class RuleError(ValueError):
    """The rule can't be judged: it counts as neither kept nor broken, and whoever asked must not let it pass."""


def rule_holds(rule: object, claims: Mapping[str, object], external: Mapping[str, object]) -> bool:
    """Whether the rule's logic gives exactly `true` for this certificate.

    `claims`: what `ForeignClaims.claims` holds. `external`: what the rule may ask for beside it, such as
    `validationClock` (ISO 8601 text) and `valueSets`. Raises RuleError.
    """
    _check_size(rule)
    try:
        evaluate = import_module("json_logic.cert_logic").certLogic
    except ImportError:
        raise RuleError("rules need the package panzi-json-logic: install guankou[foreign]") from None
    try:
        return evaluate(rule, {"payload": claims, "external": external}) is True
    except _FAILS as error:
        raise RuleError(f"the rule can't be judged: {type(error).__name__}: {error}"[:200]) from None


def _check_size(rule: object) -> None:
    """Walked without recursion, before anything else walks it."""
    left = [(rule, 0)]
    seen = 0
    while left:
        node, depth = left.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_NODES:
            raise RuleError(f"a rule has at most {_MAX_DEPTH} levels and {_MAX_NODES} parts")
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        left += [(item, depth + 1) for item in inner]
