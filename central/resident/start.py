"""Starts the resident's page as the collector's file says, and stops it when the collector stops."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import structlog

from central.config import Config
from central.registry import Registry
from central.resident.server import Door, ResidentServer
from central.resident.store_desk import StoreDesk
from webscreen.supervisor import Ward

_log = structlog.get_logger(__name__)


def start_residents(config: Config, registry: Registry, now_ms: Callable[[], int], stack: ExitStack) -> list[Ward]:
    """The thread to watch, or none when the page is not enabled. Raises ScreenError, StoreError."""
    table = config.content.resident
    if not table.enabled:
        return []
    desk = StoreDesk(config, registry, now_ms)
    stack.callback(desk.close)
    server = ResidentServer(Door(table.host, table.port, table.url, table.behind_proxy), desk, now_ms)
    port = server.start()
    stack.callback(server.stop)
    _log.info("residents_served", at=f"{table.host}:{port}", url=table.url)
    return [Ward(server.heart)]
