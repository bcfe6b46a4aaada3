"""Lists that come down to real gates: risk regions stop whoever was in one, the watch list stops in neutral words."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from checkpoint.formats import gk1
from checkpoint.passes import Claims, Travel
from checkpoint.records import CheckResult
from tests.end_to_end.site_kit import Compound, Held
from tests.waiting import wait_for
from tools.demo.subscriber import password_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

GATE = "gate-1"
_REGIONS = """
[[region]]
code = "420100"
name = "武汉市 Wuhan"
level = "high"
from = 2020-01-20
"""


def _rules(text: str) -> str:
    """Everybody states their travel; a verdict stays long enough to be read from outside."""
    text = text.replace('checks = ["pass", "temperature"]', 'checks = ["pass", "travel", "watch"]')
    return text.replace("verdict_shown_s = 0.5", "verdict_shown_s = 2.0\nescalation_s = 2.0")


@pytest.fixture(scope="module")
def compound(open_folder: Path) -> Iterator[Compound]:
    compound = Compound(open_folder, _rules)
    try:
        compound.start()
        yield compound
    finally:
        compound.town.close()


def a_pass(compound: Compound, travel: Travel | None) -> Held:
    now_s = int(time.time())
    claims = Claims(
        pass_id=secrets.token_bytes(8), subject=secrets.token_bytes(8), pass_class="resident", scope=("garden",),
        not_before_s=now_s - 3600, expires_s=now_s + 36_000, travel=travel,
    )  # fmt: skip
    return Held(claims.pass_id, gk1.issue(claims, compound.issuer).encode())


def _documents(compound: Compound) -> Path:
    return compound.town.gate_folder(GATE) / "data" / "documents"


def test_a_published_list_stops_whoever_was_in_a_region_on_it(compound: Compound) -> None:
    town, today = compound.town, int(time.time()) // 86_400
    at_home = Travel(today, (360_100,))
    town.central("watch", "publish")
    wait_for((_documents(compound) / f"watch@{GATE}.doc").exists, "an empty watch list at the gate", 30)
    unlisted = compound.shows(GATE, a_pass(compound, at_home))
    assert (unlisted.verdict, unlisted.reason) == ("escalate", "travel_unlisted")

    file = town.folder / "regions.toml"
    file.write_text(_REGIONS, encoding="utf-8")
    town.central("document", "publish", "--kind", "regions", "--scope", "nanchang", str(file))
    wait_for((_documents(compound) / "regions@nanchang.doc").exists, "the list at the gate", 30)

    allowed = compound.shows(GATE, a_pass(compound, at_home))
    assert (allowed.verdict, allowed.reason) == ("allow", "all_ok"), town.tail(GATE)
    risky = compound.shows(GATE, a_pass(compound, Travel(today, (360_100, 420_106))))
    assert (risky.verdict, risky.reason, risky.call) == ("escalate", "travel_risk", "health")
    assert compound.shows(GATE, a_pass(compound, None)).reason == "travel_not_stated"
    kept = (town.gate_folder(GATE) / "data" / "outbox.db").read_bytes()
    assert b"420106" not in kept


@contextmanager
def subscribed(compound: Compound, file: Path) -> Iterator[None]:
    """Everything that a subscriber is given meanwhile, line by line, in `file`."""
    town = compound.town
    command = [
        "mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(town.broker_port), "-u", "subscriber",
        "-P", password_of(town.folder / "broker"), "-t", "guankou/1/#", "-F", "%t %p",
    ]  # fmt: skip
    with file.open("wb") as out:
        process = subprocess.Popen(command, stdout=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


def _events(file: Path, topic: str) -> list[dict[str, Any]]:
    lines = (line.partition(" ") for line in file.read_text(encoding="utf-8").splitlines())
    return [json.loads(body) for name, _, body in lines if name.startswith(f"guankou/1/{topic}/") and body]


def _page(port: int, path: str) -> str:
    """The first JSON at a page of the gate or of the operators, also where it is an event of a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return next(line for line in answer if b"{" in line).decode()
    finally:
        connection.close()


def test_who_is_on_the_watch_list_waits_and_nobody_learns_why(compound: Compound, tmp_path: Path) -> None:
    town, today, heard = compound.town, int(time.time()) // 86_400, tmp_path / "heard"
    watched = a_pass(compound, Travel(today, (360_100,)))
    document, street = _documents(compound) / f"watch@{GATE}.doc", town.streets[GATE]
    before = document.read_bytes()
    added = json.loads(
        town.central(
            "watch", "add", "--scope", "garden", "--kind", "pass", "--call", "police", "--days", "1",
            "--why", "order 7/2026", watched.pass_id.hex(), "--json",
        )
    )  # fmt: skip
    assert GATE in added["gates"]
    wait_for(lambda: document.read_bytes() != before, "the new list at the gate", 30)

    with subscribed(compound, heard):
        wait_for(lambda: _events(heard, "summary"), "the retained summaries", 10)
        verdict = compound.comes(GATE, watched)
        wait_for(lambda: street.screen.lane().get("state") == "escalate", "the verdict on the screen", 5)
        screen, operators = _page(town.gate_ports[GATE], "/events"), _page(town.screen_port, "/events")
        why = _page(town.gate_ports[GATE], f"/why?lane={verdict.where.lane}")
        wait_for(lambda: _events(heard, "escalation"), "the escalation", 15)
        compound.goes(GATE)
        wait_for(lambda: _told(heard), "the passage's event", 30)
        wait_for(lambda: "wait_staff" in json.dumps(_events(heard, "summary")), "the summary", 30)

    assert (verdict.verdict, verdict.reason, verdict.call) == ("escalate", "wait_staff", "police")
    # The record answers for it later, and does not hold what was matched.
    assert CheckResult("watch", "enforce", "failed", "watch_hit", "police", None) in verdict.checks
    assert "请联系民警" in screen
    assert "Please wait, staff are coming" in screen
    for text in (screen, why, operators, heard.read_text(encoding="utf-8")):
        for word in ("watch_hit", "order 7/2026", watched.pass_id.hex()):
            assert word not in text
    assert "police" not in heard.read_text(encoding="utf-8")
    assert _told(heard)["reason"] == "wait_staff"
    kept = b"".join(file.read_bytes() for file in (town.gate_folder(GATE) / "data").rglob("*") if file.is_file())
    assert b"order 7/2026" not in kept
    log = (town.folder / f"{GATE}.log").read_text(encoding="utf-8")
    assert "watch_hit" not in log

    listed = document.read_bytes()
    town.central("watch", "remove", str(added["entry"]), "--why", "settled")
    wait_for(lambda: document.read_bytes() != listed, "the list without them", 30)


def _told(file: Path) -> dict[str, Any]:
    """What subscribers were told of the last passage; empty before."""
    passages = [event["data"] for event in _events(file, "passage")]
    data: dict[str, Any] = passages[-1] if passages else {}
    return data
