"""The place code changes every minute, and who comes back with it is let on for ten, at this gate alone."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from checkpoint.formats.gk1 import issue
from checkpoint.passes import Arrival, Presented
from drivers.decoder.decoder import Decoder
from edge.clock import Moment
from edge.lanes import place_codes
from edge.place_code import PlaceCodes
from edge.reading import read_presented
from edge.screen.view import guard_page
from firmware_config.schema import GateFile
from tests.browser import KIOSK, PHONE, chromium, page_at
from tests.checkpoint.pass_samples import KEY, TRUST, claims
from tests.edge.gate_process import LANE_OUT, GateProcess
from tests.edge.lane_bench import Bench
from tests.edge.screen_client import Stage, screen
from tests.webscreen.test_symbol import corners
from tools.screen_samples import LANES, gate

NOW_S = 1_581_292_830
CODES = PlaceCodes(bytes(range(32)), "gate-1", "https://pass.example.org/r/")


def scanned(text: str) -> Arrival:
    """What a phone reads out of the link."""
    found = re.fullmatch(r"https://pass\.example\.org/r/#g=([a-z0-9-]+)&n=([0-9a-f]{16})", text)
    assert found
    return Arrival(found[1], bytes.fromhex(found[2]))


def test_the_text_is_what_phones_expect() -> None:
    """Golden: the residents' page and gates of other versions rely on it."""
    assert CODES.text(NOW_S) == "https://pass.example.org/r/#g=gate-1&n=a17c88b34edc638c"


@given(st.integers(0, 2**40), st.integers(0, 599))
def test_a_scan_of_the_last_ten_minutes_is_accepted(at_s: int, later_s: int) -> None:
    assert CODES.accepts(scanned(CODES.text(at_s)), "gate-1", at_s + later_s) == ""


@given(st.integers(0, 2**40), st.integers(660, 10**9))
def test_an_older_scan_is_stale(at_s: int, later_s: int) -> None:
    assert CODES.accepts(scanned(CODES.text(at_s)), "gate-1", at_s + later_s) == "arrival_stale"


def test_a_scan_of_tomorrow_is_stale() -> None:
    """A clock that ran ahead and was set back: what it showed then counts for nothing now."""
    assert CODES.accepts(scanned(CODES.text(NOW_S + 86_400)), "gate-1", NOW_S) == "arrival_stale"


def test_the_code_stands_for_a_minute() -> None:
    minute = NOW_S - NOW_S % 60
    assert len({CODES.text(minute + second) for second in range(60)}) == 1
    assert len({CODES.text(minute + 60 * number) for number in range(1000)}) == 1000


def test_a_scan_at_another_gate_is_elsewhere() -> None:
    arrival = scanned(replace(CODES, gate="gate-2").text(NOW_S))
    assert CODES.accepts(arrival, "gate-1", NOW_S) == "arrival_elsewhere"


def test_another_gates_nonce_under_this_gates_name_is_stale() -> None:
    """The gate's id is part of what is hashed: with one secret on two gates, one's nonce is still not the other's."""
    arrival = scanned(replace(CODES, gate="gate-2").text(NOW_S))
    assert CODES.accepts(Arrival("gate-1", arrival.nonce), "gate-1", NOW_S) == "arrival_stale"


@pytest.mark.parametrize("nonce", [b"", bytes(8), b"x" * 7, b"x" * 100])
def test_a_made_up_nonce_is_stale(nonce: bytes) -> None:
    assert CODES.accepts(Arrival("gate-1", nonce), "gate-1", NOW_S) == "arrival_stale"


def test_the_secret_does_not_leak_into_logs() -> None:
    assert "secret" not in repr(CODES)


def read_at_gate(arrival: Arrival, place: PlaceCodes | None) -> Presented:
    lane = Bench().lane
    text = issue(claims(scope=("garden",), arrival=arrival), KEY)
    world = replace(lane.world, trust=TRUST)
    return read_presented(text.encode(), replace(lane.settings, place=place), world, Moment(NOW_S * 1000, 0, True))


