"""What a guard declares at the page in a real browser: symptoms, and a document they have looked at."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoint.verdict_watch import DISCREET
from edge.status import GuardAct, LaneView, Tick
from tests.browser import chromium, page_at
from tests.edge.screen_client import PIN, Stage, screen
from tools.screen_samples import LANES

pytestmark = pytest.mark.end_to_end
NUMBER = "110105 19491231 002X"
ASKED = msgspec.structs.replace(LANES["escalate"], reason="document_missing", document_asked=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    with screen(stage):
        yield stage


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    with page_at(browser, stage.url) as page:
        expect(page.locator(".lane")).to_be_visible()
        yield page


def _open(stage: Stage, page: Page, lane: LaneView, reason: str) -> None:
    stage.show(lane)
    expect(page.locator(".lane .reason").first).to_have_text(reason)
    page.keyboard.press("2")
    expect(page.locator("#sheet")).to_be_visible()


def _confirm(page: Page) -> None:
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()


@pytest.mark.parametrize("typed", [NUMBER, ""], ids=["with its number", "looked at only"])
def test_a_document_is_sent_with_its_number_or_without_and_the_number_does_not_stay(
    stage: Stage, page: Page, typed: str
) -> None:
    _open(stage, page, ASKED, "未核验证件")
    expect(page.locator("#read")).to_be_hidden()
    page.get_by_text("已看证件").click()
    page.locator("[name=number]").fill(typed)
    _confirm(page)
    assert stage.acts == [GuardAct("document_seen", "in-1", "01", number=typed)]
    assert page.locator("[name=number]").input_value() == ""


def test_a_number_that_was_typed_and_not_sent_does_not_stay_either(stage: Stage, page: Page) -> None:
    _open(stage, page, ASKED, "未核验证件")
    page.get_by_text("已看证件").click()
    page.locator("[name=number]").fill(NUMBER)
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    assert page.locator("[name=number]").input_value() == ""
    assert stage.acts == []


def test_a_document_is_offered_only_where_one_is_asked_for(stage: Stage, page: Page) -> None:
    _open(stage, page, msgspec.structs.replace(ASKED, document_asked=False), "未核验证件")
    expect(page.get_by_text("已看证件")).to_have_count(0)
    expect(page.get_by_text("申报不适")).to_be_visible()


def test_declared_symptoms_are_one_press_and_the_pin(stage: Stage, page: Page) -> None:
    _open(stage, page, ASKED, "未核验证件")
    page.get_by_text("申报不适").click()
    expect(page.locator("#reasons")).to_be_hidden()
    _confirm(page)
    assert stage.acts == [GuardAct("symptoms", "in-1", "01")]


def test_for_somebody_on_the_watch_list_the_screen_says_whom_to_call_and_nothing_else(stage: Stage, page: Page) -> None:
    lane = msgspec.structs.replace(
        LANES["escalate"], reason=DISCREET, prompt="prompt_wait_guard", call="police", notes=(),
        ticks=(Tick("pass", "done"), Tick("watch", "done")),
    )  # fmt: skip
    stage.show(lane)
    shown = page.locator(".lane").first
    expect(shown.locator(".reason")).to_have_text("请稍候，工作人员即将到来")
    expect(shown.locator(".reason-en")).to_have_text("Please wait, staff are coming")
    expect(shown.locator(".todo")).to_have_text("请联系民警")
    expect(shown.locator(".todo-en")).to_have_text("Call the police")
    assert "watch" not in shown.inner_text().lower()
