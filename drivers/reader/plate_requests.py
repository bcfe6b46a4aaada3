"""What a camera that pushes says over one connection: requests with alerts in them, and the answers. Does no I/O."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from drivers.reader.hikvision_alert import Alert, AlertError, read_alert
from drivers.reader.http_wire import Body, Head, HttpError, MessageReader
from drivers.reader.multipart import MAX_TEXT_BYTES, PartScanner, boundary_of

# An alert with two large pictures.
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
# A plate read longer ago, or in the future by as much, is no news: it was kept back, or two clocks do not agree.
_NEWS_S: Final = 30.0
_MILLISECONDS_FROM: Final = 10**11
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    405: "Method Not Allowed",
    413: "Content Too Large",
}


class PushedPlate(msgspec.Struct, frozen=True):
    """The plain form: `{"plate": "粤B12345", "confidence": 97, "direction": "approach", "at": "2026-02-10T08:00:00Z"}`.

    Without a plate it is a sign of life. `at`: ISO 8601, or seconds or milliseconds since 1970 UTC.
    """

    plate: Annotated[str, msgspec.Meta(max_length=64)] = ""
    confidence: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    direction: Literal["approach", "leave", ""] = ""
    at: str | float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What has come of some bytes: the answer to be sent, the alerts, and whether the connection ends with it."""

    answer: bytes = b""
    alerts: tuple[Alert, ...] = field(default=(), repr=False)
    close: bool = False


class PushGuard:
    """Who may push: with this token, in a Bearer header or as the last part of the path, or as this user (Basic)."""

    def __init__(self, token: str = "", user: str = "", password: str = "") -> None:
        self._token = token.encode()
        self._basic = f"{user}:{password}".encode() if user else b""

    def admits(self, head: Head, path: str) -> bool:
        """Every comparison takes as long whether it fits or not."""
        scheme, _, said = head.get("authorization").partition(" ")
        said = said.strip()
        bearer = said.encode("latin-1") if scheme.lower() == "bearer" else path.rpartition("/")[2].encode("latin-1")
        by_token = bool(self._token) and hmac.compare_digest(bearer, self._token)
        basic = _decoded(said) if scheme.lower() == "basic" else b""
        return by_token or (bool(self._basic) and hmac.compare_digest(basic, self._basic))


