"""A guard's act is for whom the sheet was opened for, in a real browser: never for whoever has come in the meantime."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from edge.status import SOMEBODY_ELSE, GuardAct
from tests.browser import chromium, page_at
from tests.edge.screen_client import PIN, Stage, screen
from tools.screen_samples import LANES

pytestmark = pytest.mark.end_to_end
WAITS = LANES["escalate"]
NEXT = msgspec.structs.replace(WAITS, passage="77", tail="9F9F")
BESIDE = msgspec.structs.replace(WAITS, name="in-2", passage="88")


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


def _admit(page: Page) -> None:
    page.keyboard.press("2")
    expect(page.locator("#sheet")).to_be_visible()
    page.locator("#reasons button").first.click()


def test_a_verdict_in_another_lane_does_not_turn_the_sheet_to_it(stage: Stage, page: Page) -> None:
    quiet = msgspec.structs.replace(LANES["wait"], name="in-2")
    stage.show(WAITS, quiet)
    expect(page.locator(".lane[data-state=escalate]")).to_have_count(1)
    _admit(page)
    stage.show(WAITS, BESIDE)
    expect(page.locator(".lane[data-state=escalate]")).to_have_count(2)
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert [(act.act, act.lane, act.passage) for act in stage.acts] == [("admit", "in-1", WAITS.passage)]


def test_what_was_meant_for_one_person_is_not_sent_for_the_next(stage: Stage, page: Page) -> None:
    stage.show(WAITS)
    expect(page.locator(".lane[data-state=escalate]")).to_have_count(1)
    _admit(page)
    stage.show(NEXT)
    page.locator("#pin").fill(PIN)
    expect(page.locator(".lane")).to_contain_text("9F9F")
    page.keyboard.press("Enter")
    expect(page.locator("#refused")).to_contain_text("somebody else by now")
    no_acts: list[GuardAct] = []
    assert stage.acts == no_acts


def test_before_any_verdict_too_the_page_says_whom_the_sheet_was_opened_for(stage: Stage, page: Page) -> None:
    here = msgspec.structs.replace(LANES["wait"], stands="1/1", mask_asked=True)
    stage.show(here)
    page.wait_for_function("() => page.lanes[0].stands === '1/1'")
    page.keyboard.press("2")
    page.get_by_text("已戴口罩").click()
    stage.show(msgspec.structs.replace(here, stands="2/2"))
    page.wait_for_function("() => page.lanes[0].stands === '2/2'")
    stage.answer = SOMEBODY_ELSE
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#refused")).to_contain_text("somebody else stands here now")
    assert stage.acts == [GuardAct("mask_seen", "in-1", stands="1/1")]
    # Looked at again, it is for whoever is there now.
    stage.answer = ""
    page.keyboard.press("Escape")
    page.locator("#k2").click()
    page.get_by_text("已戴口罩").click()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts[1:] == [GuardAct("mask_seen", "in-1", stands="2/2")]


def test_a_verdict_on_the_next_person_is_not_answered_by_a_sheet_that_was_opened_before_it(
    stage: Stage, page: Page
) -> None:
    stage.show(msgspec.structs.replace(LANES["wait"], stands="1/1"))
    page.wait_for_function("() => page.lanes[0].stands === '1/1'")
    _admit(page)
    stage.show(msgspec.structs.replace(NEXT, stands="2/2"))
    expect(page.locator(".lane")).to_contain_text("9F9F")
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    (act,) = stage.acts
    assert (act.act, act.passage, act.stands) == ("admit", "", "1/1")


def test_a_verdict_that_has_gone_from_the_screen_leaves_whom_it_was_about(stage: Stage, page: Page) -> None:
    stage.show(msgspec.structs.replace(WAITS, stands="1/1"))
    expect(page.locator(".lane[data-state=escalate]")).to_have_count(1)
    _admit(page)
    stage.show(msgspec.structs.replace(LANES["wait"], stands="1/1"))
    expect(page.locator(".lane[data-state=wait]")).to_have_count(1)
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    (act,) = stage.acts
    assert (act.act, act.passage, act.stands) == ("admit", "", "1/1")
