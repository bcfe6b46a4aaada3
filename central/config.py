"""The collector's configuration file, typed: an unknown key, a bad value or a missing file is named and refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from central.registry import DEFAULT_ZONE
from firmware_config.schema import Port, Text

_MAX_FILE_BYTES = 256 * 1024


class ConfigError(ValueError):
    """The configuration can't be used; the message names file, key, value and remedy."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is an error."""


class CollectorTable(_Table, frozen=True):
    """Where things are; paths are relative to the configuration file. `source` names this collector in events."""

    data_dir: Text
    tree: Text
    keys_dir: Text = "keys"
    zone: Text = DEFAULT_ZONE
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    source: Text = "urn:guankou:collector"


class BrokerTable(_Table, frozen=True):
    """The broker; the password is the first line of a file that only the collector may read."""

    host: Text = "127.0.0.1"
    port: Port = 1883
    user: Text = "collector"
    password_file: Text | None = None
    client_id: Text = "guankou-central"
    subscriber_user: Text = "subscriber"
    # Folder with `passwords` and `acl`, where enrolment adds gates; without one the broker is set up by other means.
    dir: Text | None = None


class ScreenTable(_Table, frozen=True):
    """The collector's screens; bound to this machine unless said otherwise. Port 0: any free one."""

    host: Text = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8090


class ResidentTable(_Table, frozen=True):
    """The resident's page, which is off unless `enabled`. `url`: under which people open it; links to passes begin
    with it. `behind_proxy`: only our own proxy reaches the port, so its X-Forwarded-For is believed."""

    enabled: bool = False
    host: Text = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8091
    url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[A-Za-z0-9.\-]+(:\d+)?)?$")] = ""
    behind_proxy: bool = False
    registration: bool = True


class ConfigFile(_Table, frozen=True):
    """The whole file. `zones`: site id -> IANA zone, for sites whose zone is not the common one."""

    collector: CollectorTable
    broker: BrokerTable = BrokerTable()
    screen: ScreenTable = ScreenTable()
    resident: ResidentTable = ResidentTable()
    zones: dict[str, str] = {}


class Config(msgspec.Struct, frozen=True):
    """A configuration file and where it lies."""

    file: Path
    content: ConfigFile

    @property
    def data_dir(self) -> Path:
        return self._path(self.content.collector.data_dir)

    @property
    def database(self) -> Path:
        return self.data_dir / "central.db"

    @property
    def tree(self) -> Path:
        return self._path(self.content.collector.tree)

    @property
    def keys_dir(self) -> Path:
        return self._path(self.content.collector.keys_dir)

    @property
    def broker_dir(self) -> Path | None:
        name = self.content.broker.dir
        return None if name is None else self._path(name)

    def broker_password(self) -> str:
        """The password, or an empty one without a file. Raises ConfigError."""
        name = self.content.broker.password_file
        if name is None:
            return ""
        file = self._path(name)
        try:
            return file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.file}: broker.password_file {name!r} can't be read ({error})") from None

    def _path(self, text: str) -> Path:
        return (self.file.parent / text).absolute()


def load_config(file: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: can't be read ({error.strerror}); name a configuration file that exists") from None
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(f"{file}: {len(data)} bytes; a configuration file has at most {_MAX_FILE_BYTES}")
    try:
        values = tomllib.loads(data.decode())
        return Config(file, msgspec.convert(values, ConfigFile))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: {error}") from None
