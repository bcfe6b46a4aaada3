"""Golden frames of every family that has a driver, read from a file of them where there is one.

The same frames, but for the longest, stand as literals in the tests of their drivers; here the whole file is gone
through, so that none is forgotten.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.golden import ANSWERS, COMMANDS, NAMED, REFUSE

SHARED = Path(os.environ.get("GUANKOU_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FILE = SHARED / "facts" / "vectors.json"
# Families without a driver, and OSDP: its bytes are the library's, which tests/drivers/test_osdp.py plays against.
NO_DRIVER = {"yjm_fever", "kmtronic", "numato", "wiegand26", "osdp"}


def rows() -> list[Any]:
    if not FILE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{FILE} is not here"))]
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return [
        pytest.param(row, id=f"{row['family']}-{row['meaning'][:50]}")
        for row in found
        if row["family"] not in NO_DRIVER
    ]


@pytest.mark.parametrize("row", rows())
def test_a_golden_frame_is_made_or_read_by_its_driver(row: dict[str, Any]) -> None:
    family, values, raw = row["family"], row["values"], bytes.fromhex(row["hex"])
    if values.get("reject"):
        assert REFUSE[family]().feed(raw) == []
    elif row["direction"] == "device->host":
        ANSWERS[family](raw, values)
    elif family in NAMED:
        made = [made for meaning, made in NAMED[family].items() if row["meaning"].startswith(meaning)]
        assert raw in made
    else:
        assert COMMANDS[family](values) == raw
