"""The emulated camera: what it shows can be read, never stands still unless told to, and costs little."""

from __future__ import annotations

import base64
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.camera import open_camera
from drivers.camera.grabber import GrabbingCamera
from drivers.decoder.decoder import Decoder
from drivers.emulators.camera import CameraEmulator, Held
from drivers.errors import DeviceGoneError

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 20.0


@contextmanager
def watched(url: str) -> Iterator[GrabbingCamera]:
    camera = open_camera("stream", {"url": url})
    try:
        yield camera
    finally:
        camera.close()


def wait_for(camera: GrabbingCamera, wanted: Callable[[set[bytes]], bool]) -> set[bytes]:
    decoder, until = Decoder(), time.monotonic() + LIMIT_S
    codes: set[bytes] = set()
    while time.monotonic() < until:
        frame = camera.read(0.5)
        codes = {code.payload for code in decoder.decode_frame(frame.image).codes} if frame else codes
        if frame and wanted(codes):
            return codes
    raise AssertionError(f"never shown; last seen {codes}")


def test_people_come_show_their_passes_and_go() -> None:
    with CameraEmulator(fps=30) as emulator, watched(emulator.url) as camera:
        wait_for(camera, lambda codes: not codes)
        emulator.show([Held("ONE", x=0.25), Held(b"\xff\x00two", "paper", x=0.75)])
        wait_for(camera, lambda codes: codes == {b"ONE", b"\xff\x00two"})
        emulator.clear()
        wait_for(camera, lambda codes: not codes)


def test_no_two_frames_in_a_row_are_equal_unless_the_camera_is_frozen() -> None:
    with CameraEmulator(fps=60) as emulator:
        number, frames = 0, []
        for _ in range(30):
            number, jpeg = emulator.jpeg_after(number)
            frames.append(jpeg)
        assert all(one != other for one, other in itertools.pairwise(frames))
        emulator.fault("frozen")
        number, _ = emulator.jpeg_after(number)
        assert len({emulator.jpeg_after(number + step)[1] for step in range(5)}) == 1


def test_the_same_seed_shows_the_same_entrance() -> None:
    def first(seed: int) -> bytes:
        with CameraEmulator(seed=seed) as emulator:
            return emulator.jpeg_after(0)[1]

    assert first(5) == first(5)
    assert first(5) != first(6)


def test_a_code_that_holds_too_much_or_an_unknown_fault_is_refused() -> None:
    with CameraEmulator() as emulator:
        with pytest.raises(ValueError):
            emulator.show([Held(b"x" * 3000)])
        with pytest.raises(ValueError, match="frozen, black, missing"):
            emulator.fault("dirty")


def test_as_a_program_it_names_its_address_and_obeys_datagrams(tmp_path: Path) -> None:
    control = tmp_path / "camera.sock"
    arguments = [sys.executable, "-m", "drivers.emulators.camera", "--glide-s", "0", "--control", str(control)]
    with (
        subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT, text=True) as program,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        try:
            assert program.stdout is not None
            url = program.stdout.readline().strip().removeprefix("ready ")

            def order(**command: object) -> None:
                sender.sendto(json.dumps(command).encode(), str(control))

            with watched(url) as camera:
                for nonsense in (b"\xff", b"[]", b'{"shwo": []}', b'{"fault": "dirty"}', b'{"show": [{"payload": 1}]}'):
                    sender.sendto(nonsense, str(control))
                order(show=[{"payload": "TEXT", "x": 0.3}, {"payload_base64": base64.b64encode(b"\x00\xff").decode(),
                             "kind": "paper", "x": 0.7, "effects": {"angle_deg": 30}}])  # fmt: skip
                wait_for(camera, lambda codes: codes == {b"TEXT", b"\x00\xff"})
                order(clear=True)
                wait_for(camera, lambda codes: not codes)
                order(fault="missing")
                with pytest.raises(DeviceGoneError):
                    wait_for(camera, lambda codes: False)
                order(fault=None)
                until = time.monotonic() + LIMIT_S
                while time.monotonic() < until:
                    try:
                        wait_for(camera, lambda codes: True)
                        break
                    except DeviceGoneError:
                        continue
        finally:
            program.send_signal(signal.SIGTERM)
            assert program.wait(LIMIT_S) == 0
    assert not control.exists()


def test_a_snapshot_is_one_picture() -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with CameraEmulator() as emulator:
        with opener.open(emulator.url.replace("/stream", "/snapshot.jpg"), timeout=LIMIT_S) as answer:
            jpeg = answer.read()
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (720, 1280, 3)
