"""Facts about the stream: what makes an event, and what must not."""

from __future__ import annotations

import msgspec

from edge.screen.feed import Feed
from edge.screen.view import guard_page
from edge.status import Snapshot
from tools.screen_samples import LANES, NOON_MS, gate


class _Scene:
    """A feed over a moment and a clock that the test moves by hand."""

    def __init__(self) -> None:
        self.shown: Snapshot = gate(LANES["wait"])
        self.now_s = 50.0
        self.feed = Feed(lambda: self.shown, lambda snapshot: guard_page(snapshot, "b", False), lambda: self.now_s)
        self.feed.look()

    def after(self, seconds: float, shown: Snapshot) -> int:
        """The event's number when this is shown so much later."""
        self.now_s += seconds
        self.shown = shown
        self.feed.look()
        return self.feed.counter


def test_a_change_makes_an_event_within_a_twentieth_of_a_second() -> None:
    assert _Scene().after(0.06, gate(LANES["deny"])) == 2


def test_time_alone_makes_two_events_a_second() -> None:
    scene = _Scene()
    numbers = [scene.after(0.25, gate(LANES["wait"], at_ms=NOON_MS + 250 * step)) for step in range(1, 9)]
    assert numbers == [1, 2, 2, 3, 3, 4, 4, 5]


def test_a_core_that_stands_still_makes_no_event_however_old_its_link_grows() -> None:
    scene = _Scene()
    still = gate(LANES["wait"])
    ages = [msgspec.structs.replace(still, link_age_s=float(age)) for age in range(100)]
    assert {scene.after(1.0, shown) for shown in ages} == {1}
    assert scene.feed.silent_s() == 100.0


def test_a_clock_set_back_is_a_change_like_any_other() -> None:
    assert _Scene().after(1.0, gate(LANES["wait"], at_ms=NOON_MS - 3_600_000)) == 2
