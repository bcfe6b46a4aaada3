"""Why a passage had its verdict, from the stored payload of its record or of an alarm's copy; reads, never writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from central.aggregate import FIGURE_OUTCOME, FIGURE_VERDICT
from central.store.base import GateRow
from central.store.sqlite import SqliteStore
from checkpoint.documents import DocumentError, open_document
from checkpoint.explain import Explanation, Said, explain
from checkpoint.explain_sheet import Shown, shown
from checkpoint.local_order import LocalOrder, parse_either, recompose
from checkpoint.policy import PolicyError, parse_policy
from checkpoint.policy_schema import Policy
from checkpoint.records import OutcomeOf, Payload, Verdict, decode_header, decode_payload

# A case's name, or gate/epoch/number.
_PLACE: Final = re.compile(r"(?P<gate>[a-z0-9-]{1,32})[-/](?P<epoch>[0-9a-f]{16})[-/](?P<number>[0-9]{1,18})")
_PASSAGE: Final = re.compile(r"[0-9a-f]{32}")
_UNNAMED: Final = Said(
    "请给出告警号、关口/纪元/编号或通行号", "give a case, gate/epoch/number or the id of a passage (32 hex digits)"
)
_UNKNOWN: Final = Said("没有这条记录", "no such record is stored here")
_PURGED: Final = Said("记录内容已按保存期限清除", "what it held was deleted after its time")
_NEWER: Final = Said("记录出自新版本，本机无法读取", "written by a newer version, which can't be read here")
_NO_PASSAGE: Final = Said("此记录不是通行判定", "this record is of no passage")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a passage's verdict is stored: the record that keeps it, or the payload of an alarm's copy."""

    gate: GateRow
    passage: bytes
    verdict: Verdict | Said


def why_of(database: Path, record: str) -> Shown | Said:
    """The tables for a screen, or why there are none. Opens the store read-only: safe from any thread."""
    with closing(SqliteStore(database, read_only=True)) as store, store.snapshot():
        found = explained(store, record)
    return shown(found) if isinstance(found, Explanation) else found


def explained(store: SqliteStore, record: str) -> Explanation | Said:
    """The explanation of the passage that `record` names: a case, `gate/epoch/number`, or a passage's id."""
    place = _find(store, record.strip().lower())
    if isinstance(place, Said):
        return place
    if isinstance(place.verdict, Said):
        return place.verdict
    outcome = _counted(store, place.gate, place.passage, FIGURE_OUTCOME)
    policy = _policy(store, place.verdict.policy, place.verdict.policy_version)
    return explain(place.verdict, outcome if isinstance(outcome, OutcomeOf) else None, policy)


def _find(store: SqliteStore, record: str) -> _Place | Said:
    if named := _PLACE.fullmatch(record):
        gate = store.gate(named["gate"])
        return _UNKNOWN if gate is None else _numbered(store, gate, bytes.fromhex(named["epoch"]), int(named["number"]))
    passage = record.replace("-", "")
    return _of_passage(store, bytes.fromhex(passage)) if _PASSAGE.fullmatch(passage) else _UNNAMED


def _numbered(store: SqliteStore, gate: GateRow, epoch: bytes, number: int) -> _Place | Said:
    state = store.epoch(gate.no, epoch)
    row = None if state is None else store.record(state.id, number, 0)
    if row is None:
        return _copied(store, gate, epoch, number)
    passage = decode_header(row.header).passage
    if passage is None:
        return _NO_PASSAGE
    # The named record itself, although another verdict of the passage may be the one that counts.
    verdict = _payload(store, row.id) if row.kind == "verdict" else _counted(store, gate, passage, FIGURE_VERDICT)
    return _Place(gate, passage, _as_verdict(verdict))


def _copied(store: SqliteStore, gate: GateRow, epoch: bytes, number: int) -> _Place | Said:
    """An alarm's copy overtakes its record."""
    copy = next((row for row in store.copies(gate.no, epoch, number) if row.number == number), None)
    if copy is None:
        return _UNKNOWN
    header = decode_header(copy.header)
    if header.passage is None:
        return _NO_PASSAGE
    return _Place(gate, header.passage, _as_verdict(_decoded(header.kind, copy.payload)))


def _of_passage(store: SqliteStore, passage: bytes) -> _Place | Said:
    found = ((gate, _counted(store, gate, passage, FIGURE_VERDICT)) for gate in store.gates())
    return next((_Place(gate, passage, _as_verdict(payload)) for gate, payload in found if payload), _UNKNOWN)


def _counted(store: SqliteStore, gate: GateRow, passage: bytes, figure: str) -> Payload | Said | None:
    row = store.counted(gate.no, [passage]).get((passage, figure))
    return None if row is None else _payload(store, row.record_id)


def _payload(store: SqliteStore, record_id: int) -> Payload | Said:
    row, sealed = store.record_by_id(record_id), store.sealed(record_id)
    return _PURGED if row is None or sealed is None else _decoded(row.kind, sealed[1])


def _decoded(kind: str, data: bytes) -> Payload | Said:
    if not data:
        return _PURGED
    try:
        return decode_payload(kind, data) or _NEWER
    except msgspec.DecodeError:
        return _NEWER


def _as_verdict(payload: Payload | Said | None) -> Verdict | Said:
    if isinstance(payload, Verdict | Said):
        return payload
    return _UNKNOWN if payload is None else _NO_PASSAGE


def _policy(store: SqliteStore, policy_id: str, version: int) -> Policy | None:
    """The text of that id and version, with the local orders on it: published from here at any time, or shipped with
    the gates."""
    return recompose(policy_id, version, policies_in(store), orders_in(store))


def policies_in(store: SqliteStore) -> Iterator[Policy]:
    """Every policy ever published from here, the latest first, those that went out in stages, and the everyday one;
    unreadable ones are left out."""
    return (one for one in _texts_in(store) if isinstance(one, Policy))


def orders_in(store: SqliteStore) -> Iterator[LocalOrder]:
    """Every local order ever published from here, the latest first."""
    return (one for one in _texts_in(store) if isinstance(one, LocalOrder))


def _texts_in(store: SqliteStore) -> Iterator[Policy | LocalOrder]:
    rows = store.connection.execute("SELECT data FROM document WHERE kind = 'policy' ORDER BY at_ms DESC").fetchall()
    for (data,) in rows:
        try:
            yield parse_either(open_document(data).content)
        except (DocumentError, PolicyError):
            continue
    for row in store.rollouts():
        with suppress(PolicyError):
            yield parse_either(row.content)
    yield parse_policy((files("firmware_config") / "policies" / "everyday.toml").read_bytes())
