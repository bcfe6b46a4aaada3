"""Points in time as people write them: a number, or ISO 8601 text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

# 10^11 seconds is the year 5138, 10^11 milliseconds is 1973: no time of a pass is on the wrong side of it.
_MILLISECONDS_FROM: Final = 10**11
_LATEST_MS: Final = 10**15
_MAX_DIGITS: Final = 20


def instant_ms(value: object, name: str) -> int:
    """Milliseconds UTC of seconds, milliseconds (a number of 10^11 or more) or ISO 8601 text. Raises ValueError.

    Text of digits alone is a number, so that a command line and a JSON file mean the same.
    """
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) < _MAX_DIGITS):
            return _iso_ms(value, name)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST_MS:
        raise ValueError(f"{name} = {value!r} is no time: give whole seconds since 1970 UTC, or ISO 8601 text")
    return int(value) if value >= _MILLISECONDS_FROM else int(value * 1000)


def _iso_ms(text: str, name: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} = {text[:40]!r} is no time: write it as 2026-02-10T08:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
