"""Secrets of time steps: one file for each site and week, keys of single passes made from them, rosters for gates."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import structlog

from central.config import Config
from central.documents import save_content
from central.keys import KeyFileError
from central.people.credentials import Credential
from central.people.minting import check_usable
from central.people.secret_files import kept_secret
from central.store.base import GateRow
from central.store.sqlite import SqliteStore
from checkpoint.formats.gk1_variants import pass_key
from checkpoint.seal import SealError
from checkpoint.steps import WEEK_S, RosterError, StepSecret, encode_roster, week_at

_log = structlog.get_logger(__name__)

_FOLDER: Final = "steps"
_SUFFIX: Final = ".key"
_WEEK_MS: Final = WEEK_S * 1000
# A gate that is offline for a while goes on with what it holds; the secrets in it end by themselves.
_LASTS_MS: Final = 3 * _WEEK_MS
_SKEW_MS: Final = 60_000


def step_keys(config: Config, store: SqliteStore, held: Credential, now_s: int) -> list[tuple[int, bytes]]:
    """(week, 32 byte key) of this pass for this week and the next: what its phone needs to be shown offline.

    Makes the secrets, and rosters for the gates of the site, where there are none yet. Raises RefusedError,
    KeyFileError.
    """
    check_usable(store, held, now_s)
    week = week_at(now_s)
    secrets = [(number, _secret(config, held.site, number)) for number in (week, week + 1)]
    publish_rosters(config, store, now_s * 1000, site=held.site)
    return [(number, pass_key(secret, held.pass_id)) for number, secret in secrets]


def publish_rosters(config: Config, store: SqliteStore, now_ms: int, *, site: str | None = None) -> list[str]:
    """Seal the secrets of last, this and next week to every gate of their site; returns the gates with a new roster.

    A gate gets one once its heartbeat has named a sealing key, and a new one when its key, the week or the secrets
    change. Sites without a phone that wants steps have no secrets, and no roster. Raises KeyFileError.
    """
    week = week_at(now_ms // 1000)
    _drop_old(config, week)
    states = store.gate_states()
    made = []
    for gate in store.gates():
        state = states.get(gate.no)
        if gate.revoked_ms is not None or state is None or (site is not None and gate.site != site):
            continue
        rows = _rows(config, gate.site, week)
        seal_key = state.versions.get("seal", "")
        if rows and seal_key and _publish(config, store, gate, rows, seal_key, now_ms):
            made.append(gate.gate)
    return made


def _publish(
    config: Config, store: SqliteStore, gate: GateRow, rows: list[StepSecret], seal_key: str, now_ms: int
) -> bool:
    mark = _mark(rows, seal_key)
    name = f"roster:{gate.gate}"
    if store.cursor(name) == mark:
        return False
    try:
        content = encode_roster(rows, bytes.fromhex(seal_key))
    except (ValueError, SealError, RosterError) as error:
        # What one gate says of itself keeps no other gate from its roster.
        _log.warning("roster_not_made", gate=gate.gate, why=str(error))
        return False
    with store.transaction():
        bounds = now_ms - _SKEW_MS, now_ms + _LASTS_MS
        version = save_content(config, store, "roster", gate.gate, content, *bounds, now_ms)
        store.drop_older_documents(gate.gate, "roster", version)
        store.move_cursor(name, mark)
    return True


def _secret(config: Config, scope: str, week: int) -> bytes:
    folder = config.keys_dir / _FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{folder}: can't be made ({error}); make keys with `guankou-central keys`") from None
    return kept_secret(_file(folder, scope, week))


def _rows(config: Config, scope: str, week: int) -> list[StepSecret]:
    """The secrets of a site around this week. A site that has one for now gets the next: a gate may go offline."""
    folder = config.keys_dir / _FOLDER
    if _file(folder, scope, week).exists():
        _secret(config, scope, week + 1)
    files = [(number, _file(folder, scope, number)) for number in (week - 1, week, week + 1)]
    return [StepSecret(scope, number, kept_secret(file)) for number, file in files if file.exists()]


def _file(folder: Path, scope: str, week: int) -> Path:
    return folder / f"{scope}.{week}{_SUFFIX}"


def _drop_old(config: Config, week: int) -> None:
    """Secrets that no gate accepts any more are gone for good."""
    for file in (config.keys_dir / _FOLDER).glob(f"*.*{_SUFFIX}"):
        number = file.name.removesuffix(_SUFFIX).rpartition(".")[2]
        if number.isdigit() and int(number) < week - 1:
            _drop(file)


def _drop(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise KeyFileError(f"{file}: can't be deleted ({error}); its folder is the collector's own") from None


def _mark(rows: list[StepSecret], seal_key: str) -> int:
    """What a roster says, as a number that fits a cursor."""
    said = "|".join([seal_key, *(f"{row.scope}.{row.week}.{row.secret.hex()}" for row in rows)])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:7])
