"""The vision process: what it says of a real stream, and that the gate outlives whatever becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.emulators.camera import CameraEmulator, Effects, Held
from drivers.errors import OptionError
from edge.vision import Vision
from edge.vision_messages import CameraFault, CameraOk, Seen, VisionBack, VisionDied
from firmware_config.schema import Device

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0
QUICK = {"missing_after_s": 0.7, "black_after_s": 0.7, "frozen_after_s": 1.5}


class Inbox:
    """What was posted, and a way to wait for more."""

    def __init__(self) -> None:
        self.facts: list[object] = []
        self._changed = threading.Condition()

    def post(self, fact: object) -> None:
        with self._changed:
            self.facts.append(fact)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[object], bool], what: str = "") -> object:
        """The first matching fact, which and all before it are taken out."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(map(wanted, self.facts)), LIMIT_S):
                raise AssertionError(f"never came: {what}; instead {self.facts}")
            at = next(index for index, fact in enumerate(self.facts) if wanted(fact))
            fact, self.facts = self.facts[at], self.facts[at + 1 :]
            return fact

    def wait_seen(self, *payloads: bytes) -> Seen:
        fact = self.wait(lambda fact: isinstance(fact, Seen) and set(fact.codes) == set(payloads), f"seen {payloads}")
        assert isinstance(fact, Seen)
        return fact


@pytest.fixture
def emulator() -> Iterator[CameraEmulator]:
    with CameraEmulator(glide_s=0.2) as camera:
        yield camera


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@pytest.fixture
def vision(emulator: CameraEmulator, inbox: Inbox) -> Iterator[Vision]:
    vision = Vision("in", Device("stream", {"url": emulator.url, **QUICK}), inbox.post, mono_ms)
    vision.start()
    inbox.wait(lambda fact: fact == CameraOk("in"), "the camera is good")
    yield vision
    vision.stop()


def killed(vision: Vision, number: int = signal.SIGKILL) -> float:
    pid = vision.pid
    assert pid is not None
    os.kill(pid, number)
    return time.monotonic()


def test_codes_are_seen_while_they_are_shown_and_said_to_have_left_once(
    vision: Vision, emulator: CameraEmulator, inbox: Inbox
) -> None:
    emulator.show([Held("LEFT", x=0.25), Held("RIGHT", "paper", x=0.75)])
    inbox.wait_seen(b"LEFT", b"RIGHT")
    again = inbox.wait_seen(b"LEFT", b"RIGHT")
    assert mono_ms() - again.mono_ms < 2000
    emulator.clear()
    left = inbox.wait_seen()
    heartbeat = inbox.wait_seen()
    assert heartbeat.mono_ms - left.mono_ms >= 800, "nothing in view is said as a heartbeat only"
    assert 10 < heartbeat.fps < 17
    assert not inbox.facts or all(isinstance(fact, Seen) for fact in inbox.facts)


def test_a_killed_process_is_back_within_two_seconds_and_reads_the_next_code(
    vision: Vision, emulator: CameraEmulator, inbox: Inbox
) -> None:
    at = killed(vision)
    died = inbox.wait(lambda fact: isinstance(fact, VisionDied), "died")
    assert died == VisionDied("in", "ended (exit -9)")
    inbox.wait(lambda fact: fact == VisionBack("in"), "back")
    assert time.monotonic() - at < 2.0
    inbox.wait(lambda fact: fact == CameraOk("in"), "the camera is good")
    emulator.show([Held("AFTER")])
    inbox.wait_seen(b"AFTER")


def test_a_process_that_hangs_is_killed_and_started_again(vision: Vision, inbox: Inbox) -> None:
    at = killed(vision, signal.SIGSTOP)
    died = inbox.wait(lambda fact: isinstance(fact, VisionDied), "died")
    assert isinstance(died, VisionDied)
    assert died.why.startswith("hung")
    inbox.wait(lambda fact: fact == VisionBack("in"), "back")
    assert time.monotonic() - at < 3.0 + 1.0 + 2.0


@pytest.mark.parametrize("fault", ["black", "frozen", "missing"])
def test_a_camera_that_does_not_see_is_said_once_and_its_mending_too(
    vision: Vision, emulator: CameraEmulator, inbox: Inbox, fault: str
) -> None:
    emulator.show([Held("HERE", effects=Effects(inverted=True))])
    inbox.wait_seen(b"HERE")
    emulator.fault(fault)
    said = inbox.wait(lambda fact: isinstance(fact, CameraFault), fault)
    assert isinstance(said, CameraFault)
    assert said.name == f"camera_{fault}"
    if fault == "missing":
        assert "503" in said.detail
        inbox.wait_seen()
    emulator.fault(None)
    inbox.wait(lambda fact: isinstance(fact, CameraOk | CameraFault) and fact == CameraOk("in"), "mended")
    inbox.wait_seen(b"HERE")


def test_a_process_that_cannot_start_is_said_once_with_its_last_words(inbox: Inbox) -> None:
    vision = Vision("in", Device("folder", {"path": "."}), inbox.post, mono_ms, memory_mib=40)
    vision.start()
    try:
        died = inbox.wait(lambda fact: isinstance(fact, VisionDied), "died")
        assert isinstance(died, VisionDied)
        assert "exit" in died.why
        pids = set()
        until = time.monotonic() + LIMIT_S
        while len(pids) < 3 and time.monotonic() < until:
            pids.add(vision.pid)
        assert len(pids - {None}) >= 2, "it is tried again"
    finally:
        vision.stop()
    assert inbox.facts == [], "and again is no news"


def test_wrong_options_are_refused_before_anything_starts(inbox: Inbox) -> None:
    with pytest.raises(OptionError, match="unknown field `urll`"):
        Vision("in", Device("stream", {"url": "http://x/", "urll": 1}), inbox.post, mono_ms)


def test_stopping_is_quick_and_leaves_no_process(vision: Vision) -> None:
    pid = vision.pid
    assert pid is not None
    began = time.monotonic()
    vision.stop()
    assert time.monotonic() - began < 2.0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import sys, threading, time
from edge.vision import Vision
from firmware_config.schema import Device
def post(fact):
    sys.stdout.write(f"{vision.pid}\\n")
    sys.stdout.flush()
vision = Vision("in", Device("stream", {"url": sys.argv[1]}), post, lambda: time.monotonic_ns() // 1_000_000)
vision.start()
threading.Event().wait()
"""


def test_no_process_outlives_a_killed_gate(emulator: CameraEmulator) -> None:
    arguments = [sys.executable, "-c", PARENT, emulator.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT, text=True) as gate:
        assert gate.stdout is not None
        pid = int(gate.stdout.readline())
        gate.kill()
    until = time.monotonic() + LIMIT_S
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1]:
        assert time.monotonic() < until, "the orphan lives on"


def test_the_gates_side_loads_no_native_vision_library() -> None:
    check = (
        "import sys, edge.vision, edge.scan_command; "
        "sys.exit(', '.join({'cv2', 'numpy', 'zxingcpp', 'pyzbar'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
