"""Facts about the guard's page in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import cv2
import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoint.reasons import ALL
from edge.status import GuardAct, LaneView
from tests.browser import KIOSK, PHONE, chromium, page_at
from tests.edge.screen_client import PIN, Stage, screen
from tools.screen_samples import LANES, OUTWARD, gate, troubled_gate

pytestmark = pytest.mark.end_to_end
STATES = ["wait", "allow", "deny", "escalate", "fault"]
HOSTILE = "<img src=x onerror=document.body.remove()>"
# What a loaded machine may need; how long it really takes is measured in test_watchdog_curtain.py.
CURTAIN_LIMIT_MS = 5_500


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


def _show(stage: Stage, page: Page, lane: LaneView) -> None:
    stage.show(lane)
    expect(page.locator(".lane").first).to_have_attribute("data-state", lane.state)


def _curtain(page: Page) -> float:
    return float(page.evaluate("getComputedStyle(document.getElementById('curtain')).opacity"))


def _wait_for_curtain(page: Page, opacity: int = 1) -> None:
    expect(page.locator("#curtain")).to_have_css("opacity", str(opacity), timeout=CURTAIN_LIMIT_MS)


def _font_px(page: Page, selector: str) -> float:
    return float(page.locator(selector).evaluate("node => parseFloat(getComputedStyle(node).fontSize)"))


def _grey_icon(page: Page) -> np.ndarray:
    """The state block in grey with all text hidden, black or white only, brought to one size."""
    page.evaluate(
        "document.querySelectorAll('.lane p, .lane span, .lane li').forEach(n => n.style.visibility='hidden')"
    )
    shot = cv2.imdecode(np.frombuffer(page.locator(".icon").screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    _, shape = cv2.threshold(cv2.resize(shot, (96, 96), interpolation=cv2.INTER_AREA), 0, 255, cv2.THRESH_OTSU)
    return shape if shape[0, 0] == 0 else 255 - shape


@pytest.mark.parametrize("state", STATES)
def test_a_state_shows_its_word_icon_reason_and_what_to_do(stage: Stage, page: Page, state: str) -> None:
    _show(stage, page, LANES[state])
    words = {"wait": "请扫码", "allow": "放行", "deny": "禁止", "escalate": "上报", "fault": "设备故障"}
    reasons = {
        "wait": "",
        "allow": "查验通过",
        "deny": "通行码签名不符",
        "escalate": "需要人工复测",
        "fault": "测温仪无读数",
    }
    expect(page.locator(".word")).to_have_text(words[state])
    expect(page.locator(".icon use")).to_have_attribute("href", f"#i-{state}")
    expect(page.locator(".reason")).to_have_text(reasons[state])
    expect(page.locator(".icon")).to_be_visible()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("size", [KIOSK, {"width": 1920, "height": 1080}, {"width": 1024, "height": 600}, PHONE])
def test_nothing_of_a_verdict_is_cut_off(browser: Browser, stage: Stage, state: str, size: dict[str, int]) -> None:
    stage.shown = troubled_gate(LANES[state])
    with page_at(browser, stage.url, size) as page:
        expect(page.locator(".lane")).to_have_attribute("data-state", state)
        cut = page.evaluate(
            """() => [...document.querySelectorAll('.word, .reason, .todo, .phone, .prompt, .steps, .reading')]
            .filter(n => n.offsetParent && n.textContent && (() => {
              const box = n.closest('.state, aside, .resident').getBoundingClientRect();
              const own = n.getBoundingClientRect();
              return own.bottom > box.bottom + 1 || own.right > box.right + 1 || n.scrollWidth > n.clientWidth + 1;
            })()).map(n => n.className)"""
        )
        assert cut == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_verdict_and_reason_are_as_tall_as_the_eye_needs_at_three_metres(stage: Stage, page: Page) -> None:
    """On a 10.1 inch panel of 1280 x 800, 124 px are 21 mm (24 minutes of arc at 3 m), 82 px are 14 mm (16 minutes)."""
    for state in STATES:
        _show(stage, page, LANES[state])
        assert _font_px(page, ".word") >= 124
        assert _font_px(page, ".reason") >= 82


def test_one_state_fills_at_least_seven_tenths_of_the_width(stage: Stage, page: Page) -> None:
    box = page.locator(".state").bounding_box()
    assert box is not None
    assert box["width"] >= 0.699 * KIOSK["width"]


def test_without_colour_and_text_the_icons_alone_tell_the_states_apart(stage: Stage, page: Page) -> None:
    shapes = {}
    for state in STATES:
        _show(stage, page, LANES[state])
        shapes[state] = _grey_icon(page)
    for at, one in enumerate(STATES):
        for other in STATES[at + 1 :]:
            different = np.mean(shapes[one] != shapes[other])
            assert different > 0.15, f"{one} and {other} differ in only {different:.0%} of their pixels"


def test_the_neutral_state_comes_back_when_the_core_says_so(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["allow"])
    _show(stage, page, LANES["wait"])
    expect(page.locator(".word")).to_have_text("请扫码")
    expect(page.locator(".reading")).to_be_hidden()


def test_the_curtain_falls_when_the_server_is_gone_and_rises_when_it_is_back(browser: Browser) -> None:
    stage = Stage()
    with screen(stage):
        context = page_at(browser, stage.url)
        page = context.__enter__()
        expect(page.locator(".lane")).to_be_visible()
        assert _curtain(page) == 0
    began_s = time.monotonic()
    _wait_for_curtain(page)
    assert time.monotonic() - began_s < 3.5
    expect(page.locator("#curtain")).to_contain_text("画面未更新")
    expect(page.locator("#curtain")).to_contain_text("请人工检查")
    with screen(stage):
        _wait_for_curtain(page, 0)
        context.__exit__(None, None, None)


def test_the_curtain_falls_when_the_core_hangs_though_the_server_lives(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["allow"])
    stage.alive = False
    _wait_for_curtain(page)


def test_the_curtain_falls_when_the_pages_own_script_hangs(stage: Stage, page: Page) -> None:
    """The style sheet alone draws it: here no timer of the page runs any more."""
    page.evaluate("() => { for (let id = 0; id < 1000; id++) clearInterval(id); }")
    stage.alive = False
    _wait_for_curtain(page)
    assert "stale" not in str(page.get_attribute("body", "class"))


def test_the_curtain_falls_without_any_script(browser: Browser, stage: Stage) -> None:
    with page_at(browser, stage.url, script=False) as page:
        deadline_s = time.monotonic() + CURTAIN_LIMIT_MS / 1000
        while True:
            picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
            if np.mean(picture[300:500, 100:-100] > 200) > 0.05:
                break
            assert time.monotonic() < deadline_s, "no curtain"


def test_a_machine_that_slept_shows_the_curtain_before_it_shows_an_old_verdict(stage: Stage, page: Page) -> None:
    stage.alive = False
    page.evaluate("() => { const real = Date.now; Date.now = () => real() + 60000; }")
    expect(page.locator("body")).to_have_class(re.compile("stale"), timeout=1_000)
    assert _curtain(page) == 1


def test_hostile_text_is_shown_and_never_run(stage: Stage, page: Page) -> None:
    lane = msgspec.structs.replace(LANES["escalate"], reason=HOSTILE, prompt=HOSTILE, tail=HOSTILE, notes=(HOSTILE,))
    stage.shown = msgspec.structs.replace(
        troubled_gate(lane), name_zh=HOSTILE, grid_path=HOSTILE, call_role_zh=HOSTILE, policy=HOSTILE
    )
    expect(page.locator(".reason")).to_have_text(HOSTILE)
    expect(page.locator("#gate b")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0


def test_several_lanes_stand_side_by_side_and_one_is_chosen(stage: Stage, page: Page) -> None:
    stage.show(LANES["escalate"], OUTWARD)
    expect(page.locator(".lane")).to_have_count(2)
    boxes = [page.locator(".lane").nth(at).bounding_box() for at in range(2)]
    assert boxes[0]["x"] < boxes[1]["x"]  # type: ignore[index]
    expect(page.locator(".lane.chosen .title")).to_contain_text("进")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lane.chosen .title")).to_contain_text("出")


def test_only_what_is_not_normal_takes_colour_in_the_footer(stage: Stage, page: Page) -> None:
    expect(page.locator("#link.bad")).to_have_count(0)
    expect(page.locator("#faults li")).to_have_count(0)
    stage.shown = troubled_gate(LANES["wait"])
    expect(page.locator("#link.bad b")).to_have_text("离线 12 分钟, 待传 37")
    expect(page.locator("#faults li")).to_contain_text("测温仪无读数 thermo-1")


def test_a_gate_that_can_not_record_says_so_across_the_top(stage: Stage, page: Page) -> None:
    expect(page.locator("#alarm")).to_be_hidden()
    stage.shown = msgspec.structs.replace(gate(LANES["fault"]), recording=False)
    expect(page.locator("#alarm")).to_contain_text("未记录")


def test_key_1_acknowledges_with_the_pin(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["escalate"])
    page.keyboard.press("1")
    expect(page.locator("#acts")).to_be_hidden()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts == [GuardAct("acknowledge", "in-1", "01")]


def test_key_2_admits_only_with_a_reason_and_the_pin(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["escalate"])
    page.keyboard.press("2")
    page.locator("#pin").fill(PIN)
    page.locator("#form button[type=submit]").click()
    expect(page.locator("#refused")).to_contain_text("请选择原因")
    page.get_by_text("认识的住户").click()
    page.locator("#pin").fill("9999")
    page.locator("#form button[type=submit]").click()
    expect(page.locator("#refused")).to_contain_text("口令错误")
    assert stage.acts == []
    for digit in PIN:
        page.locator("#pad").get_by_text(digit, exact=True).click()
    page.locator("#form button[type=submit]").click()
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts == [GuardAct("admit", "in-1", "01", "known_resident")]


def test_a_temperature_taken_by_hand_is_sent_as_a_number(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["fault"])
    page.keyboard.press("2")
    page.get_by_text("录入体温").click()
    page.locator("[name=object_c]").fill("36.5")
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts == [GuardAct("measured", "in-1", object_c=36.5)]


def test_somebody_without_a_pass_is_noted_with_a_reason_a_plate_and_where_to(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["wait"])
    page.keyboard.press("2")
    expect(page.locator("#came")).to_be_hidden()
    page.get_by_text("无码登记放行").click()
    page.locator("[name=plate]").fill("赣A12345")
    page.locator("[name=visited]").fill("3-2-501")
    page.get_by_text("配送").click()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts == [GuardAct("walk_up", "in-1", "", "delivery", plate="赣A12345", visited="3-2-501")]


def test_a_pass_is_cleared_only_where_there_is_something_to_clear(stage: Stage, page: Page) -> None:
    _show(stage, page, LANES["escalate"])
    page.keyboard.press("2")
    expect(page.get_by_text("解除限制")).to_have_count(0)
    page.keyboard.press("Escape")
    _show(stage, page, msgspec.structs.replace(LANES["escalate"], reason="passback", clearable=True))
    # The state is the one before: the page has the new view once it shows the new reason.
    expect(page.locator(".lane").first).to_contain_text(ALL["passback"].zh)
    page.keyboard.press("2")
    page.get_by_text("解除限制").click()
    page.get_by_text("认识的住户").click()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_be_hidden()
    assert stage.acts == [GuardAct("clear_passback", "in-1", "01", "known_resident")]


@pytest.mark.parametrize("state", ["deny", "escalate"])
def test_whoever_is_refused_or_waits_sees_whom_to_ask(stage: Stage, page: Page, state: str) -> None:
    _show(stage, page, LANES[state])
    expect(page.locator(".lane .phone").first).to_contain_text("027-5550 0107")
    _show(stage, page, LANES["allow"])
    expect(page.locator(".lane .phone").first).to_be_empty()


def test_key_3_shows_whom_to_call_and_key_4_mutes_for_a_minute(stage: Stage, page: Page) -> None:
    page.keyboard.press("3")
    expect(page.locator("#call-phone")).to_have_text("027-5550 0107")
    page.keyboard.press("Escape")
    expect(page.locator("#call")).to_be_hidden()
    page.keyboard.press("4")
    expect(page.locator("#k4")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#sound i")).to_have_text(re.compile(r"^\d+ s$"))


def test_without_a_configured_pin_the_keys_for_acts_are_off(browser: Browser) -> None:
    stage = Stage()
    with screen(stage, pin_hash=None), page_at(browser, stage.url) as page:
        expect(page.locator("#k1")).to_be_disabled()
        page.keyboard.press("2")
        expect(page.locator("#sheet")).to_be_hidden()


def test_the_page_stays_small_however_long_it_runs(stage: Stage, page: Page) -> None:
    def nodes() -> int:
        return int(page.evaluate("document.getElementsByTagName('*').length"))

    for state in STATES:
        _show(stage, page, LANES[state])
    before = nodes()
    for state in STATES * 3:
        _show(stage, page, LANES[state])
    assert nodes() == before
