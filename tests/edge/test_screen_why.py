"""The guard's page tells why: the verdict on the screen, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoint.explain import explain
from checkpoint.explain_sheet import Shown, shown
from checkpoint.policy import parse_policy
from edge.screen import ScreenServer
from edge.status import LaneView
from tests.browser import KIOSK, PHONE, chromium, page_at
from tests.edge.screen_client import PIN_HASH, Stage, ask
from tests.edge.test_explain import FEVER, POLICY
from tools.screen_samples import LANES, OUTWARD

HOSTILE = "<img src=x onerror=document.body.remove()>"


@dataclass
class Book:
    """What the outbox would be: the payload of every passage."""

    asked: list[bytes] = field(default_factory=list)
    verdict: object = FEVER
    empty: bool = False

    def why(self, passage: bytes) -> Shown | None:
        self.asked.append(passage)
        return None if self.empty else shown(explain(self.verdict, None, parse_policy(POLICY.encode())))


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def stage(book: Book) -> Iterator[Stage]:
    stage = Stage()
    server = ScreenServer(
        "127.0.0.1", 0, stage.snapshot, stage.act, PIN_HASH, stage.monotonic, why=book.why
    )  # fmt: skip
    stage.port = server.start()
    yield stage
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    with page_at(browser, stage.url) as page:
        expect(page.locator(".lane")).to_be_visible()
        yield page


def _show(stage: Stage, page: Page, lane: LaneView) -> None:
    stage.show(lane)
    expect(page.locator(".lane").first).to_have_attribute("data-state", lane.state)


def test_only_the_passage_that_a_lane_shows_is_looked_up(stage: Stage, book: Book) -> None:
    stage.show(LANES["escalate"], OUTWARD)
    answer = ask(stage, "GET", "/why?lane=out-1&passage=99")
    assert (answer.status, answer.facts["passage"], book.asked) == (200, "02", [b"\x02"])
    assert answer.facts["shown"]["headline"]["zh"].startswith("上报：需要人工复测")


@pytest.mark.parametrize("lane", ["in-1", "no-such-lane", "", "%00"])
def test_a_lane_without_a_verdict_has_nothing_to_explain(stage: Stage, book: Book, lane: str) -> None:
    stage.show(LANES["wait"])
    answer = ask(stage, "GET", f"/why?lane={lane}")
    assert (answer.status, answer.facts["zh"], book.asked) == (404, "此通道当前没有判定", [])


def test_what_can_not_be_read_from_the_disk_is_said(stage: Stage, book: Book) -> None:
    stage.show(LANES["escalate"])
    book.empty = True
    answer = ask(stage, "GET", "/why?lane=in-1")
    assert (answer.status, answer.facts["zh"]) == (404, "没有可读的记录")


@pytest.mark.end_to_end
def test_the_fold_out_shows_every_check_with_mode_value_limit_and_rule(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["wait"])
    expect(page.locator(".why")).to_be_hidden()
    _show(stage, page, LANES["escalate"])
    page.locator(".why").click()
    expect(page.locator("#because-what")).to_contain_text("上报：需要人工复测（由体温判定）")
    row = page.locator("#because .checks tr", has_text="体温").first
    for text in ("强制", "未通过", "38.1", "37.2", "everybody who comes in"):
        expect(row).to_contain_text(text)
    expect(page.locator("#because .readings")).to_contain_text("手腕")
    expect(page.locator("#because .facts")).to_contain_text("winter v7 冬季")
    expect(page.locator("#because .missing")).to_contain_text("未出示通行码")
    page.keyboard.press("Escape")
    expect(page.locator("#because")).to_be_hidden()


@pytest.mark.end_to_end
def test_a_key_opens_and_closes_it(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["escalate"])
    page.keyboard.press("5")
    expect(page.locator("#because .checks")).to_be_visible()
    page.keyboard.press("5")
    expect(page.locator("#because")).to_be_hidden()


@pytest.mark.end_to_end
def test_it_stays_when_the_verdict_goes_and_makes_room_for_the_next_one(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["escalate"])
    page.locator(".why").click()
    expect(page.locator("#because .checks")).to_be_visible()
    _show(stage, page, LANES["wait"])
    expect(page.locator("#because")).to_be_visible()
    _show(stage, page, msgspec.structs.replace(LANES["deny"], passage="0f"))
    expect(page.locator("#because")).to_be_hidden()


@pytest.mark.end_to_end
def test_it_goes_with_the_curtain(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["escalate"])
    page.locator(".why").click()
    expect(page.locator("#because .checks")).to_be_visible()
    stage.alive = False
    expect(page.locator("#because")).to_be_hidden(timeout=6_000)


@pytest.mark.end_to_end
def test_hostile_text_of_a_record_is_shown_and_never_run(stage: Stage, book: Book, page: Page) -> None:
    book.verdict = msgspec.structs.replace(FEVER, reason=HOSTILE, tags=(HOSTILE,))
    _show(stage, page, LANES["escalate"])
    page.locator(".why").click()
    expect(page.locator("#because-what")).to_contain_text("<img src=x")
    assert page.locator("img").count() == 0


@pytest.mark.end_to_end
@pytest.mark.parametrize("size", [KIOSK, PHONE])
def test_it_fits_the_screen_and_the_button_hides_nothing(browser: Browser, stage: Stage, size: dict[str, int]) -> None:
    stage.show(LANES["escalate"])
    with page_at(browser, stage.url, size) as page:
        button = page.locator(".why").bounding_box()
        state = page.locator(".state").bounding_box()
        assert button
        assert state
        assert button["x"] >= state["x"]
        assert button["x"] + button["width"] <= state["x"] + state["width"] + 1
        edges = [(button["x"] + 6, button["y"] + dy) for dy in (3, button["height"] / 2, button["height"] - 3)]
        hit = "([x, y]) => document.elementFromPoint(x, y).closest('.why') !== null"
        assert [page.evaluate(hit, edge) for edge in edges] == [True] * 3
        page.locator(".why").click()
        expect(page.locator("#because .checks")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
