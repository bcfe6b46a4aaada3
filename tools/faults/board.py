"""The operators' page as its readers get it."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any, Final

from checkpoint import reasons
from tools.faults.lab import Lab

_PAGE_S: Final = 10.0


def operators_page(lab: Lab) -> dict[str, Any]:
    """What it shows now, over its own stream of events. Empty when the collector sends nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", lab.town.screen_port, timeout=_PAGE_S)
    try:
        with closing(connection):
            connection.request("GET", "/events")
            stream = connection.getresponse()
            while line := stream.readline():
                if line.startswith(b"data:"):
                    page: dict[str, Any] = json.loads(line[5:])["page"]
                    return page
    except (OSError, http.client.HTTPException):
        pass
    return {}


def tile_shows(lab: Lab, gate: str, fault: str) -> bool:
    """Whether this gate's tile names this fault: it comes with each heartbeat, recorded or not."""
    tiles = [tile for tile in operators_page(lab).get("gates", ()) if tile["id"] == gate]
    return any(one["en"] == reasons.ALL[fault].en for tile in tiles for one in tile["faults"])
