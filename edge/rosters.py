"""The secrets of time steps at a gate: what came sealed to it, opened, by scope of the document that brought it."""

from __future__ import annotations

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint.documents import Document
from checkpoint.steps import RosterError, StepSecret, StepSecrets, decode_roster

_log = structlog.get_logger(__name__)


class Rosters:
    """Opens rosters with this gate's sealing key. They live in memory: on disk there are only the sealed documents."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self._rows: dict[str, tuple[StepSecret, ...]] = {}

    def take(self, document: Document) -> StepSecrets:
        """All secrets that are held now. What can't be opened changes nothing, and is logged."""
        try:
            self._rows[document.scope] = decode_roster(document.content, self._key)
        except RosterError as error:
            _log.warning("roster_not_opened", scope=document.scope, version=document.version, error=str(error))
        return StepSecrets(row for rows in self._rows.values() for row in rows)
