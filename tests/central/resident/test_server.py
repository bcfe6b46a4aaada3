"""Facts about who may ask the resident's page, and how much and how often."""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.resident import ResidentServer
from central.resident.desk import Place
from central.resident.limits import RateLimit
from central.resident.server import Door
from tests.central.resident.conftest import Served
from tests.central.resident.sample_desk import GATE, TOKEN, SampleDesk
from tests.waiting import wait_for
from webscreen.host import ScreenError

APPLY = {
    "gate": GATE,
    "pass_class": "visitor",
    "name": "李四",
    "phone": "13800000000",
    "unit": "3-2-501",
    "party": 1,
    "symptoms": False,
    "contact": False,
    "agree": True,
}


class Caller:
    """A plain client that says what it is told to say."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, path: str, form: object, headers: dict[str, str] | None = None, drop: tuple[str, ...] = ()
    ) -> tuple[int, dict[str, Any]]:
        host = f"127.0.0.1:{self.port}"
        said = {"Host": host, "Origin": f"http://{host}", "x-guankou-act": "1", **(headers or {})}
        body = form if isinstance(form, bytes) else json.dumps(form).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            wanted = {name: value for name, value in said.items() if name not in drop}
            connection.request("POST", f"/api/{path}", body, wanted)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text.startswith(b"{") else {}


@pytest.fixture
def caller(served: Served) -> Caller:
    return Caller(served.port)


def test_the_page_may_ask(caller: Caller) -> None:
    status, body = caller.ask("show", {"k": TOKEN})
    assert (status, body["state"], body["card"]["class"]) == (200, "valid", "resident")


@pytest.mark.parametrize(
    ("headers", "drop"),
    [
        ({"Origin": "https://evil.example"}, ()),
        ({"Origin": "null"}, ()),
        ({}, ("Origin",)),
        ({}, ("x-guankou-act",)),
        ({"x-guankou-act": "0"}, ()),
    ],
)
def test_another_page_may_not_ask(caller: Caller, headers: dict[str, str], drop: tuple[str, ...]) -> None:
    assert caller.ask("show", {"k": TOKEN}, headers, drop)[0] == 403


def test_a_strangers_name_for_this_address_is_refused(caller: Caller) -> None:
    host = f"evil.example:{caller.port}"
    assert caller.ask("show", {"k": TOKEN}, {"Host": host, "Origin": f"http://{host}"})[0] == 421


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{}",
        b"{" * 2000,
        {"k": TOKEN, "extra": 1},
        {"k": "x" * 65},
        {"k": TOKEN, "gate": GATE, "nonce": "xyz"},
        {"k": ["a"]},
    ],
)
def test_what_is_no_form_is_refused_before_anybody_looks(caller: Caller, served: Served, body: object) -> None:
    status, answer = caller.ask("show", body)
    assert status == 400
    assert answer["zh"]
    assert served.desk.asked == 0


def test_a_large_body_is_refused(caller: Caller) -> None:
    assert caller.ask("show", b'{"k":"' + b"a" * 5000 + b'"}')[0] == 413


@pytest.mark.parametrize(
    "wrong",
    [
        {"party": 0},
        {"party": 21},
        {"phone": "no"},
        {"pass_class": "emergency"},
        {"name": ""},
        {"name": "x" * 41},
        {"travel": "\x1b[2J"},
        {"travel": "\x9b31m"},
        {"travel": "\u202eabc"},
    ],
)
def test_a_registration_outside_its_limits_is_refused(caller: Caller, served: Served, wrong: dict[str, object]) -> None:
    assert caller.ask("apply", {**APPLY, **wrong})[0] == 400
    assert served.desk.registrations == []


def test_a_declaration_that_is_not_ticked_is_not_taken(caller: Caller, served: Served) -> None:
    assert caller.ask("apply", {**APPLY, "agree": False})[0] == 409
    assert served.desk.registrations == []


def test_one_link_may_ask_only_so_often_and_others_go_on(caller: Caller) -> None:
    answers = [caller.ask("show", {"k": "x" * 22})[0] for _ in range(25)]
    assert set(answers[:20]) == {404}
    assert answers[-1] == 429
    assert caller.ask("show", {"k": TOKEN})[0] == 200


def test_one_address_registers_only_so_many(caller: Caller, served: Served) -> None:
    answers = [caller.ask("apply", APPLY)[0] for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2
    assert len(served.desk.registrations) == 10


def test_a_store_that_fails_counts_as_a_collector_that_is_away(caller: Caller, served: Served) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    served.desk.show = fail  # type: ignore[method-assign, assignment]
    assert caller.ask("show", {"k": TOKEN})[0] == 503


@pytest.fixture
def behind_a_proxy() -> Iterator[Caller]:
    desk = SampleDesk()
    door = Door("127.0.0.1", 0, "https://pass.example.cn", behind_proxy=True)
    server = ResidentServer(door, desk, lambda: desk.now_s() * 1000)
    yield Caller(server.start())
    server.stop()


def test_behind_a_proxy_the_public_name_counts_and_callers_are_told_apart(behind_a_proxy: Caller) -> None:
    def apply_from(address: str) -> int:
        said = {
            "Host": "pass.example.cn",
            "Origin": "https://pass.example.cn",
            # Whatever a caller writes stands before what the proxy adds.
            "X-Forwarded-For": f"9.9.9.9, {address}",
        }
        return behind_a_proxy.ask("apply", APPLY, said)[0]

    assert [apply_from("10.0.0.1") for _ in range(11)][-1] == 429
    assert apply_from("10.0.0.2") == 200


def test_a_caller_with_a_network_of_ipv6_addresses_is_one_caller(behind_a_proxy: Caller) -> None:
    def apply_from(address: str) -> int:
        said = {"Host": "pass.example.cn", "Origin": "https://pass.example.cn", "X-Forwarded-For": address}
        return behind_a_proxy.ask("apply", APPLY, said)[0]

    answers = [apply_from(f"2001:db8:7:1:{number:x}::{number:x}") for number in range(1, 13)]
    assert answers == [200] * 10 + [429] * 2
    assert apply_from("2001:db8:7:2::1") == 200
    # As a listener for both kinds says 10.0.0.1 and 10.0.0.2.
    assert [apply_from("::ffff:10.0.0.1") for _ in range(11)][-1] == 429
    assert apply_from("::ffff:10.0.0.2") == 200


def test_a_proxy_that_adds_its_own_line_is_believed_and_not_the_callers(behind_a_proxy: Caller) -> None:
    def place_from(forged: int) -> int:
        said = {"Host": "pass.example.cn", "Origin": "https://pass.example.cn", "x-guankou-act": "1"}
        connection = http.client.HTTPConnection("127.0.0.1", behind_a_proxy.port, timeout=20)
        try:
            connection.putrequest("POST", "/api/apply", skip_host=True)
            body = json.dumps(APPLY).encode()
            for name, value in {**said, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.putheader("X-Forwarded-For", f"9.9.9.{forged}")
            connection.putheader("X-Forwarded-For", "10.0.0.1")
            connection.endheaders(body)
            return connection.getresponse().status
        finally:
            connection.close()

    assert [place_from(number) for number in range(11)][-1] == 429


def test_signs_that_are_no_text_are_refused(caller: Caller) -> None:
    status, _ = caller.ask("show", b'{"k":"\\ud800AAAAAAAAAAAAAAAAAAAAA"}')
    assert 400 <= status < 500


def test_changes_that_wait_for_the_disk_keep_no_pass_from_being_shown(caller: Caller, served: Served) -> None:
    free, asked, place = threading.Event(), [], served.desk.place

    def counted(gate: str, site: str) -> Place:
        asked.append(gate)
        return place(gate, site)

    served.desk.place = counted  # type: ignore[method-assign]
    served.desk.register = lambda _: "A" * 22 if free.wait(60) else ""  # type: ignore[method-assign]
    with ThreadPoolExecutor(10) as phones:
        waiting = [phones.submit(caller.ask, "apply", APPLY) for _ in range(10)]
        try:
            wait_for(lambda: len(asked) == 10, "everybody who registers")
            assert caller.ask("show", {"k": TOKEN})[0] == 200
        finally:
            free.set()
        assert {answer.result()[0] for answer in waiting} == {200}


def test_a_taken_port_is_told_by_the_key_that_names_it(served: Served) -> None:
    other = ResidentServer(Door("127.0.0.1", served.port), SampleDesk(), lambda: 0)
    with pytest.raises(ScreenError, match=r"resident\.port = "):
        other.start()


def test_the_worker_changes_with_the_page_and_names_files_that_exist(served: Served) -> None:
    def get(path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    status, worker = get("/sw.js")
    assert status == 200
    assert "BUILD" not in worker
    for name in ("resident.css", "resident.js", "forms.js", "api.js", "qr.js", "codes.js", "keep.js", "pass.svg"):
        assert f'"{name}"' in worker
        assert get(f"/static/{name}")[0] == 200
    assert get("/manifest.webmanifest")[0] == 200
    assert get("/healthz") == (200, '{"ok":true}')


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30)), max_size=60), st.integers(1, 5))
def test_a_limit_never_allows_more_than_its_burst_and_its_rate(turns: list[tuple[str, float]], burst: int) -> None:
    now = [0.0]
    limit = RateLimit(burst, 6, lambda: now[0])
    allowed: dict[str, int] = {"a": 0, "b": 0}
    for key, pause_s in turns:
        now[0] += pause_s
        allowed[key] += limit.allows(key)
        assert allowed[key] <= burst + now[0] / 10 + 1e-6
    now[0] += 10
    assert limit.allows("a")


def test_a_limit_forgets_the_longest_unused_first() -> None:
    limit = RateLimit(1, 0.001, lambda: 0.0)
    assert limit.allows("first")
    for number in range(10_000):
        limit.allows(str(number))
    assert limit.allows("first")
    assert not limit.allows("9999")
