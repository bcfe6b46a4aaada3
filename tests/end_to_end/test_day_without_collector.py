"""A day on which nobody answers: collector and broker dead, phones without a network, and people still come home.

Everything that the day needs was brought before it: to the phone when it opened its page once, to the gate sealed. The
gate's machine has been off meanwhile, and starts again with a clock that its kernel vouches for (as GPS or NTP would).
"""

from __future__ import annotations

import csv
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from checkpoint.documents import open_document
from checkpoint.records import Verdict
from tests.browser import chromium
from tests.central.resident.conftest import Phone, phone
from tests.waiting import wait_for
from tools.chaos.run import PACE, places
from tools.demo.evidence import gate_records
from tools.demo.processes import Town
from tools.demo.street import CROSSING
from tools.faults.steered_gate import BOOT_BYTES, Steering

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]

GATE = "gate-1"
_LIMIT_S = 40.0
_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_PEOPLE = "class,name,unit\nresident,张小明,3-2-501\nworker,李师傅,物业\nresident,王芳,1-1-101\n"
# Nobody is measured; what happens to old lists is what the tables say without anybody's wish.
_POLICY = """
id = "a-day"
version = 1
title_zh = "测试"
title_en = "Test"
authority = "nobody, for tests only"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2099-12-31T00:00:00+08:00
accept_weak_binding = true

[[rule]]
name = "everybody with a pass"
checks = ["pass"]

[timeouts]
presentation_s = 8
crossing_s = 4
verdict_shown_s = 0.5
same_code_ignored_s = 0.5
"""


class Place:
    """A town of one gate whose clock can be moved, and whose collector serves the residents' page."""

    def __init__(self, folder: Path) -> None:
        policy = folder / "policy.toml"
        policy.write_text(_POLICY, encoding="utf-8")
        self.town = Town(folder, places(1), replace(PACE, policy=policy))
        self.ahead_s = 0
        self._clock = Steering(folder / "gate.clock")
        self._clock.write(0, False, secrets.token_bytes(BOOT_BYTES))
        self.town.module[GATE] = ["tools.faults.steered_gate", str(self._clock.path)]
        self._collectors_clock = Steering(folder / "collector.clock")
        self.town.module["collector"] = ["tools.faults.steered_collector", str(self._collectors_clock.path)]

    def start(self) -> None:
        self.town.set_up()
        self.town.start()
        self.street = self.town.streets[GATE]
        self.links = self._import_people()

    def close(self) -> None:
        self.town.close()
        self._clock.close()
        self._collectors_clock.close()

    def _import_people(self) -> list[str]:
        """From a spreadsheet, with the product's own command; the links to their passes."""
        table, links = self.town.folder / "people.csv", self.town.folder / "links.csv"
        table.write_text(_PEOPLE, encoding="utf-8")
        self.town.central("people", "import", str(table), "--site", "garden", "--issue", "--links", str(links))
        with links.open(encoding="utf-8-sig", newline="") as file:
            return [row[3] for row in list(csv.reader(file))[1:]]

    def seal_key(self) -> str:
        """What the collector's store has of the gate's heartbeat."""
        with closing(sqlite3.connect(self.town.database)) as connection:
            row = connection.execute("SELECT versions FROM gate_state").fetchone()
        return str(msgspec.json.decode(row[0]).get("seal", "")) if row else ""

    @property
    def roster(self) -> Path:
        return self.town.gate_folder(GATE) / "data" / "documents" / f"roster@{GATE}.doc"

    def step_secrets(self) -> list[bytes]:
        """As the collector keeps them."""
        files = sorted((self.town.folder / "central" / "keys" / "steps").glob("*.key"))
        return [bytes.fromhex(file.read_text().strip()) for file in files]

    def version(self, kind: str, scope: str) -> int:
        """Of a document on the gate's disk; 0 without any."""
        file = self.roster.with_name(f"{kind}@{scope}.doc")
        return open_document(msgspec.msgpack.decode(file.read_bytes())[1]).version if file.exists() else 0

    def nobody_answers(self) -> None:
        self.town.kill("collector")
        self.town.kill("broker")

    def everybody_answers(self) -> None:
        """Broker and collector start again, at the time that the gate and the phones have by now."""
        self._collectors_clock.write(self.ahead_s * 1000, True, bytes(BOOT_BYTES))
        self.town.start_broker()
        self.town.start_collector()

    def off_until(self, ahead_s: int, kernel: bool = True) -> None:
        """The gate's machine loses its power, and starts again this long after the test began. `kernel`: see above."""
        self.town.kill(GATE)
        wait_for(lambda: not self.street.screen.page, "the end of the screen")
        self._set(ahead_s, secrets.token_bytes(BOOT_BYTES), kernel)
        self.town.start_gate(GATE)
        self._ready()

    def goes_on(self, seconds: int) -> None:
        """Time passes for the running gate, by a clock that its kernel disciplines."""
        self._set(self.ahead_s + seconds, self._clock.read()[2])

    def _set(self, ahead_s: int, boot_id: bytes, kernel: bool = True) -> None:
        self.ahead_s = ahead_s
        self._clock.write(ahead_s * 1000, kernel, boot_id)

    def _ready(self) -> None:
        wait_for(lambda: self.street.screen.lane().get("state") == "wait", self.town.tail(GATE), _LIMIT_S)

    def shown(self, code: bytes) -> Verdict:
        """Somebody holds this code up to the camera and goes through if they may; the verdict on the gate's disk."""
        street = self.street
        self._ready()
        known = len(self._verdicts())
        street.keep_distance()
        street.step_in()
        street.hold(code)
        opened = street.wait_answer(_LIMIT_S) == "open"
        street.lower()
        if opened:
            street.press(CROSSING, 0.3)
        street.step_away()
        wait_for(lambda: len(self._verdicts()) > known, self.town.tail(GATE), _LIMIT_S)
        verdict = self._verdicts()[known]
        assert opened == (verdict.verdict == "allow")
        return verdict

    def _verdicts(self) -> list[Verdict]:
        records = gate_records(self.town.gate_folder(GATE) / "data" / "outbox.db")
        return [kept.payload for kept in records if isinstance(kept.payload, Verdict)]


