"""Facts about the resident's page in a real browser: what a gate's decoder reads from its screen, online and not."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from central.resident.desk import Invitation
from checkpoint.passes import Presented
from edge.place_code import PlaceCodes
from tests.central.resident.conftest import Phone, Served, phone
from tests.central.resident.sample_desk import GATE, SECOND, TOKEN, SampleDesk, read

pytestmark = pytest.mark.end_to_end
LINK = f"#k={TOKEN}"
PLACE = f"#g={GATE}&n=0011223344556677"


def _read(held: Phone) -> Presented:
    return read(held.code(), held.now_s())


def _kept_offline(held: Phone) -> None:
    """Until the phone holds what it needs without a network."""
    held.shows("online")
    expect(held.page.locator("#bind")).to_be_visible()


def _later(held: Phone, desk: SampleDesk, seconds: int) -> None:
    """Time passes, for the phone and for the collector."""
    desk.ahead_s += seconds
    held.page.clock.fast_forward(seconds * 1000)


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_gate_reads_the_code_on_the_screen_and_it_is_minted_for_minutes(a_phone: Phone, served: Served) -> None:
    a_phone.open(served.url + LINK)
    a_phone.shows("online")
    presented = _read(a_phone)
    assert (presented.reason, presented.variant) == ("pass_valid", "rotating")
    assert presented.pass_ is not None
    assert presented.pass_.expires_s - presented.pass_.not_before_s == 300
    expect(a_phone.page.locator("#who")).to_contain_text("住户 Resident")


def test_the_token_stays_in_the_phone_and_in_bodies(a_phone: Phone, served: Served) -> None:
    addresses: list[str] = []
    a_phone.page.on("request", lambda request: addresses.append(request.url + str(request.headers)))
    a_phone.open(served.url + LINK)
    a_phone.shows("online")
    a_phone.page.evaluate("fetch('/healthz')")
    assert len(addresses) > 5
    # The first is the address that was typed; a fragment is not sent.
    assert not [line for line in addresses[1:] if TOKEN in line]
    assert TOKEN not in a_phone.page.url


def test_a_new_code_comes_before_the_old_one_is_over(clocked: Phone, served: Served, desk: SampleDesk) -> None:
    clocked.open(served.url + LINK)
    clocked.shows("online")
    first = clocked.code()
    _later(clocked, desk, 200)
    expect(clocked.page.locator("#link")).to_contain_text("在线")
    _until(lambda: desk.asked >= 2)
    _until(lambda: clocked.code() != first)
    assert _read(clocked).reason == "pass_valid"


def test_without_the_collector_the_phone_makes_step_codes_by_itself(clocked: Phone, served: Served) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    served.stop()
    clocked.page.clock.fast_forward(300_000)
    clocked.shows("step")
    first = _read(clocked)
    assert (first.reason, first.variant) == ("pass_valid", "step")
    clocked.page.clock.fast_forward(3_600_000)
    _until(lambda: _read(clocked).reason == "pass_valid")
    assert _read(clocked).variant == "step"


def test_a_picture_of_an_offline_code_is_stale_two_minutes_later(clocked: Phone, served: Served) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    served.stop()
    clocked.page.clock.fast_forward(300_000)
    clocked.shows("step")
    picture = clocked.code()
    assert read(picture, clocked.now_s() + 120).reason == "step_stale"


def test_a_bound_phone_signs_its_offline_codes(clocked: Phone, served: Served, desk: SampleDesk) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    clocked.page.click("#bind")
    expect(clocked.page.locator("#say")).to_contain_text("已绑定")
    expect(clocked.page.locator("#bind")).to_be_hidden()
    assert desk.device is not None
    served.stop()
    clocked.page.clock.fast_forward(300_000)
    clocked.shows("device")
    presented = _read(clocked)
    assert (presented.reason, presented.variant) == ("pass_valid", "device")
    assert read(clocked.code(), clocked.now_s() + 120).reason == "step_stale"


def test_when_another_phone_is_bound_this_one_goes_back_to_step_codes(
    clocked: Phone, served: Served, desk: SampleDesk
) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    clocked.page.click("#bind")
    expect(clocked.page.locator("#bind")).to_be_hidden()
    desk.device = bytes(32)
    _later(clocked, desk, 200)
    expect(clocked.page.locator("#bind")).to_be_visible()
    served.stop()
    clocked.page.clock.fast_forward(300_000)
    clocked.shows("step")
    assert _read(clocked).reason == "pass_valid"


def test_once_opened_the_page_opens_without_a_network_and_after_it_was_closed(a_phone: Phone, served: Served) -> None:
    a_phone.open(served.url + LINK)
    _kept_offline(a_phone)
    assert a_phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    served.stop()
    a_phone.open(served.url)
    a_phone.shows("step")
    assert _read(a_phone).reason == "pass_valid"
    expect(a_phone.page.locator("#link")).to_contain_text("离线")


def test_after_the_keys_are_over_there_is_no_code_rather_than_an_old_one(clocked: Phone, served: Served) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    served.stop()
    clocked.page.clock.fast_forward(15 * 86_400_000)
    clocked.shows("none")
    assert clocked.sees_no_code()
    expect(clocked.page.locator("#none")).to_contain_text("值守人员")


def test_a_phone_whose_clock_is_wrong_shows_codes_by_the_collectors_clock(browser: Browser, served: Served) -> None:
    with phone(browser, at_s=time.time() - 7200) as late:
        late.open(served.url + LINK)
        _kept_offline(late)
        served.stop()
        late.page.clock.fast_forward(300_000)
        late.shows("step")
        assert read(late.code(), late.now_s() + 7200).reason == "pass_valid"


def test_a_revoked_pass_goes_from_the_screen_and_from_the_phone(
    clocked: Phone, served: Served, desk: SampleDesk
) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    desk.state = "revoked"
    _later(clocked, desk, 200)
    clocked.shows("state")
    expect(clocked.page.locator("#none")).to_contain_text("已停用")
    assert clocked.sees_no_code()
    served.stop()
    clocked.open(served.url)
    clocked.shows("none")
    assert clocked.sees_no_code()


def test_a_collector_in_trouble_counts_as_no_network(clocked: Phone, served: Served, desk: SampleDesk) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    desk.down = True
    _later(clocked, desk, 300)
    clocked.shows("step")
    desk.down = False
    _later(clocked, desk, 100)
    clocked.shows("online")


def test_when_the_network_is_back_the_page_asks_at_once(a_phone: Phone, served: Served) -> None:
    a_phone.open(served.url + LINK)
    _kept_offline(a_phone)
    assert a_phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    a_phone.page.context.set_offline(True)
    a_phone.open(served.url)
    a_phone.shows("step")
    a_phone.page.context.set_offline(False)
    a_phone.shows("online")


def test_a_page_that_comes_to_the_front_again_asks_at_once_and_goes_on_asking(
    clocked: Phone, served: Served, desk: SampleDesk
) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    asked = desk.asked
    clocked.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    _until(lambda: desk.asked == asked + 1)
    _later(clocked, desk, 200)
    _until(lambda: desk.asked == asked + 2)
    clocked.shows("online")


def test_at_an_address_without_https_there_are_minted_codes_only(clocked: Phone, served: Served) -> None:
    clocked.page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    clocked.open(served.url + LINK)
    clocked.shows("online")
    assert _read(clocked).reason == "pass_valid"
    expect(clocked.page.locator("#bind")).to_be_hidden()
    served.stop()
    clocked.page.clock.fast_forward(300_000)
    clocked.shows("none")
    assert clocked.sees_no_code()


def test_something_between_phone_and_collector_ends_no_pass(clocked: Phone, served: Served, desk: SampleDesk) -> None:
    clocked.open(served.url + LINK)
    _kept_offline(clocked)
    clocked.page.route("**/api/show", lambda route: route.fulfill(status=403, json={"zh": "", "en": ""}))
    clocked.page.clock.fast_forward(300_000)
    clocked.shows("step")
    clocked.page.unroute("**/api/show")
    clocked.page.route("**/api/show", lambda route: route.fulfill(status=200, body="<html>log in here</html>"))
    clocked.page.clock.fast_forward(60_000)
    _until(lambda: _read(clocked).reason == "pass_valid")


def test_a_place_code_that_was_scanned_comes_back_in_the_pass(a_phone: Phone, served: Served) -> None:
    a_phone.open(served.url + LINK)
    a_phone.shows("online")
    codes = PlaceCodes(b"secret of the gate", GATE, served.url)
    a_phone.open(codes.text(a_phone.now_s()))
    expect(a_phone.page.locator("#arriving")).to_contain_text(GATE)
    presented = _read(a_phone)
    assert presented.pass_ is not None
    arrival = presented.pass_.arrival
    assert arrival is not None
    assert codes.accepts(arrival, GATE, a_phone.now_s()) == ""
    assert codes.accepts(arrival, "gate-2", a_phone.now_s()) == "arrival_elsewhere"
    assert codes.accepts(arrival, GATE, a_phone.now_s() + 720) == "arrival_stale"


def test_ten_minutes_after_a_place_code_the_pass_is_for_every_gate_again(
    clocked: Phone, served: Served, desk: SampleDesk
) -> None:
    clocked.open(served.url + LINK)
    clocked.shows("online")
    clocked.open(served.url + PLACE)
    expect(clocked.page.locator("#arriving")).to_be_visible()
    _later(clocked, desk, 620)
    expect(clocked.page.locator("#arriving")).to_be_hidden()
    _until(lambda: _read(clocked).reason == "pass_valid")
    held = _read(clocked).pass_
    assert held is not None
    assert held.arrival is None


def test_a_visitor_is_invited_and_opens_the_link(a_phone: Phone, served: Served, browser: Browser) -> None:
    a_phone.open(served.url + LINK)
    a_phone.page.click("#to-invite")
    a_phone.page.fill("#invite-form [name=name]", "王师傅")
    a_phone.page.select_option("#invite-form [name=hours]", "2")
    a_phone.page.click("#invite-form [type=submit]")
    expect(a_phone.page.locator("#invited-link")).to_have_text(f"{served.url}#k={SECOND}")
    a_phone.page.locator("#invited-code").scroll_into_view_if_needed()
    link = a_phone.code().decode()
    assert link == f"{served.url}#k={SECOND}"
    [invitation] = served.desk.invitations
    assert (invitation.name, invitation.lifetime_s, invitation.uses) == ("王师傅", 7200, 1)
    with phone(browser) as visitor:
        visitor.open(link)
        visitor.shows("online")
        presented = _read(visitor)
        assert presented.pass_ is not None
        assert (presented.reason, presented.pass_.pass_class) == ("pass_valid", "visitor")
        expect(visitor.page.locator("#to-invite")).to_be_hidden()
    a_phone.page.click("#invited [data-back]")
    a_phone.shows("online")
    assert _read(a_phone).reason == "pass_valid"


def test_a_host_ends_the_pass_of_a_visitor(a_phone: Phone, served: Served, desk: SampleDesk) -> None:
    desk.invite(TOKEN, Invitation("王师傅", 7200, 1, "", 1))
    a_phone.open(served.url + LINK)
    a_phone.page.click("#to-invite")
    expect(a_phone.page.locator("#guests")).to_contain_text("王师傅")
    assert _fits(a_phone.page)
    a_phone.page.click("#guests button")
    expect(a_phone.page.locator("#expected")).to_be_hidden()
    assert SECOND not in desk.claims


def test_somebody_registers_at_the_gate_and_gets_the_pass_once_it_is_confirmed(
    clocked: Phone, served: Served, desk: SampleDesk
) -> None:
    page = clocked.page
    clocked.open(served.url + PLACE)
    expect(page.locator("#place")).to_contain_text("东苑小区")
    for name, value in (("name", "李四"), ("phone", "13800000000"), ("unit", "3-2-501"), ("travel", "武汉")):
        page.fill(f"#register-form [name={name}]", value)
    page.check("[name=symptoms][value=no]")
    page.check("[name=contact][value=yes]")
    page.click("#register-form [type=submit]")
    assert desk.registrations == [], "the declaration is not ticked"
    page.check("[name=agree]")
    page.click("#register-form [type=submit]")
    clocked.shows("state")
    expect(page.locator("#none")).to_contain_text("等待社区确认")
    [registration] = desk.registrations
    assert (registration.site, registration.name, registration.pass_class) == ("east", "李四", "visitor")
    assert '"contact":true' in registration.declared
    desk.state = "valid"
    page.clock.fast_forward(20_000)
    clocked.shows("online")
    assert _read(clocked).reason == "pass_valid"


def test_a_gate_that_is_not_known_offers_no_form(a_phone: Phone, served: Served) -> None:
    a_phone.open(served.url + "#g=gate-9&n=0011223344556677")
    expect(a_phone.page.locator("#place")).to_contain_text("没有这个关口")
    expect(a_phone.page.locator("#register-form")).to_be_hidden()


def test_one_phone_keeps_the_passes_of_a_family(a_phone: Phone, served: Served, desk: SampleDesk) -> None:
    desk.claims[SECOND], desk.names[SECOND] = desk.claims[TOKEN], "＊芳"
    a_phone.open(served.url + LINK)
    a_phone.shows("online")
    a_phone.open(f"{served.url}#k={SECOND}")
    expect(a_phone.page.locator("#name")).to_have_text("＊芳")
    a_phone.page.click("#tabs button:has-text('＊＊明')")
    expect(a_phone.page.locator("#name")).to_have_text("＊＊明")
    a_phone.page.click("#forget")
    expect(a_phone.page.locator("#name")).to_have_text("＊芳")
    a_phone.page.click("#forget")
    expect(a_phone.page.locator("#welcome")).to_be_visible()
    assert TOKEN not in a_phone.page.evaluate("JSON.stringify(localStorage)")


def test_a_link_that_is_not_known_says_so(a_phone: Phone, served: Served) -> None:
    a_phone.open(served.url + "#k=nobody")
    a_phone.shows("state")
    expect(a_phone.page.locator("#none")).to_contain_text("链接无效")


def test_a_name_is_text_and_never_markup(a_phone: Phone, served: Served, desk: SampleDesk) -> None:
    desk.names[TOKEN] = "<img src=x onerror=document.body.remove()>"
    a_phone.open(served.url + LINK)
    a_phone.shows("online")
    expect(a_phone.page.locator("#name")).to_have_text(desk.names[TOKEN])


@pytest.mark.parametrize(("dark", "width"), [(False, 390), (True, 320)])
def test_everything_fits_a_phone_and_the_code_is_black_on_white(
    browser: Browser, served: Served, dark: bool, width: int
) -> None:
    with phone(browser, dark=dark, width=width) as held:
        held.open(served.url + PLACE)
        expect(held.page.locator("#register-form")).to_be_visible()
        assert _fits(held.page)
        held.open(served.url + LINK)
        held.shows("online")
        assert _fits(held.page)
        assert held.page.evaluate("getComputedStyle(document.getElementById('card')).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert _read(held).reason == "pass_valid"
        small = "[...document.querySelectorAll('body *')].filter(e => parseFloat(getComputedStyle(e).fontSize) < 13)"
        assert held.page.evaluate(f"{small}.length") == 0
        held.page.click("#to-invite")
        assert _fits(held.page)


def _until(met, limit_s: float = 15.0) -> None:
    end_s = time.monotonic() + limit_s
    while not met():
        assert time.monotonic() < end_s, "it did not come in time"
