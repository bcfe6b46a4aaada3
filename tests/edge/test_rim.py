"""What the threads at the rim say becomes the right facts and faults."""

from __future__ import annotations

from drivers.protocols import Reading
from edge import facts
from edge.core import FaultOver, FaultSeen, Item, LaneFact
from edge.rim import SILENT_MS, ThermometerEar

GOOD, STUCK, BEYOND, OTHER_MODE = ("ok",), ("stuck",), ("out_of_range",), ("mode_mismatch",)


class Heard:
    def __init__(self) -> None:
        self.items: list[Item] = []
        self.ear = ThermometerEar("in", self.items.append)

    def reads(self, quality: tuple[str, ...], mono_ms: int = 0) -> None:
        self.ear.reading(Reading(mono_ms, "gy614v3", "surface", 36.2, 20.0, None, None, quality, b"\x01"))

    @property
    def faults(self) -> list[str]:
        return [item.name for item in self.items if isinstance(item, FaultSeen)]

    @property
    def over(self) -> list[str]:
        return [item.name for item in self.items if isinstance(item, FaultOver)]

    @property
    def measured(self) -> int:
        return sum(isinstance(item, LaneFact) and isinstance(item.fact, facts.Measured) for item in self.items)


def test_a_device_that_repeats_itself_or_is_out_of_its_range_measures_nobody() -> None:
    for quality, name in ((STUCK, "thermometer_stuck"), (BEYOND, "thermometer_range")):
        heard = Heard()
        heard.reads(quality)
        assert (heard.faults, heard.measured) == ([name], 0)
        heard.reads(GOOD)
        assert (heard.over[-1], heard.measured) == (name, 1)


def test_a_device_that_speaks_again_ends_its_own_faults_and_no_others() -> None:
    heard = Heard()
    heard.reads(GOOD)
    assert "drift" not in heard.over
    assert "" not in heard.over
    assert "thermometer_gone" in heard.over
    heard.ear.down("thermometer_silent", "")
    heard.items.clear()
    heard.reads(GOOD)
    assert heard.over == ["thermometer_silent"]


def test_a_device_in_another_mode_is_as_good_as_silent() -> None:
    heard = Heard()
    heard.reads(OTHER_MODE, 0)
    heard.reads(OTHER_MODE, SILENT_MS)
    assert heard.faults == []
    heard.reads(OTHER_MODE, SILENT_MS + 1)
    assert (heard.faults, heard.measured) == (["thermometer_silent"], 0)
    heard.reads(GOOD, SILENT_MS + 2)
    assert heard.over[-1] == "thermometer_silent"
