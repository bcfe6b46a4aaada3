"""Facts about the guard's screen as any HTTP client sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from edge.screen import ScreenServer
from edge.status import SOMEBODY_ELSE, GuardAct
from tests.edge.screen_client import PIN, Stage, ask, events, screen, send_act
from tools.screen_samples import LANES

FOLDER = Path(__file__).parents[2] / "edge" / "screen"
PAGE_FILES = [*(FOLDER / "pages").iterdir(), *(FOLDER / "static").glob("*.[cj]s*")]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    with screen(stage):
        yield stage


def test_a_plain_client_gets_an_event_at_once_and_then_a_heartbeat(stage: Stage) -> None:
    with events(stage) as stream:
        first, second = islice(stream, 2)
    assert second["n"] == first["n"] + 1
    assert first["page"]["lanes"][0]["word"] == {"zh": "请扫码", "en": "PLEASE SCAN"}


def test_a_change_arrives_long_before_the_next_heartbeat(stage: Stage) -> None:
    with events(stage) as stream:
        next(stream)
        began_s = time.monotonic()
        stage.show(LANES["deny"])
        states = (event["page"]["lanes"][0]["state"] for event in stream)
        assert next(state for state in states if state != "wait") == "deny"
        assert time.monotonic() - began_s < 0.5


def test_two_readers_see_the_same_numbers(stage: Stage) -> None:
    with events(stage) as one, events(stage) as other:
        first = {event["n"] for event in islice(one, 3)}
        second = {event["n"] for event in islice(other, 3)}
    assert len(first & second) >= 2


def test_a_core_that_stands_still_is_not_healthy() -> None:
    stage = Stage(now_s=100.0)
    with screen(stage):
        assert ask(stage, "GET", "/healthz").status == 200
        stage.alive = False
        stage.now_s = 104.0
        answer = ask(stage, "GET", "/healthz")
    assert (answer.status, answer.facts["ok"], answer.facts["silent_s"]) == (503, False, 4.0)


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script_or_style_of_its_own(stage: Stage) -> None:
    page = ask(stage, "GET", "/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    html = page.body.decode()
    assert "<style" not in html
    assert " style=" not in html
    assert "<script>" not in html
    for path in PAGE_FILES:
        assert "//" not in path.read_text().replace("http://www.w3.org/", "").replace("// ", ""), path


def test_the_page_is_small() -> None:
    assert sum(path.stat().st_size for path in PAGE_FILES) < 42 * 1024


@pytest.mark.parametrize("path", ["/static/guard.css", "/static/guard.js", "/static/gate.svg"])
def test_every_file_of_the_page_is_served(stage: Stage, path: str) -> None:
    assert ask(stage, "GET", path).status == 200


def test_an_act_with_the_pin_reaches_the_core(stage: Stage) -> None:
    answer = send_act(stage, act="admit", passage="01", reason="known_resident")
    assert (answer.status, answer.facts) == (200, {"ok": True})
    assert stage.acts == [GuardAct("admit", "in-1", "01", "known_resident")]


def test_the_cores_refusal_is_told(stage: Stage) -> None:
    stage.answer = "nobody stands there"
    answer = send_act(stage)
    assert (answer.status, answer.facts["en"]) == (409, "nobody stands there")


def test_an_act_for_somebody_who_has_gone_is_refused_in_both_languages(stage: Stage) -> None:
    stage.answer = SOMEBODY_ELSE
    answer = send_act(stage, stands="1/2")
    assert answer.status == 409
    assert "现在是另一人" in answer.facts["zh"]
    assert "somebody else stands here now" in answer.facts["en"]
    assert stage.acts[0].stands == "1/2"


@pytest.mark.parametrize(
    ("headers", "fields", "status"),
    [
        ({"Origin": "http://evil.example"}, {}, 403),
        ({"Origin": ""}, {}, 403),
        ({"Origin": "null"}, {}, 403),
        ({"X-Guankou-Act": ""}, {}, 403),
        ({}, {"pin": "0000"}, 403),
        ({}, {"pin": ""}, 400),
        ({}, {"act": "explode"}, 400),
        ({}, {"object_c": 99.0}, 400),
        ({}, {"by": "me"}, 400),
        ({}, {"reason": "x" * 65}, 400),
        ({}, {"plate": "x" * 17}, 400),
        ({}, {"visited": "3-2\n501"}, 400),
        ({}, {"reason": "x" * 2000}, 413),
    ],
)
def test_a_doubtful_act_is_refused(stage: Stage, headers: dict[str, str], fields: dict[str, str], status: int) -> None:
    assert send_act(stage, headers, **fields).status == status
    assert stage.acts == []


def test_a_body_that_is_not_json_is_refused(stage: Stage) -> None:
    own = {"Origin": stage.url.rstrip("/"), "X-Guankou-Act": "1"}
    assert ask(stage, "POST", "/act", b"\xff{", own).status == 400
    assert ask(stage, "POST", "/act", b'{"act":"open","lane":"\xff\xfe","pin":"1"}', own).status == 400


def test_without_a_configured_pin_nothing_is_taken() -> None:
    stage = Stage()
    with screen(stage, pin_hash=None), events(stage) as stream:
        assert send_act(stage).status == 403
        assert next(stream)["page"]["acts"] is False
    assert stage.acts == []


def test_wrong_pins_close_the_door_for_a_while_even_for_the_right_one() -> None:
    stage = Stage(now_s=100.0)
    with screen(stage):
        assert [send_act(stage, pin="1111").status for _ in range(6)] == [403] * 5 + [429]
        assert send_act(stage, pin=PIN).status == 429
        stage.now_s = 131.0
        assert send_act(stage, pin=PIN).status == 200
    assert len(stage.acts) == 1


def test_a_pin_that_was_not_hashed_is_refused_before_the_start() -> None:
    stage = Stage()
    with pytest.raises(ValueError, match="guard_pin_hash is not an Argon2 hash"):
        ScreenServer("127.0.0.1", 0, stage.snapshot, stage.act, "2468")


def test_stopping_ends_the_streams_and_frees_the_port() -> None:
    stage = Stage()
    with screen(stage), events(stage) as stream:
        next(stream)
        port = stage.port
    with screen(stage), events(stage) as stream:
        assert stage.port == port
        assert next(stream)["n"] == 1
