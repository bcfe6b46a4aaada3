"""The outline of a QR code covers its dark modules and nothing else."""

from __future__ import annotations

import re

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from webscreen.symbol import symbol

Point = tuple[int, int]


def corners(path: str) -> list[list[Point]]:
    """The closed loops of a path of upright lines."""
    loops = []
    for x, y, steps in re.findall(r"M(\d+) (\d+)((?:[hv]-?\d+)+)z", path):
        at = (int(x), int(y))
        loop = [at]
        for kind, length in re.findall(r"([hv])(-?\d+)", steps):
            at = (at[0] + int(length), at[1]) if kind == "h" else (at[0], at[1] + int(length))
            loop.append(at)
        loops.append(loop)
    return loops


def dark(loops: list[list[Point]], x: int, y: int) -> bool:
    """Even-odd rule: how many upright sides lie to the left of the module's middle."""
    sides = 0
    for loop in loops:
        for (ax, ay), (bx, by) in zip(loop, [*loop[1:], loop[0]], strict=True):
            sides += ax == bx and ax <= x and min(ay, by) <= y < max(ay, by)
    return sides % 2 == 1


@settings(max_examples=10, deadline=None)
@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", min_size=1, max_size=60))
def test_the_outline_is_the_matrix(text: str) -> None:
    code = symbol(text)
    matrix = segno.make_qr(text, error="m").matrix
    loops = corners(code.path)
    assert code.modules == len(matrix)
    assert [[dark(loops, x, y) for x in range(code.modules)] for y in range(code.modules)] == [
        [bool(module) for module in row] for row in matrix
    ]


def test_loops_close_with_an_upright_line() -> None:
    for loop in corners(symbol("GK1:" + "A7" * 100).path):
        assert loop[0] != loop[-1]
        assert loop[0][0] == loop[-1][0] or loop[0][1] == loop[-1][1]


def test_a_text_too_long_for_any_code_is_refused() -> None:
    with pytest.raises(ValueError, match=r"(?i)data"):
        symbol("A" * 5000)
