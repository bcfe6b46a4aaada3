"""Times as people write them: one meaning each, or an error that shows how to write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.instants import instant_ms

NOON_MS = 1_581_336_000_000


@pytest.mark.parametrize(
    "value",
    [
        NOON_MS // 1000,
        NOON_MS,
        NOON_MS / 1000,
        str(NOON_MS),
        str(NOON_MS // 1000),
        "2020-02-10T12:00:00Z",
        "2020-02-10T20:00:00+08:00",
        "2020-02-10 12:00:00",
    ],
)
def test_every_way_of_writing_one_moment_gives_that_moment(value: object) -> None:
    assert instant_ms(value, "at") == NOON_MS


def test_a_date_is_its_first_moment_in_utc() -> None:
    assert instant_ms("2020-02-10", "at") == NOON_MS - 43_200_000


@pytest.mark.parametrize("value", [None, True, -1, 1e300, float("nan"), [], "", "noon", "2020-13-01", "9" * 5000, "٣"])
def test_what_is_no_time_is_an_error_that_names_the_setting(value: object) -> None:
    with pytest.raises(ValueError, match="at = "):
        instant_ms(value, "at")


@given(st.text(max_size=30) | st.floats() | st.integers())
def test_nothing_raises_anything_else(value: object) -> None:
    try:
        instant_ms(value, "at")
    except ValueError:
        return
