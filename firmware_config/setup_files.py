"""The files that set a machine up around Guankou: services, device names, the screen's browser. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_PATH: Final = re.compile(r"/[A-Za-z0-9_./-]{0,200}")
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,100}/")
# What udev writes into these properties; a quotation mark or a line end would begin another rule.
_PROPERTY: Final = re.compile(r"[A-Za-z0-9_.:+-]{1,200}")
_LEFT_OPEN: Final = re.compile(r"@[A-Z]+@")
# Chips of adapters: what hangs behind them can't be told from their numbers.
_ADAPTERS: Final = frozenset(
    {
        "1A86:7523",
        "1A86:5523",
        "1A86:55D3",
        "1A86:55D4",
        "0403:6001",
        "0403:6015",
        "10C4:EA60",
        "067B:2303",
        "067B:23A3",
    }
)


class SetupError(ValueError):
    """A value that can't stand in a set-up file; names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are on the machine that is set up. `groups`: those of the devices that there are."""

    prefix: str
    config: str
    data_dir: str
    user: str
    groups: tuple[str, ...] = ()
    screen_url: str = "http://127.0.0.1:8080/"
    kiosk_user: str = "guankou-kiosk"
    broker_dir: str = "/etc/guankou/broker"

    def __post_init__(self) -> None:
        """Raises SetupError: a blank or a line end in one of these would be another word, or another setting."""
        for what, path in (("prefix", self.prefix), ("config", self.config), ("data_dir", self.data_dir)):
            _must(_PATH, path, what, "an absolute path of letters, digits, dots, hyphens and underscores")
        _must(_PATH, self.broker_dir, "broker_dir", "an absolute path")
        for user in (self.user, self.kiosk_user, *self.groups):
            _must(_USER, user, "user or group", "a name of small letters, digits, hyphens and underscores")
        _must(_URL, self.screen_url, "screen address", "http://HOST:PORT/")


@dataclass(frozen=True, slots=True)
class NamedDevice:
    """A device that gets /dev/guankou/`name`; `properties` as `udevadm info --query=property` gives them."""

    name: str
    subsystem: str
    properties: Mapping[str, str]


def gate_files(
    place: Place, named: Iterable[NamedDevice] = (), known: Iterable[tuple[str, str]] = ()
) -> dict[str, str]:
    """File name -> text. `known`: (driver, `vendor:product`) of devices that a plug names by itself."""
    rules = [*_quiet_rules(), *(rule(device) for device in named), *_known_rules(known)]
    return {
        "guankou-gate.service": _filled("systemd/guankou-gate.service", place),
        "guankou-kiosk.service": _filled("kiosk/guankou-kiosk.service", place),
        "90-guankou.rules": _text("udev/90-guankou.rules") + "\n".join(rules) + "\n",
    }


def collector_files(place: Place) -> dict[str, str]:
    """File name -> text."""
    return {
        "guankou-central.service": _filled("systemd/guankou-central.service", place),
        "mosquitto-guankou.conf": _filled("systemd/mosquitto-guankou.conf", place),
    }


def rule(device: NamedDevice) -> str:
    """The rule for one device: by its serial number, or by the socket that it is in where it has none of its own.

    Raises SetupError for a name that can't be one, and for a device that has neither.
    """
    _must(_NAME, device.name, "name", "1 to 32 small letters, digits and hyphens")
    known = {key: text for key, text in device.properties.items() if _PROPERTY.fullmatch(text)}
    serial, socket = known.get("ID_SERIAL_SHORT", ""), known.get("ID_PATH", "")
    match = [f'SUBSYSTEM=="{device.subsystem}"']
    if serial and known.get("ID_BUS") == "usb":
        keys = ("ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT", "ID_USB_INTERFACE_NUM")
        match += [f'ENV{{{key}}}=="{known[key]}"' for key in keys if key in known]
    elif socket:
        match.append(f'ENV{{ID_PATH}}=="{socket}"')
    else:
        raise SetupError(f"{device.name}: this device has neither serial number nor socket; use its own path instead")
    if device.subsystem == "video4linux":
        # A camera's other nodes give no pictures.
        match.append('ATTR{index}=="0"')
    return ", ".join([*match, f'SYMLINK+="guankou/{device.name}"'])


def is_adapter(usb_id: str) -> bool:
    """Whether these numbers name a chip that anything may hang behind."""
    return usb_id.upper() in _ADAPTERS


def _quiet_rules() -> Iterator[str]:
    """ModemManager asks a new port whether it is a modem, and a relay may take that for an order. Not for every port:
    a gate may have a real modem."""
    for usb_id in sorted(_ADAPTERS):
        vendor, product = usb_id.lower().split(":")
        match = f'SUBSYSTEM=="tty", ENV{{ID_VENDOR_ID}}=="{vendor}", ENV{{ID_MODEL_ID}}=="{product}"'
        yield f'{match}, ENV{{ID_MM_PORT_IGNORE}}="1"'


def _known_rules(known: Iterable[tuple[str, str]]) -> list[str]:
    rules = []
    for driver, usb_id in sorted(known):
        vendor, product = usb_id.lower().split(":")
        if not is_adapter(usb_id):
            name = driver.replace("_", "-")
            match = f'SUBSYSTEM=="tty", ENV{{ID_VENDOR_ID}}=="{vendor}", ENV{{ID_MODEL_ID}}=="{product}"'
            rules.append(f'{match}, SYMLINK+="guankou/{name}"')
    return rules


def _filled(name: str, place: Place) -> str:
    values = {
        "PREFIX": place.prefix,
        "CONFIG": place.config,
        "DATA": place.data_dir,
        "USER": place.user,
        "GROUPS": " ".join(place.groups),
        "URL": place.screen_url,
        "KIOSK": place.kiosk_user,
        "BROKER": place.broker_dir,
    }
    text = _text(name)
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    if open_place := _LEFT_OPEN.search(text):
        raise SetupError(f"{name}: {open_place[0]} was not filled in")
    return text


def _text(name: str) -> str:
    return files("firmware_config").joinpath(name).read_text(encoding="utf-8")


def _must(form: re.Pattern[str], value: str, what: str, allowed: str) -> None:
    if form.fullmatch(value) is None:
        raise SetupError(f"{what} {value[:80]!r} must be {allowed}")
