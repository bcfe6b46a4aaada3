"""Writes the simulated city's tables into docs/temperature.md: `python -m tools.city_page [SEED]`, a few minutes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from edge.city.page import lines
from edge.city.temperature_city import simulate

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "temperature.md"
BEGIN: Final = "<!-- the city: written by `python -m tools.city_page` -->"
END: Final = "<!-- end of the city -->"
SEED: Final = 20_261_124
PEOPLE: Final = 10_000
RUNS: Final = 200


def between(page: str) -> str:
    """What stands between the marks."""
    return page.split(BEGIN)[1].split(END)[0].strip("\n")


def with_tables(page: str, tables: str) -> str:
    """The page with other tables."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END)[1]}"


def main(seed: int) -> None:
    city = simulate(PEOPLE, RUNS, seed, lambda _scene: None)
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), "\n".join(lines(city))), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEED)
