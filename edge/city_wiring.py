"""The city systems of a gate file: which codes are recognised, and whom to ask about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from checkpoint.formats.city import CitySystem
from edge.city_codes import Bridge, BridgeError, CityDesk, CityReason
from firmware_config.load import require_private
from firmware_config.schema import CityCodes, GateFile

_MAX_SECRET: Final = 512


def city_systems(file: GateFile) -> tuple[CitySystem, ...]:
    """What the lanes recognise."""
    return tuple(CitySystem(name, table.hosts, table.token_key or "") for name, table in file.city_codes.items())


def city_desk(file: GateFile, told: Callable[[str, int, CityReason], None]) -> CityDesk:
    """Who asks. Raises BridgeError for a bridge that can't be asked as configured, ConfigError for a secret that others
    can read."""
    bridges = {name: _bridge(name, table) for name, table in file.city_codes.items() if table.url is not None}
    return CityDesk(file.gate.id, bridges, told)


def _bridge(name: str, table: CityCodes) -> Bridge:
    return Bridge(table.url or "", _secret(name, table.secret_file), table.timeout_s)


def _secret(name: str, path: str | None) -> str:
    if path is None:
        raise BridgeError(f"[city_codes.{name}] url without secret_file: name a file whose first line is the secret")
    if Path(path).exists():
        require_private(Path(path))
    try:
        line = Path(path).read_text(encoding="ascii").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BridgeError(f"[city_codes.{name}] secret_file = {path!r} can't be read: {error}") from error
    if not 1 <= len(line) <= _MAX_SECRET or not line.isprintable():
        raise BridgeError(f"[city_codes.{name}] secret_file = {path!r}: its first line has 1 to {_MAX_SECRET} signs")
    return line
