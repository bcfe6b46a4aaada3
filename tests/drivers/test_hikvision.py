"""The driver `hikvision`: alerts of three generations of firmware, and a camera at the other end of a real socket."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.plate_scene import Dialect, Scene, heartbeat, part, sighting
from drivers.emulators.readers.hikvision import HikvisionEmulator
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import PlateSeen, Reader, check_options, open_reader, profile_of
from drivers.reader.alerts import AlertFilter, AlertStream
from drivers.reader.hikvision_alert import Alert, AlertError, read_alert
from drivers.reader.multipart import MAX_TEXT_BYTES
from drivers.reader.plates import Plates
from tests.waiting import wait_for

# Composed after the maker's ISAPI guide, where the fields stand in this order; no frame of a real camera is public.
NEW = """<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<ipAddress>192.0.2.64</ipAddress><portNo>80</portNo><protocol>HTTP</protocol><channelID>1</channelID>
<dateTime>2026-02-10T08:00:05+08:00</dateTime><activePostCount>1</activePostCount>
<eventType>ANPR</eventType><eventState>active</eventState><eventDescription>ANPR</eventDescription>
<ANPR><country>7</country><licensePlate>粤B12345</licensePlate><line>1</line><direction>forward</direction>
<confidenceLevel>97</confidenceLevel><plateColor>blue</plateColor>
<vehicleInfo><index>1</index><direction>unknown</direction></vehicleInfo></ANPR>
</EventNotificationAlert>"""
OLD = NEW.replace("www.isapi.org", "www.hikvision.com").replace('"2.0"', '"1.0"')
PREFIXED = NEW.replace("<", "<h:").replace("<h:/", "</h:").replace("<h:?", "<?").replace("xmlns=", "xmlns:h=")
JSON = json.dumps(
    {
        "channelID": 1,
        "dateTime": "2026-02-10T08:00:05+08:00",
        "eventType": "ANPR",
        "eventState": "active",
        "ANPR": {"licensePlate": "粤B12345", "confidenceLevel": 97, "direction": "forward"},
    }
)
HEARTBEAT = """<EventNotificationAlert version="1.0" xmlns="http://www.std-cgi.com/ver20/XMLSchema">
<channelID>0</channelID><dateTime>2026-02-10T08:00:00</dateTime><activePostCount>0</activePostCount>
<eventType>videoloss</eventType><eventState>inactive</eventState></EventNotificationAlert>"""
PASSED = ("赣A12345", "赣A12346", "赣A12347")
WRAPPED = json.dumps({"EventNotificationAlert": json.loads(JSON)})


@pytest.mark.parametrize("text", [NEW, OLD, PREFIXED, JSON, WRAPPED, NEW.replace("UTF-8", "GB2312")])
def test_an_alert_says_the_same_in_each_generation(text: str) -> None:
    alert = read_alert(text.encode("gb18030" if "GB2312" in text else "utf-8"))
    assert (alert.kind, alert.active, alert.channel) == ("anpr", True, 1)
    assert (alert.plate, alert.confidence, alert.direction) == ("粤B12345", 97, "approach")


def test_a_heartbeat_is_an_alert_that_is_not_active() -> None:
    alert = read_alert(HEARTBEAT.encode())
    assert (alert.kind, alert.active, alert.plate) == ("videoloss", False, "")


def test_the_plate_is_in_no_repr_and_in_no_error() -> None:
    assert "12345" not in repr(read_alert(NEW.encode()))
    for broken in (NEW[:-5], NEW.replace("<eventType>ANPR</eventType>", ""), JSON[:-1], JSON.replace("eventType", "x")):
        with pytest.raises(AlertError) as error:
            read_alert(broken.encode())
        assert "12345" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "licensePlate=粤B12345",
        "[1]",
        '{"EventNotificationAlert": 3}',
        '{"a":' * 100_000,
        "<a>" * 100,
        "<a>" + "<b/>" * 6000 + "</a>",
        '<!DOCTYPE a [<!ENTITY p "粤B12345">]><a><eventType>&p;</eventType></a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><eventType>ANPR</eventType></a>',
        '<?xml version="1.0" encoding="GBK"?><a>\udcff</a>',
        '{"channelID": 1' + "0" * 400 + "}",
    ],
)
def test_what_is_no_alert_is_refused_and_opens_no_file(text: str) -> None:
    with pytest.raises(AlertError):
        read_alert(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("when", ["2024-01-22T11:47:0500:00", "", "now", "2026-02-10", "99999-01-01"])
def test_a_time_that_firmware_writes_wrongly_loses_no_plate(when: str) -> None:
    alert = read_alert(NEW.replace("2026-02-10T08:00:05+08:00", when).encode())
    assert alert.plate == "粤B12345"


@given(st.binary(max_size=400), st.sampled_from([NEW.encode(), JSON.encode()]), st.integers(0, 400))
def test_any_bytes_give_an_alert_or_an_alert_error(noise: bytes, text: bytes, at: int) -> None:
    for data in (noise, text[:at] + noise, text[:at] + noise + text[at:]):
        try:
            assert isinstance(read_alert(data), Alert)
        except AlertError:
            continue


def test_a_declaration_written_to_be_slow_holds_nobody_up() -> None:
    text = b"<?xml" + b' encoding="x"' * (MAX_TEXT_BYTES // 13)
    began_s = time.process_time()
    with pytest.raises(AlertError):
        read_alert(text)
    assert time.process_time() - began_s < 0.5


@pytest.mark.parametrize(
    ("said", "confidence"), [("97.9", 97), ("0.97", 0), ("-5", -1), ("high", -1), ("9" * 400, -1), ("", None)]
)
def test_a_confidence_that_is_no_percentage_is_never_sure(said: str, confidence: int | None) -> None:
    text = NEW.replace("<confidenceLevel>97<", f"<confidenceLevel>{said}<")
    assert read_alert(text.encode()).confidence == confidence
    assert bool(events(text)) == (confidence in (97, None))


def test_a_number_in_json_is_read_as_it_stands() -> None:
    for said, confidence in (("97", 97), ("97.0", 97), ("79.9", 79), ("-5", -1), ("1e300", -1)):
        alert = read_alert(JSON.replace('"confidenceLevel": 97', f'"confidenceLevel": {said}').encode())
        assert (alert.confidence, alert.channel) == (confidence, 1)


def events(*texts: str, channel: int = 0) -> list[PlateSeen]:
    chosen = AlertFilter(Plates(80, 10_000), channel)
    return [seen for text in texts if (seen := chosen.take(read_alert(text.encode()), 0))]


def test_only_a_plate_event_that_is_active_counts() -> None:
    assert [seen.plate for seen in events(HEARTBEAT, NEW)] == ["粤B12345"]
    assert not events(NEW.replace("active</eventState>", "inactive</eventState>"))
    assert not events(NEW.replace("<eventType>ANPR", "<eventType>VMD"))
    assert not events(NEW.replace("粤B12345", "unknown"))


def test_a_plate_that_the_camera_kept_back_is_no_news() -> None:
    assert not events(NEW.replace("<ANPR>", "<isDataRetransmission>true</isDataRetransmission><ANPR>"))
    assert events(HEARTBEAT.replace("08:00:00", "08:00:14"), NEW)
    assert not events(HEARTBEAT.replace("08:00:00", "08:00:16"), NEW)


def test_a_camera_whose_clock_was_set_back_is_believed_after_its_next_heartbeat() -> None:
    assert events(HEARTBEAT.replace("08:00:00", "09:00:00"), HEARTBEAT, NEW)


@pytest.mark.parametrize(("channel", "count"), [(0, 1), (1, 1), (2, 0)])
def test_of_a_recorder_only_the_channel_asked_for_counts(channel: int, count: int) -> None:
    assert len(events(NEW, channel=channel)) == count


@pytest.mark.parametrize("dialect", ["2.0", "1.0", "json"])
@pytest.mark.parametrize("size", [1, 17, 4096])
def test_a_stream_is_the_same_in_whatever_pieces_it_comes(dialect: Dialect, size: int) -> None:
    scene = Scene(plate="赣A12345", dialect=dialect)
    data = b"".join(
        part("application/xml", text, "b") + part("image/jpeg", bytes(3000), "b")
        for text in (heartbeat(dialect, 0), sighting(scene, 1), sighting(scene, 2))
    )
    stream = AlertStream(b"b")
    alerts = [alert for at in range(0, len(data), size) for alert in stream.feed(data[at : at + size])]
    assert [alert.plate for alert in alerts] == ["", "赣A12345", "赣A12345"]
    assert (stream.rejected, alerts[1].camera_s is not None) == (0, True)


def test_a_stream_that_lost_bytes_never_gives_a_plate_that_was_not_sent() -> None:
    rng = random.Random(1)
    whole = part("application/xml", sighting(Scene(plate="赣A12345"), 1), "b")
    middle = whole.index("赣".encode())
    for _ in range(2000):
        stream, plates = AlertStream(b"b"), Plates(0, 0)
        begin = rng.randrange(middle - 20, middle + 20)
        cut = whole[:begin] + whole[begin + rng.randrange(1, 12) :]
        for alert in stream.feed(cut + whole):
            seen = plates.take(alert.plate, alert.confidence, alert.direction, 0)
            assert seen is None or seen.plate == "赣A12345"
        assert stream.waiting_bytes <= MAX_TEXT_BYTES


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[HikvisionEmulator]:
    with HikvisionEmulator(tmp_path, seed=3) as emulated:
        yield emulated


def opened(camera: HikvisionEmulator, **options: Any) -> Reader:
    return open_reader("hikvision", {**camera.options, **options})


def gone(reader: Reader, limit_s: float) -> tuple[DeviceGoneError, float]:
    """What is said when it has gone, and after how long."""
    began_s = time.monotonic()
    while time.monotonic() < began_s + limit_s:
        try:
            reader.read(0.5)
        except DeviceGoneError as error:
            return error, time.monotonic() - began_s
    raise AssertionError(f"it was not gone after {limit_s} s")


@pytest.mark.parametrize("dialect", ["2.0", "1.0", "json"])
def test_a_plate_comes_over_a_real_socket(camera: HikvisionEmulator, dialect: str) -> None:
    reader = opened(camera)
    camera.set(plate="粤B·88888", dialect=dialect, direction="leave", confidence=91)
    seen = reader.read(5)
    assert isinstance(seen, PlateSeen)
    assert (seen.plate, seen.confidence, seen.direction) == ("粤B88888", 91, "leave")
    assert abs(seen.mono_ms - time.monotonic() * 1000) < 5000
    assert reader.read(0) is None
    reader.close()


def test_the_camera_may_ask_for_the_newer_digest(tmp_path: Path) -> None:
    with HikvisionEmulator(tmp_path, algorithm="SHA-256") as camera:
        opened(camera).close()
        assert (camera.streams, camera.refused) == (1, 0)


def test_a_plate_that_is_repeated_every_moment_is_one_event(camera: HikvisionEmulator) -> None:
    reader = opened(camera)
    camera.set(plate="赣A12345", fault="stale_repeat")
    assert reader.read(5) is not None
    assert reader.read(0.5) is None
    reader.close()


@pytest.mark.parametrize("fault", ["dropped_byte", "flipped_bit", "garbage", "wrong_type", "resent"])
def test_after_a_fault_the_next_plate_is_read(camera: HikvisionEmulator, fault: str) -> None:
    reader = opened(camera, confidence_min=0, repeat_s=0)
    for _ in range(5):
        camera.set(plate="赣A12345", fault=fault)
    camera.set(fault=None, plate="京A99999")
    limit_s = time.monotonic() + 10
    while (seen := reader.read(1)) is None or seen.plate != "京A99999":  # type: ignore[union-attr]
        assert time.monotonic() < limit_s
    reader.close()


def test_a_camera_without_power_is_noticed_and_found_again_under_its_address(camera: HikvisionEmulator) -> None:
    reader = opened(camera)
    camera.unplug()
    assert gone(reader, 5)[1] < 3
    reader.close()
    reader.close()
    with pytest.raises(DeviceGoneError, match="cannot connect"):
        opened(camera)
    began_s = time.monotonic()
    camera.replug()
    reader = opened(camera)
    camera.set(plate="赣A12345")
    assert reader.read(5) is not None
    assert time.monotonic() - began_s < 3
    reader.close()


@pytest.mark.parametrize("fault", ["silence", "half_frame_then_silence"])
def test_a_camera_that_says_nothing_any_more_is_gone(camera: HikvisionEmulator, fault: str) -> None:
    reader = opened(camera, silence_s=1.0)
    camera.set(plate="赣A12345", fault=fault)
    error, after_s = gone(reader, 5)
    assert "no heartbeat" in str(error)
    assert 0.5 < after_s < 3
    reader.close()


def test_what_came_while_nobody_read_is_no_news(camera: HikvisionEmulator) -> None:
    now_s = [0.0]
    reader = open_reader("hikvision", {**camera.options, "silence_s": 0}, lambda: now_s[0])
    camera.set(plate="赣A12345")
    wait_for(lambda: camera.shown == 1)
    now_s[0] += 1.1
    assert reader.read(0.2) is None
    camera.set(plate="赣A12345")
    assert reader.read(5) is not None
    reader.close()


def test_what_a_camera_could_not_send_while_nobody_read_is_no_news(tmp_path: Path) -> None:
    """A picture fills every buffer on the way, and the plate behind it waits in the camera."""
    picture = part("image/jpeg", bytes(300_000), "b")
    old = b"".join(part("application/xml", sighting(Scene(plate=plate), 1), "b") + picture for plate in PASSED)
    now_s = [0.0]
    with LoudCamera(tmp_path, old) as camera:
        reader = open_reader("hikvision", camera.options, lambda: now_s[0])
        now_s[0] += 1.1
        assert reader.read(0.1) is None
        assert camera.sent.wait(0)
        camera.line.sendall(part("application/xml", sighting(Scene(plate="京A99999"), 2), "b") + b"--b")
        seen = reader.read(5)
        assert isinstance(seen, PlateSeen)
        assert seen.plate == "京A99999"
        reader.close()


def test_a_camera_that_never_stops_sending_holds_nobody_up(tmp_path: Path) -> None:
    now_s = [0.0]
    with LoudCamera(tmp_path, part("image/jpeg", bytes(1_000_000), "b"), for_ever=True) as camera:
        reader = open_reader("hikvision", camera.options, lambda: now_s[0])
        now_s[0] += 1.1
        began_s = time.monotonic()
        with pytest.raises(DeviceGoneError, match="does not come to an end"):
            reader.read(0.1)
        assert time.monotonic() - began_s < 4
        reader.close()


class LoudCamera:
    """Asks for no password, and sends without looking whether anybody reads."""

    def __init__(self, folder: Path, data: bytes, for_ever: bool = False) -> None:
        self._data, self._for_ever = data, for_ever
        self._secret_file = folder / "loud.secret"
        self._secret_file.write_text("geheim")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._send)
        self.sent = threading.Event()
        self.line: socket.socket

    @property
    def options(self) -> dict[str, object]:
        port = self._listener.getsockname()[1]
        return {"host": "127.0.0.1", "port": port, "user": "u", "password_file": str(self._secret_file), "silence_s": 0}

    def __enter__(self) -> LoudCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self.line.close()
        self._listener.close()

    def _send(self) -> None:
        self.line = self._listener.accept()[0]
        # As over a real network, what was sent comes in drops.
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
        self.line.recv(4096)
        self.line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
        try:
            self.line.sendall(self._data)
            while self._for_ever:
                self.line.sendall(self._data)
        except OSError:
            # Nobody listens any more.
            return
        self.sent.set()


def test_a_camera_that_sends_no_heartbeats_may_be_silent(camera: HikvisionEmulator) -> None:
    reader = opened(camera, silence_s=0)
    camera.set(fault="silence")
    assert reader.read(0.3) is None
    reader.close()


def test_a_refused_password_is_not_tried_again_at_once(camera: HikvisionEmulator, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    now_s = [1000.0]
    options = {**camera.options, "password_file": str(wrong)}
    for _ in range(5):
        with pytest.raises(DeviceGoneError, match="refuses user 'gate'") as error:
            open_reader("hikvision", options, lambda: now_s[0])
        assert "not the password" not in str(error.value)
    assert camera.refused == 1
    now_s[0] += 61
    with pytest.raises(DeviceGoneError):
        open_reader("hikvision", options, lambda: now_s[0])
    assert camera.refused == 2
    # The right one is tried at once.
    opened(camera).close()


def test_a_read_under_way_ends_when_another_thread_closes(camera: HikvisionEmulator) -> None:
    for end in ("close", "sever"):
        reader = opened(camera)
        told: list[BaseException] = []

        def wait(reader: Reader = reader, told: list[BaseException] = told) -> None:
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
        reader.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password_file": "/nowhere/secret"}, "password_file = '/nowhere/secret' can't be read"),
        ({"host": "cam era"}, "host"),
        ({"confidence_min": 101}, "confidence_min"),
        ({"direction": "up"}, "direction"),
        ({"password": "x"}, "password"),
    ],
)
def test_a_wrong_option_is_named(camera: HikvisionEmulator, change: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        opened(camera, **change)


def test_an_empty_secret_is_named_and_never_shown(camera: HikvisionEmulator, tmp_path: Path) -> None:
    for content in (b"", b"\n", b"\xff\xfe", b"geheim" * 100):
        (tmp_path / "s").write_bytes(content)
        with pytest.raises(OptionError, match="password_file") as error:
            opened(camera, password_file=str(tmp_path / "s"))
        assert "geheim" not in str(error.value)


def test_the_profile_says_what_it_gives_and_its_example_is_good() -> None:
    profile = profile_of("hikvision")
    assert profile.gives == ("plate",)
    check_options("hikvision", profile.example)
