"""What keeps strangers' pages away from a screen: host names, and the headers of every answer."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def is_known_host(header: str, configured: str) -> bool:
    """An address, `localhost` or the configured name: any other may be a stranger's that points here (rebinding)."""
    try:
        name = urlsplit(f"//{header}").hostname or ""
        if name in ("localhost", configured.lower()):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Shield:
    """ASGI layer: refuses unknown host names and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, configured_host: str) -> None:
        self._app = app
        self._configured_host = configured_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        app = self._app
        if not is_known_host(_host_header(scope), self._configured_host):
            app = PlainTextResponse("unknown host name: open this page by its address\n", status_code=421)
        await app(scope, receive, send_with_headers)


def _host_header(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
