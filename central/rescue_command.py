"""`guankou-central rescue`: who may answer for a card's records, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.card import card_key, find_outbox, read_card
from central.config import Config
from central.lock import locked
from central.registry import Registry
from central.rescue import RescueError, Source, rescue
from central.store.base import GateRow
from central.store.sqlite import SqliteStore
from checkpoint import cose


def rescue_card(
    config: Config,
    store: SqliteStore,
    registry: Registry,
    place: Path,
    gate: str,
    now_ms: int,
    *,
    key_file: Path | None,
    signed: bool,
    by: str,
    dry_run: bool,
) -> dict[str, Any]:
    """Import a card for a gate. Raises CardError, RescueError, or InUseError while a collector runs on the store.

    `signed` False: `by` vouches for the records, and no key of the gate is asked for.
    """
    row = store.gate(gate)
    if row is None:
        raise RescueError(f"gate {gate!r} is not enrolled here; enrol it first: its records need a grid and a site")
    file = find_outbox(place)
    key = _key(store, row, key_file or file.with_name("gate.key")) if signed else None
    with locked(config.data_dir), read_card(file, config.data_dir) as card:
        written_by = card.gate()
        if written_by != gate:
            raise RescueError(f"{file}: is the outbox of gate {written_by!r}, not of {gate!r}; nothing was imported")
        source = Source(row, key, by, str(file), card.sha256)
        results = rescue(store, registry, card, source, now_ms, dry_run=dry_run)
    return {
        "ok": not any(result.damage for result in results),
        "gate": gate,
        "file": str(file),
        "sha256": source.sha256,
        "signed": key is not None,
        "dry_run": dry_run,
        "rescued": sum(result.rescued for result in results),
        "epochs": [result.plain() | {"line": result.line()} for result in results],
    }


def rescue_text(found: dict[str, Any]) -> str:
    """A line for each epoch, and one for all."""
    lines = [epoch["line"] for epoch in found["epochs"]]
    done = "would be rescued" if found["dry_run"] else "rescued"
    signed = "signed with the gate's key" if found["signed"] else "unsigned"
    return "\n".join([*lines, f"{found['gate']}: {found['rescued']} {done}, {signed}"])


def _key(store: SqliteStore, gate: GateRow, file: Path) -> Ed25519PrivateKey:
    if not file.is_file():
        raise RescueError(
            f"{file}: no such file; name the gate's key with --key, or vouch for the records yourself with --unsigned"
        )
    key = card_key(file)
    if cose.public_bytes(key) not in store.gate_keys(gate.no):
        raise RescueError(
            f"{file}: gate {gate.gate!r} was never enrolled with this key; name another with --key, or vouch for the "
            "records yourself with --unsigned"
        )
    return key
