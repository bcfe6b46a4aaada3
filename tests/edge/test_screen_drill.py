"""A drill on the guard's page: nobody who sees the screen can take it for the real thing, and a press ends it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from edge.screen.view import guard_page
from edge.status import DrillView
from tests.browser import KIOSK, PHONE, chromium, page_at
from tests.edge.screen_client import PIN, Stage, screen
from tools.screen_samples import LANES, gate

DRILL = DrillView("grid head", 11 * 60 + 1, False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    with screen(stage):
        yield stage


def show(stage: Stage, drill: DrillView | None, *states: str) -> None:
    stage.shown = msgspec.structs.replace(gate(*(LANES[state] for state in states)), drill=drill)


@pytest.mark.parametrize(
    ("drill", "zh"),
    [
        (DRILL, "演练，不计入统计 · 还剩 12 分钟 · 道闸不动作"),
        (DrillView("head", 60, True), "演练，不计入统计 · 还剩 1 分钟 · 道闸照常动作"),
    ],
)
def test_the_banner_says_how_long_still_and_what_the_barrier_does(drill: DrillView, zh: str) -> None:
    page = guard_page(msgspec.structs.replace(gate(LANES["wait"]), drill=drill), "build", acts=True)
    assert page.drill is not None
    assert page.drill.zh == zh
    assert guard_page(gate(LANES["wait"]), "build", acts=True).drill is None


@pytest.mark.end_to_end
@pytest.mark.parametrize("size", [KIOSK, PHONE], ids=["kiosk", "phone"])
def test_every_state_of_every_lane_carries_the_sign(browser: Browser, stage: Stage, size: ViewportSize) -> None:
    with page_at(browser, stage.url, size) as page:
        for state in LANES:
            show(stage, DRILL, state, "allow")
            expect(page.locator(".lane").first).to_have_attribute("data-state", LANES[state].state)
            marks = page.locator(".watermark")
            expect(marks).to_have_count(2)
            for at in range(2):
                expect(marks.nth(at)).to_be_visible()
                sign, lane = marks.nth(at).bounding_box(), page.locator(".lane").nth(at).bounding_box()
                assert sign is not None
                assert lane is not None
                assert sign["width"] >= lane["width"] - 2
                assert sign["height"] >= lane["height"] - 2
            expect(page.locator("#drill b")).to_have_text("演练 DRILL")
            assert _fits(page)
        show(stage, None, "wait")
        expect(page.locator("#drill")).to_be_hidden()
        expect(page.locator(".watermark").first).to_be_hidden()


def _fits(page: Page) -> bool:
    inside: bool = page.evaluate(
        "(() => { const b = document.getElementById('k6').getBoundingClientRect();"
        " return b.right <= innerWidth && b.left >= 0 && document.body.scrollWidth <= innerWidth; })()"
    )
    return inside


@pytest.mark.end_to_end
def test_the_sign_takes_no_touch_and_one_press_with_the_pin_ends_the_drill(browser: Browser, stage: Stage) -> None:
    show(stage, DRILL, "escalate")
    with page_at(browser, stage.url) as page:
        page.locator(".why").click()
        page.keyboard.press("Escape")
        page.locator("#k6").click()
        expect(page.locator("#sheet-title")).to_have_text("结束演练 End the drill")
        expect(page.locator("#acts")).to_be_hidden()
        page.locator("#pin").fill(PIN)
        page.locator("#form .main").click()
        expect(page.locator("#sheet")).to_be_hidden()
    assert [act.act for act in stage.acts] == ["drill_stop"]


@pytest.mark.end_to_end
def test_without_a_drill_the_key_does_nothing(browser: Browser, stage: Stage) -> None:
    show(stage, None, "wait")
    with page_at(browser, stage.url) as page:
        expect(page.locator(".lane")).to_be_visible()
        page.keyboard.press("6")
        expect(page.locator("#sheet")).to_be_hidden()
