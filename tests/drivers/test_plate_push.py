"""The driver `plate_push`: who may push, what is taken, and what strangers at the port can't do."""

from __future__ import annotations

import base64
import json
import os
import random
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.readers.plate_push import PlatePushEmulator
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import PlateSeen, Reader, check_options, open_reader, profile_of
from drivers.reader.http_wire import MAX_HEAD_BYTES
from drivers.reader.multipart import MAX_TEXT_BYTES
from drivers.reader.plate_requests import MAX_BODY_BYTES, PushGuard, PushTalk, Turn
from tests.waiting import wait_for

TOKEN = "sixteen-or-more-signs"
GUARD = PushGuard(TOKEN, "cam", "geheim")
NOW_S = 1_770_681_600.0
PLAIN = {"plate": "粤B12345", "confidence": 97, "direction": "approach"}


def request(
    body: bytes | dict[str, object], target: str = f"/plate/{TOKEN}", *fields: str, method: str = "POST"
) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: gate", f"Content-Length: {len(data)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + data


def told(data: bytes) -> Turn:
    return PushTalk(GUARD).feed(data, NOW_S)


def status(turn: Turn) -> int:
    return int(turn.answer[9:12])


def test_a_plate_is_taken_and_answered() -> None:
    turn = told(request(PLAIN))
    assert (status(turn), turn.close) == (200, False)
    alert = turn.alerts[0]
    assert (alert.plate, alert.confidence, alert.direction, alert.active) == ("粤B12345", 97, "approach", True)


def test_one_connection_brings_one_plate_after_the_other_in_whatever_pieces() -> None:
    talk, alerts = PushTalk(GUARD), []
    data = request(PLAIN) * 3
    for at in range(len(data)):
        alerts += talk.feed(data[at : at + 1], NOW_S).alerts
    assert len(alerts) == 3
    assert not talk.under_way


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (f"/plate/{TOKEN}", "X: y"),
        (f"/{TOKEN}?channel=1", "X: y"),
        ("/", f"Authorization: Bearer {TOKEN}"),
        ("/", "Authorization: Basic " + base64.b64encode(b"cam:geheim").decode()),
    ],
)
def test_who_knows_the_secret_may_push(target: str, field: str) -> None:
    assert status(told(request(PLAIN, target, field))) == 200


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("/", "X: y"),
        ("/plate/", "X: y"),
        (f"/{TOKEN[:-1]}", "X: y"),
        (f"/{TOKEN}/", "X: y"),
        (f"/?{TOKEN}", "X: y"),
        ("/", "Authorization: Bearer "),
        ("/", f"Authorization: Basic {TOKEN}"),
        ("/", "Authorization: Basic " + base64.b64encode(b"cam:").decode()),
        (f"/{TOKEN}", "Authorization: Bearer wrong"),
    ],
)
def test_who_does_not_know_it_is_refused_before_the_body_is_looked_at(target: str, field: str) -> None:
    head = request(PLAIN, target, field).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    turn = told(head)
    assert (status(turn), turn.close, turn.alerts) == (401, True, ())
    assert PushTalk(GUARD).feed(request(PLAIN, target, field) * 2, NOW_S).alerts == ()


def test_a_guard_without_a_secret_of_one_kind_admits_nobody_by_it() -> None:
    by_user = PushGuard("", "cam", "geheim")
    assert status(PushTalk(by_user).feed(request(PLAIN, "/"), NOW_S)) == 401
    by_token = PushGuard(TOKEN)
    field = "Authorization: Basic " + base64.b64encode(b":").decode()
    assert status(PushTalk(by_token).feed(request(PLAIN, "/", field), NOW_S)) == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plate=1",
        b"{",
        {"plate": 5},
        {"plate": "粤B12345", "confidence": 101},
        {"plate": "粤B12345", "direction": "north"},
        {"plate": "粤B12345", "at": "yesterday"},
        {"plate": "粤B12345" * 20},
        b"<!DOCTYPE a><a/>",
    ],
)
def test_what_is_no_plate_is_refused_with_the_reason_and_not_the_plate(body: Any) -> None:
    turn = told(request(body))
    assert (status(turn), turn.alerts) == (400, ())
    assert "12345" not in turn.answer.decode("latin-1")


