"""Rosters for gates: the secrets of time steps and the cards of their site, sealed to each, and a phone's own keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import structlog

from central.backup import RESTORED
from central.config import Config
from central.documents import save_content
from central.people.cards import card_rows
from central.people.credentials import Credential
from central.people.minting import check_usable, issuer_key
from central.people.step_secrets import drop_old, secret_of, secrets_around
from central.store.base import GateRow
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.cards import CardRow
from checkpoint.formats.gk1_variants import pass_key
from checkpoint.roster import RosterError, encode_roster
from checkpoint.seal import SealError
from checkpoint.steps import WEEK_S, StepSecret, week_at

_log = structlog.get_logger(__name__)

_WEEK_MS: Final = WEEK_S * 1000
# A gate that is offline for a while goes on with what it holds; the secrets in it end by themselves.
_LASTS_MS: Final = 3 * _WEEK_MS
_SKEW_MS: Final = 60_000
# Any point of the curve: a trial is sealed to nobody.
_NOBODY: Final = bytes([9]) + bytes(31)


@dataclass(frozen=True, slots=True)
class _Content:
    """What the gates of one site are told. `said` stands for it all, and is cheaper than the cards with their passes:
    those are signed when a gate needs them, once. An empty one is worth telling only who was told something before.
    """

    secrets: list[StepSecret]
    said: bytes
    has_cards: bool
    cards: list[CardRow]

    @property
    def empty(self) -> bool:
        return not self.secrets and not self.has_cards


def step_keys(config: Config, store: SqliteStore, held: Credential, now_s: int) -> list[tuple[int, bytes]]:
    """(week, 32 byte key) of this pass for this week and the next: what its phone needs to be shown offline.

    Makes the secrets, and rosters for the gates of the site, where there are none yet. Raises RefusedError,
    KeyFileError.
    """
    check_usable(store, held, now_s)
    week = week_at(now_s)
    secrets = [(number, secret_of(config, held.site, number)) for number in (week, week + 1)]
    publish_rosters(config, store, now_s * 1000, site=held.site)
    return [(number, pass_key(secret, held.pass_id)) for number, secret in secrets]


def check_room(config: Config, store: SqliteStore, site: str, now_ms: int) -> None:
    """Raises RosterError when what the gates of this site are to be told fits into no document; KeyFileError."""
    secrets = secrets_around(config, site, week_at(now_ms // 1000))
    encode_roster(secrets, _NOBODY, card_rows(config, store, site))


def publish_rosters(config: Config, store: SqliteStore, now_ms: int, *, site: str | None = None) -> list[str]:
    """Seal the secrets of last, this and next week, and the cards, to every gate of their site; returns the gates with
    a new roster.

    A gate gets one once its heartbeat has named a sealing key, and a new one when its key, the week, the secrets, the
    cards or their passes change. Sites that never had either have no roster. Raises KeyFileError.
    """
    week = week_at(now_ms // 1000)
    drop_old(config, week)
    states = store.gate_states()
    contents: dict[str, _Content] = {}
    made = []
    for gate in store.gates():
        state = states.get(gate.no)
        if gate.revoked_ms is not None or state is None or (site is not None and gate.site != site):
            continue
        seal_key = state.versions.get("seal", "")
        if gate.site not in contents:
            contents[gate.site] = _content(config, store, gate.site, week)
        if seal_key and _publish(config, store, gate, contents[gate.site], seal_key, now_ms):
            made.append(gate.gate)
    return made


def _content(config: Config, store: SqliteStore, site: str, week: int) -> _Content:
    secrets = secrets_around(config, site, week)
    known = store.cards_with_claims(site)
    said = [f"{row.scope}.{row.week}.{row.secret.hex()}" for row in secrets]
    if known:
        # A roster has an end, so one with nothing but cards is made anew each week; another key signs other passes.
        said += [str(week), cose.public_bytes(issuer_key(config)).hex()]
    said += [f"{card.technology}.{card.number.hex()}.{claims.hex()}" for card, claims in known]
    return _Content(secrets, "|".join(said).encode(), bool(known), [])


def _publish(config: Config, store: SqliteStore, gate: GateRow, content: _Content, seal_key: str, now_ms: int) -> bool:
    # What was published before a restore may be newer than what the restored store knows: it is said again.
    mark = _mark(content.said, seal_key, store.cursor(RESTORED))
    name = f"roster:{gate.gate}"
    before = store.cursor(name)
    if before == mark or (content.empty and not before):
        return False
    if content.has_cards and not content.cards:
        content.cards.extend(card_rows(config, store, gate.site))
    try:
        sealed = encode_roster(content.secrets, bytes.fromhex(seal_key), content.cards)
    except (ValueError, SealError, RosterError) as error:
        # What one gate says of itself keeps no other gate from its roster.
        _log.warning("roster_not_made", gate=gate.gate, why=str(error))
        return False
    with store.transaction():
        bounds = now_ms - _SKEW_MS, now_ms + _LASTS_MS
        version = save_content(config, store, "roster", gate.gate, sealed, *bounds, now_ms)
        store.drop_older_documents(gate.gate, "roster", version)
        store.move_cursor(name, mark)
    return True


def _mark(said: bytes, seal_key: str, restored_ms: int) -> int:
    """What a roster says, as a number that fits a cursor; never 0."""
    digest = hashlib.sha256(f"{seal_key}|{restored_ms}|".encode() + said).digest()
    return int.from_bytes(digest[:7]) or 1
