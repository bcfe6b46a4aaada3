"""A screen server over a moment that the test sets, and a plain client without a browser."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from argon2 import PasswordHasher

from edge.screen import ScreenServer
from edge.status import GuardAct, LaneView, Snapshot
from tools import screen_samples

PIN = "2468"
PIN_HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PIN)


@dataclass
class Stage:
    """What the gate's core would be: the test sets `shown`; a living core renews its time at every look."""

    shown: Snapshot = field(default_factory=lambda: screen_samples.gate(screen_samples.LANES["wait"]))
    alive: bool = True
    acts: list[GuardAct] = field(default_factory=list)
    answer: str = ""
    now_s: float | None = None
    port: int = 0

    def show(self, *lanes: LaneView) -> None:
        self.shown = screen_samples.gate(*lanes)

    def snapshot(self) -> Snapshot:
        if self.alive:
            self.shown = msgspec.structs.replace(self.shown, at_ms=self.shown.at_ms + 1)
        return self.shown

    def act(self, act: GuardAct) -> str:
        self.acts.append(act)
        return self.answer

    def monotonic(self) -> float:
        return time.monotonic() if self.now_s is None else self.now_s

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def screen(stage: Stage, pin_hash: str | None = PIN_HASH) -> Iterator[ScreenServer]:
    server = ScreenServer("127.0.0.1", stage.port, stage.snapshot, stage.act, pin_hash, stage.monotonic)
    stage.port = server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def facts(self) -> Any:
        return json.loads(self.body)


def ask(stage: Stage, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=10)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def send_act(stage: Stage, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """An act as the page sends it; `fields` and `headers` change what the test wants to be different."""
    form = {"act": "acknowledge", "lane": "in-1", "pin": PIN, **fields}
    own = {"Origin": stage.url.rstrip("/"), "X-Guankou-Act": "1", **(headers or {})}
    return ask(stage, "POST", "/act", json.dumps(form).encode(), {k: v for k, v in own.items() if v})


@contextmanager
def events(stage: Stage) -> Iterator[Iterator[dict[str, Any]]]:
    """The stream as plain HTTP, one decoded event at a time."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=10)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    try:
        yield (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))
    finally:
        answer.close()
        connection.close()
