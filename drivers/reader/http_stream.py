"""A connection to a camera's HTTP server over which an answer without end comes, opened with digest authentication."""

from __future__ import annotations

import hashlib
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from drivers.errors import DeviceGoneError, OptionError
from drivers.reader.http_digest import best_challenge
from drivers.reader.http_wire import Body, Head, HttpError, MessageReader

# Connecting, and the head of an answer. Whoever opens waits for at most three of both.
_ANSWER_S: Final = 1.5
# Without a password, with one, and once more where the nonce was too old.
_MOST_ASKED: Final = 3
_PIECE_BYTES: Final = 65536
# A camera without power is noticed by its unanswered probes: one second until the first, then one each second.
_PROBE_AFTER_S: Final = 1
_PROBES: Final = 2
# Cameras lock an account for half an hour after a few wrong passwords: the same one is not tried again so soon.
REFUSED_PAUSE_S: Final = 60.0
_MAX_PASSWORD_BYTES: Final = 200
# What was refused, and when by the monotonic clock; only a digest of the password is kept.
_refused_s: dict[tuple[str, int, str, str], float] = {}


def secret_from(file: str, option: str) -> str:
    """The first line of a file. Raises OptionError naming the option and the file, never what is in it."""
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(_MAX_PASSWORD_BYTES + 2).decode().split("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise OptionError(f"{option} = {file!r} can't be read: {why}; write the secret alone into that file") from None
    if not text or len(text) > _MAX_PASSWORD_BYTES:
        raise OptionError(f"{option} = {file!r}: its first line must have 1 to {_MAX_PASSWORD_BYTES} bytes")
    return text


class HttpStream:
    """`GET path`, answered without end. One thread reads; any thread may close. Raises DeviceGoneError.

    A password that is refused counts as gone too, with the reason in its words: a camera can be set right at any time.
    """

    def __init__(
        self, host: str, port: int, path: str, user: str, password: str, name: str, clock: Callable[[], float]
    ) -> None:  # fmt: skip
        self._address = (host, port)
        self._path = path
        self._user = user
        self._password = password
        self._name = name
        self._clock = clock
        self._key = (host, port, user, hashlib.sha256(password.encode()).hexdigest())
        self._lock = threading.Lock()
        self._closed = False
        self._check_refused()
        self._early: list[Head | Body] = []
        self._reader, self.head, self._socket = self._open()

    def read(self, timeout_s: float) -> bytes:
        """The next bytes of the answer's body; b"" if none came in time."""
        with self._lock:
            if not self._early:
                self._early = self._receive(timeout_s)
            pieces = self._early
            self._early = []
        if any(not isinstance(piece, Body) or piece.last for piece in pieces):
            raise DeviceGoneError(self._name, "it has ended the stream")
        return b"".join(piece.data for piece in pieces if isinstance(piece, Body))

    def close(self) -> None:
        """Ends a read under way. May be called twice."""
        self._end()
        with self._lock:
            self._socket.close()

    def sever(self) -> None:
        """As `close`, but never waits: whoever reads finds the end of the line."""
        self._end()
        if self._lock.acquire(blocking=False):
            self._socket.close()
            self._lock.release()

    def _end(self) -> None:
        self._closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is closed, or the other end has gone before.
            return

    def _receive(self, timeout_s: float) -> list[Head | Body]:
        if self._closed:
            raise DeviceGoneError(self._name, "the connection was closed")
        try:
            readable, _, _ = select.select([self._socket], [], [], max(0.0, timeout_s))
            data = self._socket.recv(_PIECE_BYTES) if readable else None
        except (OSError, ValueError) as error:
            raise DeviceGoneError(self._name, f"the connection is lost: {error}") from error
        if data == b"":
            raise DeviceGoneError(self._name, "it has closed the connection")
        try:
            return self._reader.feed(data) if data else []
        except HttpError as error:
            raise DeviceGoneError(self._name, f"what it sends can't be read: {error}") from error

    def _open(self) -> tuple[MessageReader, Head, socket.socket]:
        """Asks without a password, is told how to prove it, and asks again with the proof."""
        authorization = ""
        for _ in range(_MOST_ASKED):
            reader, head, line = self._ask(authorization)
            if head.status == 200:
                return reader, head, line
            line.close()
            if head.status != 401:
                raise DeviceGoneError(self._name, f"{self._path} is answered with status {head.status}, not 200")
            challenge = best_challenge(head.every("www-authenticate"))
            if challenge is None:
                raise DeviceGoneError(self._name, "it asks for a password, but offers no digest: allow it in its menu")
            if authorization and not challenge.stale:
                _refused_s[self._key] = self._clock()
                self._check_refused()
            authorization = challenge.answer(self._user, self._password, "GET", self._path, secrets.token_hex(8))
        raise DeviceGoneError(self._name, "it calls every proof of the password too old: restart it")

    def _check_refused(self) -> None:
        since_s = self._clock() - _refused_s.get(self._key, -REFUSED_PAUSE_S)
        if since_s < REFUSED_PAUSE_S:
            raise DeviceGoneError(
                self._name,
                f"it refuses user {self._user!r} with this password; tried again in {REFUSED_PAUSE_S - since_s:.0f} s, "
                "or at once with another one: correct the user or the password file",
            )

    def _ask(self, authorization: str) -> tuple[MessageReader, Head, socket.socket]:
        """One connection, one request, and the head of its answer."""
        host, port = self._address
        host = f"[{host}]" if ":" in host else host
        try:
            line = socket.create_connection(self._address, _ANSWER_S)
        except OSError as error:
            remedy = "is it on, and is the address right?"
            raise DeviceGoneError(self._name, f"cannot connect to {host}:{port}: {error}; {remedy}") from error
        try:
            _probe(line)
            proof = f"Authorization: {authorization}\r\n" if authorization else ""
            request = f"GET {self._path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: multipart/mixed\r\n{proof}\r\n"
            line.sendall(request.encode("utf-8"))
            reader, head = self._first_head(line)
        except (OSError, HttpError) as error:
            line.close()
            raise DeviceGoneError(self._name, f"no answer from {host}:{port}: {error}") from error
        return reader, head, line

    def _first_head(self, line: socket.socket) -> tuple[MessageReader, Head]:
        reader, until_s = MessageReader("response"), time.monotonic() + _ANSWER_S
        while True:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise HttpError(f"no head within {_ANSWER_S} s")
            line.settimeout(left_s)
            data = line.recv(_PIECE_BYTES)
            if not data:
                raise HttpError("it has closed the connection")
            found = reader.feed(data)
            if found and isinstance(found[0], Head):
                head, self._early = found[0], found[1:]
                # Raises HttpError for what is no status line.
                _ = head.status
                return reader, head


def _probe(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_AFTER_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
