"""Lists of risk regions: which codes touch which areas, on which days; and what is refused."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import wire
from checkpoint.documents import Document, encode_document
from checkpoint.regions import (
    LEVELS,
    MAX_CONTENT_BYTES,
    MAX_REGIONS,
    RegionError,
    RegionList,
    RiskRegion,
    day_number,
    encode_regions,
    regions_from_content,
)

HUBEI, WUHAN, WUCHANG, YICHANG = 420_000, 420_100, 420_106, 420_500
CODES = st.integers(110_000, 829_999)
DAYS = st.integers(0, 40_000)


@st.composite
def some_region(draw: st.DrawFn) -> RiskRegion:
    first = draw(DAYS)
    last = draw(st.none() | st.integers(first, 50_000))
    return RiskRegion(draw(CODES), draw(st.sampled_from(LEVELS)), first, last)


def touches(listed: int, stay: int) -> bool:
    return RegionList([RiskRegion(listed, "high", 0, None)]).worst([stay], 5, 5) is not None


@pytest.mark.parametrize(
    ("listed", "stay", "expected"),
    [
        (HUBEI, WUCHANG, True),
        (HUBEI, WUHAN, True),
        (WUHAN, WUCHANG, True),
        (WUCHANG, WUCHANG, True),
        (WUHAN, YICHANG, False),
        (WUCHANG, 420_107, False),
        (HUBEI, 430_100, False),
        # Who says no more than the province may have been in that county.
        (WUCHANG, HUBEI, True),
        (WUCHANG, WUHAN, True),
        (WUCHANG, YICHANG, False),
    ],
)
def test_a_code_touches_the_areas_it_lies_in_and_those_in_it(listed: int, stay: int, expected: bool) -> None:
    assert touches(listed, stay) is expected


@given(one=CODES, other=CODES)
def test_touching_is_mutual_and_only_within_one_province(one: int, other: int) -> None:
    assert touches(one, other) is touches(other, one)
    assert touches(one, one)
    if one // 10_000 != other // 10_000:
        assert not touches(one, other)


@given(st.lists(some_region(), max_size=20), st.lists(CODES, max_size=5), DAYS, st.integers(0, 20))
def test_the_worst_region_is_what_a_walk_over_the_whole_list_finds(
    regions: list[RiskRegion], stays: list[int], first: int, span: int
) -> None:
    def same_area(region: RiskRegion, stay: int) -> bool:
        texts = str(region.code), str(stay)
        kept = min(2 if text.endswith("0000") else 4 if text.endswith("00") else 6 for text in texts)
        return texts[0][:kept] == texts[1][:kept]

    found = [
        LEVELS.index(region.level) for region in regions
        if any(same_area(region, stay) for stay in stays)
        and region.from_day <= first + span and (region.until_day is None or region.until_day >= first)
    ]  # fmt: skip
    worst = RegionList(regions).worst(stays, first, first + span)
    assert (LEVELS.index(worst.level) if worst else None) == max(found, default=None)


def test_both_ends_of_a_period_count() -> None:
    region = RiskRegion(WUHAN, "high", 100, 110)
    assert [region.on(day, day) for day in (99, 100, 110, 111)] == [False, True, True, False]
    assert RiskRegion(WUHAN, "high", 100, None).on(40_000, 40_000)


@given(st.lists(some_region(), max_size=30))
def test_a_list_is_read_as_it_was_written(regions: list[RiskRegion]) -> None:
    assert regions_from_content(encode_regions(regions)).regions == tuple(regions)


def test_no_region_at_all_is_a_list_too() -> None:
    assert regions_from_content(encode_regions([])).regions == ()


def test_the_bytes_are_these() -> None:
    content = encode_regions([RiskRegion(WUHAN, "high", 18_262, 18_360), RiskRegion(HUBEI, "medium", 18_300, None)])
    assert content.hex() == (
        "920192" "94ce00066904" "a468696768" "cd4756" "cd47b8" "94ce000668a0" "a66d656469756d" "cd477c" "c0"
    )  # fmt: skip


def test_the_longest_list_fits_into_one_document() -> None:
    row = RiskRegion(829_999, "medium", day_number(date.max) - 1, day_number(date.max))
    content = encode_regions([row] * MAX_REGIONS)
    assert len(content) <= MAX_CONTENT_BYTES
    document = Document(1, "regions", "city", 1, 0, 10**14, 100, content)
    assert len(encode_document(document)) < wire.MAX_MESSAGE_BYTES
    assert len(regions_from_content(content).regions) == MAX_REGIONS


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (RiskRegion(100_000, "high", 1, None), "code 100000 is none of GB/T 2260"),
        (RiskRegion(990_000, "high", 1, None), "code 990000 is none of GB/T 2260"),
        (RiskRegion(WUHAN, "high", -1, None), "from = day -1 is no date"),
        (RiskRegion(WUHAN, "high", 10**7, None), "from = day 10000000 is no date"),
        (RiskRegion(WUHAN, "high", 10, 9), "until = day 9 is before from = 10"),
    ],
)
def test_a_region_that_can_not_be_names_its_row_value_and_remedy(row: RiskRegion, words: str) -> None:
    with pytest.raises(RegionError, match=f"region 2: {words}"):
        encode_regions([RiskRegion(WUHAN, "high", 1, None), row])
    bad = msgspec.msgpack.encode((1, (row,)))
    with pytest.raises(RegionError, match=f"region 1: {words}"):
        regions_from_content(bad)


def test_too_many_regions_and_too_many_bytes_are_refused() -> None:
    row = RiskRegion(WUHAN, "low", 1, 2)
    with pytest.raises(RegionError, match=r"10001 regions, at most 10000"):
        encode_regions([row] * (MAX_REGIONS + 1))
    with pytest.raises(RegionError, match="at most 240016: list fewer"):
        regions_from_content(bytes(MAX_CONTENT_BYTES + 1))


def test_a_list_of_a_newer_form_says_so() -> None:
    with pytest.raises(RegionError, match="has form 2; this program reads 1: update it"):
        regions_from_content(msgspec.msgpack.encode((2, ())))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    try:
        read = regions_from_content(data)
    except RegionError:
        return
    assert len(read.regions) <= MAX_REGIONS


def test_days_are_counted_as_passes_count_them() -> None:
    assert day_number(date(1970, 1, 1)) == 0
    assert day_number(date(1970, 1, 1) + timedelta(days=18_302)) == 18_302
