"""After a restore: what may not be told yet, because the gates have not sent again what the backup does not have."""

from __future__ import annotations

import re
from typing import Final

from central.cases import LATE_MS
from central.picture import Picture
from central.publish import open_topics
from central.store.base import GateRow
from central.store.sqlite import SqliteStore

_CASE: Final = re.compile(r"([a-z0-9-]{1,32})-([0-9a-f]{16})-([0-9]{1,19})(?:-([a-z]+))?")
_FROM_GATE: Final = "gate"


def held_back(store: SqliteStore, picture: Picture, escalations: list[str], restored_ms: int) -> set[str]:
    """Those of these escalation topics that are better left as the broker retains them for now.

    A case that is open in the backup may be over since, and one that the broker retains may have begun since: only
    their gate knows, and has said so once it is complete to a time after the restore. What is open is told after ten
    minutes all the same: its gate's clock may be wrong, or it may be gone. What began after the restore never waits.
    """
    cases, gates = open_topics(picture), {gate.gate: gate for gate in picture.gates}
    held = set()
    for topic in escalations:
        name = _CASE.fullmatch(topic.rpartition("/")[2])
        gate = gates.get(name[1]) if name else None
        if name is None or gate is None or gate.revoked_ms is not None:
            continue
        heard, waited = _heard(picture, gate, restored_ms), picture.as_of_ms - restored_ms > LATE_MS
        if heard == "all" or (heard == "something" and waited):
            continue
        if topic in cases:
            began_ms = cases[topic][1].opened_ms or 0
            if began_ms <= restored_ms and not waited:
                held.add(topic)
        elif store.case(gate.no, bytes.fromhex(name[2]), int(name[3]), name[4] or _FROM_GATE) is None:
            held.add(topic)
    return held


def _heard(picture: Picture, gate: GateRow, restored_ms: int) -> str:
    """`all` that this gate has of the time before the restore, `something` since then, or `nothing`."""
    state = picture.states.get(gate.no)
    if state is not None and state.complete_ms is not None and state.complete_ms > restored_ms:
        return "all"
    return "something" if state is not None and (state.seen_ms or 0) > restored_ms else "nothing"
