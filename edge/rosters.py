"""What came sealed to this gate, opened: secrets of time steps, and cards; by scope of the document that brought it."""

from __future__ import annotations

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint.cards import NO_CARDS, CardError, Cards
from checkpoint.documents import Document
from checkpoint.roster import Roster, RosterError, decode_roster
from checkpoint.steps import StepSecrets

_log = structlog.get_logger(__name__)


class Rosters:
    """Opens rosters with this gate's sealing key. They live in memory: on disk there are only the sealed documents.

    `cards`: those of all rosters that were taken; replaced whole.
    """

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self._held: dict[str, Roster] = {}
        self.cards: Cards = NO_CARDS

    def take(self, document: Document) -> StepSecrets:
        """All secrets that are held now; `cards` has the cards. What can't be opened changes nothing, and is logged."""
        try:
            held = {**self._held, document.scope: decode_roster(document.content, self._key)}
            self.cards = Cards(row for roster in held.values() for row in roster.cards)
            self._held = held
        except (RosterError, CardError) as error:
            _log.warning("roster_not_opened", scope=document.scope, version=document.version, error=str(error))
        return StepSecrets(row for roster in self._held.values() for row in roster.secrets)
