"""What the commands of `guankou-central` share: options, configuration and store, one clear line on error."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from central.config import Config
    from central.registry import Registry
    from central.store.sqlite import SqliteStore

BAD_INPUT: Final = 2
# A gate whose clock is a little behind must not find a fresh document early.
SKEW_MS: Final = 60_000
DAY_S: Final = 86_400

file_path = click.Path(path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=file_path,
    required=True,
    envvar="GUANKOU_CENTRAL",
    help="The collector's file.",
)
url_option = click.option("--url", help="Under which people open their page; default: `url` of table [resident].")


def fail(message: object) -> NoReturn:
    """One clear line on standard error, and exit code 2."""
    click.echo(str(message), err=True)
    sys.exit(BAD_INPUT)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what bad input raises into one line; a defect of ours still shows its trace."""
    from central.lock import InUseError
    from central.store.sqlite import StoreError
    from webscreen.host import ScreenError

    try:
        yield
    except (ValueError, OSError, StoreError, InUseError, ScreenError) as error:
        fail(error)
    except sqlite3.OperationalError as error:
        fail(f"the collector's store can't be used now ({error}), so nothing was changed: try again, then see its disk")


def show(as_json: bool, values: dict[str, Any]) -> None:
    """The same facts for a program or for a person."""
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False))
        return
    for name, value in values.items():
        click.echo(f"{name}: {value}")


@contextmanager
def opened(config_file: Path) -> Iterator[tuple[Config, SqliteStore]]:
    """The configuration and its store; bad input ends the command."""
    from contextlib import closing

    from central.config import load_config
    from central.store.sqlite import SqliteStore

    with clear_errors():
        config = load_config(config_file)
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(SqliteStore(config.database)) as store:
            yield config, store


def registry_of(config: Config, store: SqliteStore) -> Registry:
    """The tree of the configuration, which the store keeps."""
    from central.registry import take_registry

    return take_registry(config, store, utc_ms())


def hex_bytes(option: str, text: str) -> bytes:
    """What an option gives in hex; anything else ends the command."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        fail(f"{option} {text!r} is not hex")


def page_url(config: Config, url: str | None) -> str:
    """Under which people open their page; without one the command ends."""
    found = url or config.content.resident.url
    if not found.startswith(("https://", "http://")):
        fail(f"{config.file}: table [resident] has no `url`; set it, or name one with --url https://…")
    return found


def utc_ms() -> int:
    """UTC of this machine."""
    return time.time_ns() // 1_000_000
