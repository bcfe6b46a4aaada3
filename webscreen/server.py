"""One page with its files, served from a thread of its own; what else it answers is given as routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from webscreen.assets import Assets
from webscreen.heart import Heart
from webscreen.host import WebThread, listen
from webscreen.shield import Shield


@dataclass(frozen=True, slots=True)
class Site:
    """Where a page is served and what it is made of.

    `port` 0 takes a free one. `file`, `table`: what messages call the file and its table that hold `host` and `port`.
    `page`: the asset at `/`. `thread`: the name of the server's thread. `name`: the host name under which people
    open the page, if it is another than `host`.
    """

    host: str
    port: int
    file: str
    assets: Assets
    page: str
    thread: str
    most_connections: int
    table: str = "screen"
    name: str = ""


class PageServer:
    """Serves `/`, `/static/NAME` and the routes; `closing` is called at stop and ends the streams."""

    def __init__(self, site: Site, routes: Sequence[Route], closing: Callable[[], None]) -> None:
        self._site = site
        app = Starlette(routes=[Route("/", self._page), Route("/static/{name}", self._static), *routes])
        self._web = WebThread(Shield(app, site.name or site.host), site.thread, closing, site.most_connections)

    def start(self) -> int:
        """Listens and serves; gives the port. Raises ScreenError when the address can't be had."""
        listener = listen(self._site.host, self._site.port, self._site.file, self._site.table)
        port = int(listener.getsockname()[1])
        self._web.start(listener)
        return port

    def stop(self) -> None:
        """Ends all streams and closes the port."""
        self._web.stop()

    @property
    def heart(self) -> Heart:
        """Of the thread that serves."""
        return self._web.heart

    async def _page(self, request: Request) -> Response:
        return self._file(self._site.page)

    async def _static(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        asset = self._site.assets.files.get(name)
        if asset is None:
            return Response("no such file\n", 404, media_type="text/plain")
        return Response(asset.content, media_type=asset.media_type)
