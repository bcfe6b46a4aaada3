"""Risk regions: which areas, by GB/T 2260 code, counted as risky from which day to which; a document of kind `regions`.

A code ends in 0000 for a whole province, in 00 for a whole prefecture, else it is one county. Days are whole days since
1970-01-01; both ends count. An empty list is a statement too: there is no such region now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, get_args

import msgspec

from checkpoint.policy_schema import RiskLevel
from checkpoint.records import BAD_BYTES

_FORM: Final = 1
# China has some 2,850 counties (GB/T 2260); three times as many leave room for regions that were listed and let go.
MAX_REGIONS: Final = 10_000
# A row is at most 24 bytes.
MAX_CONTENT_BYTES: Final = 24 * MAX_REGIONS + 16
LEVELS: Final[tuple[RiskLevel, ...]] = get_args(RiskLevel)
# The first two digits of GB/T 2260: 11 Beijing to 82 Macao.
_LEAST_CODE: Final = 110_000
_LARGEST_CODE: Final = 829_999
_EPOCH: Final = date(1970, 1, 1)
_LATEST_DAY: Final = (date.max - _EPOCH).days


class RegionError(ValueError):
    """The list can't be taken; the text names the row, the value and what to do."""


class RiskRegion(msgspec.Struct, array_like=True, frozen=True):
    """One region. `until_day`: the last day that a stay there counts; None: it has not ended."""

    code: int
    level: RiskLevel
    from_day: int
    until_day: int | None

    def on(self, first_day: int, last_day: int) -> bool:
        """Whether any day from `first_day` to `last_day`, both included, is one of its days."""
        return self.from_day <= last_day and (self.until_day is None or self.until_day >= first_day)


class _Content(msgspec.Struct, array_like=True, frozen=True):
    form: int
    regions: tuple[RiskRegion, ...]


_decoder = msgspec.msgpack.Decoder(_Content)


class RegionList:
    """Every list that is in force at one place, joined: what any of them names is named."""

    def __init__(self, regions: Iterable[RiskRegion] = ()) -> None:
        self.regions: Final = tuple(regions)
        self._at: Final[dict[int, list[RiskRegion]]] = {}
        self._within: Final[dict[int, list[RiskRegion]]] = {}
        for region in self.regions:
            self._at.setdefault(region.code, []).append(region)
            for area in _areas(region.code):
                self._within.setdefault(area, []).append(region)

    def worst(self, codes: Iterable[int], first_day: int, last_day: int) -> RiskRegion | None:
        """The region of the highest level that one of `codes` touches on one of these days; None: there is none.

        A code touches a region that it lies in, and one that lies in it: who says no more than a province may have been
        in any of its counties.
        """
        touched = (region for code in codes for region in self._touched(code) if region.on(first_day, last_day))
        return max(touched, key=lambda region: LEVELS.index(region.level), default=None)

    def _touched(self, code: int) -> Iterator[RiskRegion]:
        yield from self._within.get(code, ())
        for area in _areas(code)[1:]:
            yield from self._at.get(area, ())


def _areas(code: int) -> tuple[int, ...]:
    """A GB/T 2260 code and those of the prefecture and the province that it lies in, each once, narrowest first."""
    return tuple(dict.fromkeys((code, code // 100 * 100, code // 10_000 * 10_000)))


def encode_regions(regions: Iterable[RiskRegion]) -> bytes:
    """The content of a document of kind `regions`. Raises RegionError."""
    return msgspec.msgpack.encode(_Content(_FORM, _checked(tuple(regions))))


def regions_from_content(content: bytes) -> RegionList:
    """The list in the content of such a document. Raises RegionError."""
    if len(content) > MAX_CONTENT_BYTES:
        raise RegionError(f"the list of regions has {len(content)} bytes, at most {MAX_CONTENT_BYTES}: list fewer")
    try:
        read = _decoder.decode(content)
    except BAD_BYTES as error:
        raise RegionError(f"the list of regions is malformed: {error}") from None
    if read.form != _FORM:
        raise RegionError(f"the list of regions has form {read.form}; this program reads {_FORM}: update it")
    return RegionList(_checked(read.regions))


def day_number(day: date) -> int:
    """Days since 1970-01-01, as passes and lists count them."""
    return (day - _EPOCH).days


def _checked(regions: tuple[RiskRegion, ...]) -> tuple[RiskRegion, ...]:
    if len(regions) > MAX_REGIONS:
        raise RegionError(f"{len(regions)} regions, at most {MAX_REGIONS}: leave out those that are over")
    for number, region in enumerate(regions, 1):
        _check(region, f"region {number}")
    return regions


def _check(region: RiskRegion, name: str) -> None:
    if not _LEAST_CODE <= region.code <= _LARGEST_CODE:
        raise RegionError(f"{name}: code {region.code} is none of GB/T 2260: give six digits, such as 420100")
    if not 0 <= region.from_day <= _LATEST_DAY:
        raise RegionError(f"{name}: from = day {region.from_day} is no date: count days since 1970-01-01")
    if region.until_day is not None and not region.from_day <= region.until_day <= _LATEST_DAY:
        raise RegionError(f"{name}: until = day {region.until_day} is before from = {region.from_day}: correct one")
