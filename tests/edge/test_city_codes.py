"""The question to a city's bridge, over a real connection: what each answer means, and that none holds anybody up."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from checkpoint.formats.city import CityCode, CitySystem
from edge.city_codes import Bridge, BridgeError, CityDesk, ask
from tests.waiting import wait_for

CODE = CityCode(CitySystem("changtong", ("city.example",), "t"), "secret-token-of-a-person")


class BridgeServer(ThreadingHTTPServer):
    """An operator's bridge that answers what the test says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.body = b'{"result": "ok"}'
        self.drips = False
        self.asked: list[tuple[dict[str, Any], str]] = []
        self.paths: list[str] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/ask"

    def close(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: BridgeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((body, self.headers["authorization"]))
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        if self.server.drips:
            # One byte now and then, for longer than anybody waits.
            while not self.server.ended.wait(0.05):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[BridgeServer]:
    running = BridgeServer()
    yield running
    running.close()


def bridge(url: str, timeout_s: float = 5.0) -> Bridge:
    return Bridge(url, "the bridge's secret", timeout_s)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"result": "ok"}', "city_code_ok"),
        (b'{"result": "expired"}', "city_code_expired"),
        (b'{"result": "refused"}', "city_code_refused"),
        (b'{"result": "unknown"}', "city_code_refused"),
        (b'{"result": "purple"}', "city_code_refused"),
        (b'{"colour": "green"}', "city_code_offline"),
        (b'{"colour": "green", "result": "refused"}', "city_code_refused"),
        (b'"ok"', "city_code_offline"),
        (b"<html>", "city_code_offline"),
        (b"\xff" * 100, "city_code_offline"),
        (b"[" * 4000, "city_code_offline"),
        (b'{"colours":' + b"[" * 4000, "city_code_offline"),
        (b'{"result": "ok"}' + b" " * 100_000 + b"x", "city_code_ok"),
    ],
)
def test_only_a_plain_ok_is_ok_and_a_colour_is_nothing(server: BridgeServer, body: bytes, reason: str) -> None:
    server.body = body
    assert ask(bridge(server.url), CODE, "gate-1") == reason


def test_the_bridge_learns_system_token_and_gate_under_its_secret(server: BridgeServer) -> None:
    ask(bridge(server.url), CODE, "gate-1")
    told = {"system": "changtong", "token": "secret-token-of-a-person", "gate": "gate-1"}
    assert server.asked == [(told, "Bearer the bridge's secret")]


def test_what_stands_behind_the_path_of_its_address_is_asked_too(server: BridgeServer) -> None:
    assert ask(bridge(f"{server.url}?to=city"), CODE, "gate-1") == "city_code_ok"
    assert server.paths == ["/ask?to=city"]


@pytest.mark.parametrize("status", [302, 401, 500])
def test_another_status_than_200_is_no_answer(server: BridgeServer, status: int) -> None:
    server.status = status
    assert ask(bridge(server.url), CODE, "gate-1") == "city_code_offline"


def test_a_bridge_that_drips_or_says_nothing_is_cut_off(server: BridgeServer) -> None:
    server.drips, server.body = True, b" " * 50_000
    assert ask(bridge(server.url, 0.3), CODE, "gate-1") == "city_code_timeout"
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        assert ask(bridge(f"http://127.0.0.1:{port}/", 0.3), CODE, "gate-1") == "city_code_timeout"


def test_no_bridge_there_is_offline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert ask(bridge(f"http://127.0.0.1:{port}/"), CODE, "gate-1") == "city_code_offline"


@pytest.mark.parametrize(
    "url", ["", "city.example", "ftp://city.example/", "http://city.example/", "https://city.example:99999/"]
)
def test_a_bridge_that_would_send_tokens_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(BridgeError, match="city bridge url"):
        bridge(url)


def test_the_desk_answers_every_question_also_those_it_can_not_ask(server: BridgeServer) -> None:
    told: list[tuple[str, int, str]] = []
    desk = CityDesk("gate-1", {"changtong": bridge(server.url)}, lambda *answer: told.append(answer))
    desk.start()
    desk.ask("in", 1, CODE)
    desk.ask("in", 2, CityCode(CitySystem("elsewhere", ("other.example",)), "token"))
    wait_for(lambda: len(told) == 2, "both answers")
    assert sorted(told) == [("in", 1, "city_code_ok"), ("in", 2, "city_code_offline")]
    desk.stop()
    wait_for(lambda: desk.heart.ended, "the end of the thread")


def test_more_questions_than_a_hanging_bridge_can_take_are_answered_offline(server: BridgeServer) -> None:
    server.drips = True
    told: list[tuple[str, int, str]] = []
    desk = CityDesk("gate-1", {"changtong": bridge(server.url, 0.5)}, lambda *answer: told.append(answer))
    for number in range(12):
        desk.ask("in", number, CODE)
    assert [answer[2] for answer in told] == ["city_code_offline"] * 4
    desk.start()
    wait_for(lambda: len(told) == 12, "every answer")
    assert {answer[2] for answer in told[4:]} == {"city_code_timeout"}
    desk.stop()
    wait_for(lambda: desk.heart.ended, "the end of the thread")


def test_a_desk_with_a_full_tray_can_be_stopped() -> None:
    desk = CityDesk("gate-1", {"changtong": bridge("http://127.0.0.1:9/", 0.5)}, lambda *_answer: None)
    for number in range(12):
        desk.ask("in", number, CODE)
    desk.stop()
    desk.start()
    wait_for(lambda: desk.heart.ended, "the end of the thread")