@pytest.mark.parametrize(
    ("at", "resent"),
    [
        (None, False),
        (NOW_S, False),
        (NOW_S * 1000 - 20_000, False),
        (NOW_S - 31, True),
        (NOW_S + 31, True),
        ("2026-02-10T08:00:00+08:00", False),
        ("2026-02-10T00:00:00Z", False),
        ("2026-02-10T08:00:00", True),
        (10**300, True),
    ],
)
def test_a_plate_of_another_time_is_no_news(at: object, resent: bool) -> None:
    assert told(request(PLAIN | {"at": at})).alerts[0].resent is resent


def test_a_body_without_a_plate_is_a_sign_of_life() -> None:
    turn = told(request({}))
    assert (status(turn), turn.alerts[0].active) == (200, False)


def test_what_is_too_long_is_refused_however_it_comes() -> None:
    assert status(told(request(b"{" + b" " * MAX_TEXT_BYTES))) == 413
    parts = f"POST /{TOKEN} HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked"
    talk = PushTalk(GUARD)
    turn = talk.feed(parts.encode() + b"\r\n\r\n", NOW_S)
    for _ in range(MAX_BODY_BYTES // 60_000 + 1):
        assert talk.waiting_bytes < MAX_TEXT_BYTES + 70_000
        turn = talk.feed(b"ea60\r\n" + bytes(60_000) + b"\r\n", NOW_S)
    assert (status(turn), turn.close) == (413, True)
    assert status(told(b"x" * MAX_HEAD_BYTES)) == 400


def test_another_method_and_another_version_are_refused() -> None:
    assert status(told(request(PLAIN, method="GET"))) == 405
    assert status(told(request(PLAIN).replace(b"HTTP/1.1", b"HTTP/3"))) == 400


def test_a_camera_that_asks_first_is_told_to_go_on() -> None:
    talk = PushTalk(GUARD)
    head, _, body = request(PLAIN, f"/{TOKEN}", "Expect: 100-continue").partition(b"\r\n\r\n")
    assert talk.feed(head + b"\r\n\r\n", NOW_S).answer.startswith(b"HTTP/1.1 100")
    assert status(talk.feed(body, NOW_S)) == 200


@given(st.lists(st.binary(max_size=200), max_size=12), st.integers(0, 150))
def test_no_bytes_without_the_secret_ever_bring_a_plate(pieces: list[bytes], at: int) -> None:
    good = request(PLAIN, "/plate/wrong")
    talk = PushTalk(GUARD)
    for piece in (good[:at], *pieces, good[at:]):
        turn = talk.feed(piece, NOW_S)
        assert not turn.alerts
        assert talk.waiting_bytes <= MAX_TEXT_BYTES + MAX_HEAD_BYTES


def test_a_disturbed_push_raises_nothing() -> None:
    rng = random.Random(2)
    whole = request(PLAIN)
    for _ in range(3000):
        data = bytearray(whole * 2)
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        told(bytes(data))


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[PlatePushEmulator]:
    with PlatePushEmulator(tmp_path, seed=4) as emulated:
        yield emulated


def opened(camera: PlatePushEmulator, **options: Any) -> Reader:
    return open_reader("plate_push", {**camera.options, **options})


@pytest.mark.parametrize("dialect", ["plain", "json", "2.0", "1.0"])
def test_a_plate_is_pushed_over_a_real_socket(camera: PlatePushEmulator, dialect: str) -> None:
    reader = opened(camera)
    camera.set(plate="粤B·88888", dialect=dialect, direction="leave", confidence=91)
    seen = reader.read(5)
    assert isinstance(seen, PlateSeen)
    assert (seen.plate, seen.confidence, seen.direction) == ("粤B88888", 91, "leave")
    wait_for(lambda: 200 in camera.statuses)
    reader.close()


@pytest.mark.parametrize(
    "fault",
    ["dropped_byte", "flipped_bit", "garbage", "wrong_type", "half_frame_then_silence", "resent", "wrong_password"],
)
def test_after_a_fault_the_next_plate_is_read(camera: PlatePushEmulator, fault: str) -> None:
    reader = opened(camera, confidence_min=0, repeat_s=0)
    for _ in range(3):
        camera.set(plate="赣A12345", fault=fault)
    camera.set(fault=None, plate="京A99999")
    limit_s = time.monotonic() + 10
    while (seen := reader.read(1)) is None or seen.plate != "京A99999":  # type: ignore[union-attr]
        assert time.monotonic() < limit_s
        assert seen is None or fault in ("dropped_byte", "flipped_bit", "garbage")
    reader.close()


def test_a_camera_that_pushes_nothing_any_more_is_gone_and_comes_back(camera: PlatePushEmulator) -> None:
    reader = opened(camera)
    camera.unplug()
    began_s = time.monotonic()
    with pytest.raises(DeviceGoneError, match="pushed nothing"):
        reader.read(5)
    assert 1 < time.monotonic() - began_s < 3
    reader.close()
    reader.close()
    with pytest.raises(DeviceGoneError, match="pushes nothing"):
        opened(camera)
    camera.replug()
    reader = opened(camera)
    camera.set(plate="赣A12345")
    assert reader.read(3) is not None
    reader.close()


def test_a_plate_that_was_the_cameras_first_word_is_not_lost(camera: PlatePushEmulator) -> None:
    camera.set(fault="silence")
    camera.set(plate="赣A12345", fault="stale_repeat")
    reader = opened(camera)
    assert reader.read(3) is not None
    reader.close()


def test_an_empty_road_is_no_fault_where_no_silence_is_configured(camera: PlatePushEmulator) -> None:
    reader = opened(camera, silence_s=0)
    camera.unplug()
    assert reader.read(0.3) is None
    reader.close()


def test_a_refused_camera_can_finish_sending_and_then_hears_why(camera: PlatePushEmulator) -> None:
    reader = opened(camera)
    with socket.create_connection(("127.0.0.1", camera.options["port"]), 5) as line:  # type: ignore[arg-type]
        thread = threading.Thread(target=line.sendall, args=(request(bytes(8_000_000), "/plate/wrong"),))
        thread.start()
        limit_s = time.monotonic() + 10
        while thread.is_alive():
            assert reader.read(0.05) is None
            assert time.monotonic() < limit_s
        assert line.recv(100).startswith(b"HTTP/1.1 401")
    reader.close()


def test_what_was_pushed_while_nobody_read_is_no_news(camera: PlatePushEmulator) -> None:
    now_s = [0.0]
    reader = open_reader("plate_push", camera.options, lambda: now_s[0])
    for plate in ("赣A12345", "京A99999"):
        with socket.create_connection(("127.0.0.1", camera.options["port"]), 5) as line:  # type: ignore[arg-type]
            secret = Path(str(camera.options["token_file"])).read_text().strip()
            line.sendall(request({"plate": plate}, f"/{secret}"))
            if plate.startswith("赣"):
                now_s[0] += 1.1
                assert reader.read(0.2) is None
                assert line.recv(100).startswith(b"HTTP/1.1 200")
            else:
                seen = reader.read(5)
                assert isinstance(seen, PlateSeen)
                assert seen.plate == plate
    reader.close()


def test_a_push_that_was_under_way_while_nobody_read_is_answered_and_no_news(camera: PlatePushEmulator) -> None:
    now_s = [0.0]
    camera.unplug()
    reader = open_reader("plate_push", {**camera.options, "silence_s": 0}, lambda: now_s[0])
    secret = Path(str(camera.options["token_file"])).read_text().strip()
    for plate, pause_s in (("赣A12345", 1.1), ("京A99999", 0.0)):
        # The text first, and behind it a picture that takes its time.
        text = f'--b\r\nContent-Type: application/json\r\n\r\n{{"plate": "{plate}"}}\r\n--b\r\n'.encode()
        data = request(text + bytes(4_000_000), f"/{secret}", "Content-Type: multipart/form-data; boundary=b")
        with socket.create_connection(("127.0.0.1", camera.options["port"]), 5) as line:  # type: ignore[arg-type]
            line.sendall(data[:5_000])
            if pause_s:
                reader.read(0.1)
            now_s[0] += pause_s
            sender = threading.Thread(target=line.sendall, args=(data[5_000:],))
            sender.start()
            seen = [one.plate for _ in range(20) if (one := reader.read(0.05))]  # type: ignore[union-attr]
            sender.join(5)
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert seen == ([] if pause_s else [plate])
    reader.close()


def test_strangers_who_hold_every_connection_do_not_keep_the_camera_out(camera: PlatePushEmulator) -> None:
    reader = opened(camera)
    address = ("127.0.0.1", camera.options["port"])
    lines = []
    for _ in range(40):
        lines.append(socket.create_connection(address, 5))
        lines[-1].sendall(b"POST / HTTP/1.1\r\n")
        assert reader.read(0.01) is None
    camera.set(plate="赣A12345")
    assert reader.read(5) is not None
    assert reader.listener.connections <= 16  # type: ignore[attr-defined]
    for line in lines:
        line.close()
    reader.close()


def test_a_stranger_with_many_connections_does_not_end_a_push_that_is_under_way(camera: PlatePushEmulator) -> None:
    reader = opened(camera)
    address = ("127.0.0.1", camera.options["port"])
    token = Path(str(camera.options["token_file"])).read_text().strip()
    head, body = request({"plate": "赣A12345"}, f"/plate/{token}").split(b"\r\n\r\n")
    lines = []
    with socket.create_connection(address, 5) as slow:
        slow.sendall(head + b"\r\n\r\n")
        assert reader.read(0.05) is None
        for _ in range(40):
            lines.append(socket.create_connection(address, 5, source_address=("127.0.0.2", 0)))
            lines[-1].sendall(b"POST / HTTP/1.1\r\n")
            assert reader.read(0.01) is None
        slow.sendall(body)
        seen = reader.read(5)
        assert isinstance(seen, PlateSeen)
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    for line in lines:
        line.close()
    reader.close()


def test_a_caller_for_whom_no_file_is_left_costs_no_processor_time(camera: PlatePushEmulator) -> None:
    camera.unplug()
    reader = open_reader("plate_push", {**camera.options, "silence_s": 0})
    reader.read(0.01)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(("127.0.0.1", camera.options["port"])):  # type: ignore[arg-type]
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        spare = [os.dup(0) for _ in range(highest + 8 - len(os.listdir("/proc/self/fd")))]
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, limits[1]))
        try:
            began_s, spent_s = time.monotonic(), time.process_time()
            assert reader.read(0.5) is None
            assert time.process_time() - spent_s < 0.25
            assert 0.4 < time.monotonic() - began_s < 2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for descriptor in spare:
                os.close(descriptor)
        # The caller waited meanwhile.
        reader.read(0.1)
        assert reader.listener.connections == 1  # type: ignore[attr-defined]
    reader.close()


