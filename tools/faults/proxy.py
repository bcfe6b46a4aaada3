"""A TCP proxy that stands for a bad line: slow, cut, silent, resetting, or not there."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from typing import Final

_CHUNK: Final = 4096
_POLL_S: Final = 0.02


@dataclass(slots=True)
class Line:
    """How the line behaves from now on; each field may be changed at any time, from any thread."""

    silent: bool = False
    """Takes connections and bytes and gives none on: what dropped packets look like from both ends."""
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    reset_after: int | None = None
    """Each connection is reset once it has carried so many bytes upward."""


class Proxy:
    """Listens on a free port of loopback and speaks to another port there; everything runs in a thread of its own.

    `host` and `port`: where it listens instead, such as an end of a cable to a network namespace; `target_host`: where
    it speaks to.
    """

    def __init__(
        self, target_port: int, *, host: str = "127.0.0.1", port: int = 0, target_host: str = "127.0.0.1"
    ) -> None:
        self.line = Line()
        self.carried = 0
        """Bytes given on upward so far."""
        self.resets = 0
        self.accepted = 0
        """Connections so far that can be reset."""
        self.port = port
        self._host = host
        self._target = target_host, target_port
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.listen()

    def listen(self) -> None:
        """Be there, on the same port as before."""
        self._do(self._listen)

    def refuse(self) -> None:
        """Be gone: nothing listens, and what was connected is reset."""
        self._do(self._refuse)

    def reset(self) -> None:
        """Every connection ends with a TCP reset."""
        self._do(self._reset)

    def close(self) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, act: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> None:
        for writer in list(self._open):
            _abort(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _abort(writer)
            return
        ends = {writer, up_writer}
        self._open |= ends
        self.accepted += 1
        ways = [
            asyncio.ensure_future(self._carry(reader, up_writer, upward=True)),
            asyncio.ensure_future(self._carry(up_reader, writer, upward=False)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        self._open -= ends
        for end in ends:
            _abort(end)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, upward: bool) -> None:
        carried = 0
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                await self._wait(len(data))
                limit = self.line.reset_after if upward else None
                if limit is not None and carried + len(data) >= limit:
                    writer.write(data[: limit - carried])
                    await writer.drain()
                    self.resets += 1
                    return
                writer.write(data)
                await writer.drain()
                carried += len(data)
                self.carried += len(data) if upward else 0

    async def _wait(self, size: int) -> None:
        if self.line.delay_s:
            await asyncio.sleep(self.line.delay_s)
        if self.line.bytes_per_s is not None:
            await asyncio.sleep(size / self.line.bytes_per_s)
        while self.line.silent:
            await asyncio.sleep(_POLL_S)


def _abort(writer: asyncio.StreamWriter) -> None:
    socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        # Zero seconds to linger: a reset instead of a polite end.
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
