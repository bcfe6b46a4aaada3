"""Third-party vectors, read where they lie; a test that needs them skips visibly where they are not."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from checkpoint.foreign.keys import ForeignKeys
from checkpoint.foreign.pem_import import key_of_certificate


def folder(shared: Path, name: str) -> Path:
    path = shared / "pass" / name
    if not path.is_dir():
        pytest.skip(f"vectors not found at {path}; set GUANKOU_SHARED to the folder that holds data/pass")
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def one_list(cases: list[dict[str, Any]]) -> ForeignKeys:
    """All certificates of all cases as one trust list: finding the key is part of the test."""
    return ForeignKeys(tuple(dict.fromkeys(key_of_certificate(b64decode(case["cert_b64"])) for case in cases)))


def clock_s(case: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(case["clock"]).timestamp())
