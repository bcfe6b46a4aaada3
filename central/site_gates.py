"""Which gates belong to a site, and by which keys: a document for each site, so that its gates believe each other."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from central.config import Config
from central.documents import save_content
from central.store.sqlite import SqliteStore
from checkpoint.documents import Document, open_document
from checkpoint.site_wire import encode_gates

_DAY_MS: Final = 86_400_000
_VALID_MS: Final = 400 * _DAY_MS
# A running collector signs a list anew long before its end: a gate may be off for half a year.
_RENEW_MS: Final = 200 * _DAY_MS
# A gate's clock may be behind.
_SKEW_MS: Final = 600_000


def publish_gates(config: Config, store: SqliteStore, now_ms: int) -> list[str]:
    """Bring every site's list in line with the store, in a transaction of the caller. Returns the sites whose list is
    new. Raises DocumentError or KeyFileError."""
    held = {scope: open_document(data) for scope, _, data in store.newest_documents("gates")}
    # A site that its last gate has left keeps an empty list.
    wanted = {site: encode_gates({}) for site in held} | _lists(store)
    changed = [site for site, content in wanted.items() if not _stands(held.get(site), content, now_ms)]
    for site in changed:
        save_content(config, store, "gates", site, wanted[site], now_ms - _SKEW_MS, now_ms + _VALID_MS, now_ms)
    return changed


def _stands(held: Document | None, content: bytes, now_ms: int) -> bool:
    return held is not None and held.content == content and held.not_after - now_ms > _RENEW_MS


def _lists(store: SqliteStore) -> dict[str, bytes]:
    """Site id -> the list of its gates that may speak."""
    sites: dict[str, dict[str, bytes]] = defaultdict(dict)
    for gate in store.gates():
        if gate.revoked_ms is None:
            sites[gate.site][gate.gate] = gate.public_key
    return {site: encode_gates(gates) for site, gates in sites.items()}
