"""Why a passage had its verdict, at the collector: found by every name, explained from what is stored."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, expect

from central.explaining import explained, why_of
from central.screen import OperatorsServer
from central.views import Board
from checkpoint.documents import Document, pack_document
from checkpoint.explain import Explanation, Said
from checkpoint.records import CheckResult, PassFacts, Verdict
from tests.browser import PHONE, chromium, page_at
from tests.central import sim

POLICY = """
id = "winter"
version = 7
title_zh = "冬季"
title_en = "Winter"
authority = "nobody"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2100-01-01T00:00:00+08:00
[[rule]]
name = "everybody who comes in"
checks = ["pass", "temperature"]
"""
HOSTILE = "<img src=x onerror=document.body.remove()>"
FEVER = msgspec.structs.replace(
    sim.verdict("escalate", "fever", call="health"),
    pass_class="none",
    policy="winter",
    policy_version=7,
    checks=(
        CheckResult("pass", "enforce", "missing", "pass_missing", None, None),
        CheckResult("temperature", "enforce", "failed", "fever", 38.1, 37.2),
    ),
)

ALLOW = sim.verdict()


@pytest.fixture
def documents(core) -> None:
    document = Document(1, "policy", "east", 1, 0, 2**50, 100, POLICY.encode())
    data = pack_document(Ed25519PrivateKey.from_private_bytes(bytes(32)), document)
    core.store.save_document("east", "policy", 1, data, core.now_ms)
    core.store.save_document("donghu-7", "policy", 1, b"torn", core.now_ms + 1)


def _stored(core, gate, verdict: Verdict = FEVER, *, ended: bool = True) -> str:
    """Sends one passage and gives its verdict's place as gate/epoch/number."""
    passage = sim.passage_id(1)
    record = gate.append("verdict", verdict, passage)
    if ended:
        gate.append("outcome", sim.outcome("admitted_by_guard"), passage)
    core.send(gate)
    return f"{gate.name}/{record.link.header.epoch.hex()}/{record.number}"


def _why(core, record: str) -> Explanation:
    found = explained(core.store, record)
    assert isinstance(found, Explanation), found
    return found


def test_a_passage_is_found_by_its_record_its_case_and_its_own_id(core, gate, documents) -> None:
    place = _stored(core, gate)
    names = [place, place.replace("/", "-"), sim.passage_id(1).hex(), f"  {sim.passage_id(1).hex().upper()} "]
    for name in names:
        found = _why(core, name)
        assert (found.reason, found.decided_by, found.outcome) == ("fever", "temperature", "admitted_by_guard")
        assert found.rule == "everybody who comes in"


def test_the_outcome_may_be_named_and_the_verdict_is_explained(core, gate, documents) -> None:
    gate_name, epoch, number = _stored(core, gate).split("/")
    assert _why(core, f"{gate_name}/{epoch}/{int(number) + 1}").reason == "fever"


def test_the_shipped_policy_is_known_without_a_document_and_another_is_said_to_be_gone(core, gate) -> None:
    found = _why(core, _stored(core, gate, msgspec.structs.replace(FEVER, policy="summer")))
    assert (found.rule, "summer v7 is not here" in found.unrecorded[0].en) == ("", True)
    gate.append("verdict", msgspec.structs.replace(ALLOW, checks=(), where=sim.Where("east", "o", "out", "person"),
                                                   zone_level="low"), sim.passage_id(2))  # fmt: skip
    core.send(gate)
    assert _why(core, sim.passage_id(2).hex()).rule == "way out"


def test_an_alarm_is_explained_from_its_copy_before_its_record_comes(core, gate, documents) -> None:
    record = gate.append("verdict", FEVER, sim.passage_id(1))
    core.ingest.alarm(gate.name, gate.copy_of(record))
    place = f"{gate.name}-{record.link.header.epoch.hex()}-{record.number}"
    assert _why(core, place).decided_by == "temperature"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "give a case"),
        ("nonsense", "give a case"),
        ("gate-9/0000000000000000/1", "no such record"),
        ("gate-1/0000000000000000/1", "no such record"),
        ("ff" * 16, "no such record"),
        ("gate-1/EPOCH/1", "of no passage"),
        ("gate-1/EPOCH/999999999999999999", "no such record"),
    ],
)
def test_what_can_not_be_explained_is_said_in_both_languages(core, gate, name: str, why: str) -> None:
    epoch = _stored(core, gate).split("/")[1]
    found = explained(core.store, name.replace("EPOCH", epoch))
    assert isinstance(found, Said)
    assert why in found.en
    assert found.zh


