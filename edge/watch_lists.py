"""The watch list that came sealed to this gate, opened. It lives in memory; on disk there is the sealed document."""

from __future__ import annotations

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checkpoint.documents import Document
from checkpoint.watch import WatchError, decode_watch
from edge.listing import Watch

_log = structlog.get_logger(__name__)


class WatchLists:
    """Opens watch lists with this gate's sealing key."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key

    def take(self, document: Document) -> Watch | None:
        """The list in a document. None for one that can't be opened, which is logged: who was on it is not known here,
        and an older list must not clear them."""
        try:
            return Watch(decode_watch(document.content, self._key), document.not_after)
        except WatchError as error:
            _log.warning("watch_list_not_opened", scope=document.scope, version=document.version, error=str(error))
            return None
