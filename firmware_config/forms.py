"""What a value may be, in words, and every value of a table that is not so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from msgspec import inspect

_SECRETS: Final = frozenset({"broker_password", "guard_pin_hash"})
_MAX_SHOWN: Final = 60
_PATTERNS: Final = {
    r"^[a-z0-9-]{1,32}$": "1 to 32 small letters, digits and hyphens",
    r"^https?://[^\s#]{1,100}$": "an address beginning with http:// or https://, without #, of at most 108 characters",
    r"^([0-9a-fA-F]{2}){1,32}$": "1 to 32 bytes in hexadecimal digits",
    r"^[^+#$/\x00][^+#\x00]*$": "a topic without + and #",
    r"^[0-9a-f]{64}$": "64 small hexadecimal digits",
    r"^[a-z0-9-]{1,32}(/[a-z0-9-]{1,32}){0,4}$": "1 to 5 ids of small letters, digits and hyphens, joined by /",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which table (empty: outside of tables), at which key, and what is allowed there."""

    table: str
    key: str
    value: str
    what: str

    def __str__(self) -> str:
        place = f"[{self.table}] {self.key}" if self.table else self.key
        return f"{place} = {self.value}: {self.what}" if self.value else f"{place}: {self.what}"


def shown(key: str, value: object) -> str:
    """`value` for an error message: short, and not at all if it is a secret."""
    if key in _SECRETS:
        return "(not shown)"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def likely(word: str, known: object) -> str:
    """`; did you mean ...?`, or nothing if no known word comes near."""
    near = get_close_matches(word, list(known) if isinstance(known, (tuple, list, dict, set)) else [], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def without_none(form: inspect.Type) -> inspect.Type:
    """The form of a value that is present."""
    if isinstance(form, inspect.UnionType):
        return next(one for one in form.types if not isinstance(one, inspect.NoneType))
    return form


def _count(form: inspect.StrType | inspect.VarTupleType) -> str:
    return f"{form.min_length} to {form.max_length}" if form.min_length else f"at most {form.max_length}"


def in_words(form: inspect.Type) -> str:
    """What a value of this form may be."""
    form = without_none(form)
    match form:
        case inspect.IntType():
            return f"a whole number{_range(form)}"
        case inspect.FloatType():
            return f"a number{_range(form)}"
        case inspect.StrType(pattern=str()):
            return _PATTERNS[str(form.pattern)]
        case inspect.StrType():
            return "a text" + (f" of {_count(form)} characters" if form.max_length else "")
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return " or ".join(repr(value) for value in form.values)
        case inspect.VarTupleType():
            count = f" of {_count(form)}" if form.max_length else ""
            return f"a list{count}, each {in_words(form.item_type)}"
        case inspect.StructType() | inspect.DictType():
            return "a table"
    raise TypeError(f"the schema uses a form without words: {form}")


def problems(value: object, form: inspect.Type, table: str = "", key: str = "") -> Iterator[Problem]:
    """Everything in `value` that its form does not allow, in the order of the file."""
    form = without_none(form)
    inner = " / ".join(part for part in (table, key) if part)
    match form:
        case inspect.StructType() if isinstance(value, dict):
            yield from _in_struct(value, form, inner)
        case inspect.DictType(value_type=inspect.StructType()) if isinstance(value, dict):
            if form.max_length is not None and len(value) > form.max_length:
                yield Problem(table, key, "", f"has {len(value)} tables; at most {form.max_length} are allowed")
            for name, item in value.items():
                if not _fits(name, form.key_type):
                    yield Problem(inner, name, "", f"its name must be {in_words(form.key_type)}")
                yield from problems(item, form.value_type, inner, name)
        case inspect.VarTupleType() if isinstance(value, list) and _has_length(value, form):
            for number, item in enumerate(value, 1):
                yield from problems(item, form.item_type, table, f"{key} #{number}")
        case _ if not _fits(value, form):
            yield Problem(table, key, shown(key.split(" ")[0], value), f"must be {in_words(form)}")


def _in_struct(value: Mapping[str, Any], form: inspect.StructType, table: str) -> Iterator[Problem]:
    fields = {field.name: field for field in form.fields}
    for key, item in value.items():
        if key in fields:
            yield from problems(item, fields[key].type, table, key)
        else:
            known = ", ".join(fields)
            yield Problem(table, key, shown(key, item), f"no such key{likely(key, fields) or f'; there are {known}'}")
    for field in form.fields:
        if field.required and field.name not in value:
            yield Problem(table, field.name, "", f"is missing; must be {in_words(field.type)}")


def _fits(value: object, form: inspect.Type) -> bool:
    match form:
        case inspect.IntType():
            return type(value) is int and _within(value, form)
        case inspect.FloatType():
            return isinstance(value, (int, float)) and not isinstance(value, bool) and _within(value, form)
        case inspect.StrType():
            return isinstance(value, str) and _has_length(value, form) and _matches(value, form.pattern)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.LiteralType():
            return any(type(value) is type(allowed) and value == allowed for allowed in form.values)
        case inspect.DictType():
            return isinstance(value, dict) and all(_fits(item, form.value_type) for item in value.values())
    return isinstance(form, inspect.AnyType)


def _within(value: float, form: inspect.IntType | inspect.FloatType) -> bool:
    # Written so that nan is outside.
    return (form.ge is None or value >= form.ge) and (form.le is None or value <= form.le)


def _has_length(value: str | list[Any], form: inspect.StrType | inspect.VarTupleType) -> bool:
    return (form.min_length or 0) <= len(value) and (form.max_length is None or len(value) <= form.max_length)


def _matches(value: str, pattern: str | None) -> bool:
    # `$` alone would let a line end through.
    return pattern is None or (re.search(pattern, value) is not None and not value.endswith("\n"))


def _range(form: inspect.IntType | inspect.FloatType) -> str:
    return "" if form.ge is None or form.le is None else f" from {form.ge} to {form.le}"
