"""Codes of city systems: recognised by their host, their token read strictly, nothing judged."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.formats.city import CityCode, CitySystem, recognise

CARD = CitySystem("changtong", ("elecard.hcctm.com",), "unionCode")
PATH = CitySystem("suishen", ("s.sh.gov.cn",))
SYSTEMS = (CARD, PATH)
# 32 made-up bytes, the form such tokens have.
TOKEN = b64encode(bytes(range(224, 256))).decode()


def card(token: str, host: str = "elecard.hcctm.com", more: str = "") -> bytes:
    return f"https://{host}/elecard/card.html?unionCode={token}{more}".encode()


@pytest.mark.parametrize("escaped", [TOKEN, quote(TOKEN, safe=""), quote(quote(TOKEN, safe=""), safe="")])
def test_a_token_is_the_same_however_often_it_was_escaped(escaped: str) -> None:
    assert recognise(card(escaped), SYSTEMS) == CityCode(CARD, TOKEN)


def test_a_token_may_be_the_end_of_the_path() -> None:
    assert recognise(b"https://s.sh.gov.cn/0123abcd", SYSTEMS) == CityCode(PATH, "0123abcd")


@pytest.mark.parametrize(
    "text",
    [
        card(TOKEN, "elecard.hcctm.com.evil.example"),
        card(TOKEN, "elecard.hcctm.com@evil.example"),
        card(TOKEN, "user@elecard.hcctm.com"),
        card(TOKEN, "elecard.hcctm.com:8443"),
        card(TOKEN, "elecard.hcctm.com:99999999"),
        card(TOKEN, "[elecard.hcctm.com"),
        b"ftp://elecard.hcctm.com/elecard/card.html?unionCode=" + TOKEN.encode(),
        b" " + card(TOKEN) + b"\n",
        "https://elecard.hcctm.com/?unionCode=码".encode(),
        card(TOKEN + "A" * 600),
        b"",
    ],
)
def test_what_only_looks_like_a_known_address_is_no_code_of_it(text: bytes) -> None:
    assert recognise(text, SYSTEMS) is None


@pytest.mark.parametrize(
    "text",
    [
        card(""),
        card("a b c d"),
        card("x" * 200),
        card(TOKEN, more="&unionCode=other"),
        card(TOKEN, more="&a=1" * 20),
        b"https://elecard.hcctm.com/elecard/card.html",
        card("%252525252e%00"),
    ],
)
def test_a_known_address_without_one_usable_token_is_named_and_not_asked_about(text: bytes) -> None:
    assert recognise(text, SYSTEMS) == CARD


def test_a_token_never_shows_in_a_log() -> None:
    assert TOKEN not in repr(recognise(card(TOKEN), SYSTEMS))


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused_without_an_error(noise: bytes) -> None:
    for text in (noise, card("") + noise, b"https://" + noise, b"https://s.sh.gov.cn/" + noise):
        found = recognise(text, SYSTEMS)
        assert not isinstance(found, CityCode) or 4 <= len(found.token) <= 128
