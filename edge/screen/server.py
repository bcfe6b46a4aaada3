"""The guard's screen: one page, its stream of events, a health check, and the acts of a guard who knows the PIN."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.screen.acts import ActDesk
from edge.screen.assets import load_assets
from edge.screen.feed import FROZEN_AFTER_S, Feed
from edge.screen.host import WebThread, listen
from edge.screen.pin import PinDoor, check_pin_hash
from edge.screen.shield import Shield
from edge.screen.view import guard_page
from edge.status import GuardAct, Snapshot

_FOLDER: Final = Path(__file__).parent


class ScreenServer:
    """Serves the guard's page from a thread of its own.

    `snapshot` is called from that thread, up to 20 times a second, and must not block. `act` is called from another
    thread, one call at a time, and gives "" when the act was taken, else a short line that says why not.
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
    ) -> None:
        self._host = host
        self._port = port
        self._assets = load_assets(_FOLDER)
        acts = guard_pin_hash is not None
        build = self._assets.build
        self._feed = Feed(snapshot, lambda now: guard_page(now, build, acts), monotonic)
        self._desk = ActDesk(act, _door(guard_pin_hash), monotonic)
        self._web = WebThread(Shield(self._app(), host), "screen", self._feed.close)

    def start(self) -> int:
        """Listens and serves; gives the port. Raises ScreenError when the address can't be had."""
        listener = listen(self._host, self._port)
        port = int(listener.getsockname()[1])
        self._web.start(listener)
        return port

    def stop(self) -> None:
        """Ends all streams and closes the port."""
        self._web.stop()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/events", self._events),
                Route("/healthz", self._health),
                Route("/act", self._desk.answer, methods=["POST"]),
                Route("/static/{name}", self._static),
            ]
        )

    async def _page(self, request: Request) -> Response:
        return self._file("guard.html")

    async def _static(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        asset = self._assets.files.get(name)
        if asset is None:
            return Response("no such file\n", 404, media_type="text/plain")
        return Response(asset.content, media_type=asset.media_type)

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._feed.events(), media_type="text/event-stream")

    async def _health(self, request: Request) -> Response:
        """503 while the gate's core gives no new snapshot."""
        self._feed.look()
        silent_s = self._feed.silent_s()
        fresh = silent_s < FROZEN_AFTER_S
        facts = {"ok": fresh, "events": self._feed.counter, "silent_s": round(silent_s, 1), "build": self._assets.build}
        return JSONResponse(facts, 200 if fresh else 503)


def _door(guard_pin_hash: str | None) -> PinDoor | None:
    if guard_pin_hash is None:
        return None
    check_pin_hash(guard_pin_hash)
    return PinDoor(guard_pin_hash)
