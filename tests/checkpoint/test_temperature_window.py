"""The measurement window: when many frames are one value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.window import Measurement, judge_window
from tests.checkpoint.temperature_kit import SETTINGS, frame, frames

centi = st.integers(2000, 4600).map(lambda hundredths: hundredths / 100)


def test_the_value_is_the_median_of_the_hottest_quarter() -> None:
    window = judge_window(frames(36.0, 36.1, 36.2, 36.1, 36.3, 36.2, 36.1, 36.0), SETTINGS)
    assert (window.kind, window.judged_c) == ("value", 36.25)


@pytest.mark.parametrize(("hottest_c", "kind"), [(36.30, "value"), (36.31, "unstable")])
def test_frames_may_be_three_tenths_apart_and_no_more(hottest_c: float, kind: str) -> None:
    assert judge_window(frames(36.0, 36.1, 36.1, 36.2, hottest_c), SETTINGS).kind == kind


def test_four_frames_are_too_few() -> None:
    assert judge_window(frames(36.0, 36.1, 36.1, 36.2), SETTINGS).kind == "none"
    assert judge_window([], SETTINGS).kind == "none"


def test_only_the_last_second_and_a_half_counts() -> None:
    assert judge_window(frames(36.0, 36.0, 36.0, 36.0, 36.0, every_ms=375), SETTINGS).kind == "value"
    assert judge_window(frames(36.0, 36.0, 36.0, 36.0, 36.0, every_ms=376), SETTINGS).kind == "none"


@pytest.mark.parametrize("absurd_c", [29.99, 43.01, math.nan, math.inf, None])
def test_what_no_skin_can_be_is_no_reading(absurd_c: float | None) -> None:
    assert judge_window([frame(n * 100, absurd_c) for n in range(9)], SETTINGS).kind == "out_of_range"


@pytest.mark.parametrize("edge_c", [30.0, 43.0])
def test_the_edges_of_what_skin_can_be_are_readings(edge_c: float) -> None:
    assert judge_window(frames(*[edge_c] * 5), SETTINGS).judged_c == edge_c


@pytest.mark.parametrize(
    ("mark", "kind"), [("stuck", "stuck"), ("out_of_range", "out_of_range"), ("stale", "out_of_range")]
)
def test_frames_that_the_driver_marked_are_never_a_value(mark: str, kind: str) -> None:
    assert judge_window([frame(n * 100, 36.5, 22.0, mark) for n in range(9)], SETTINGS).kind == kind


def test_a_module_in_body_mode_is_judged_by_its_body_value_and_keeps_the_surface() -> None:
    body = [Measurement(n * 100, 34.0, 22.0, 36.6, "body", ("ok",)) for n in range(5)]
    window = judge_window(body, SETTINGS)
    assert (window.judged_c, window.object_c, window.body_c, window.mode) == (36.6, 34.0, 36.6, "body")


def test_frames_of_two_modes_are_never_mixed() -> None:
    body = [Measurement(500 + n * 100, 34.0, 22.0, 36.6, "body", ("ok",)) for n in range(4)]
    assert judge_window([*frames(36.5, 36.5, 36.5, 36.5), *body], SETTINGS).kind == "none"


@given(st.lists(st.tuples(st.integers(0, 3000), centi), max_size=30), st.randoms())
def test_the_order_in_which_frames_arrive_changes_nothing(pairs: list[tuple[int, float]], order: object) -> None:
    measured = [frame(mono_ms, value_c) for mono_ms, value_c in pairs]
    shuffled = list(measured)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge_window(shuffled, SETTINGS) == judge_window(measured, SETTINGS)


@given(st.lists(st.tuples(st.integers(0, 3000), centi), max_size=30))
def test_a_value_always_lies_within_what_was_measured_and_what_skin_can_be(pairs: list[tuple[int, float]]) -> None:
    window = judge_window([frame(mono_ms, value_c) for mono_ms, value_c in pairs], SETTINGS)
    if window.judged_c is not None:
        assert 30 <= window.judged_c <= 43
        assert min(value for _, value in pairs) <= window.judged_c <= max(value for _, value in pairs)