def test_what_retention_has_deleted_is_said_to_be_gone(core, gate) -> None:
    place = _stored(core, gate)
    with core.store.transaction():
        core.store.purge_payloads(core.now_ms + 10**9, 100)
    found = explained(core.store, place)
    assert isinstance(found, Said)
    assert "deleted after its time" in found.en


def test_a_payload_of_a_newer_version_is_not_guessed_at(core, gate) -> None:
    found = explained(core.store, _stored(core, gate, msgspec.structs.replace(FEVER, version=3), ended=False))
    assert isinstance(found, Said)
    assert "newer version" in found.en


def test_an_alarm_of_a_passage_can_be_asked_and_one_of_a_part_can_not(core, gate) -> None:
    _stored(core, gate, ended=False)
    gate.append("fault", sim.fault())
    core.send(gate)
    alarms = Board(core.file, core.registry, lambda: core.now_ms).alarms()
    assert {alarm.name: alarm.passage for alarm in alarms} == {"fever": True, "thermometer_silent": False}


@pytest.fixture
def port(core) -> Iterator[int]:
    board = Board(core.file, core.registry, lambda: core.now_ms)
    server = OperatorsServer("127.0.0.1", 0, board, why=partial(why_of, core.file))
    yield server.start()
    server.stop()


def _get(port: int, record: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/why?record={quote(record)}")
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def test_the_server_answers_with_tables_or_says_why_not(core, gate, documents, port: int) -> None:
    status, body = _get(port, _stored(core, gate))
    assert (status, body["shown"]["sheets"][0]["name"]) == (200, "checks")
    assert body["shown"]["headline"]["zh"] == "上报：需要人工复测（由体温判定）"
    for record in ("nonsense", "x" * 10_000, "\x00"):
        status, body = _get(port, record)
        assert (status, body["ok"], bool(body["zh"])) == (404, False, True)


def test_of_the_pass_no_pseudonym_leaves_the_store(core, gate, documents, port: int) -> None:
    held = PassFacts(b"\xaa" * 8, b"\xbb" * 8, "resident", b"\xcc" * 4, b"\xdd" * 8, 1)
    _, body = _get(port, _stored(core, gate, msgspec.structs.replace(FEVER, pass_facts=held)))
    text = json.dumps(body, ensure_ascii=False)
    assert "…AAAA" in text
    assert not any(sign * 4 in text.lower() for sign in ("aaaaaa", "bb", "cc", "dd"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, core, gate, documents, port: int) -> Iterator[Page]:
    _stored(core, gate, ended=False)
    gate.append("fault", sim.fault())
    core.send(gate)
    with page_at(browser, f"http://127.0.0.1:{port}/", {"width": 1440, "height": 900}) as page:
        expect(page.locator("#alarms li")).to_have_count(2)
        yield page


@pytest.mark.end_to_end
def test_an_alarm_of_a_passage_unfolds_its_tables(page: Page) -> None:
    expect(page.locator("#alarms .why")).to_have_count(1)
    page.locator("#alarms .why").click()
    expect(page.locator("#because-what")).to_contain_text("上报：需要人工复测（由体温判定）")
    row = page.locator("#because .checks tr", has_text="体温").first
    for text in ("强制", "未通过", "38.1", "37.2", "everybody who comes in"):
        expect(row).to_contain_text(text)
    expect(page.locator("#because .facts")).to_contain_text("winter v7 冬季")
    page.locator("#because-close").click()
    expect(page.locator("#because")).to_be_hidden()


@pytest.mark.end_to_end
def test_any_record_can_be_asked_for_and_what_is_not_there_is_said(page: Page) -> None:
    page.locator("#ask input").fill(sim.passage_id(1).hex())
    page.keyboard.press("Enter")
    expect(page.locator("#because .checks")).to_be_visible()
    page.locator("#ask input").fill("ff" * 16)
    page.keyboard.press("Enter")
    expect(page.locator("#because-what")).to_contain_text("没有这条记录")
    expect(page.locator("#because .checks")).to_have_count(0)


@pytest.mark.end_to_end
def test_hostile_text_of_a_record_is_shown_and_never_run(browser: Browser, core, gate, port: int) -> None:
    place = _stored(core, gate, msgspec.structs.replace(FEVER, reason=HOSTILE, tags=(HOSTILE,)))
    with page_at(browser, f"http://127.0.0.1:{port}/", PHONE) as page:
        page.locator("#ask input").fill(place)
        page.keyboard.press("Enter")
        expect(page.locator("#because-what")).to_contain_text("<img src=x")
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
