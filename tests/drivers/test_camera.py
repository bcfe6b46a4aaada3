"""Cameras: options, photos in a folder, films, network streams, and what happens when they go away."""

from __future__ import annotations

import base64
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera import check_options, open_camera
from drivers.camera.grabber import GrabbingCamera
from drivers.camera.jpeg_size import jpeg_size
from drivers.camera.mjpeg import MAX_PICTURE_BYTES, MjpegSource, PartReader, StreamError, decode_gray
from drivers.emulators.camera import CameraEmulator
from drivers.errors import DeviceGoneError, OptionError
from drivers.protocols import Camera, Frame

LIMIT_S = 10.0


@contextmanager
def opened(driver: str, **options: object) -> Iterator[GrabbingCamera]:
    camera = open_camera(driver, options)
    try:
        yield camera
    finally:
        camera.close()


def frame_of(camera: Camera, wanted: Callable[[Frame], bool] = lambda frame: True) -> Frame:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        try:
            frame = camera.read(0.1)
        except DeviceGoneError:
            continue
        if frame is not None and wanted(frame):
            return frame
    raise AssertionError("the frame that was waited for never came")


def gone_of(camera: Camera, words: str = "") -> DeviceGoneError:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        try:
            camera.read(0.1)
        except DeviceGoneError as gone:
            if words in gone.why:
                return gone
    raise AssertionError("the camera never said that it is gone")


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("webcam", {}, "'webcam' does not exist; choose one of v4l2, stream"),
        ("v4l2", {}, "missing required field `device`"),
        ("v4l2", {"device": "/dev/video0", "widht": 640}, "unknown field `widht`; its options are .*width"),
        ("v4l2", {"device": "/dev/video0", "width": 5}, "width"),
        ("stream", {"url": "ftp://user:secret@host/"}, "option url must be http://host"),
        ("stream", {"url": "rtsp://"}, "option url"),
        ("stream", {"url": "http://host:99999/"}, "option url"),
        ("folder", {"path": "x", "hold_ms": 0}, "hold_ms"),
        ("video_file", {"path": ""}, "path"),
    ],
)
def test_a_wrong_option_is_named_with_its_driver_and_the_remedy(
    driver: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(OptionError, match=words) as caught:
        open_camera(driver, options)
    assert driver in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_password_of_a_camera_is_in_no_message() -> None:
    options = check_options("stream", {"url": "rtsp://admin:secret@10.0.0.9:554/ch1"})
    assert options.shown() == "rtsp://10.0.0.9:554/ch1"


def photos(folder: Path, *levels: int) -> None:
    for number, level in enumerate(levels):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 60), level, np.uint8))


def test_a_folder_shows_its_photos_one_after_another_and_over_again(tmp_path: Path) -> None:
    photos(tmp_path, 50, 150)
    (tmp_path / "1a.png").write_text("no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    with opened("folder", path=str(tmp_path), hold_ms=50, fps=100) as camera:
        for level in (50, 150, 50):
            frame_of(camera, lambda frame, level=level: int(frame.image[0, 0]) == level)


def test_a_folder_that_does_not_loop_ends(tmp_path: Path) -> None:
    photos(tmp_path, 50)
    with opened("folder", path=str(tmp_path), hold_ms=20, fps=100, loop=False) as camera:
        frame_of(camera)
        assert "no more pictures" in gone_of(camera).why


def test_a_folder_that_is_not_there_or_empty_is_a_missing_camera(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none", "No such file"), (tmp_path, "no pictures")):
        with opened("folder", path=str(path)) as camera:
            assert words in gone_of(camera).why


def test_a_camera_that_is_not_plugged_in_is_missing(tmp_path: Path) -> None:
    with opened("v4l2", device=str(tmp_path / "video9")) as camera:
        assert "no such device" in gone_of(camera).why


def film(path: Path, levels: list[int]) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (160, 120))
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((120, 160, 3), level, np.uint8))
    writer.release()


def test_a_film_is_shown_to_its_end_or_over_and_over(tmp_path: Path) -> None:
    film(tmp_path / "a.avi", [20] * 5 + [200] * 5)
    with opened("video_file", path=str(tmp_path / "a.avi"), loop=False) as camera:
        assert frame_of(camera, lambda frame: int(frame.image[0, 0, 0]) > 150).image.shape == (120, 160, 3)
        assert "the film is over" in gone_of(camera).why
    with opened("video_file", path=str(tmp_path / "a.avi")) as camera:
        for bright in (True, False, True):
            frame_of(camera, lambda frame, bright=bright: (int(frame.image[0, 0, 0]) > 150) == bright)


def test_a_stream_gives_gray_frames_stamped_when_grabbed_and_numbered_upward() -> None:
    with CameraEmulator(fps=30) as emulator, opened("stream", url=emulator.url) as camera:
        first, second = frame_of(camera), frame_of(camera)
        now_ms = time.monotonic_ns() // 1_000_000
    assert first.image.shape == (720, 1280)
    assert first.number < second.number
    assert first.mono_ms < second.mono_ms <= now_ms


def test_only_the_newest_frame_counts() -> None:
    with CameraEmulator(fps=50) as emulator, opened("stream", url=emulator.url) as camera:
        number = frame_of(camera).number
        until = time.monotonic() + LIMIT_S
        while camera._number < number + 10:
            assert time.monotonic() < until
        newest = frame_of(camera)
    assert newest.number >= number + 10


