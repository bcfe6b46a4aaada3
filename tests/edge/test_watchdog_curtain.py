"""However the gate stands still, its page covers the last verdict within three seconds: measured in a real browser."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium, page_at
from tests.edge.gate_process import GateProcess
from tests.notify_socket import needs_ptrace
from tools.faults.hang import hung, thread_ids

pytestmark = pytest.mark.end_to_end
CURTAIN_S = 3.0
ROUNDS = 4
# In the page itself, every frame: the time at which the curtain hides what is behind it.
WATCH = """() => { window.fell = 0; const look = () => {
  if (!window.fell && getComputedStyle(document.getElementById('curtain')).opacity === '1') window.fell = Date.now();
  requestAnimationFrame(look); }; look(); }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def killed(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGKILL)
    yield


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def core_hung(pid: int) -> AbstractContextManager[None]:
    return hung(thread_ids(pid)["core"])


def fall_s(page: Page, still: AbstractContextManager[None]) -> float:
    """From the moment at which the gate stands still to the curtain's fall."""
    page.evaluate(WATCH)
    # Beats come twice a second: the worst moment is somewhere in between.
    page.wait_for_timeout(random.uniform(0, 1000))
    assert page.evaluate("window.fell") == 0
    began_ms = time.time() * 1000
    with still:
        while not (fell_ms := float(page.evaluate("window.fell"))):
            assert time.time() * 1000 < began_ms + 15_000, "no curtain"
            page.wait_for_timeout(20)
        return (fell_ms - began_ms) / 1000


@pytest.mark.parametrize(
    "still", [killed, stopped, pytest.param(core_hung, marks=needs_ptrace)], ids=["killed", "stopped", "core hung"]
)
def test_the_curtain_falls_within_three_seconds(
    browser: Browser, tmp_path: Path, still: Callable[[int], AbstractContextManager[None]]
) -> None:
    took_s = []
    gate = GateProcess(tmp_path)
    try:
        gate.start()
        for _ in range(ROUNDS):
            process = gate._process
            assert process is not None
            with page_at(browser, f"http://127.0.0.1:{gate._screen_port}/") as page:
                expect(page.locator(".lane")).to_be_visible()
                took_s.append(fall_s(page, still(process.pid)))
                if still is killed:
                    gate.kill()
                    gate.start()
                expect(page.locator("#curtain")).to_have_css("opacity", "0", timeout=20_000)
    finally:
        gate.close()
    print(f"curtain after {', '.join(f'{s:.2f}' for s in took_s)} s")
    assert max(took_s) <= CURTAIN_S
