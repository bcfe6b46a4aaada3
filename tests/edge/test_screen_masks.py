"""The guard says at the page whether a mask is worn."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoint.reasons import ALL
from edge.status import GuardAct
from tests.browser import chromium, page_at
from tests.edge.screen_client import PIN, Stage, screen
from tools.screen_samples import LANES

pytestmark = pytest.mark.end_to_end


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


@pytest.mark.parametrize(("button", "act"), [("已戴口罩", "mask_seen"), ("未戴口罩", "mask_absent")])
def test_a_mask_is_ticked_only_where_one_is_asked_for(stage: Stage, page: Page, button: str, act: str) -> None:
    stage.show(LANES["escalate"])
    expect(page.locator(".lane").first).to_have_attribute("data-state", "escalate")
    page.keyboard.press("2")
    expect(page.get_by_text("人工放行")).to_be_visible()
    expect(page.get_by_text(button)).to_have_count(0)
    page.keyboard.press("Escape")
    stage.show(msgspec.structs.replace(LANES["escalate"], reason="mask_unsure", mask_asked=True))
    expect(page.locator(".lane").first).to_contain_text(ALL["mask_unsure"].zh)
    page.keyboard.press("2")
    page.get_by_text(button).click()
    expect(page.locator("#reasons")).to_be_hidden()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts == [GuardAct(act, "in-1", "01")]  # type: ignore[arg-type]


def test_somebody_without_a_mask_reads_what_to_do_with_the_picture_of_one(stage: Stage, page: Page) -> None:
    stage.show(msgspec.structs.replace(LANES["wait"], prompt="prompt_mask"))
    expect(page.locator(".resident .prompt")).to_have_text("请佩戴口罩")
    expect(page.locator(".resident .prompt-en")).to_have_text("Please wear a mask")
    expect(page.locator(".resident use")).to_have_attribute("href", "#p-mask")
