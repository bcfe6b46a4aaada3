"""The watchdog's parts: systemd's protocol, the judgement of beats, and the thread below Python."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from webscreen.heart import Heart, kernel_name
from webscreen.notify import Notifier, notifier_from
from webscreen.supervisor import HUNG_EXIT, Supervisor, Ward

ROOT = Path(__file__).resolve().parents[2]


# --- systemd ---------------------------------------------------------------------------------------------------------


def received(address: str, environ: dict[str, str]) -> list[str]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + address[1:] if address.startswith("@") else address)
        systemd.settimeout(5)
        notifier = notifier_from(environ)
        notifier.ready()
        notifier.status("two\nlines")
        notifier.alive()
        notifier.stopping()
        notifier.close()
        return [systemd.recv(1000).decode() for _ in range(4)]


@pytest.mark.parametrize("abstract", [False, True])
def test_each_message_is_one_datagram(tmp_path: Path, abstract: bool) -> None:
    address = f"@guankou-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    said = received(address, {"NOTIFY_SOCKET": address})
    assert said == ["READY=1", "STATUS=two lines", "WATCHDOG=1", "STOPPING=1"]


def test_without_a_socket_nothing_happens() -> None:
    notifier = notifier_from({"WATCHDOG_USEC": "1000000"})
    notifier.ready()
    assert notifier.watchdog_s is None


def test_a_socket_that_is_gone_or_full_costs_nothing(tmp_path: Path) -> None:
    nobody = Notifier(str(tmp_path / "nobody"))
    nobody.alive()
    nobody.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "deaf"))
        notifier = Notifier(str(tmp_path / "deaf"))
        for _ in range(5000):
            notifier.alive()
        notifier.close()


@pytest.mark.parametrize(
    ("pid", "microseconds", "watched_s"),
    [
        ("", "3000000", 3.0),
        (str(os.getpid()), "3000000", 3.0),
        ("1", "3000000", None),
        ("", "0", None),
        ("", "x", None),
    ],
    ids=["nobody named", "this process", "another", "no time", "no number"],
)
def test_only_what_is_meant_for_this_process_counts_and_children_inherit_nothing(
    tmp_path: Path, pid: str, microseconds: str, watched_s: float | None
) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid, "LANG": "C"}
    notifier = notifier_from(environ)
    assert notifier.watchdog_s == watched_s
    assert environ == {"LANG": "C"}
    notifier.close()


# --- judging ---------------------------------------------------------------------------------------------------------


class Bench:
    """A supervisor whose clock the test moves, and what it has told systemd so far."""

    def __init__(self, folder: Path, *wards: Ward, watchdog_s: float = 8.0) -> None:
        self.now_s = 100.0
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._systemd.bind(str(folder / "notify"))
        self._systemd.setblocking(False)
        self.said: list[str] = []
        self.wards = list(wards)
        self.words: list[str] = []
        notifier = Notifier(str(folder / "notify"), watchdog_s)
        self.supervisor = Supervisor(lambda: self.wards, notifier, self.words.append, lambda: self.now_s)

    def turns(self, seconds: float, *beating: Heart) -> None:
        for _ in range(round(seconds / self.supervisor.turn_s)):
            self.now_s += self.supervisor.turn_s
            for heart in beating:
                heart.beat()
            self.supervisor.turn()
            self._hear()

    def close(self) -> list[str]:
        self.supervisor.stopped()
        self._hear()
        self._systemd.close()
        return self.said

    def _hear(self) -> None:
        # After each turn: the kernel holds few datagrams and the notifier waits for nobody.
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said.append(self._systemd.recv(4096).decode())


def test_ready_is_said_when_every_vital_thread_has_begun(tmp_path: Path) -> None:
    one, other = Heart("one", 10), Heart("other", 10)
    bench = Bench(tmp_path, Ward(one), Ward(other))
    bench.turns(1, one)
    assert "READY=1" not in bench.said
    bench.turns(1, one, other)
    assert bench.close().count("READY=1") == 1


def test_a_silent_vital_thread_silences_the_watchdog_at_half_its_limit(tmp_path: Path) -> None:
    heart = Heart("core", 10)
    bench = Bench(tmp_path, Ward(heart))
    bench.turns(20, heart)
    bench.turns(5)
    until_half = bench.said.count("WATCHDOG=1")
    bench.turns(4)
    assert until_half >= 9
    assert bench.close().count("WATCHDOG=1") - until_half <= 1


def test_a_hung_thread_that_can_be_replaced_is_and_the_watchdog_goes_on(tmp_path: Path) -> None:
    vital, old, fresh = Heart("core", 10), Heart("thermometer-in", 5), Heart("thermometer-in", 5)
    bench = Bench(tmp_path, Ward(vital))

    def replace() -> None:
        bench.wards[1] = Ward(fresh, replace)

    bench.wards.append(Ward(old, replace))
    bench.turns(5, vital)
    assert bench.wards[1].heart is old
    bench.turns(1, vital)
    assert bench.wards[1].heart is fresh
    bench.turns(20, vital, fresh)
    assert "STATUS=thermometer-in hung and was replaced" in bench.close()


def test_time_in_which_the_supervisor_itself_stood_still_is_nobodys_silence(tmp_path: Path) -> None:
    heart = Heart("core", 10)
    bench = Bench(tmp_path, Ward(heart))
    bench.turns(1, heart)
    bench.now_s += 3600
    bench.supervisor.turn()
    assert heart.silent_s <= 2 * bench.supervisor.turn_s
    bench.close()


def test_a_thread_may_ask_for_more_time_and_one_that_ended_is_not_judged() -> None:
    slow, ended = Heart("slow", 1), Heart("ended", 1)
    slow.beat(within_s=20)
    ended.end()
    for heart in (slow, ended):
        heart.pass_time(0.5)
        heart.pass_time(15)
    assert (slow.hung, ended.hung) == (False, False)
    slow.pass_time(6)
    assert slow.hung


def test_the_kernel_shows_a_thread_under_its_name_and_lanes_can_be_told_apart() -> None:
    shown = []

    def body() -> None:
        Heart("thermometer-in-2", 1).begin()
        shown.append(Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert shown == ["thermom~er-in-2"]
    assert kernel_name("通道") == "??"


# --- the end ---------------------------------------------------------------------------------------------------------

HANGS = """
import ctypes, sys, threading, time
from webscreen import supervisor
from webscreen.heart import Heart
from webscreen.notify import Notifier
supervisor.STUCK_S = 1.5
heart = Heart("core", 1.0)
def body():
    heart.begin()
    time.sleep(0.5)
    {hang}
watch = supervisor.Supervisor(lambda: [supervisor.Ward(heart)], Notifier(), print)
watching = threading.Thread(target=watch.run, args=(threading.Event(),))
watching.start()
threading.Thread(target=body, daemon=True).start()
"""


@pytest.mark.parametrize(
    ("hang", "code", "words"),
    [
        ("time.sleep(60)", HUNG_EXIT, '"body"'),
        # PyDLL does not give the interpreter back: no thread of Python runs any more.
        ("ctypes.PyDLL(None).sleep(60)", 1, "Timeout (0:00:01.500000)!"),
    ],
    ids=["a thread", "the interpreter"],
)
def test_what_hangs_for_good_ends_the_process_with_the_stacks_of_all_threads(hang: str, code: int, words: str) -> None:
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", HANGS.format(hang=hang)], cwd=ROOT, capture_output=True, text=True, timeout=50
    )
    print(f"ended after {time.monotonic() - began_s:.1f} s")
    assert done.returncode == code
    assert words.strip('"') in done.stderr
    assert "in body" in done.stderr