def test_a_request_that_does_not_end_is_dropped(camera: PlatePushEmulator) -> None:
    now_s = [0.0]
    camera.unplug()
    reader = open_reader("plate_push", {**camera.options, "silence_s": 0}, lambda: now_s[0])
    with socket.create_connection(("127.0.0.1", camera.options["port"])) as line:  # type: ignore[arg-type]
        line.sendall(b"POST / HTTP/1.1\r\n")
        limit_s = time.monotonic() + 5
        while not reader.listener.under_way:  # type: ignore[attr-defined]
            reader.read(0.05)
            assert time.monotonic() < limit_s
        now_s[0] = 9.0
        line.sendall(b"X: y\r\n")
        reader.read(0.05)
        now_s[0] = 10.5
        reader.read(0.05)
        line.settimeout(5)
        assert line.recv(10) == b""
    reader.close()


@pytest.mark.parametrize("end", ["close", "sever"])
def test_a_read_under_way_ends_when_another_thread_ends_it_and_the_port_is_free(
    camera: PlatePushEmulator, end: str
) -> None:
    reader = opened(camera)
    told: list[BaseException] = []

    def wait() -> None:
        try:
            while True:
                reader.read(30)
        except DeviceGoneError as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    getattr(reader, end)()
    thread.join(5)
    assert told
    opened(camera).close()
    reader.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token_file": ""}, "set token_file, or user and password_file"),
        ({"user": "cam"}, "both, or neither"),
        ({"address": "gate.local"}, "address"),
        ({"silence_s": -1}, "silence_s"),
        ({"token_file": "/nowhere/token"}, "can't be read"),
    ],
)
def test_a_wrong_option_is_named(camera: PlatePushEmulator, change: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        opened(camera, **change)


def test_a_token_that_can_be_guessed_is_refused_and_not_shown(camera: PlatePushEmulator, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("hunter2")
    with pytest.raises(OptionError, match="16 or more") as error:
        opened(camera, token_file=str(tmp_path / "short"))
    assert "hunter2" not in str(error.value)


def test_an_address_that_is_not_this_gates_is_gone_and_says_so(camera: PlatePushEmulator) -> None:
    with pytest.raises(DeviceGoneError, match="is this an address of this gate"):
        opened(camera, address="192.0.2.1")


def test_the_profile_says_what_it_gives_and_its_example_is_good() -> None:
    profile = profile_of("plate_push")
    assert profile.gives == ("plate",)
    check_options("plate_push", profile.example)
