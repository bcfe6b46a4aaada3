"""An error of a policy names the line: of the key, of the table around it, or none if it can't be told."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.policy import PolicyError, parse_policy
from checkpoint.policy_lines import line_at, lines_of
from tests.checkpoint.verdict_kit import POLICY_TOML

SHIPPED = sorted((Path(__file__).parents[2] / "firmware_config" / "policies").glob("*.toml"))
HARD = """# [no.table]
title = "a # [b]" # c = 1
text = '''
[not.a.table]
x = 1
'''
other = \"\"\"
y = "2" \\\"\"\" [z]
\"\"\"
list = [
  "one", # ]
  ["two"],
]
"quoted key" = 1
a.b = { c = "}", d = [1] }

[[rule]]
name = 'first'

[[rule]]
name = 'second'
[rule.modes]
pass = "off"

[fail.lists_stale.none]
for_s = 1
[ fail . "x" ]
"""


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of a parsed text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))
    elif isinstance(value, list) and all(isinstance(inner, dict) for inner in value):
        for at, inner in enumerate(value):
            yield from paths(inner, (*path, at))


def test_strings_comments_and_arrays_hide_no_line_and_make_none() -> None:
    lines = lines_of(HARD)
    assert lines == {
        ("title",): 2,
        ("text",): 3,
        ("other",): 7,
        ("list",): 10,
        ("quoted key",): 14,
        ("a", "b"): 15,
        ("rule", 0): 17,
        ("rule", 0, "name"): 18,
        ("rule", 1): 20,
        ("rule", 1, "name"): 21,
        ("rule", 1, "modes"): 22,
        ("rule", 1, "modes", "pass"): 23,
        ("fail", "lists_stale", "none"): 25,
        ("fail", "lists_stale", "none", "for_s"): 26,
        ("fail", "x"): 27,
    }
    assert set(lines) <= {*paths(tomllib.loads(HARD)), ("rule", 0), ("rule", 1)}
    assert line_at(lines, ("rule", 1, "checks", 3)) == 20
    assert line_at(lines, ("nowhere",)) is None


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_line_of_every_key_of_a_shipped_policy_holds_that_key(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines, rows = lines_of(text), text.split("\n")
    for path in paths(tomllib.loads(text)):
        line = line_at(lines, path)
        # A table that only its parts make, [fail] of [fail.camera_down], has no line of its own.
        assert line is None or any(str(name) in rows[line - 1] for name in path), path
    assert all(str(path[-1]) in rows[line - 1] or path[-2:-1] == ("rule",) for path, line in lines.items())


@given(st.text(alphabet="[]{}\"'#=.\n ab1\\", max_size=80))
def test_no_text_is_too_odd_and_no_line_is_beyond_it(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("version = 3", "version = 0", "version"),
        ('authority = "nobody"', "autority = 1", "autority"),
        ('"temperature"]', '"temprature"]', "checks"),
        ('"temperature"]\n', '"pass"]\n', "checks"),
        ('"temperature"]\n', '"temperature"]\nclass = ["visitor"]\n', "name = "),
        ('"temperature"]\n', '"temperature"]\nmodes = { mask = "warn" }\n', "modes"),
        ('"temperature"]\n', '"temperature"]\nmodes = { pass = "wrn" }\n', "modes"),
        ('"temperature"]\n', '"temperature"]\n[rule.modes]\ntemperature = "off"\npass = "wrn"\n', "pass = "),
        ('"temperature"]\n', '"temperature"]\nfrom = "9:00"\nuntil = "10:00"\n', 'from = "9'),
        ("none = {", "nobody = {", "nobody = {"),
        (", for_s = 500 }", " }", "none = "),
        ("[[rule]]", '[zones]\nx = "low"\ny = "mid"\n[[rule]]', 'y = "mid'),
        ("[[rule]]", '[told]\nfever = "police"\ncurfew = ["mayor"]\n[[rule]]', "curfew"),
        ("[[rule]]", '[told]\nfever = "police"\nnobody = "head"\n[[rule]]', "nobody = "),
        ("[[rule]]", "[temperature.absolute]\nneck = { low_c = 40, high_c = 39 }\n[[rule]]", "neck"),
        ("[[rule]]", "[quota]\npeople = 1\n[[rule]]", "[quota]"),
    ],
)
def test_an_error_names_the_line_to_look_at(old: str, new: str, at: str) -> None:
    text = POLICY_TOML.replace(old, new, 1)
    with pytest.raises(PolicyError) as caught:
        parse_policy(text.encode())
    assert caught.value.line == line_of(text, at)
    assert f"(line {caught.value.line})" in str(caught.value)


def test_a_key_that_is_not_there_at_all_has_no_line() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY_TOML.replace('authority = "nobody"\n', "").encode())
    assert caught.value.line is None
    assert "line" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 20_000, "too many others"),
        ("a = " + "{a=" * 9_000, "too many others"),
        ("a = " + "1" * 5_000, "is not TOML"),
        ("a\n= 1\n" + ".".join(["a"] * 30_000) + " = 1", "line 3"),
        ('"".' * 20_000 + "a = 1", "too many tables"),
        ("[[a]]\n" * 10_900, "unknown field `a`"),
        ("a" * 65_000, "is not TOML"),
    ],
)
def test_a_text_made_to_choke_on_is_refused_at_once(text: str, words: str) -> None:
    began_s = time.process_time()
    with pytest.raises(PolicyError, match=words):
        parse_policy(text.encode())
    assert time.process_time() - began_s < 2.0


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_some_zone_has_no_date_for_is_refused_with_its_line(moment: str) -> None:
    for key in ("valid_from", "valid_until"):
        text = re.sub(rf"{key} = .*", f"{key} = {moment}", SHIPPED[0].read_text(encoding="utf-8"))
        with pytest.raises(PolicyError, match=rf"{key} = .* \(line \d+\): must be in the years 1970 to 9998"):
            parse_policy(text.encode())
