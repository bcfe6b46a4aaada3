"""A small HTTP listener for cameras that push: bounded in connections, bytes and time, and without a thread."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.errors import DeviceGoneError
from drivers.reader.hikvision_alert import Alert
from drivers.reader.plate_requests import PushGuard, PushTalk, Turn

# One camera has one or two; of whoever has the most, the one that was quiet longest makes room.
MOST_CONNECTIONS: Final = 16
# A request that is not complete by then, and a connection on which nothing happens.
_REQUEST_S: Final = 10.0
_IDLE_S: Final = 75.0
_PIECE_BYTES: Final = 65536
_NO_FILE_S: Final = 0.05


@dataclass(slots=True)
class _Connection:
    line: socket.socket
    caller: str
    talk: PushTalk
    heard_s: float
    # Since when a request, or the end of the connection, has been under way; None: neither is.
    since_s: float | None = None
    is_ending: bool = False


class PushListener:
    """Open from the start. One thread serves; any thread may close. Raises DeviceGoneError."""

    def __init__(self, address: str, port: int, guard: PushGuard, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._guard = guard
        self._clock = clock
        self._connections: dict[int, _Connection] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._listener = self._listen(address, port)
        self._waker, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def under_way(self) -> int:
        """Requests that have begun and not ended."""
        return sum(one.since_s is not None for one in self._connections.values())

    def serve(self, timeout_s: float) -> list[Alert]:
        """What cameras have said, as soon as anything happens on a connection; nothing, if nothing does in time."""
        with self._lock:
            self._check_open()
            alerts: list[Alert] = []
            for key, _ in self._selector.select(timeout_s):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fd in self._connections:
                    alerts += self._hear(self._connections[key.fd])
            self._drop_slow()
            self._check_open()
            return alerts

    def outdate(self) -> None:
        """Requests that are under way began long ago, and what they say is no news."""
        with self._lock:
            for connection in self._connections.values():
                connection.talk.outdate()

    def close(self) -> None:
        """Ends what is served, and frees the port. May be called twice."""
        self._end()
        with self._lock:
            self._close_all()

    def sever(self) -> None:
        """As `close`, but never waits: whoever serves finds everything closed."""
        self._end()
        if self._lock.acquire(blocking=False):
            self._close_all()
            self._lock.release()

    def _listen(self, address: str, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listener = socket.create_server((address, port), family=family, backlog=MOST_CONNECTIONS)
        except OSError as error:
            remedy = "is this an address of this gate, and the port free?"
            raise DeviceGoneError(self._name, f"cannot listen: {error}; {remedy}") from error
        listener.setblocking(False)
        return listener

    def _check_open(self) -> None:
        if self._closed:
            raise DeviceGoneError(self._name, "the listener was closed")

    def _end(self) -> None:
        self._closed = True
        try:
            # Frees the port at once, also while a thread still waits.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._waker.send(b"!")
        except OSError:
            # It was closed before.
            return

    def _close_all(self) -> None:
        self._selector.close()
        for connection in self._connections.values():
            connection.line.close()
        self._connections.clear()
        for line in (self._listener, self._waker, self._woken):
            line.close()

    def _accept(self) -> None:
        try:
            line, (caller, *_) = self._listener.accept()
        except OSError:
            # Whoever called has hung up; or nobody may open one more file, and the caller is there again at once.
            time.sleep(_NO_FILE_S)
            return
        line.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._drop(self._least_wanted())
        self._connections[line.fileno()] = _Connection(line, caller, PushTalk(self._guard), self._clock())
        self._selector.register(line, selectors.EVENT_READ)

    def _least_wanted(self) -> _Connection:
        """Of the caller with the most: a stranger with many never takes the place of a camera with one or two."""
        held = Counter(one.caller for one in self._connections.values())
        return min(self._connections.values(), key=lambda one: (-held[one.caller], one.heard_s))

    def _hear(self, connection: _Connection) -> tuple[Alert, ...]:
        try:
            data = connection.line.recv(_PIECE_BYTES)
        except BlockingIOError:
            return ()
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return ()
        connection.heard_s = self._clock()
        if connection.is_ending:
            return ()
        turn = connection.talk.feed(data, time.time())
        self._answer(connection, turn)
        return turn.alerts

    def _answer(self, connection: _Connection, turn: Turn) -> None:
        if not connection.talk.under_way and not turn.close:
            connection.since_s = None
        elif connection.since_s is None or turn.close:
            connection.since_s = connection.heard_s
        try:
            # A few hundred bytes: a line that does not take them has nobody at its end.
            if turn.answer and connection.line.send(turn.answer) != len(turn.answer):
                self._drop(connection)
            elif turn.close:
                # Closed at once, while a camera still sends its pictures, the line would take the answer with it.
                connection.is_ending = True
                connection.line.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.pop(connection.line.fileno(), None)
        self._selector.unregister(connection.line)
        connection.line.close()

    def _drop_slow(self) -> None:
        now_s = self._clock()
        for connection in list(self._connections.values()):
            since_s = connection.since_s
            if now_s - connection.heard_s > _IDLE_S or (since_s is not None and now_s - since_s > _REQUEST_S):
                self._drop(connection)