@pytest.fixture(scope="module")
def place(open_folder: Path) -> Iterator[Place]:
    place = Place(open_folder)
    try:
        place.start()
        yield place
    finally:
        place.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def _opened(stack: ExitStack, browser: Browser, link: str) -> Phone:
    """A phone on which the link was opened once, and which holds what it needs from then on."""
    held = stack.enter_context(phone(browser, at_s=time.time()))
    held.open(link)
    held.shows("online")
    expect(held.page.locator("#bind")).to_be_visible()
    assert held.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return held


def _bind(held: Phone) -> None:
    held.page.click("#bind")
    expect(held.page.locator("#bind")).to_be_hidden()


def _cut(held: Phone, place: Place, variant: str) -> None:
    """No network from now on, and the page was closed: what it shows when it is opened again is made by the phone."""
    held.page.context.set_offline(True)
    held.open(f"{place.town.resident_url}/")
    held.shows(variant)


def _later(held: Phone, seconds: int) -> None:
    held.page.clock.fast_forward(seconds * 1000)


def _invited(held: Phone) -> str:
    """The link of a visitor for one entry, from the resident's own page."""
    held.page.click("#to-invite")
    held.page.fill("#invite-form [name=name]", "王师傅")
    held.page.click("#invite-form [type=submit]")
    expect(held.page.locator("#invited-link")).to_contain_text("#k=")
    return held.page.locator("#invited-link").inner_text()


