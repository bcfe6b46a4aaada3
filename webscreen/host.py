"""A small web server in a thread of its own: it listens before it starts, and stops without leaving anything open."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from webscreen.heart import Heart

_STOP_LIMIT_S: Final = 5.0
# The event loop turns ten times a second, however many readers there are.
_HUNG_LIMIT_S: Final = 10.0


class ScreenError(Exception):
    """The screen can't be served; the message names the key of the configuration file and the remedy."""


class WebThread:
    """Serves one ASGI app. `closing` is called at stop, so that endless answers can end.

    More than `most_connections` at a time are answered with 503.
    """

    def __init__(self, app: ASGIApp, name: str, closing: Callable[[], None], most_connections: int) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=most_connections,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
        self.heart = Heart(name, _HUNG_LIMIT_S)
        self._server = _BeatingServer(config, self.heart)
        self._closing = closing
        self._name = name
        self._thread: threading.Thread | None = None

    def start(self, listener: socket.socket) -> None:
        """Returns at once: connections made before the server runs wait in the listener's queue."""
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._closing()
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_LIMIT_S)


class _BeatingServer(uvicorn.Server):
    """Says at every turn of its event loop that it lives."""

    def __init__(self, config: uvicorn.Config, heart: Heart) -> None:
        super().__init__(config)
        self._heart = heart

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        self._heart.begin()
        super().run(sockets)
        self._heart.end()

    async def on_tick(self, counter: int) -> bool:
        self._heart.beat()
        return await super().on_tick(counter)


def listen(host: str, port: int, file: str, table: str = "screen") -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ScreenError, which names the table of the file to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
    except OSError as why:
        listener.close()
        raise ScreenError(_explain(host, port, file, table, why)) from why
    return listener


def _explain(host: str, port: int, file: str, table: str, why: OSError) -> str:
    if why.errno == errno.EADDRINUSE:
        return (
            f"{table}.port = {port} is in use on {host}: stop the program that listens there, "
            f"or set another {table}.port in the {file} (0 takes a free one)"
        )
    if why.errno == errno.EACCES:
        return f"{table}.port = {port} needs privileges on {host}: set a {table}.port above 1023 in the {file}"
    return f'{table}.host = "{host}" can not be listened on ({why}): set an address of this machine in the {file}'
