"""Secrets of time steps in files: one for each site and week, made when a phone first wants one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from central.config import Config
from central.keys import KeyFileError
from central.people.secret_files import kept_secret
from checkpoint.steps import StepSecret

_FOLDER: Final = "steps"
_SUFFIX: Final = ".key"


def secret_of(config: Config, scope: str, week: int) -> bytes:
    """The secret of this site and week, made if there is none. Raises KeyFileError."""
    folder = config.keys_dir / _FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{folder}: can't be made ({error}); make keys with `guankou-central keys`") from None
    return kept_secret(_file(folder, scope, week))


def secrets_around(config: Config, scope: str, week: int) -> list[StepSecret]:
    """Those of a site around this week. A site that has one for now gets the next: a gate may go offline."""
    folder = config.keys_dir / _FOLDER
    if _file(folder, scope, week).exists():
        secret_of(config, scope, week + 1)
    files = [(number, _file(folder, scope, number)) for number in (week - 1, week, week + 1)]
    return [StepSecret(scope, number, kept_secret(file)) for number, file in files if file.exists()]


def drop_old(config: Config, week: int) -> None:
    """Secrets that no gate accepts any more in this week are gone for good."""
    for file in (config.keys_dir / _FOLDER).glob(f"*.*{_SUFFIX}"):
        number = file.name.removesuffix(_SUFFIX).rpartition(".")[2]
        if number.isdigit() and int(number) < week - 1:
            _drop(file)


def _file(folder: Path, scope: str, week: int) -> Path:
    return folder / f"{scope}.{week}{_SUFFIX}"


def _drop(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise KeyFileError(f"{file}: can't be deleted ({error}); its folder is the collector's own") from None