def test_a_camera_that_comes_back_is_used_again_within_the_second() -> None:
    with CameraEmulator() as emulator, opened("stream", url=emulator.url) as camera:
        frame_of(camera)
        emulator.fault("missing")
        assert "ended the stream" in gone_of(camera).why
        gone = gone_of(camera, "503")
        assert gone.device.startswith("stream http://127.0.0.1")
        emulator.fault(None)
        mended = time.monotonic()
        frame_of(camera)
        assert time.monotonic() - mended < 2.0


def test_a_camera_that_falls_silent_is_missing_and_closing_it_does_not_hang() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        with opened("stream", url=url, timeout_s=0.3) as camera:
            assert "timed out" in gone_of(camera).why
        camera = open_camera("stream", {"url": url, "timeout_s": 3.0})
        began = time.monotonic()
        camera.close()
        camera.close()
        assert time.monotonic() - began < 2.5
        camera._thread.join(LIMIT_S)


def test_an_rtsp_camera_that_is_not_there_is_missing_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with opened("stream", url=f"rtsp://127.0.0.1:{port}/ch1", timeout_s=1) as camera:
        assert "cannot be opened" in gone_of(camera).why


class OnlyWithPassword(http.server.BaseHTTPRequestHandler):
    """A camera that asks for a password first, and one picture long."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"admin:p@ss").decode()
        body = cv2.imencode(".jpg", np.full((48, 64), 77, np.uint8))[1].tobytes()
        self.send_response(200 if known else 401)
        if known:
            self.send_header("Content-Type", 'multipart/x-mixed-replace;boundary="--b"')
        else:
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
        self.end_headers()
        if known:
            self.wfile.write(b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + body + b"\r\n--b\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class PlainPage(OnlyWithPassword):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()


@contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_password_in_the_address_is_given_when_asked_for() -> None:
    with served(OnlyWithPassword) as port:
        with opened("stream", url=f"http://admin:p%40ss@127.0.0.1:{port}/video") as camera:
            assert int(frame_of(camera).image[0, 0]) == 77
        with opened("stream", url=f"http://127.0.0.1:{port}/video") as camera:
            assert "401" in gone_of(camera).why


def test_an_address_that_gives_a_web_page_is_named_as_such() -> None:
    with served(PlainPage) as port, opened("stream", url=f"http://127.0.0.1:{port}/") as camera:
        assert "text/html, not an MJPEG stream" in gone_of(camera).why


bodies = st.lists(st.binary(min_size=1, max_size=80).filter(lambda body: b"--b" not in body), max_size=6)


@given(bodies, st.booleans(), st.lists(st.integers(1, 60), max_size=20), st.sampled_from(["b", "--b", '"b"']))
def test_parts_come_out_whole_however_the_bytes_arrive(
    parts: list[bytes], with_length: bool, cuts: list[int], boundary: str
) -> None:
    def header(body: bytes) -> bytes:
        return b"--b\r\nContent-Type: image/jpeg\r\n" + (b"content-length: %d\r\n" % len(body) if with_length else b"")

    stream = b"".join(header(body) + b"\r\n" + body + b"\r\n" for body in parts) + b"--b"
    reader, found = PartReader(boundary), []
    for cut in cuts:
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert found + reader.feed(stream) == parts


def test_a_stream_without_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(StreamError, match="99999999"):
        PartReader("b").feed(b"--b\r\nContent-Length: 99999999\r\n\r\n")
    with pytest.raises(StreamError, match="header"):
        PartReader("b").feed(b"--b\r\n" + b"x" * 10_000)
    reader = PartReader("b")
    reader.feed(b"--b\r\n\r\n" + bytes(MAX_PICTURE_BYTES))
    with pytest.raises(StreamError, match="16 MiB"):
        reader.feed(bytes(1 << 20))
    noise = PartReader("b")
    noise.feed(bytes(1 << 20))
    assert len(noise._buffer) < 100


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]])
@given(width=st.integers(1, 90), height=st.integers(1, 90))
def test_the_size_of_a_jpeg_is_read_without_decoding_it(options: list[int], width: int, height: int) -> None:
    _, jpeg = cv2.imencode(".jpg", np.zeros((height, width), np.uint8), options)
    assert jpeg_size(jpeg.tobytes()) == (width, height)


@given(st.binary(max_size=200), st.booleans())
def test_what_is_no_jpeg_has_no_size_and_does_no_harm(data: bytes, begins_well: bool) -> None:
    size = jpeg_size(b"\xff\xd8" * begins_well + data)
    assert size is None or (0 <= size[0] < 65536 and 0 <= size[1] < 65536)


def test_a_camera_with_huge_pictures_is_missing_with_the_size_in_the_message() -> None:
    camera = CameraEmulator(fps=15)
    camera.start()
    camera.fault("huge")
    source = MjpegSource(camera.url, 2.0, "front")
    try:
        with pytest.raises(DeviceGoneError, match="pictures of 10000 x 10000; set the camera to 1280 x 720"):
            # Pictures from before the fault may come first.
            all(source.grab() for _ in range(200))
    finally:
        source.close()
        camera.stop()


def test_a_damaged_jpeg_is_no_picture() -> None:
    assert decode_gray(b"\xff\xd8\xff\xe0 this is no picture") is None