def test_the_phone_that_was_bound_last_opens_the_gate_and_the_one_before_does_not(
    place: Place, browser: Browser
) -> None:
    link = place.links[2]
    with ExitStack() as stack:
        old, new = _opened(stack, browser, link), _opened(stack, browser, link)
        _bind(old)
        _cut(old, place, "device")
        code = old.code()
        assert place.shown(code).verdict == "allow"
        before = place.version("status", "gardens")
        _bind(new)
        wait_for(lambda: place.version("status", "gardens") > before, "the list with the cut-off", _LIMIT_S)
        verdict = place.shown(code)
        assert (verdict.verdict, verdict.reason) == ("deny", "pass_revoked")
        _cut(new, place, "device")
        assert place.shown(new.code()).verdict == "allow"


def test_without_any_answer_phones_open_the_gate_for_days_and_their_pictures_do_not(
    place: Place, browser: Browser
) -> None:
    wait_for(place.seal_key, "the gate's sealing key in its heartbeat")
    with ExitStack() as stack:
        resident, worker = (_opened(stack, browser, link) for link in place.links[:2])
        _bind(worker)
        visitor = _opened(stack, browser, _invited(resident))
        # The secrets are made when a phone first asks, and reach this gate alone, sealed.
        wait_for(place.roster.exists, place.town.tail("collector"), _LIMIT_S)
        kept = place.roster.read_bytes()
        assert place.step_secrets()
        assert open_document(msgspec.msgpack.decode(kept)[1]).scope == GATE
        assert not [secret for secret in place.step_secrets() if secret in kept or secret.hex().encode() in kept]
        _expect(place.shown(visitor.code()), "allow", "all_ok")

        place.nobody_answers()
        _cut(visitor, place, "step")
        # The gate knows by itself who has been in; that nobody answers it finds out a few seconds later.
        verdict = place.shown(visitor.code())
        assert (verdict.verdict, verdict.reason) == ("deny", "pass_used")
        _cut(resident, place, "step")
        worker.page.context.set_offline(True)
        place.off_until(_DAY_S)
        for held, variant in ((resident, "step"), (worker, "device")):
            before = held.code()
            _later(held, _DAY_S)
            held.shows(variant)
            wait_for(lambda held=held, before=before: held.code() != before, "a code of this day")  # type: ignore[misc]
        pictures = [resident.code(), worker.code()]
        assert [picture[:5] for picture in pictures] == [b"GK1T:", b"GK1K:"]
        for picture in pictures:
            # Lists of over a day hold nobody, and everybody is told.
            _expect(place.shown(picture), "allow", "all_ok", "stale_revocation", "offline")

        place.goes_on(120)
        for picture in pictures:
            _expect(place.shown(picture), "deny", "step_stale", "offline")

        # In the week after, lists are too old: residents go home, whoever else comes is asked about.
        place.off_until(_WEEK_S)
        for held in (resident, worker):
            _later(held, _WEEK_S - _DAY_S)
            wait_for(lambda held=held: held.code() not in pictures, "a code of this day")  # type: ignore[misc]
        verdict = place.shown(resident.code())
        _expect(verdict, "allow", "allowed_by_fail_table", "lists_stale", "policy_stale", "offline")
        _expect(place.shown(worker.code()), "escalate", "lists_stale", "offline")

        # Without anybody's word for the clock a code that is shown now and a picture look alike: a person is asked.
        place.off_until(_WEEK_S, kernel=False)
        for code in (resident.code(), pictures[0]):
            verdict = place.shown(code)
            assert (verdict.verdict, verdict.reason) == ("escalate", "clock_untrusted")

        # All comes back by itself: phones, clock, and the roster of the new week.
        before = place.version("roster", GATE)
        place.everybody_answers()
        wait_for(lambda: place.version("roster", GATE) > before, "the roster of this week", _LIMIT_S)
        resident.page.context.set_offline(False)
        resident.shows("online")
        _expect(place.shown(resident.code()), "allow", "all_ok")


def _expect(verdict: Verdict, answer: str, reason: str, *tags: str) -> None:
    assert (verdict.verdict, verdict.reason, verdict.tags) == (answer, reason, tags)
