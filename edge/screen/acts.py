"""What a guard does at the page: checked for size, origin and PIN before the core hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse

from edge.screen.pin import PinDoor
from edge.status import SOMEBODY_ELSE, GuardAct

MOST_BYTES: Final = 1024
ACT_HEADER: Final = "x-guankou-act"

# What the page says of a refusal that has a code instead of words.
_WORDS: Final = {SOMEBODY_ELSE: ("现在是另一人，请关闭后重看", "somebody else stands here now: close and look again")}

_Code = Annotated[str, msgspec.Meta(max_length=64)]
# What a guard types: no control characters, so that it stays one line wherever it is read.
_Plate = Annotated[str, msgspec.Meta(max_length=16, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Unit = Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[^\x00-\x1f\x7f]*$")]

# The most that a document's number has, with the spaces that it is printed with.
_Number = Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ActForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page sends. `object_c` only with `measured`: a temperature that the guard took by hand. `plate` and
    `visited` only with `walk_up`, and never a name. `number` only with `document_seen`, `count` with `occupants`.
    `stands`: who stood there when the sheet was opened, empty for nobody."""

    act: Literal[
        "acknowledge",
        "admit",
        "refuse",
        "open",
        "measured",
        "assist",
        "clear_passback",
        "walk_up",
        "mask_seen",
        "mask_absent",
        "symptoms",
        "document_seen",
        "occupants",
        "drill_stop",
    ]
    lane: _Code
    pin: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    passage: _Code = ""
    reason: _Code = ""
    object_c: Annotated[float, msgspec.Meta(ge=20, le=45)] | None = None
    plate: _Plate = ""
    visited: _Unit = ""
    number: _Number = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None
    stands: _Code = ""

    def to_act(self) -> GuardAct:
        return GuardAct(
            act=self.act,
            lane=self.lane,
            passage=self.passage,
            reason=self.reason,
            object_c=self.object_c,
            plate=self.plate,
            visited=self.visited,
            number=self.number,
            count=self.count,
            stands=self.stands,
        )


class ActDesk:
    """Takes acts one at a time, so that guesses can't be tried side by side."""

    def __init__(self, act: Callable[[GuardAct], str], door: PinDoor | None, monotonic: Callable[[], float]) -> None:
        self._act = act
        self._door = door
        self._monotonic = monotonic
        self._turn = asyncio.Lock()

    async def answer(self, request: Request) -> JSONResponse:
        """200 `{"ok": true}`, or a refusal with its reason in both languages."""
        if not is_own_page(request):
            return _refusal(403, "来源不符", "not sent by this page")
        if self._door is None:
            return _refusal(403, "未设置值守口令，本屏只显示", "no guard PIN is configured: this screen only shows")
        body = await _limited_body(request)
        if body is None:
            return _refusal(413, "请求过大", "request too large")
        try:
            form = msgspec.json.decode(body, type=ActForm)
        except (msgspec.DecodeError, UnicodeDecodeError) as why:
            return _refusal(400, "请求无效", f"not an act: {why}")
        async with self._turn:
            return await self._take(form, self._door)

    async def _take(self, form: ActForm, door: PinDoor) -> JSONResponse:
        wait_s = door.wait_s(self._monotonic())
        if wait_s > 0:
            return _refusal(429, f"口令错误过多，请等 {wait_s:.0f} 秒", f"too many wrong PINs: wait {wait_s:.0f} s")
        if not await asyncio.to_thread(door.check, form.pin, self._monotonic()):
            return _refusal(403, "口令错误", "wrong PIN")
        refused = await asyncio.to_thread(self._act, form.to_act())
        return _refusal(409, *_WORDS.get(refused, (refused, refused))) if refused else JSONResponse({"ok": True})


def is_own_page(request: Request) -> bool:
    """The request comes from a script of this very page: same origin, and a header that no form can send."""
    origin = request.headers.get("origin", "")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return origin == own and request.headers.get(ACT_HEADER) == "1"


async def _limited_body(request: Request) -> bytes | None:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return body


def _refusal(status: int, zh: str, en: str) -> JSONResponse:
    return JSONResponse({"ok": False, "zh": zh, "en": en}, status_code=status)
