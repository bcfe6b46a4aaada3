"""A gate's uplink as the product makes it, for a gate of a town that has no devices."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from checkpoint import cose
from edge.clock import SystemClock
from edge.keys import load_key
from edge.mqtt import LinkSettings
from edge.outbox_reader import OutboxReader
from edge.uplink import UplinkCore
from edge.uplink_runner import UplinkRunner, subscriptions
from edge.uplink_values import Keys, Settings
from firmware_config.schema import Enrolment


def enrolment_of(town: Path, gate: str) -> Enrolment:
    return msgspec.json.decode((town / gate / "enrolment.json").read_bytes(), type=Enrolment)


def link_settings(enrolment: Enrolment, broker_port: int) -> LinkSettings:
    client = f"guankou-{enrolment.gate}"
    return LinkSettings("127.0.0.1", broker_port, client, enrolment.broker_user, enrolment.broker_password)


def runner_of(
    town: Path, enrolment: Enrolment, reader: OutboxReader, broker_port: int, clock: SystemClock
) -> UplinkRunner:
    """Not started yet."""
    collector = [bytes.fromhex(public) for public in enrolment.collector_keys]
    keys = Keys(
        load_key(town / enrolment.gate / "data" / "gate.key"),
        {cose.key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in collector},
    )
    core = UplinkCore(
        Settings(enrolment.gate), keys, reader, lambda: os.urandom(8), clock.boot_id, {"software": "bench"}
    )
    listen = subscriptions(enrolment.gate, ())
    link = link_settings(enrolment, broker_port)
    return UplinkRunner(enrolment.gate, core, reader, link, listen, clock, lambda _event: None)
