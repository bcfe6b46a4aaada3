"""Cards and number plates that were given to passes, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass, field

from checkpoint.cards import Technology


@dataclass(frozen=True, slots=True)
class Card:
    """One card or plate of a site, and the pass that it stands for. `number` as in `checkpoint.cards.CardRow`."""

    site: str
    technology: Technology
    number: bytes = field(repr=False)
    pass_id: bytes
    added_ms: int
    by: str


_COLUMNS = "site, technology, number, pass_id, added_ms, by"


class CardTables:
    """Methods over table `card`."""

    _conn: sqlite3.Connection

    def cards(self, site: str | None = None) -> list[Card]:
        """Those of a site, or all."""
        where, values = ("", ()) if site is None else (" WHERE site = ?", (site,))
        # Only constants are put together here; values are always bound.
        asked = f"SELECT {_COLUMNS} FROM card{where} ORDER BY site, pass_id, technology, number"  # noqa: S608
        return [Card(*row) for row in self._conn.execute(asked, values)]

    def cards_with_claims(self, site: str) -> list[tuple[Card, bytes]]:
        """Those of a site, each with the claims of its pass as they were last signed."""
        joined = "card JOIN issued USING (pass_id) WHERE site = ? ORDER BY technology, number"
        asked = f"SELECT {_COLUMNS}, claims FROM {joined}"  # noqa: S608
        return [(Card(*row[:-1]), row[-1]) for row in self._conn.execute(asked, (site,))]

    def cards_of(self, pass_id: bytes) -> list[Card]:
        asked = f"SELECT {_COLUMNS} FROM card WHERE pass_id = ? ORDER BY technology, number"  # noqa: S608
        return [Card(*row) for row in self._conn.execute(asked, (pass_id,))]

    def card(self, site: str, technology: Technology, number: bytes) -> Card | None:
        asked = f"SELECT {_COLUMNS} FROM card WHERE site = ? AND technology = ? AND number = ?"  # noqa: S608
        found = self._conn.execute(asked, (site, technology, number)).fetchone()
        return Card(*found) if found else None

    def card_ending(self, site: str, technology: Technology, end: bytes) -> Card | None:
        """One whose number ends with these bytes, and is longer."""
        found = (one for one in self.cards(site) if one.technology == technology)
        return next((one for one in found if len(one.number) > len(end) and one.number.endswith(end)), None)

    def add_card(self, row: Card) -> None:
        """Raises sqlite3.IntegrityError where the site has it."""
        self._conn.execute(f"INSERT INTO card({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", astuple(row))  # noqa: S608

    def drop_card(self, row: Card) -> None:
        self._conn.execute(
            "DELETE FROM card WHERE site = ? AND technology = ? AND number = ?", (row.site, row.technology, row.number)
        )

    def drop_cards_of(self, pass_id: bytes) -> None:
        self._conn.execute("DELETE FROM card WHERE pass_id = ?", (pass_id,))