@pytest.mark.parametrize(
    ("arrival", "reason"),
    [
        (scanned(CODES.text(NOW_S - 500)), "pass_valid"),
        (scanned(CODES.text(NOW_S - 700)), "arrival_stale"),
        (scanned(replace(CODES, gate="gate-2").text(NOW_S)), "arrival_elsewhere"),
    ],
)
def test_a_gate_reads_an_arrival_token(arrival: Arrival, reason: str) -> None:
    assert read_at_gate(arrival, CODES).reason == reason


def test_a_gate_that_shows_no_code_takes_no_arrival_token() -> None:
    assert read_at_gate(scanned(CODES.text(NOW_S)), None).reason == "arrival_elsewhere"


def a_gate_file(**tables: object) -> GateFile:
    data = {
        "gate": {"id": "gate-1", "name_zh": "东门", "name_en": "East", "data_dir": "d", "enrolment": "e"},
        "call": {"role_zh": "保安", "role_en": "guard", "phone": "0"},
        "lanes": [{"name": "in", "direction": "in"}],
        **tables,
    }
    return msgspec.convert(data, GateFile)


def test_a_gate_keeps_its_secret_over_a_restart(tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    file = a_gate_file(place_code={"base_url": "https://pass.example.org/r/"})
    before, after = place_codes(file, tmp_path), place_codes(file, tmp_path)
    assert before is not None
    assert before == after
    assert before != place_codes(file, other)
    assert (tmp_path / "place.key").stat().st_mode & 0o077 == 0


def test_without_the_table_no_code_is_shown_and_no_secret_is_made(tmp_path: Path) -> None:
    assert place_codes(a_gate_file(), tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    assert guard_page(gate(LANES["wait"]), "build", True).place_code is None


PLACE_CODE = """
[place_code]
base_url = "https://pass.example.org/r/"
"""


@pytest.mark.end_to_end
def test_a_running_gate_accepts_what_its_own_screen_shows(tmp_path: Path) -> None:
    running = GateProcess(tmp_path, PLACE_CODE + LANE_OUT)
    try:
        running.start()
        shown = running.page["place_code"]
    finally:
        running.close()
    picture = np.full((8 * shown["side"], 8 * shown["side"]), 255, np.uint8)
    cv2.fillPoly(picture, [8 * (np.array(loop, np.int32) + 4) for loop in corners(shown["path"])], 0)
    (code,) = Decoder().decode_frame(picture).codes
    codes = PlaceCodes((tmp_path / "data" / "place.key").read_bytes(), "gate-7", "https://pass.example.org/r/")
    assert codes.accepts(scanned(code.payload.decode()), "gate-7", int(time.time())) == ""


@pytest.mark.parametrize("url", ["ftp://a/", "https://a/#x", "https://a b/", "javascript:alert(1)", "https://", ""])
def test_an_address_that_no_phone_can_follow_is_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        a_gate_file(place_code={"base_url": url})


@pytest.mark.end_to_end
@pytest.mark.parametrize("size", [KIOSK, PHONE], ids=["kiosk", "phone"])
def test_a_phone_reads_the_code_off_the_screen(size: dict[str, int]) -> None:
    stage = Stage()
    text = CODES.text(NOW_S)
    stage.shown = msgspec.structs.replace(stage.shown, place_code=text)
    with chromium() as browser, screen(stage), page_at(browser, stage.url, size) as page:
        expect(page.locator(".register")).to_be_visible()
        picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert [code.payload for code in Decoder().decode_frame(picture).codes] == [text.encode()]
        wide = page.locator(".register svg").bounding_box()
        assert wide is not None
        assert wide["width"] >= 100
        stage.show(LANES["allow"])
        expect(page.locator(".lane")).to_have_attribute("data-state", "allow")
        expect(page.locator(".register")).to_be_hidden()
