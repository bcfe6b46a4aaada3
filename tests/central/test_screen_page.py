"""Facts about the operators' page, over plain HTTP and in a real browser."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from central.screen import OperatorsServer
from tests.browser import PHONE, chromium, page_at
from tools.board_samples import SampleViews

DESK = {"width": 1440, "height": 900}
HOSTILE = "<img src=x onerror=document.body.remove()>"
CSS = (Path(__file__).parents[2] / "central" / "screen" / "static" / "operators.css").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def views() -> SampleViews:
    return SampleViews()


@pytest.fixture
def port(views: SampleViews) -> Iterator[int]:
    server = OperatorsServer("127.0.0.1", 0, views)
    yield server.start()
    server.stop()


@pytest.fixture
def page(browser: Browser, port: int) -> Iterator[Page]:
    with page_at(browser, f"http://127.0.0.1:{port}/", DESK) as page:
        expect(page.locator("#tree tr").first).to_be_visible()
        yield page


@contextmanager
def _events(port: int, path: str = "") -> Iterator[Iterator[dict[str, Any]]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/events?path={path}")
    answer = connection.getresponse()
    try:
        yield (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))
    finally:
        answer.close()
        connection.close()


def _get(port: int, path: str, host: str = "127.0.0.1") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.end_to_end
def test_a_plain_client_gets_the_page_of_the_node_that_it_asks_for(port: int) -> None:
    with _events(port, "jiangcheng/hanyang") as stream:
        page = next(stream)["page"]
    assert (page["path"], page["name"]["zh"]) == ("jiangcheng/hanyang", "汉阳区")


@pytest.mark.end_to_end
def test_a_change_arrives_and_the_store_is_read_once_a_second_for_all_readers(port: int, views: SampleViews) -> None:
    with _events(port) as one, _events(port) as other:
        next(one), next(other)
        views.open_alarms = views.open_alarms[:1]
        assert next(one)["page"]["alarm_count"] == 1
        assert next(other)["page"]["alarm_count"] == 1
    assert len(views.paths) <= 3


@pytest.mark.end_to_end
def test_a_quiet_board_still_beats(port: int) -> None:
    with _events(port) as stream:
        first, second = islice(stream, 2)
    assert second["n"] > first["n"]


@pytest.mark.end_to_end
def test_a_strangers_name_for_this_address_is_refused(port: int) -> None:
    assert _get(port, "/", "evil.example").status == 421
    answer = _get(port, "/")
    assert answer.status == 200
    assert "default-src 'self'" in str(answer.getheader("content-security-policy"))


@pytest.mark.end_to_end
def test_the_alarms_stand_on_top_with_priority_name_gate_and_age(page: Page) -> None:
    first = page.locator("#alarms li").first
    for text in ("P1", "需要人工复测", "gate-001", "第七网格", "42 秒"):
        expect(first).to_contain_text(text)
    expect(page.locator("#alarm-count")).to_have_text("3")


@pytest.mark.end_to_end
def test_corrected_and_original_time_stand_side_by_side_and_what_has_no_date_is_told(
    page: Page, views: SampleViews
) -> None:
    expect(page.locator("#undated")).to_be_hidden()
    boot = {"original_ms": 1_000_000}
    first, second, third = views.open_alarms
    views.open_alarms = (
        msgspec.structs.replace(first, clock="corrected", **boot),
        msgspec.structs.replace(second, clock="untrusted", **boot),
        third,
    )
    views.nodes = tuple(
        msgspec.structs.replace(node, undated_verdicts=3, undated_outcomes=2) if node.depth == 0 else node
        for node in views.nodes
    )
    marks = page.locator("#alarms .clock")
    expect(marks).to_have_count(2)
    expect(marks.nth(0)).to_contain_text("校正 09-22 11:59，原记 1970-01-01 08:16")
    expect(marks.nth(1)).to_contain_text("时间未校正，收到 09-22 11:57，原记 1970-01-01 08:16")
    expect(page.locator("#undated")).to_contain_text("未计入任何一天：判定 3，结果 2")


@pytest.mark.end_to_end
def test_without_open_alarms_the_page_says_so(page: Page, views: SampleViews) -> None:
    views.open_alarms = ()
    expect(page.locator("#alarms")).to_contain_text("没有未结告警")


@pytest.mark.end_to_end
def test_every_number_of_the_tree_stands_beside_its_completeness(page: Page) -> None:
    page.locator("#tree button").first.click()
    expect(page.locator("#tree tr")).to_have_count(3)
    for row in page.locator("#tree tr").all():
        expect(row.locator("td").last).to_contain_text("关口完整至 10:00")
    expect(page.locator("#chart-complete")).to_contain_text("38/40 关口完整至 10:00")


@pytest.mark.end_to_end
def test_a_click_opens_a_node_and_the_way_back_leads_up(page: Page) -> None:
    page.locator("#tree button").first.click()
    page.get_by_role("button", name="汉阳区").click()
    expect(page.locator("#chart-complete")).to_contain_text("12/12")
    expect(page.locator("#gates li")).to_have_count(0)
    page.get_by_role("button", name="全部").click()
    expect(page.locator("#gates li")).to_have_count(4)


@pytest.mark.end_to_end
def test_hours_that_are_not_complete_are_drawn_pale(page: Page) -> None:
    page.locator("#tree button").first.click()
    page.get_by_role("button", name="汉阳区").click()
    expect(page.locator("#chart rect:not(.unsure)").first).to_be_visible()
    assert page.locator("#chart rect.unsure").count() > 0


@pytest.mark.end_to_end
def test_figures_that_are_no_longer_renewed_say_so(browser: Browser, views: SampleViews) -> None:
    server = OperatorsServer("127.0.0.1", 0, views)
    with page_at(browser, f"http://127.0.0.1:{server.start()}/", DESK) as page:
        expect(page.locator("#tree tr").first).to_be_visible()
        server.stop()
        page.evaluate("() => { const real = Date.now; Date.now = () => real() + 13000; }")
        expect(page.locator("#stale")).to_contain_text("数据未更新", timeout=3_000)


@pytest.mark.end_to_end
def test_hostile_text_is_shown_and_never_run(page: Page, views: SampleViews) -> None:
    views.open_alarms = (msgspec.structs.replace(views.open_alarms[0], name_zh=HOSTILE, detail=HOSTILE),)
    views.gate_views = (msgspec.structs.replace(views.gate_views[0], policy=HOSTILE, faults=(HOSTILE,)),)
    expect(page.locator("#alarms .name").first).to_contain_text(HOSTILE)
    expect(page.locator("#gates")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0


@pytest.mark.end_to_end
def test_the_page_fits_a_phone(browser: Browser, port: int) -> None:
    with page_at(browser, f"http://127.0.0.1:{port}/", PHONE) as page:
        expect(page.locator("#gates li").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _luminance(name: str) -> float:
    found = re.search(rf"--{name}: #([0-9A-F]{{6}});", CSS)
    assert found, f"--{name} is not in operators.css"
    parts = [int(found[1][at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "card"),
        ("quiet", "card"),
        ("quiet", "ground"),
        ("amber", "card"),
        ("amber", "amber-ground"),
        ("ink", "red-ground"),
        ("quiet", "red-ground"),
        ("card", "p1"),
        ("card", "p2"),
        ("card", "p3"),
        ("p4", "card"),
    ],
)
def test_every_text_has_a_contrast_of_at_least_4_5(ink: str, ground: str) -> None:
    """After WCAG 2.2."""
    dark, light = sorted((_luminance(ink), _luminance(ground)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5
