"""The operators' page: one page and its stream of events. It shows, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from central.screen.assets import load_assets
from central.screen.feed import BoardFeed
from central.screen.host import WebThread, listen
from central.screen.shield import Shield
from central.screen.view import Views, board_page

_FOLDER: Final = Path(__file__).parent
_LONGEST_PATH: Final = 200


class OperatorsServer:
    """Serves the operators' page from a thread of its own.

    `views` is called from other threads, at most once a second for each node that somebody looks at. There is no
    login: keep `host` on this machine's own address, and let people in through a tunnel or a proxy that asks who
    they are. `port` 0 takes a free one.
    """

    def __init__(self, host: str, port: int, views: Views, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._port = port
        self._assets = load_assets(_FOLDER)
        build = self._assets.build
        self._feed = BoardFeed(lambda path: board_page(views, path, build), monotonic)
        self._web = WebThread(Shield(self._app(), host), "operators", self._feed.close)

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
                Route("/static/{name}", self._static),
            ]
        )

    async def _page(self, request: Request) -> Response:
        return self._file("operators.html")

    async def _static(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        asset = self._assets.files.get(name)
        if asset is None:
            return Response("no such file\n", 404, media_type="text/plain")
        return Response(asset.content, media_type=asset.media_type)

    async def _events(self, request: Request) -> Response:
        path = request.query_params.get("path", "")[:_LONGEST_PATH]
        return StreamingResponse(self._feed.events(path), media_type="text/event-stream")

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"ok": True, "events": self._feed.counter, "build": self._assets.build})
