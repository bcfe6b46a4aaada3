"""Serves the resident's page and its few questions from a thread of its own; who may ask is looked at first."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.resident.desk import Desk, DeskError
from central.resident.forms import MOST_BYTES, ApplyForm, BindForm, InviteForm, PlaceForm, ShowForm, WithdrawForm
from central.resident.limits import RateLimit, subscriber
from webscreen.assets import load_assets
from webscreen.server import PageServer, Site

ACT_HEADER: Final = "x-guankou-act"
_MOST_CONNECTIONS: Final = 500
_Form = TypeVar("_Form", bound=msgspec.Struct)
_Said = ParamSpec("_Said")
_Answer = TypeVar("_Answer")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the page is served. `url`: under which people open it, if not by address; `behind_proxy`: the last
    entry of X-Forwarded-For is a caller's address, because only our own proxy can reach this port."""

    host: str
    port: int
    url: str = ""
    behind_proxy: bool = False

    @property
    def name(self) -> str:
        """The host name in `url`."""
        return urlsplit(self.url).hostname or self.host

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


class ResidentServer(PageServer):
    """`start`, then `stop`. `desk` is called from worker threads."""

    def __init__(
        self,
        door: Door,
        desk: Desk,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = door
        self._desk = desk
        self._now_ms = now_ms
        # Many phones may share one address (one router, one network's gateway); a link belongs to one or a few.
        self._by_address = RateLimit(300, 300, monotonic)
        self._by_link = RateLimit(20, 12, monotonic)
        self._changes = RateLimit(10, 1, monotonic)
        self._registrations = RateLimit(10, 1, monotonic)
        # Changes wait for each other here and not in threads, of which there are few: shown passes need them.
        self._one_change = asyncio.Lock()
        assets = load_assets(Path(__file__).parent)
        self._manifest = assets.files["manifest.webmanifest"]
        # Its bytes change with any file of the page: that makes a phone fetch all of them anew.
        self._worker = assets.files["sw.js"].content.replace(b"BUILD", assets.build.encode())
        site = Site(
            door.host, door.port, "collector file", assets, "resident.html", "resident", _MOST_CONNECTIONS,
            table="resident", name=door.name,
        )  # fmt: skip
        routes = (
            Route("/manifest.webmanifest", self._get_manifest),
            Route("/sw.js", self._get_worker),
            Route("/healthz", self._health),
            *(self._post(name, form, act) for name, form, act in self._acts()),
        )
        super().__init__(site, routes, lambda: None)

    # Questions

    def _acts(self) -> tuple[tuple[str, type[msgspec.Struct], Callable[..., Awaitable[object]]], ...]:
        return (
            ("show", ShowForm, self._show),
            ("device", BindForm, self._bind),
            ("invite", InviteForm, self._invite),
            ("withdraw", WithdrawForm, self._withdraw),
            ("place", PlaceForm, self._place),
            ("apply", ApplyForm, self._apply),
        )

    async def _show(self, form: ShowForm, address: str) -> object:
        _allow(self._by_link, _blind(form.k))
        return await asyncio.to_thread(self._desk.show, form.k, form.arrival())

    async def _bind(self, form: BindForm, address: str) -> object:
        _allow(self._changes, _blind(form.k))
        await self._change(self._desk.bind, form.k, bytes.fromhex(form.key))
        return {"ok": True}

    async def _invite(self, form: InviteForm, address: str) -> object:
        _allow(self._changes, _blind(form.k))
        return {"token": await self._change(self._desk.invite, form.k, form.invitation())}

    async def _withdraw(self, form: WithdrawForm, address: str) -> object:
        _allow(self._changes, _blind(form.k))
        await self._change(self._desk.withdraw, form.k, bytes.fromhex(form.visitor))
        return {"ok": True}

    async def _place(self, form: PlaceForm, address: str) -> object:
        return await asyncio.to_thread(self._desk.place, form.gate, form.site)

    async def _apply(self, form: ApplyForm, address: str) -> object:
        if not form.agree:
            raise DeskError(409, "请确认申报属实", "tick that the declaration is true")
        place = await asyncio.to_thread(self._desk.place, form.gate, form.site)
        _allow(self._registrations, address)
        registration = form.registration(place.site, self._now_ms())
        return {"token": await self._change(self._desk.register, registration)}

    async def _change(self, act: Callable[_Said, _Answer], *said: _Said.args, **named: _Said.kwargs) -> _Answer:
        async with self._one_change:
            return await asyncio.to_thread(act, *said, **named)

    # HTTP

    def _post(self, name: str, form: type[_Form], act: Callable[[_Form, str], Awaitable[object]]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                _own_page(request, self._door)
                address = subscriber(_address(request, self._door))
                _allow(self._by_address, address)
                answer = await act(await _read(request, form), address)
            except DeskError as refusal:
                return _json({"ok": False, "zh": refusal.words.zh, "en": refusal.words.en}, refusal.status)
            except sqlite3.Error as error:
                # The phone takes this for a collector that is not there, and shows an offline code.
                _log.error("resident_store_failed", act=name, error=str(error))
                return _json({"ok": False, "zh": "系统暂时无法处理", "en": "the store is not available"}, 503)
            return _json(answer, 200)

        return Route(f"/api/{name}", endpoint, methods=["POST"])

    async def _get_manifest(self, request: Request) -> Response:
        return Response(self._manifest.content, media_type=self._manifest.media_type)

    async def _get_worker(self, request: Request) -> Response:
        return Response(self._worker, media_type="text/javascript")

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"ok": True})


def _own_page(request: Request, door: Door) -> None:
    """The request comes from a script of this very page: own origin, and a header that no form can send."""
    own = {door.origin, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if request.headers.get("origin", "") not in own or request.headers.get(ACT_HEADER) != "1":
        raise DeskError(403, "来源不符", "not sent by this page")


def _address(request: Request, door: Door) -> str:
    direct = request.client.host if request.client else ""
    if not door.behind_proxy:
        return direct
    # A proxy may add a line of its own after the caller's: the last of all entries is the proxy's.
    return ",".join(request.headers.getlist("x-forwarded-for")).rsplit(",", 1)[-1].strip()[:64] or direct


async def _read(request: Request, form: type[_Form]) -> _Form:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise DeskError(413, "请求过大", "request too large")
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise DeskError(400, "填写有误，请检查", f"not accepted: {why}") from None


def _allow(limit: RateLimit, key: str) -> None:
    if not limit.allows(key):
        raise DeskError(429, "操作过于频繁，请稍后再试", "too many requests: wait a minute")


def _blind(token: str) -> str:
    """Tokens are not kept, not even to count them."""
    return sha256(token.encode()).hexdigest()


def _json(value: object, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
