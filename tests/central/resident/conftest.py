"""A resident's page that is served, and phones to open it with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from central.resident import ResidentServer
from central.resident.server import Door
from drivers.decoder.decoder import Decoder
from tests.browser import PHONE, chromium
from tests.central.resident.sample_desk import SampleDesk


class Served:
    """The page at an address of its own; `stop` ends it, as a collector that is gone."""

    def __init__(self, desk: SampleDesk) -> None:
        self.desk = desk
        self.server = ResidentServer(Door("127.0.0.1", 0), desk, lambda: desk.now_s() * 1000)
        self.port = self.server.start()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.running = True

    def stop(self) -> None:
        if self.running:
            self.server.stop()
        self.running = False


class Phone:
    """One browser with its own storage. `page` fails the test for an error in its script."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(url)

    def shows(self, mode: str) -> None:
        """Waits until the page shows a code of this mode, or says why there is none."""
        expect(self.page.locator("#pass")).to_have_attribute("data-mode", mode, timeout=20_000)

    def code(self) -> bytes:
        """What the gate's decoder reads from the phone's screen."""
        picture = cv2.imdecode(np.frombuffer(self.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        codes = Decoder().decode_thoroughly(picture).codes
        assert len(codes) == 1, f"{len(codes)} codes on the screen"
        return codes[0].payload

    def sees_no_code(self) -> bool:
        picture = cv2.imdecode(np.frombuffer(self.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        return not Decoder().decode_thoroughly(picture).codes

    def now_s(self) -> int:
        return int(self.page.evaluate("Date.now()")) // 1000


@contextmanager
def phone(browser: Browser, *, dark: bool = False, at_s: float | None = None, width: int = 390) -> Iterator[Phone]:
    """`at_s`: the phone's clock is set to this and can be moved (`page.clock`)."""
    size = {**PHONE, "width": width}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
    page = context.new_page()
    wrong: list[str] = []
    page.on("dialog", lambda dialog: dialog.accept())
    page.on("pageerror", lambda error: wrong.append(str(error)))
    if at_s is not None:
        page.clock.install(time=at_s)
    try:
        yield Phone(page)
        assert wrong == []
    finally:
        context.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def desk() -> SampleDesk:
    return SampleDesk()


@pytest.fixture
def served(desk: SampleDesk) -> Iterator[Served]:
    served = Served(desk)
    yield served
    served.stop()


@pytest.fixture
def a_phone(browser: Browser) -> Iterator[Phone]:
    with phone(browser) as made:
        yield made


@pytest.fixture
def clocked(browser: Browser) -> Iterator[Phone]:
    """A phone whose time the test moves."""
    with phone(browser, at_s=time.time()) as made:
        yield made
