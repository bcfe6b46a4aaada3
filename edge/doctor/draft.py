"""A gate file of what was found: one lane in, everything else to be filled in by whoever knows the place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge.check_command import check_gate_file
from edge.doctor.discovery import Discovery
from firmware_config.schema import Device, Lane

_HEAD = """# Written by `guankou-gate doctor --write` from the devices that it found. Names, phone and folders
# are examples: put in your own, then `guankou-gate check` and `guankou-gate doctor` this file.

[gate]
id = "gate-1"
name_zh = "南门"
name_en = "South gate"
data_dir = "/var/lib/guankou"
enrolment = "/etc/guankou/enrolment.json"
attendance = "guard"

[call]
role_zh = "值班保安"
role_en = "guard on duty"
phone = "000-0000"
"""


class DraftError(ValueError):
    """The gate file can't be written; the message says why."""


def write_draft(path: Path, found: Discovery) -> list[str]:
    """Writes `path`, which must be new; gives what `check` says of it: empty when it is right. Raises DraftError."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise DraftError(f"{path}: is there already; name a new file") from None
    except OSError as error:
        raise DraftError(f"{path}: {error.strerror}; name a file in a folder that can be written") from None
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(draft(found))
    return check_gate_file(path)


def draft(found: Discovery) -> str:
    """The file's text: the first board, thermometer and camera make the lane; what is left over stands as a comment."""
    kinds: dict[str, list[Device]] = {}
    for profile, device in found.devices:
        kinds.setdefault(profile.kind, []).append(device)
    boards, thermometers, readers = (kinds.get(kind, []) for kind in ("board", "thermometer", "reader"))
    return "\n".join((_HEAD, *_boards(boards), *_lane(boards, thermometers, readers, found.cameras))) + "\n"


def _boards(boards: list[Device]) -> Iterator[str]:
    for number, board in enumerate(boards):
        name = "main" if number == 0 else f"board-{number + 1}"
        yield f'[boards.{name}]\ndriver = "{board.driver}"\noptions = {_inline(board.options)}\n'


def _lane(
    boards: list[Device], thermometers: list[Device], readers: list[Device], cameras: list[Device]
) -> Iterator[str]:
    yield '[[lanes]]\nname = "in"\ndirection = "in"'
    yield from _role("camera", cameras)
    yield from _role("thermometer", thermometers)
    if boards:
        yield 'barrier = { board = "main", channel = 0, pulse_s = 1.0 }'
    if readers and "readers" in Lane.__struct_fields__:
        for number, reader in enumerate(readers, 1):
            name = f"{reader.driver.replace('_', '-')}-{number}"
            yield f'\n[lanes.readers.{name}]\ndriver = "{reader.driver}"\noptions = {_inline(reader.options)}'


def _role(role: str, devices: list[Device]) -> Iterator[str]:
    for number, device in enumerate(devices):
        # More of a kind than one lane takes: for another lane, by hand.
        mark = "" if number == 0 else "# "
        yield f'{mark}{role} = {{ driver = "{device.driver}", options = {_inline(device.options)} }}'


def _inline(options: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in options.items()) + " }"


def _value(value: Any) -> str:
    # JSON's texts, numbers, lists and truth values are TOML's as well.
    return json.dumps(value, ensure_ascii=False)
