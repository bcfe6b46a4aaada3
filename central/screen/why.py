"""Why a passage had its verdict, for the operators' page: by a case, a record's place or a passage's id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from checkpoint.explain import Said
from checkpoint.explain_sheet import Shown

_LONGEST: Final = 120

Why = Callable[[str], Shown | Said]


def nothing_stored(_: str) -> Shown | Said:
    """For a page without a store behind it."""
    return Said("没有记录可查", "there are no records here")


class WhyDesk:
    """`why` is called from another thread, one call at a time."""

    def __init__(self, why: Why) -> None:
        self._why = why
        self._turn = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """200 with the tables of `record`, or 404 and why there are none, in both languages."""
        record = request.query_params.get("record", "")[:_LONGEST]
        async with self._turn:
            found = await asyncio.to_thread(self._why, record)
        if isinstance(found, Shown):
            return _json({"ok": True, "shown": found}, 200)
        return _json({"ok": False, "zh": found.zh, "en": found.en}, 404)


def _json(answer: object, status: int) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
