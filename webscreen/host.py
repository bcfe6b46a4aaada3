"""A small web server in a thread of its own: it listens before it starts, and stops without leaving anything open."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from webscreen.heart import Heart

_STOP_LIMIT_S: Final = 5.0
# The event loop turns ten times a second, however many readers there are.
_HUNG_LIMIT_S: Final = 10.0
# A request of a few kB over a bad mobile network.
_REQUEST_LIMIT_S: Final = 20.0
# Connections over the limit that are still told so; all others are closed unheard: each costs the process a file.
_SPARE: Final = 20


class ScreenError(Exception):
    """The screen can't be served; the message names the key of the configuration file and the remedy."""


class WebThread:
    """Serves one ASGI app. `closing` is called at stop, so that endless answers can end.

    More than `most_connections` at a time are answered with 503. Who does not finish a request is cut off.
    """

    def __init__(self, app: ASGIApp, name: str, closing: Callable[[], None], most_connections: int) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=_Impatient,
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


class _Impatient(H11Protocol):
    """Does not keep a connection, and with it an open file, for somebody who never says what they want."""

    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > (self.limit_concurrency or 0) + _SPARE:
            transport.abort()
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._rest()
        elif self._hurry is None and not self.transport.is_closing():
            self._hurry = self.loop.call_later(_REQUEST_LIMIT_S, self.transport.abort)

    def _rest(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None


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