class PushTalk:
    """One connection. Holds at most one head and one text, whatever comes."""

    def __init__(self, guard: PushGuard) -> None:
        self._guard = guard
        self._reader = MessageReader("request")
        self._over = False
        self._is_old = False
        self._begin(Head("", ()))

    @property
    def waiting_bytes(self) -> int:
        kept = len(self._text) + (self._scanner.waiting_bytes if self._scanner else 0)
        return self._reader.waiting_bytes + kept

    @property
    def under_way(self) -> bool:
        """Whether a request has begun and not ended."""
        return self._in_body or self._reader.waiting_bytes > 0

    def outdate(self) -> None:
        """What is under way has waited for us: when it ends, it is taken for kept back."""
        self._is_old = self.under_way

    def feed(self, data: bytes, wall_s: float) -> Turn:
        """`wall_s`: seconds since 1970 UTC, to tell news from what was kept back."""
        answer, alerts = b"", list[Alert]()
        try:
            pieces = [] if self._over else self._reader.feed(data)
        except HttpError as error:
            return self._end(400, str(error))
        for piece in pieces:
            turn = self._open(piece) if isinstance(piece, Head) else self._body(piece, wall_s)
            answer += turn.answer
            alerts += turn.alerts
            if turn.close:
                self._over = True
                break
        return Turn(answer, tuple(alerts), self._over)

    def _begin(self, head: Head) -> None:
        boundary = boundary_of(head.get("content-type"))
        self._scanner = PartScanner(boundary) if boundary else None
        self._text = bytearray()
        self._found: list[Alert] = []
        self._refused = "" if self._scanner is None else "no alert in any part"
        self._taken_bytes = 0
        self._in_body = bool(head.start)
        # HTTP/1.0 ends after one answer.
        self._last = head.start.endswith("1.0") or "close" in head.get("connection").lower()

    def _open(self, head: Head) -> Turn:
        """Before anything of the body is looked at, it is clear whether it may come at all."""
        self._begin(head)
        method, _, rest = head.start.partition(" ")
        path, _, version = rest.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            return self._end(400, "no HTTP/1 request line")
        if not self._guard.admits(head, path.partition("?")[0]):
            return self._end(401, "a token or user is missing or wrong")
        if method not in ("POST", "PUT"):
            return self._end(405, "POST an alert")
        return Turn(_CONTINUE if head.get("expect").lower() == "100-continue" else b"")

    def _body(self, piece: Body, wall_s: float) -> Turn:
        self._taken_bytes += len(piece.data)
        is_long = len(self._text) + len(piece.data) > MAX_TEXT_BYTES and self._scanner is None
        if is_long or self._taken_bytes > MAX_BODY_BYTES:
            return self._end(413, f"at most {MAX_BODY_BYTES} bytes, of which {MAX_TEXT_BYTES} are text")
        if self._scanner is None:
            self._text += piece.data
        else:
            for part in self._scanner.feed(piece.data):
                self._read(part.data, wall_s)
        return self._answer(wall_s) if piece.last else Turn()

    def _answer(self, wall_s: float) -> Turn:
        if self._scanner is None:
            self._read(bytes(self._text), wall_s)
        alerts = tuple(replace(alert, resent=True) if self._is_old else alert for alert in self._found)
        self._is_old = False
        if not alerts:
            return self._end(400, self._refused)
        last = self._last
        self._begin(Head("", ()))
        return Turn(_answer(200, "", last), alerts, last)

    def _read(self, data: bytes, wall_s: float) -> None:
        try:
            self._found.append(_read_either(data, wall_s))
        except AlertError as error:
            self._refused = str(error)

    def _end(self, status: int, why: str) -> Turn:
        self._over = True
        self._in_body = False
        return Turn(_answer(status, why + "\r\n", close=True), (), True)


def _read_either(data: bytes, wall_s: float) -> Alert:
    """Hikvision's alert, or the plain form."""
    text = data.strip()
    if not text.startswith(b"{"):
        return read_alert(text)
    try:
        return read_alert(text)
    except AlertError:
        return _plain(text, wall_s)


def _plain(data: bytes, wall_s: float) -> Alert:
    try:
        said = msgspec.json.decode(data, type=PushedPlate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Which key is wrong, and what it should be; never what stood there.
        why = str(error) if isinstance(error, msgspec.ValidationError) else "broken JSON"
        raise AlertError(f"neither an alert nor plain JSON: {why[:200]}") from None
    is_news = said.at is None or abs(_seconds(said.at) - wall_s) <= _NEWS_S
    confidence = None if said.confidence is None else round(said.confidence)
    return Alert("anpr", bool(said.plate), None, None, not is_news, said.plate, confidence, said.direction)


def _seconds(at: str | float) -> float:
    try:
        if isinstance(at, str):
            moment = datetime.fromisoformat(at[:40])
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise AlertError("`at` is no time: write it as 2026-02-10T08:00:00Z, or leave it out") from None
    return at / 1000 if at >= _MILLISECONDS_FROM else float(at)


def _decoded(said: str) -> bytes:
    try:
        return base64.b64decode(said, validate=True)
    except ValueError:
        return b""


def _answer(status: int, text: str, close: bool) -> bytes:
    asks = 'WWW-Authenticate: Basic realm="guankou"\r\n' if status == 401 else ""
    ends = "Connection: close\r\n" if close else ""
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{asks}{ends}Content-Length: {len(text)}\r\n\r\n"
    return (head + text).encode("latin-1", "replace")
