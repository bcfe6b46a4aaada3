"""Why the passage on the screen had its verdict: asked for by lane, so that nobody can look into older ones here."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checkpoint.explain_sheet import Shown, shown
from checkpoint.verdict_watch import without_watch
from edge.audit_command import AuditError, reading
from edge.explain_record import ExplainError, find_newest, kept_policy
from edge.status import Snapshot


def recorded_why(folder: Path, passage: bytes) -> Shown | None:
    """What the outbox in a gate's data folder says of a passage; None while nothing about it can be read."""
    try:
        with reading(folder / "outbox.db") as connection:
            found = find_newest(connection, passage)
    except (AuditError, ExplainError, sqlite3.Error, OSError):
        return None
    # Whoever stands there can read this too.
    found = replace(found, verdict=without_watch(found.verdict))
    verdict = found.verdict
    return shown(found.explained(kept_policy(folder / "documents", verdict.policy, verdict.policy_version)))


class WhyDesk:
    """Answers the page. `why` is called from another thread, one call at a time."""

    def __init__(self, snapshot: Callable[[], Snapshot], why: Callable[[bytes], Shown | None]) -> None:
        self._snapshot = snapshot
        self._why = why
        self._turn = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """200 with the tables of the verdict that `lane` shows, or 404 in both languages."""
        lane = request.query_params.get("lane", "")
        passage = next((one.passage for one in self._snapshot().lanes if one.name == lane), "")
        if not passage:
            return _nothing("此通道当前没有判定", "this lane shows no verdict now")
        async with self._turn:
            found = await asyncio.to_thread(self._why, bytes.fromhex(passage))
        if found is None:
            return _nothing("没有可读的记录", "no record of it can be read")
        body = msgspec.json.encode({"ok": True, "passage": passage, "shown": found})
        return Response(body, media_type="application/json")


def _nothing(zh: str, en: str) -> JSONResponse:
    return JSONResponse({"ok": False, "zh": zh, "en": en}, status_code=404)
