"""The operators' page: one page and its stream of events. It shows, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from central.screen.feed import BoardFeed
from central.screen.view import Views, board_page
from central.screen.why import Why, WhyDesk, nothing_stored
from webscreen.assets import load_assets
from webscreen.server import PageServer, Site

_LONGEST_PATH: Final = 200
_MOST_CONNECTIONS: Final = 200


class OperatorsServer(PageServer):
    """Serves the operators' page from a thread of its own.

    `views` is called from other threads, at most once a second for each node that somebody looks at. There is no
    login: keep `host` on this machine's own address, and let people in through a tunnel or a proxy that asks who
    they are. `port` 0 takes a free one. `why`, called like `views`, explains a record by its name.
    """

    def __init__(
        self,
        host: str,
        port: int,
        views: Views,
        monotonic: Callable[[], float] = time.monotonic,
        why: Why = nothing_stored,
    ) -> None:
        assets = load_assets(Path(__file__).parent)
        self._build = build = assets.build
        self._feed = BoardFeed(lambda path: board_page(views, path, build), monotonic)
        site = Site(host, port, "collector file", assets, "operators.html", "operators", _MOST_CONNECTIONS)
        routes = (Route("/events", self._events), Route("/healthz", self._health), Route("/why", WhyDesk(why).answer))
        super().__init__(site, routes, self._feed.close)

    async def _events(self, request: Request) -> Response:
        path = request.query_params.get("path", "")[:_LONGEST_PATH]
        return StreamingResponse(self._feed.events(path), media_type="text/event-stream")

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"ok": True, "events": self._feed.counter, "build": self._build})
