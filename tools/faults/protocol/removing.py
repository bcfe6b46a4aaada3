"""How a rule is taken out: a name, and a context in which a part of the real program is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

# Name -> a context in which the program runs without that rule.
Rules = dict[str, Callable[[], AbstractContextManager[None]]]
_Body = Callable[[], Iterator[None]]


def into(rules: Rules) -> Callable[[str], Callable[[_Body], None]]:
    """A decorator that adds what it stands on to `rules`, under the name that it is given."""

    def rule(name: str) -> Callable[[_Body], None]:
        def add(body: _Body) -> None:
            rules[name] = contextmanager(body)

        return add

    return rule


def swap(owner: object, name: str, value: object) -> AbstractContextManager[Any]:
    """Another value under that name, as long as the context lasts."""
    return patch.object(owner, name, value)
