"""When the wall clock is believed, and that nothing but agreement can move what is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.clock import Moment, SystemClock, read_boot_id
from edge.clock_trust import AGREE_MS, EARLIEST_MS, ClockKeeper, kernel_synchronised
from tests.edge.gate_clock import START_MS

BOOT, NEXT_BOOT = bytes(16), bytes([1]) * 16
YEAR_2035_MS = 2_051_222_400_000
HOUR_MS = 3_600_000


class Rig:
    """A keeper with a kernel whose word the test chooses."""

    def __init__(self, folder: Path, boot_id: bytes = BOOT, kernel: bool = False) -> None:
        self.kernel = kernel
        self.path = folder / "clock.json"
        self.keeper = ClockKeeper(self.path, boot_id, lambda: self.kernel)

    def at(self, at_ms: int, mono_ms: int) -> Moment:
        return Moment(at_ms, mono_ms, self.keeper.believe(at_ms, mono_ms))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_clock_that_nobody_vouches_for_is_not_trusted(rig: Rig) -> None:
    assert not rig.at(START_MS, 1_000).trusted


def test_the_kernels_word_is_enough_but_not_for_a_time_before_2025(rig: Rig) -> None:
    rig.kernel = True
    assert rig.at(START_MS, 1_000).trusted
    assert not rig.at(EARLIEST_MS - 1, 5_000).trusted
    assert not rig.at(0, 9_000).trusted


@pytest.mark.parametrize("error_ms", [0, AGREE_MS, -AGREE_MS])
def test_a_signed_time_that_agrees_makes_the_clock_trusted(rig: Rig, error_ms: int) -> None:
    rig.keeper.signed_time(START_MS + error_ms, rig.at(START_MS, 1_000))
    assert rig.at(START_MS + 5_000, 6_000).trusted


@pytest.mark.parametrize("error_ms", [AGREE_MS + 1, -AGREE_MS - 1])
def test_a_signed_time_that_disagrees_does_not(rig: Rig, error_ms: int) -> None:
    rig.keeper.signed_time(START_MS + error_ms, rig.at(START_MS, 1_000))
    assert not rig.at(START_MS + 5_000, 6_000).trusted


def test_trust_outlives_a_cut_cable_and_a_restart_but_not_a_boot(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 1_000))
    week_ms = 7 * 24 * HOUR_MS
    assert rig.at(START_MS + week_ms, 1_000 + week_ms).trusted
    assert Rig(tmp_path).at(START_MS + HOUR_MS, 1_000 + HOUR_MS).trusted
    assert not Rig(tmp_path, NEXT_BOOT).at(START_MS + HOUR_MS, 500).trusted


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS])
def test_a_step_of_the_wall_clock_ends_trust_and_stepping_back_restores_it(rig: Rig, step_ms: int) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 1_000))
    assert not rig.at(START_MS + step_ms, 1_000).trusted
    assert rig.at(START_MS + 10, 1_010).trusted


def test_no_time_before_the_highest_signed_one_is_believed_even_after_a_boot(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 1_000))
    after_boot = Rig(tmp_path, NEXT_BOOT, kernel=True)
    assert not after_boot.at(START_MS - HOUR_MS, 500).trusted
    assert after_boot.at(START_MS, 5_500).trusted


def test_one_wrong_collector_clock_poisons_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 1_000))
    assert rig.keeper.signed_time(YEAR_2035_MS, rig.at(START_MS + 10, 1_010)) is None
    assert rig.keeper.floor_ms <= START_MS
    assert rig.at(START_MS + 20, 1_020).trusted
    assert Rig(tmp_path, NEXT_BOOT, kernel=True).at(START_MS + HOUR_MS, 5).trusted


def test_records_from_before_the_clock_was_set_are_corrected_once(rig: Rig) -> None:
    rig.at(86_400_000, 1_000)  # 1970, as a board without a battery starts
    rig.kernel = True
    record = rig.keeper.settled(rig.at(START_MS, 31_000))
    assert record is not None
    assert record.boot_id == BOOT
    assert 86_400_000 + record.offset_ms == START_MS - 30_000
    assert rig.keeper.settled(rig.at(START_MS + 10_000, 41_000)) is None


def test_a_signed_time_corrects_records_of_a_clock_that_stays_wrong(rig: Rig) -> None:
    wrong = rig.at(EARLIEST_MS + 5, 1_000)
    record = rig.keeper.signed_time(START_MS, wrong)
    assert record is not None
    assert EARLIEST_MS + 5 + record.offset_ms == START_MS
    assert rig.keeper.signed_time(START_MS + 10_000, rig.at(EARLIEST_MS + 10_005, 11_000)) is None
    assert not rig.at(EARLIEST_MS + 10_005, 11_000).trusted


def test_the_floor_is_written_seldom(rig: Rig) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 0))
    written = rig.path.stat().st_mtime_ns
    inode = rig.path.stat().st_ino
    for step in range(1, 60):
        rig.keeper.signed_time(START_MS + step * 10_000, rig.at(START_MS + step * 10_000, step * 10_000))
    assert (rig.path.stat().st_mtime_ns, rig.path.stat().st_ino) == (written, inode)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"floor_ms": "x", "offset_ms": 1, "boot_id": ""}'])
def test_a_torn_clock_file_is_no_reason_to_stop(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock.json").write_bytes(content)
    assert Rig(tmp_path).keeper.floor_ms == EARLIEST_MS


def test_this_machine_has_a_boot_id_and_two_clocks() -> None:
    clock = SystemClock(read_boot_id(), lambda at_ms, mono_ms: at_ms > mono_ms)
    first, second = clock.now(), clock.now()
    assert len(clock.boot_id) == 16
    assert first.mono_ms <= second.mono_ms
    assert first.trusted
    assert kernel_synchronised() in (True, False)
