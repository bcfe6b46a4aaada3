"""A module that wants to be told its mode again is told so, and one that is only silent is not told for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometers import lu90614 as lu90614_device
from drivers.thermometer import open_thermometer
from drivers.thermometer.mode_habit import ModeHabit
from drivers.thermometer.models import lu90614


class Forgetful(lu90614_device.Device):
    """Measures once for each time that it is told its mode."""

    _told = False

    def obey(self, command: bytes, seen: Seen) -> bytes:
        if command != lu90614.MEASURE:
            self._told = True
            return super().obey(command, seen)
        told, self._told = self._told, False
        return super().obey(command, seen) if told else b""


def test_a_module_that_wants_its_mode_before_every_measurement_gives_a_stream_of_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lu90614_device, "Device", Forgetful)
    link = tmp_path / "port"
    with ThermometerEmulator("lu90614", link, EmulatorSettings(jitter_c=0.0)):
        thermometer = open_thermometer("lu90614", {"port": str(link)})
        readings = [thermometer.read(3.0) for _ in range(12)]
        thermometer.close()
    assert all(reading is not None and reading.body_c == 36.4 for reading in readings)
    # Once understood, it is read as often as any other: a window of five in 1.5 s needs that.
    assert readings[-1].mono_ms - readings[-6].mono_ms < 2500  # type: ignore[union-attr]


def test_a_module_that_keeps_its_mode_is_told_once() -> None:
    habit = ModeHabit()
    habit.told(0.0)
    for step in range(1, 100):
        assert not habit.wants_mode(step * 0.2, unanswered=0)
        habit.answered()


def test_a_module_that_lost_its_mode_is_told_after_two_questions() -> None:
    habit = ModeHabit()
    habit.told(0.0)
    habit.answered()
    habit.answered()
    assert [habit.wants_mode(10.0, unanswered) for unanswered in (0, 1, 2)] == [False, False, True]
    habit.told(10.0)
    habit.answered()
    habit.answered()
    assert not habit.wants_mode(11.0, unanswered=1)


def test_a_silent_module_is_told_less_and_less_often() -> None:
    habit = ModeHabit()
    told_at_s = []
    for tenth in range(36_000):
        if habit.wants_mode(tenth / 10, unanswered=2):
            habit.told(tenth / 10)
            told_at_s.append(tenth / 10)
    assert len(told_at_s) < 70
    assert told_at_s[1] - told_at_s[0] == 1.0
    assert told_at_s[-1] - told_at_s[-2] == 60.0
