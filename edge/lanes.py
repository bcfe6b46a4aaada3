"""Builds the lanes of a gate file, and keeps what each of them has learned about its people's temperature."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import uuid_utils

from checkpoint.level import LaneLevel, LevelState
from checkpoint.records import Where
from edge.city_wiring import city_systems
from edge.keys import load_or_make_secret
from edge.lane import Lane
from edge.place_code import PlaceCodes
from edge.reader_ear import reader_gives
from edge.site_use import SiteUse
from edge.world import LaneSettings, World
from firmware_config.schema import Enrolment, GateFile
from firmware_config.schema import Lane as LaneTable


def new_passage(_at_ms: int) -> bytes:
    """A passage id: UUIDv7 (RFC 9562), so that ids sort by time."""
    return uuid_utils.uuid7().bytes


def build_lanes(
    file: GateFile,
    enrolment: Enrolment,
    world: World,
    folder: Path,
    blind: Callable[[bytes], str],
    site_use: SiteUse | None = None,
    place: PlaceCodes | None = None,
) -> dict[str, Lane]:
    """`site_use` and `place`: see LaneSettings."""
    grids = tuple(reversed(enrolment.grid_path.split("/")))
    lanes = {}
    for table in file.lanes:
        state = _read_level(folder / f"level-{table.name}.msgpack")
        level = LaneLevel(world.policy.temperature, state)
        settings = _settings(file, table, enrolment.site, grids, blind)
        settings = replace(settings, site_use=site_use, place=place, city=city_systems(file))
        lanes[table.name] = Lane(settings, world, new_passage, level)
    return lanes


def _settings(
    file: GateFile, table: LaneTable, site: str, grids: tuple[str, ...], blind: Callable[[bytes], str]
) -> LaneSettings:
    return LaneSettings(
        where=Where(site, table.name, table.direction, table.kind),
        site=site,
        here=(site, *grids),
        grids=grids,
        warm_place=file.gate.warm_place,
        other_free_exit=table.other_free_exit,
        has_presence=table.inputs.presence is not None,
        has_beam=table.inputs.crossing is not None,
        has_barrier=table.barrier is not None,
        has_thermometer=table.thermometer is not None,
        pulse_ms=round(table.barrier.pulse_s * 1000) if table.barrier else 0,
        blind=blind,
        has_camera=table.camera is not None,
        readers={name: reader_gives(device) for name, device in table.readers.items()},
        door_open_ms=round(table.door_open_s * 1000) if table.inputs.door is not None else None,
        zone=ZoneInfo(file.gate.timezone),
        mask_score_min=table.mask.score_min if table.mask is not None else None,
    )


def place_codes(file: GateFile, folder: Path) -> PlaceCodes | None:
    """The place code of this gate; its secret outlives a restart, so that whoever has just scanned it is let on."""
    if file.place_code is None:
        return None
    return PlaceCodes(load_or_make_secret(folder / "place.key"), file.gate.id, file.place_code.base_url)


def save_levels(lanes: Mapping[str, Lane], folder: Path) -> None:
    """Write each lane's level beside the outbox; a level that is lost is learned again. Raises OSError."""
    for name, lane in lanes.items():
        target = folder / f"level-{name}.msgpack"
        fresh, data = target.with_suffix(".new"), msgspec.msgpack.encode(lane.level.state)
        # A card wears out by writing: at night nothing is learned, and nothing written.
        if not target.exists() or target.read_bytes() != data:
            fresh.write_bytes(data)
            os.replace(fresh, target)


def _read_level(path: Path) -> LevelState | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=LevelState)
    except (OSError, msgspec.DecodeError):
        return None
