"""A QR code as one closed outline, so that neither a screen nor a printer can leave hair lines between its modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import segno

# ISO/IEC 18004 asks for four light modules on every side.
QUIET_MODULES: Final = 4

Level = Literal["L", "M", "Q", "H"]
_Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Symbol:
    """`modules`: side without the quiet zone. `path`: SVG path data in modules, fill rule even-odd, origin at the first
    module. `level`: the error correction, raised where it costs no larger symbol.
    """

    modules: int
    path: str
    level: str

    @property
    def side(self) -> int:
        """Side in modules with the quiet zone."""
        return self.modules + 2 * QUIET_MODULES

    def svg(self) -> str:
        """A picture of the symbol with its quiet zone, black on white, one unit a module."""
        box = f"{-QUIET_MODULES} {-QUIET_MODULES} {self.side} {self.side}"
        white = f'<path fill="#fff" d="M{-QUIET_MODULES} {-QUIET_MODULES}h{self.side}v{self.side}h{-self.side}z"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{self.side}" height="{self.side}">'
            f'{white}<path fill-rule="evenodd" d="{self.path}"/></svg>'
        )


def symbol(text: str, level: Level = "M") -> Symbol:
    """The smallest QR code of a text with at least this error correction. Raises ValueError when it is too long."""
    code = segno.make_qr(text, error=level)
    rows = [bytes(row) for row in code.matrix]
    return Symbol(len(rows), "".join(_loops(_edges(rows))), str(code.error))


def _edges(rows: Sequence[bytes]) -> dict[_Point, list[_Point]]:
    """Sides between dark and light, each with the dark module on its right."""
    size = len(rows)

    def dark(x: int, y: int) -> bool:
        return 0 <= x < size and 0 <= y < size and bool(rows[y][x])

    edges: dict[_Point, list[_Point]] = {}
    for y in range(size):
        for x in range(size):
            if rows[y][x]:
                sides = (
                    ((x, y), (x + 1, y), dark(x, y - 1)),
                    ((x + 1, y), (x + 1, y + 1), dark(x + 1, y)),
                    ((x + 1, y + 1), (x, y + 1), dark(x, y + 1)),
                    ((x, y + 1), (x, y), dark(x - 1, y)),
                )
                for start, end, inner in sides:
                    if not inner:
                        edges.setdefault(start, []).append(end)
    return edges


def _loops(edges: dict[_Point, list[_Point]]) -> Iterator[str]:
    """Each closed outline once, as path data, with straight runs joined."""
    while edges:
        start = at = next(iter(edges))
        corners = [start]
        while True:
            ends = edges[at]
            after = ends.pop()
            if not ends:
                del edges[at]
            if len(corners) > 1 and _straight(corners[-2], corners[-1], after):
                corners[-1] = after
            else:
                corners.append(after)
            at = after
            if at == start:
                break
        sides = "".join(_step(one, two) for one, two in pairwise(corners[:-1]))
        yield f"M{start[0]} {start[1]}{sides}z"


def _straight(one: _Point, two: _Point, three: _Point) -> bool:
    return one[0] == two[0] == three[0] or one[1] == two[1] == three[1]


def _step(start: _Point, end: _Point) -> str:
    return f"v{end[1] - start[1]}" if start[0] == end[0] else f"h{end[0] - start[0]}"
