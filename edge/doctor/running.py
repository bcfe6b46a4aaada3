"""Does the gate run just now, and what does it say of itself?"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.doctor.finding import Finding, fail, ok, warn
from edge.outbox_files import held_by
from firmware_config.schema import GateFile
from webscreen.words import Words

RUNNING: Final = Words("关口程序", "the running gate")
ANSWER: Final = Words("采集端应答", "answer of the collector")
_TIMEOUT_S: Final = 3.0
_MAX_EVENT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Running:
    """The process that has this gate's outbox, and the newest event of its screen; None and {} where there is none."""

    pid: int | None
    page: dict[str, Any]


def running_gate(file: GateFile) -> Running:
    """Asks the lock of the outbox and the screen; changes nothing."""
    pid = held_by(Path(file.gate.data_dir) / "outbox.db")
    return Running(pid, _page(file.screen.host, file.screen.port) if pid is not None else {})


def _page(host: str, port: int) -> dict[str, Any]:
    """The first event of the screen's stream; {} when the screen does not answer."""
    # A screen bound to every address is asked at this machine's own.
    address = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
    connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/events")
        answer = connection.getresponse()
        while line := answer.fp.readline(_MAX_EVENT):
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                page = event.get("page") if isinstance(event, dict) else None
                return page if isinstance(page, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return {}


def running(gate: Running) -> Iterator[Finding]:
    """Whether it runs, each of its faults, and how old the collector's last answer is."""
    if gate.pid is None:
        yield ok(
            RUNNING, Words("没有运行：直接检查各设备", "does not run: its devices are looked at directly"), pid=None
        )
        return
    said = Words(f"正在运行（进程 {gate.pid}）", f"runs, process {gate.pid}")
    if not gate.page:
        remedy = Words("查看日志：journalctl -u guankou-gate", "look at its log: journalctl -u guankou-gate")
        yield fail(RUNNING, Words(f"{said.zh}，但画面不应答", f"{said.en}, but its screen does not answer"), remedy)
        return
    faults = gate.page.get("faults") or []
    for fault in faults:
        remedy = Words("见“running-a-gate.md”故障表", "see the table of faults in running-a-gate.md")
        yield fail(RUNNING, Words(str(fault.get("zh", "")), str(fault.get("en", ""))), remedy)
    if not faults:
        yield ok(RUNNING, said, pid=gate.pid)
    yield from _answer(gate.page.get("link") or {})


def _answer(link: dict[str, Any]) -> Iterator[Finding]:
    text = link.get("text") or {}
    what = Words(str(text.get("zh", "")), str(text.get("en", "")))
    if link.get("bad"):
        remedy = Words("检查网络、消息服务器与采集端", "look at network, broker and collector")
        yield warn(ANSWER, what, remedy)
    elif what.en:
        yield ok(ANSWER, what)
