"""Dozens of gates in one process, each with an outbox on disk, an uplink and an MQTT connection of its own.

Run as `python -m tools.faults.hundreds FOLDER BROKER_PORT GATE...`; `FOLDER/GATE` holds `enrolment.json`, `gate.key`
and `outbox.db`. Says `ready`, then, when every backlog is gone or the input ends, one line of JSON: what each gate saw,
in seconds of the machine's monotonic clock.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from checkpoint import cose
from edge.clock import SystemClock
from edge.keys import load_key
from edge.mqtt import LinkSettings
from edge.outbox_reader import OutboxReader
from edge.uplink import UplinkCore
from edge.uplink_runner import Delivered, UplinkRunner, subscriptions
from edge.uplink_values import Keys, Settings, SignedTime
from firmware_config.schema import Enrolment

_LOOK_S: Final = 0.1


@dataclass(slots=True)
class Seen:
    """When a gate was answered for the first time and for the last, how often, and when its backlog was gone."""

    gate: str
    first_answer_s: float | None = None
    last_answer_s: float | None = None
    longest_silence_s: float = 0.0
    answers: int = 0
    drained_s: float | None = None
    left: int = 0

    def answered(self, now_s: float) -> None:
        if self.drained_s is not None:
            return
        if self.last_answer_s is not None:
            self.longest_silence_s = max(self.longest_silence_s, now_s - self.last_answer_s)
        self.first_answer_s = self.first_answer_s or now_s
        self.last_answer_s = now_s
        self.answers += 1


class OneGate:
    """One gate's uplink; `seen` is what it has noticed so far."""

    def __init__(self, folder: Path, gate: str, broker_port: int) -> None:
        enrolment = msgspec.json.decode((folder / gate / "enrolment.json").read_bytes(), type=Enrolment)
        clock = SystemClock(os.urandom(16), lambda _at_ms, _mono_ms: True)
        collector = [bytes.fromhex(public) for public in enrolment.collector_keys]
        public = {cose.key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in collector}
        keys = Keys(load_key(folder / gate / "gate.key"), public)
        reader = OutboxReader(folder / gate / "outbox.db")
        core = UplinkCore(Settings(gate), keys, reader, lambda: os.urandom(8), clock.boot_id, {"software": "many"})
        link = LinkSettings(
            "127.0.0.1", broker_port, f"guankou-{gate}", enrolment.broker_user, enrolment.broker_password
        )
        self.seen = Seen(gate)
        listen = subscriptions(gate, (gate, enrolment.site, enrolment.grid))
        self.runner = UplinkRunner(gate, core, reader, link, listen, clock, self._delivered)

    def look(self) -> bool:
        """Whether the backlog is gone."""
        self.seen.left = self.runner.depth
        if self.seen.drained_s is None and self.seen.answers and not self.runner.depth:
            self.seen.drained_s = time.monotonic()
        return self.seen.drained_s is not None

    def _delivered(self, what: Delivered) -> None:
        if isinstance(what, SignedTime):
            self.seen.answered(time.monotonic())


def main(folder: Path, broker_port: int, names: Sequence[str]) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    gates = [OneGate(folder, name, broker_port) for name in names]
    for gate in gates:
        gate.runner.start()
    click.echo("ready")
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over,), name="input", daemon=True).start()
    waiting = gates
    while waiting and not over.wait(_LOOK_S):
        waiting = [gate for gate in waiting if not gate.look()]
    click.echo(json.dumps([asdict(gate.seen) for gate in gates]))
    # The parent ends this process: three hundred goodbyes are not what is measured.
    over.wait()


def _wait_for_end(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
