"""Counts what a reader repeats as once, for as long as it lies there."""

from __future__ import annotations


class Once:
    """A thing seen again within `gap_s` of its last sight is still the same showing of it.

    Of the thing only a hash is kept, which differs from process to process: what it was can't be read out of memory.
    """

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._last: int | None = None
        self._seen_at_s = float("-inf")

    def is_new(self, thing: bytes | str, now_s: float) -> bool:
        """Whether this is another thing than the last, or the same one after it was away for `gap_s`."""
        mark = hash(thing)
        new = mark != self._last or now_s - self._seen_at_s >= self._gap_s
        self._last, self._seen_at_s = mark, now_s
        return new
