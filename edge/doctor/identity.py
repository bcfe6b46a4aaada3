"""Who this gate is: its key, its enrolment, and whether others could read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from checkpoint import cose
from edge.doctor.finding import Finding, fail, ok, same
from edge.keys import KeyFileError, load_key
from firmware_config.load import ConfigError, load_enrolment
from firmware_config.schema import Enrolment, GateFile
from webscreen.words import Words

KEY: Final = Words("关口密钥", "the gate's key")
ENROLMENT: Final = Words("登记", "enrolment")
_KEY_FILE: Final = "gate.key"


def identity(file: GateFile) -> tuple[tuple[Finding, ...], Enrolment | None]:
    """What is to be said, and the enrolment where it can be used."""
    found, enrolment = _enrolment(file)
    return (*_key(Path(file.gate.data_dir) / _KEY_FILE), *found), enrolment


def _key(path: Path) -> Iterator[Finding]:
    try:
        public = cose.public_bytes(load_key(path)).hex()
    except KeyFileError as error:
        remedy = Words(
            f"guankou-gate keys {path}，并在采集端登记", f"guankou-gate keys {path}, and enrol it at the collector"
        )
        yield fail(KEY, same(str(error)), remedy)
        return
    yield ok(KEY, same(f"{public[:16]}..."), public_key=public)


def _enrolment(file: GateFile) -> tuple[tuple[Finding, ...], Enrolment | None]:
    try:
        enrolment = load_enrolment(Path(file.gate.enrolment), file.gate.id)
    except ConfigError as error:
        remedy = Words(
            "guankou-central gate enrol，把文件带到关口，属主 guankou，权限 0600",
            "guankou-central gate enrol; bring its file, owner guankou, mode 0600",
        )
        return (fail(ENROLMENT, same(str(error)), remedy),), None
    where = f"{enrolment.gate} / {enrolment.site} / {enrolment.grid_path}"
    return (ok(ENROLMENT, same(where), gate=enrolment.gate, site=enrolment.site, grid=enrolment.grid_path),), enrolment
