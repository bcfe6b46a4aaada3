"""What a lane has learned survives a restart, and a card is not written when nothing was learned."""

from __future__ import annotations

from pathlib import Path

from checkpoint.level import LevelState
from edge.lanes import _read_level, save_levels
from tests.edge.lane_bench import START_MS, Bench

STREAM = "forehead/surface/2"


def saved(folder: Path) -> LevelState:
    state = _read_level(folder / "level-in.msgpack")
    assert state is not None
    return state


def test_a_level_is_read_back_with_what_says_that_it_means_nothing(tmp_path: Path) -> None:
    lane = Bench().lane
    lane.level.add(STREAM, 34.0, START_MS, START_MS - 5)
    save_levels({"in": lane}, tmp_path)
    assert saved(tmp_path) == lane.level.state
    assert saved(tmp_path).streams[STREAM].meaningless_since_ms == START_MS - 5


def test_nothing_is_written_while_nothing_is_learned(tmp_path: Path) -> None:
    lane = Bench().lane
    lane.level.add(STREAM, 36.2, START_MS)
    save_levels({"in": lane}, tmp_path)
    written = (tmp_path / "level-in.msgpack").stat().st_ino
    save_levels({"in": lane}, tmp_path)
    assert (tmp_path / "level-in.msgpack").stat().st_ino == written
    lane.level.add(STREAM, 36.3, START_MS + 1)
    save_levels({"in": lane}, tmp_path)
    assert saved(tmp_path) == lane.level.state


def test_a_level_that_can_not_be_read_is_learned_again(tmp_path: Path) -> None:
    (tmp_path / "level-in.msgpack").write_bytes(b"cut off")
    assert _read_level(tmp_path / "level-in.msgpack") is None
