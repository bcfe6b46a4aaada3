"""Why, at a gate that runs: the command and the screen explain the passage that has only just been judged."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli import main
from tests.edge.reader_gate import ReaderGate
from tests.waiting import wait_for

pytestmark = pytest.mark.end_to_end


def _why(port: int) -> dict | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/why?lane=in")
        answer = connection.getresponse()
        body = json.loads(answer.read())
    finally:
        connection.close()
    return body if answer.status == 200 else None


def test_a_running_gate_explains_its_last_passage_by_command_and_on_its_screen(tmp_path: Path) -> None:
    place = ReaderGate(tmp_path, "gm65")
    try:
        seen: list[dict] = []
        place.readers["gm65"].set(text="https://example.org/no-pass")
        wait_for(lambda: seen.extend(filter(None, [_why(place.gate._screen_port)])) or seen, "the screen's answer", 20)
        result = CliRunner().invoke(main, ["explain", "last", "in", "--config", str(tmp_path / "gate.toml"), "--json"])
    finally:
        place.close()
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert (found["reason"], found["decided_by"], found["rule"]) == ("not_a_pass", "pass", "everybody")
    assert seen[0]["shown"]["headline"]["zh"] == "禁止：不是通行码（由通行码判定）"
    rule = next(row for sheet in seen[0]["shown"]["sheets"] if sheet["name"] == "facts" for row in sheet["rows"]
                if row[0]["en"] == "rule")  # fmt: skip
    assert rule[1]["zh"] == "everybody（适用于所有人）"
