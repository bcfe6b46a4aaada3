"""Facts about the ground of both screens, as any HTTP client sees it."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_for
from webscreen import host
from webscreen.assets import load_assets
from webscreen.host import ScreenError
from webscreen.server import PageServer, Site
from webscreen.shield import is_known_host

TEXT = "<!doctype html><p>过</p>\n".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "pages/own.html": TEXT,
        "static/own.css": b"p{}",
        "static/notes.txt": b"kept",
        "view.py": b"",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def server(folder: Path, address: str = "127.0.0.1", port: int = 0) -> PageServer:
    return PageServer(Site(address, port, "own file", load_assets(folder), "own.html", "own", 8), (), lambda: None)


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    running = server(folder)
    yield running.start()
    running.stop()


def ask(port: int, path: str, name: str = "127.0.0.1") -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"{name}:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def test_the_page_and_its_files_are_served_with_their_types(port: int) -> None:
    status, body, headers = ask(port, "/")
    assert (status, body, headers["content-type"]) == (200, TEXT, "text/html; charset=utf-8")
    assert ask(port, "/static/own.css")[:2] == (200, b"p{}")


@pytest.mark.parametrize(
    "path", ["/static/view.py", "/static/..%2fview.py", "/static/../view.py", "/static/notes.txt", "/other"]
)
def test_nothing_else_is_served(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


@pytest.mark.parametrize(
    ("path", "name", "status"), [("/", "127.0.0.1", 200), ("/x", "127.0.0.1", 404), ("/", "e.example", 421)]
)
def test_every_answer_carries_the_security_headers(port: int, path: str, name: str, status: int) -> None:
    got, _, headers = ask(port, path, name)
    assert got == status
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert "server" not in headers


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.0.2.7", True),
        ("localhost", True),
        ("GATE-7.lan:8080", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("[::1", False),
        ("[v1.x]", False),
        ("", False),
    ],
)
def test_a_strangers_name_for_this_address_is_not_known(header: str, known: bool) -> None:
    assert is_known_host(header, "gate-7.lan") is known


def test_a_port_in_use_is_named_with_its_key_and_file(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ScreenError, match=rf"screen\.port = {port} is in use on 127\.0\.0\.1.* in the own file"):
            server(folder, port=port).start()


def test_an_address_of_another_machine_is_named_with_its_key_and_file(folder: Path) -> None:
    with pytest.raises(ScreenError, match=r'screen\.host = "192\.0\.2\.1".* in the own file'):
        server(folder, "192.0.2.1").start()


def test_any_byte_of_a_file_changes_the_build(folder: Path) -> None:
    before = load_assets(folder).build
    (folder / "static" / "notes.txt").write_bytes(b"not served")
    assert load_assets(folder).build == before
    (folder / "static" / "own.css").write_bytes(b"p{ }")
    assert load_assets(folder).build != before


@pytest.mark.parametrize("said", [b"", b"GET / HT"])
def test_who_does_not_finish_a_request_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(host, "_REQUEST_LIMIT_S", 0.2)
    with socket.create_connection(("127.0.0.1", port), 15) as slow:
        slow.sendall(said)
        wait_for(lambda: is_closed(slow), "the end of the connection")


def test_who_asks_again_and_again_over_one_connection_is_not_cut_off(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_REQUEST_LIMIT_S", 0.5)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.connect()
        first, begun_s = connection.sock, time.monotonic()
        while time.monotonic() - begun_s < 1.2:
            connection.request("GET", "/")
            assert connection.getresponse().read() == TEXT
            assert connection.sock is first
    finally:
        connection.close()


def test_connections_that_say_nothing_use_up_no_more_files_than_the_limit(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port), 15) for _ in range(60)]
    try:
        wait_for(lambda: sum(map(is_closed, idle)) >= 60 - 8 - 20 - 1, "those over the limit to be closed")
    finally:
        for one in idle:
            one.close()


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
