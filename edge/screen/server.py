"""The guard's screen: one page, its stream of events, a health check, and the acts of a guard who knows the PIN."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from checkpoint.explain_sheet import Shown
from edge.screen.acts import ActDesk
from edge.screen.feed import FROZEN_AFTER_S, Feed
from edge.screen.pin import PinDoor, check_pin_hash
from edge.screen.view import guard_page
from edge.screen.why import WhyDesk
from edge.status import GuardAct, Snapshot
from webscreen.assets import load_assets
from webscreen.server import PageServer, Site

_MOST_CONNECTIONS: Final = 40


class ScreenServer(PageServer):
    """Serves the guard's page from a thread of its own.

    `snapshot` is called from that thread, up to 20 times a second, and must not block. `act` is called from another
    thread, one call at a time, and gives "" when the act was taken, else a short line that says why not. `why`, called
    like that, explains the passage of this id from its record; None: it can't be read.
    Without `guard_pin_hash` (Argon2) the page only shows. `port` 0 takes a free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        snapshot: Callable[[], Snapshot],
        act: Callable[[GuardAct], str],
        guard_pin_hash: str | None,
        monotonic: Callable[[], float] = time.monotonic,
        why: Callable[[bytes], Shown | None] = lambda passage: None,
    ) -> None:
        assets = load_assets(Path(__file__).parent)
        build, acts = assets.build, guard_pin_hash is not None
        self._build = build
        self._feed = Feed(snapshot, lambda now: guard_page(now, build, acts), monotonic)
        desk = ActDesk(act, _door(guard_pin_hash), monotonic)
        site = Site(host, port, "gate file", assets, "guard.html", "screen", _MOST_CONNECTIONS)
        routes = (
            Route("/events", self._events),
            Route("/healthz", self._health),
            Route("/why", WhyDesk(snapshot, why).answer),
            Route("/act", desk.answer, methods=["POST"]),
        )
        super().__init__(site, routes, self._feed.close)

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._feed.events(), media_type="text/event-stream")

    async def _health(self, request: Request) -> Response:
        """503 while the gate's core gives no new snapshot."""
        self._feed.look()
        silent_s = self._feed.silent_s()
        fresh = silent_s < FROZEN_AFTER_S
        facts = {"ok": fresh, "events": self._feed.counter, "silent_s": round(silent_s, 1), "build": self._build}
        return JSONResponse(facts, 200 if fresh else 503)


def _door(guard_pin_hash: str | None) -> PinDoor | None:
    if guard_pin_hash is None:
        return None
    check_pin_hash(guard_pin_hash)
    return PinDoor(guard_pin_hash)
