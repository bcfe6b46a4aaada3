"""A real gate process with one lane that leads out and opens for whoever shows a code, and its emulated entrance.

Nothing has to be published for it, so that a test can break whatever stands around the gate.
"""

from __future__ import annotations

import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from checkpoint import cose, records
from checkpoint.records import Header, Note, Payload
from edge.outbox_reader import OutboxReader
from firmware_config.load import write_enrolment
from firmware_config.schema import Enrolment
from tests.edge.broker import free_port
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY
from tests.waiting import wait_for
from tools.demo.evidence import openings
from tools.demo.street import PIN, Street

ROOT = Path(__file__).resolve().parents[2]
UNLIMITED = resource.RLIM_INFINITY
EVERYTHING = 100_000_000

GATE_FILE = """
[gate]
id = "gate-7"
name_zh = "测试门"
name_en = "Test gate"
data_dir = "{data}"
enrolment = "enrolment.json"
[call]
role_zh = "网格长"
role_en = "Grid head"
phone = "0791-0000-0000"
[broker]
port = {broker_port}
heartbeat_s = 0.3
keepalive_s = 5
[screen]
port = {screen_port}
guard_pin_hash = "{pin_hash}"
[outbox]
reserve_mib = 1
"""
LANE_OUT = """
[boards.relay]
driver = "modbus_relay"
options = {{ port = "{relay}", baud = 38400 }}
[[lanes]]
name = "out"
direction = "out"
other_free_exit = true
camera = {{ driver = "stream", options = {{ url = "{camera}" }} }}
thermometer = {{ driver = "gy9061x", options = {{ port = "{thermometer}" }} }}
barrier = {{ board = "relay", channel = 0, pulse_s = 0.5 }}
[lanes.inputs]
exit_button = {{ board = "relay", terminal = 2 }}
"""


def write_gate(folder: Path, lanes: str, broker_port: int | None = None, data: str = "data") -> int:
    """Gate file, key and enrolment in `folder`; gives the screen's port."""
    screen_port = free_port()
    pin_hash = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PIN)
    text = GATE_FILE.format(
        broker_port=broker_port or free_port(), screen_port=screen_port, pin_hash=pin_hash, data=data
    )
    (folder / "gate.toml").write_text(text + lanes, encoding="utf-8")
    (folder / data).mkdir(exist_ok=True)
    key = folder / data / "gate.key"
    key.touch(0o600)
    key.write_text(GATE_KEY.private_bytes_raw().hex())
    write_enrolment(folder / "enrolment.json", enrolment())
    return screen_port


def enrolment(password: str = "secret") -> Enrolment:
    public = cose.public_bytes(COLLECTOR_KEY).hex()
    return Enrolment(
        version=1, gate="gate-7", site="garden", grid="grid-3", grid_path="city/grid-3", tree_version=1,
        collector_keys=(public,), root_key=public, broker_user="gate-7", broker_password=password,
    )  # fmt: skip


class GateProcess:
    """`python -m edge run`, with its screen watched and its log kept in memory."""

    def __init__(self, folder: Path, lanes: str = LANE_OUT, broker_port: int | None = None, data: str = "data") -> None:
        self.folder = folder
        self.data = folder / data
        self.street = Street("out", folder, "gy9061x", 1)
        self.street.start()
        filled = lanes.format(relay=folder / "relay", camera=self.street.camera.url, thermometer=folder / "thermometer")
        self._screen_port = write_gate(folder, filled, broker_port, data)
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self.street.watch_screen(self._screen_port)

    def start(self, most_file_bytes: int = UNLIMITED) -> None:
        """`most_file_bytes`: what setrlimit(2) lets this process write into a file: 0 is a disk that takes nothing."""

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_file_bytes, UNLIMITED))

        self._process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", str(self.folder / "gate.toml")],
            cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=limit,
        )  # fmt: skip
        reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        reader.start()
        self._readers.append(reader)
        wait_for(lambda: self.page, f"the screen; log: {self.log}")

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.log += process.stderr

    def limit_files(self, most_bytes: int) -> None:
        """The disk stops taking anything (0), or heals (UNLIMITED)."""
        assert self._process is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most_bytes, UNLIMITED))

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def close(self) -> None:
        if self._process is not None:
            self.stop()
        self.street.stop()

    def _end(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        self._process.wait(20)
        for reader in self._readers:
            reader.join(5)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process, self._readers = None, []

    @property
    def page(self) -> dict[str, Any]:
        return self.street.screen.page

    def faults(self) -> list[str]:
        return [fault["en"] for fault in self.page.get("faults", [])]

    def shows_fault(self, words: str) -> bool:
        return any(words in fault for fault in self.faults())

    def show_code(self) -> None:
        """A stranger's code that the gate has never seen, in front of the camera until `lower`."""
        self.street.hold(f"https://example.org/{secrets.token_hex(4)}")

    def records(self) -> list[tuple[Header, Payload | None]]:
        return read_records(self.data / "outbox.db")

    def payloads(self, kind: type[Payload]) -> list[Any]:
        return [payload for _, payload in self.records() if isinstance(payload, kind)]

    def notes(self, kind: str) -> list[Note]:
        return [payload for header, payload in self.records() if header.kind == kind and isinstance(payload, Note)]

    def openings(self) -> int:
        """How often the relay was energised."""
        return len(openings(self.street.wire_log))


def read_records(path: Path) -> list[tuple[Header, Payload | None]]:
    """Everything on disk, oldest first; empty when there is nothing yet."""
    if not path.exists() or not path.stat().st_size:
        return []
    reader = OutboxReader(path)
    try:
        return [
            (header, records.decode_payload(header.kind, record.sealed.payload))
            for state in reader.epochs()
            for record in reader.run(state.epoch, state.floor - 1, 100_000, EVERYTHING)
            for header in [records.decode_header(record.raw)]
        ]
    finally:
        reader.close()
