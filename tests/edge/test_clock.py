"""When the wall clock is believed, and that nothing but agreement can move what is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.clock import Moment, SystemClock, read_boot_id
from edge.clock_trust import AGREE_MS, DOUBT_MS, EARLIEST_MS, STEADY_MS, ClockKeeper, kernel_synchronised
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
        trusted = self.keeper.believe(at_ms, mono_ms)
        return Moment(self.keeper.stamp(at_ms, mono_ms, trusted), mono_ms, trusted)

    def agree(self, at_ms: int, mono_ms: int, for_ms: int = STEADY_MS) -> None:
        """The collector answers with this time, and again after a while."""
        self.keeper.signed_time(at_ms, self.at(at_ms, mono_ms))
        self.keeper.signed_time(at_ms + for_ms, self.at(at_ms + for_ms, mono_ms + for_ms))


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
    rig.agree(START_MS - STEADY_MS, 1_000)
    after_boot = Rig(tmp_path, NEXT_BOOT, kernel=True)
    assert not after_boot.at(START_MS - HOUR_MS, 500).trusted
    assert after_boot.at(START_MS, 5_500).trusted


def test_one_wrong_collector_clock_poisons_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 1_000))
    assert rig.keeper.signed_time(YEAR_2035_MS, rig.at(START_MS + 10, 1_010)) is None
    assert rig.keeper.floor_ms <= START_MS
    assert rig.at(START_MS + 20, 1_020).trusted
    assert Rig(tmp_path, NEXT_BOOT, kernel=True).at(START_MS + HOUR_MS, 5).trusted


def test_one_answer_of_2035_to_a_clock_of_2035_poisons_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.agree(START_MS - STEADY_MS, 1_000)
    floor_ms, began_ms = rig.keeper.floor_ms, STEADY_MS + 2_000
    rig.keeper.signed_time(YEAR_2035_MS, rig.at(YEAR_2035_MS, began_ms))
    assert rig.keeper.floor_ms == floor_ms
    assert rig.at(YEAR_2035_MS + 1_000, began_ms + 1_000).trusted
    for answer in range(1, 5):
        mono_ms = began_ms + answer * DOUBT_MS // 2
        rig.keeper.signed_time(START_MS + mono_ms, rig.at(YEAR_2035_MS + mono_ms - began_ms, mono_ms))
    assert not rig.at(YEAR_2035_MS + 200_000, began_ms + 200_000).trusted
    for keeper in (rig, Rig(tmp_path)):
        keeper.keeper.signed_time(START_MS + 300_000, keeper.at(START_MS + 300_000, 300_000))
        assert keeper.at(START_MS + 301_000, 301_000).trusted


def test_answers_that_go_on_contradicting_take_away_what_answers_gave(rig: Rig) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 0))
    for mono_ms in (10_000, 20_000, 30_000):
        rig.keeper.signed_time(START_MS + HOUR_MS + mono_ms, rig.at(START_MS + mono_ms, mono_ms))
        assert rig.at(START_MS + mono_ms, mono_ms).trusted
    rig.keeper.signed_time(START_MS + HOUR_MS + 40_000, rig.at(START_MS + 40_000, 40_000))
    assert not rig.at(START_MS + 40_000, 40_000).trusted


def test_the_kernels_word_is_not_taken_away_by_answers(rig: Rig) -> None:
    rig.kernel = True
    for mono_ms in range(0, 4 * DOUBT_MS, 10_000):
        rig.keeper.signed_time(START_MS + HOUR_MS + mono_ms, rig.at(START_MS + mono_ms, mono_ms))
    assert rig.at(START_MS + 4 * DOUBT_MS, 4 * DOUBT_MS).trusted


def test_a_large_rise_of_the_floor_takes_ten_minutes_of_agreement(rig: Rig) -> None:
    rig.agree(START_MS, 0, STEADY_MS - 1)
    assert rig.keeper.floor_ms == EARLIEST_MS
    rig.agree(START_MS + STEADY_MS, STEADY_MS, 0)
    assert rig.keeper.floor_ms == START_MS + STEADY_MS - AGREE_MS


def test_records_from_before_the_clock_was_set_are_corrected_once(rig: Rig) -> None:
    rig.at(86_400_000, 1_000)  # 1970, as a board without a battery starts
    rig.kernel = True
    record = rig.keeper.settled(rig.at(START_MS, 31_000))
    assert record is not None
    assert (record.boot_id, record.source) == (BOOT, "kernel")
    assert 86_400_000 + record.offset_ms == START_MS - 30_000
    assert rig.keeper.settled(rig.at(START_MS + 10_000, 41_000), undated=False) is None
    assert rig.keeper.settled(rig.at(START_MS + 20_000, 51_000)) is None


def test_steps_of_a_clock_that_nobody_believes_move_no_record(rig: Rig) -> None:
    assert rig.at(86_400_000, 1_000).at_ms == 86_400_000
    assert rig.at(YEAR_2035_MS, 2_000).at_ms == 86_401_000
    assert rig.at(86_400_000, 3_000).at_ms == 86_402_000


def test_records_of_an_earlier_run_of_the_same_boot_are_corrected_too(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.settled(rig.at(86_400_000, 1_000))
    later = Rig(tmp_path, kernel=True)
    assert later.keeper.undated
    record = later.keeper.settled(later.at(START_MS, 31_000))
    assert record is not None
    assert 86_400_000 + record.offset_ms == START_MS - 30_000
    assert not Rig(tmp_path, NEXT_BOOT).keeper.undated


def test_two_signed_times_correct_records_of_a_clock_that_stays_wrong_and_go_on_doing_so(rig: Rig) -> None:
    wrong_ms = EARLIEST_MS + 5
    assert rig.keeper.signed_time(YEAR_2035_MS, rig.at(wrong_ms, 1_000)) is None
    assert rig.keeper.signed_time(START_MS, rig.at(wrong_ms + 10, 1_010)) is None
    record = rig.keeper.signed_time(START_MS + 9_990, rig.at(wrong_ms + 10_000, 11_000))
    assert record is not None
    assert wrong_ms + 10 + record.offset_ms == START_MS
    after = [
        rig.keeper.signed_time(START_MS + ms, rig.at(wrong_ms + 10 + ms, 1_010 + ms), undated=True)
        for ms in range(20_000, 80_000, 10_000)
    ]
    assert [one is not None for one in after] == [False, False, True, False, False, True]
    assert rig.keeper.signed_time(START_MS + 200_000, rig.at(wrong_ms + 200_010, 201_010), undated=False) is None
    assert not rig.at(wrong_ms + 300_000, 301_010).trusted


# --- what was told as complete ---------------------------------------------------------------------------------------


def test_a_small_step_back_stamps_nothing_before_what_was_told(rig: Rig) -> None:
    rig.kernel = True
    rig.keeper.told(rig.at(START_MS, 0).at_ms)
    stepped = [rig.at(START_MS - 30_000 + ms, ms) for ms in (0, 10_000, 30_000, 31_000)]
    assert [moment.at_ms - START_MS for moment in stepped] == [0, 0, 0, 1_000]
    assert all(moment.trusted for moment in stepped)


def test_after_a_large_step_back_the_kernel_is_not_believed_before_what_was_told(rig: Rig) -> None:
    rig.kernel = True
    rig.keeper.told(rig.at(START_MS, 0).at_ms)
    assert not rig.at(START_MS - HOUR_MS, 0).trusted
    assert rig.at(START_MS, HOUR_MS).trusted


def test_a_signed_time_that_agrees_after_a_large_step_back_restores_trust(rig: Rig) -> None:
    rig.kernel = True
    rig.keeper.told(rig.at(START_MS, 0).at_ms)
    rig.keeper.signed_time(START_MS - HOUR_MS + 100, rig.at(START_MS - HOUR_MS, 0))
    after = rig.at(START_MS - HOUR_MS + 50, 50)
    assert (after.trusted, after.at_ms) == (True, START_MS - HOUR_MS + 100)


def test_what_an_earlier_run_told_binds_the_next(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 0))
    rig.keeper.told(rig.at(START_MS + 5_000, 5_000).at_ms)
    later = Rig(tmp_path).at(START_MS + 6_000 - 30_000, 6_000)
    assert later.trusted
    assert later.at_ms >= START_MS + 5_000


def test_the_last_answer_is_remembered_long_before_the_floor_rises(rig: Rig, tmp_path: Path) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 0))
    for boot_id in (BOOT, NEXT_BOOT):
        later = Rig(tmp_path, boot_id).keeper
        assert (later.agreed_ms, later.floor_ms) == (START_MS, EARLIEST_MS)


def test_the_floor_is_written_seldom(rig: Rig) -> None:
    rig.keeper.signed_time(START_MS, rig.at(START_MS, 0))
    written = rig.path.stat().st_mtime_ns
    inode = rig.path.stat().st_ino
    for step in range(1, 59):
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
