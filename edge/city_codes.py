"""Asks a city's server, through the operator's bridge, about the token of a code; in a thread of its own, with a limit.

The bridge is a small web service of the operator that knows the city's interface and holds its credential. It is asked
`POST {"system", "token", "gate"}` and answers `{"result": "ok" | "expired" | "refused" | "unknown"}`. Anything else in
its answer, colours among it, is not looked at. docs/city-codes.md describes it for the person who writes one.
"""

from __future__ import annotations

import http.client
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
import structlog

from checkpoint.formats.city import CityCode
from checkpoint.records import BAD_BYTES
from webscreen.heart import Heart

_log = structlog.get_logger(__name__)

# Reasons that a question may end with.
CityReason = Literal[
    "city_code_ok", "city_code_expired", "city_code_refused", "city_code_offline", "city_code_timeout",
]  # fmt: skip
_REASONS: Final[dict[str, CityReason]] = {
    "ok": "city_code_ok",
    "expired": "city_code_expired",
    "refused": "city_code_refused",
    "unknown": "city_code_refused",
}
_MAX_ANSWER_BYTES: Final = 4096
# One person at a time stands in a lane; more than this waiting means that the bridge hangs.
_MOST_WAITING: Final = 8
_BEAT_S: Final = 1.0
_SLACK_S: Final = 15.0


class BridgeError(ValueError):
    """The bridge can't be asked as configured; the text names key, value and remedy."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """Where to ask. `secret` is sent as a bearer token; a question with its answer takes at most `timeout_s`."""

    url: str
    secret: str
    timeout_s: float

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            parts.port  # noqa: B018 - looking at it checks it
        except ValueError as error:
            raise BridgeError(f"city bridge url {self.url!r}: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BridgeError(f"city bridge url {self.url!r}: write http://host/path or https://host/path")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise BridgeError(f"city bridge url {self.url!r}: tokens leave this machine by https only")


class _Answer(msgspec.Struct, frozen=True):
    result: Annotated[str, msgspec.Meta(max_length=32)]


def ask(bridge: Bridge, code: CityCode, gate: str) -> CityReason:
    """One question. Whatever goes wrong is an answer, too: nobody is let in because a server did not say no."""
    body = msgspec.json.encode({"system": code.system.name, "token": code.token, "gate": gate})
    try:
        status, data = _post(bridge, body)
        if status != http.client.OK:
            _log.warning("city_bridge_refused", system=code.system.name, status=status)
            return "city_code_offline"
        return _REASONS.get(msgspec.json.decode(data, type=_Answer).result, "city_code_refused")
    except TimeoutError:
        return "city_code_timeout"
    except (OSError, http.client.HTTPException, *BAD_BYTES) as error:
        _log.warning("city_bridge_failed", system=code.system.name, error=type(error).__name__)
        return "city_code_offline"


def _post(bridge: Bridge, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(bridge.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=bridge.timeout_s)
    headers = {"content-type": "application/json", "authorization": f"Bearer {bridge.secret}"}
    cut = threading.Event()
    try:
        connection.connect()
        # A socket's own limit starts again with every byte: a server that drips would hold the thread for ever.
        timer = threading.Timer(bridge.timeout_s, _cut_off, (connection.sock, cut))
        timer.start()
        try:
            connection.request("POST", urlunsplit(("", "", parts.path or "/", parts.query, "")), body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_ANSWER_BYTES)
        finally:
            timer.cancel()
            if cut.is_set():
                # Whatever came of it, it came too late.
                raise TimeoutError
    finally:
        connection.close()


def _cut_off(line: socket.socket, cut: threading.Event) -> None:
    cut.set()
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class CityDesk:
    """The thread that asks. `told` is called from it with the lane, the code's number and the reason."""

    def __init__(self, gate: str, bridges: dict[str, Bridge], told: Callable[[str, int, CityReason], None]) -> None:
        self._gate = gate
        self._bridges = bridges
        self._told = told
        self._stopped = threading.Event()
        self._questions: queue.Queue[tuple[str, int, CityCode]] = queue.Queue(_MOST_WAITING)
        longest_s = max((bridge.timeout_s for bridge in bridges.values()), default=0.0)
        # A name, a connection and an answer may take the limit each.
        self.heart = Heart("city", 3 * longest_s + _SLACK_S)
        self._thread = threading.Thread(target=self._run, name="city", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for an answer that is under way: nobody is there for it any more."""
        self._stopped.set()

    def ask(self, lane: str, number: int, code: CityCode) -> None:
        """Never waits. `number` comes back with the answer."""
        try:
            if code.system.name in self._bridges:
                self._questions.put_nowait((lane, number, code))
                return
        except queue.Full:
            pass
        self._told(lane, number, "city_code_offline")

    def _run(self) -> None:
        self.heart.begin()
        while not self._stopped.is_set():
            self.heart.beat()
            try:
                lane, number, code = self._questions.get(timeout=_BEAT_S)
            except queue.Empty:
                continue
            self._told(lane, number, ask(self._bridges[code.system.name], code, self._gate))
        self.heart.end()
