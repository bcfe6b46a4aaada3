"""The gate file: everything that describes one gate, typed. Driver options stay opaque: the driver checks them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from checkpoint.records import Direction, LaneKind

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
GridPath = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}(/[a-z0-9-]{1,32}){0,4}$")]
HexKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Attendance = Literal["guard", "remote", "none"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is an error."""


class Gate(_Table, frozen=True):
    """Who this gate is. Paths are relative to the gate file."""

    id: Slug
    name_zh: Text
    name_en: Text
    data_dir: Text
    enrolment: Text
    timezone: Text = "Asia/Shanghai"
    attendance: Attendance = "guard"
    warm_place: bool = False


class Call(_Table, frozen=True):
    """Whom the screen says to call, and whom an escalation reaches first."""

    role_zh: Text
    role_en: Text
    phone: Text


class Broker(_Table, frozen=True):
    host: Text = "127.0.0.1"
    port: Port = 1883
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=300)] = 20
    heartbeat_s: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = 10.0


class Screen(_Table, frozen=True):
    """The guard's page; bound to this machine unless said otherwise."""

    host: Text = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    # Argon2 hash of the guard's PIN. Without one the page only shows; there is no default PIN.
    guard_pin_hash: str | None = None


class PlaceCode(_Table, frozen=True):
    """The code on the screen that people without a pass scan; it leads to the residents' page."""

    # Gate and nonce follow as its fragment.
    base_url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s#]{1,100}$")]


class CityCodes(_Table, frozen=True):
    """Codes of one city system: known by their host, and asked about through the operator's bridge."""

    hosts: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=16)]
    # None: the token is the last part of the path.
    token_key: Text | None = None
    # Without a bridge such codes are recognised, and nobody is asked.
    url: Text | None = None
    secret_file: Text | None = None
    timeout_s: Annotated[float, msgspec.Meta(ge=0.5, le=10)] = 3.0


class OutboxTable(_Table, frozen=True):
    retain_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    reserve_mib: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16


class Device(_Table, frozen=True):
    """A driver by name and its own options."""

    driver: Text
    options: dict[str, Any] = {}


class BarrierWire(_Table, frozen=True):
    """Which relay of which board opens the lane, and for how long."""

    board: Text
    channel: Annotated[int, msgspec.Meta(ge=0, le=31)] = 0
    pulse_s: Annotated[float, msgspec.Meta(ge=0.1, le=30)] = 1.0


class InputWire(_Table, frozen=True):
    """Which terminal of which board; `inverted` for contacts that open when active."""

    board: Text
    terminal: Annotated[int, msgspec.Meta(ge=0, le=31)]
    inverted: bool = False


class InputsTable(_Table, frozen=True):
    """`presence`: somebody, or a vehicle on its loop, is in the lane; without it binding is weak. `crossing`: somebody
    goes through. `door`: the door stands open."""

    presence: InputWire | None = None
    crossing: InputWire | None = None
    exit_button: InputWire | None = None
    assist: InputWire | None = None
    fire: InputWire | None = None
    door: InputWire | None = None


class Mask(_Table, frozen=True):
    """A model of the operator's that looks for masks in the lane's camera. `face_min`: share of the frame's height."""

    # Relative to the gate file.
    model: Text
    kind: Literal["ssd260"] = "ssd260"
    face_min: Annotated[float, msgspec.Meta(ge=0.05, le=1)] = 0.3
    score_min: Annotated[float, msgspec.Meta(ge=0.5, le=1)] = 0.9
    every_ms: Annotated[int, msgspec.Meta(ge=200, le=5000)] = 500


class Lane(_Table, frozen=True):
    """One direction and kind of traffic through the gate, and its devices."""

    name: Slug
    direction: Direction
    kind: LaneKind = "person"
    camera: Device | None = None
    thermometer: Device | None = None
    barrier: BarrierWire | None = None
    inputs: InputsTable = InputsTable()
    # Scanners, card and document readers, plate cameras, each by a name of its own.
    readers: Annotated[dict[Slug, Device], msgspec.Meta(max_length=8)] = {}
    # How long the door may stand open after it was let open.
    door_open_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 30.0
    other_free_exit: bool = False
    mask: Mask | None = None


class GateFile(_Table, frozen=True):
    """The whole file."""

    gate: Gate
    call: Call
    lanes: Annotated[tuple[Lane, ...], msgspec.Meta(min_length=1, max_length=8)]
    broker: Broker = Broker()
    screen: Screen = Screen()
    outbox: OutboxTable = OutboxTable()
    place_code: PlaceCode | None = None
    city_codes: dict[Slug, CityCodes] = {}
    boards: dict[str, Device] = {}


class Enrolment(_Table, frozen=True):
    """What enrolment brings to the gate: its identity at the collector, keys in hex, the broker's credential."""

    version: Literal[1]
    gate: Slug
    site: Slug
    grid: Slug
    grid_path: GridPath
    tree_version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    collector_keys: Annotated[tuple[HexKey, ...], msgspec.Meta(min_length=1, max_length=8)]
    root_key: HexKey
    broker_user: Text
    broker_password: Text
    minimum_versions: dict[str, int] = {}
