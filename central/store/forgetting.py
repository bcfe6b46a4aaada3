"""What retention takes out of the register: whose passes have all ended, and applications that are over, in SQLite."""

from __future__ import annotations

import sqlite3
from typing import Final

from checkpoint.passes import NUMBER_BY_CLASS

FORGOTTEN: Final = "forgotten"

_CLASSES: Final = " ".join(f"WHEN '{name}' THEN x'{number:02x}'" for name, number in NUMBER_BY_CLASS.items())
# Kind of cut-off -> its value for a pass. Asked one by one, so that each is found by the table's key.
_ABOUT: Final = {
    "all": "x''",
    "class": f"CASE issued.class {_CLASSES} END",
    "household": "issued.household",
    "pass": "issued.pass_id",
}
# Only constants of this file are put together here; values are always bound.
_CUT_OFF: Final = " OR ".join(
    "EXISTS (SELECT 1 FROM cutoff WHERE cutoff.scope = issued.list_scope AND cutoff.set_ms < :before_ms"  # noqa: S608
    f" AND issued.not_before_s < cutoff.before_s AND cutoff.kind = '{kind}' AND cutoff.value = {value})"
    for kind, value in _ABOUT.items()
)
# A pass has ended when it ran out, when it was revoked, or when a cut-off took it; each for long enough.
_ENDED: Final = (
    f"(issued.expires_s * 1000 < :before_ms OR (issued.status = 1 AND issued.status_ms < :before_ms) OR {_CUT_OFF})"
)
_PEOPLE: Final = f"""SELECT no FROM person WHERE EXISTS (SELECT 1 FROM issued WHERE issued.person = person.no)
  AND NOT EXISTS (SELECT 1 FROM issued WHERE issued.person = person.no AND NOT {_ENDED}) LIMIT :limit"""  # noqa: S608
_APPLICATIONS: Final = "state != :over AND coalesce(decided_ms, applied_ms) < :before_ms"
_EMPTY: Final = f"""UPDATE application SET state = :over, unit_label = '', name = '', phone = '', plate = '',
  party_size = 1, id_mac = NULL, document_digest = NULL, declared = '', link_digest = pass_id, by = '', why = ''
  WHERE {_APPLICATIONS}"""  # noqa: S608


class ForgettingQueries:
    """Methods over tables `person`, `issued` and `application`."""

    _conn: sqlite3.Connection

    def people_over(self, before_ms: int, limit: int) -> list[int]:
        """Numbers of people who had passes, all of which ended before then. Who never had one is not among them."""
        return [row[0] for row in self._conn.execute(_PEOPLE, {"before_ms": before_ms, "limit": limit})]

    def applications_over(self, before_ms: int) -> int:
        """How many applications were decided before then, or made before then and never decided."""
        values = {"before_ms": before_ms, "over": FORGOTTEN}
        found = self._conn.execute(f"SELECT count(*) FROM application WHERE {_APPLICATIONS}", values)  # noqa: S608
        return int(found.fetchone()[0])

    def drop_person(self, no: int) -> None:
        """The passes keep the number, so that it is never given to somebody else."""
        self._conn.execute("DELETE FROM person WHERE no = ?", (no,))

    def empty_applications(self, before_ms: int) -> None:
        """Only place, class, pass id and times stay; the link leads nowhere (a digest is longer than a pass id)."""
        self._conn.execute(_EMPTY, {"before_ms": before_ms, "over": FORGOTTEN})
