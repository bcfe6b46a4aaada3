"""The demo's processes: broker, collector and gates, set up with the product's own commands in one folder."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Final

from argon2 import PasswordHasher

from tools.demo.street import PIN, Street, wait

_HERE: Final = Path(__file__).parent
# The grids and sites of the town, and what each gate's file is made from.
_TREE: Final = _HERE / "tree.toml"
_GATE_FORM: Final = _HERE / "gate.toml.in"

_PORTS: Final = (20_000, 32_000)
# Key list, trust list, policy and the gates of its site: before them a gate lets nobody in.
_DOCUMENTS: Final = 4


class SetupError(RuntimeError):
    """A step of setting up failed; the message holds the command's own words."""


@dataclass(frozen=True, slots=True)
class Place:
    """One gate of the demo."""

    gate: str
    street: str
    site: str
    grid: str
    name_zh: str
    name_en: str
    attendance: str
    model: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick a town is: its policy, the barrier's pulse, and the cameras' frames and people."""

    policy: Path
    pulse_s: float = 1.5
    fps: float = 15.0
    glide_s: float = 0.6


DEMO: Final = Pace(Path(str(files("firmware_config") / "policies" / "demo.toml")))

PLACES: Final = (
    Place(
        "garden-east", "east", "garden", "gardens-1", "百花小区东门", "Hundred Flowers, east gate", "guard", "gy614v3"
    ),
    Place("lakeside-west", "west", "lakeside", "gardens-2", "湖滨小区西门", "Lakeside, west gate", "none", "gy9061x"),
)


class Town:
    """Starts and stops everything; `close` ends what it started, by process id."""

    def __init__(self, folder: Path, places: Sequence[Place] = PLACES, pace: Pace = DEMO) -> None:
        self.folder = folder
        self.uplinks: dict[str, int] = {}
        """Port that a gate, or `collector`, takes for the broker's: for a proxy in between. Fill it before `set_up`."""
        self.before: dict[str, list[str]] = {}
        """Words before a process's command, such as `strace` and its options."""
        self.module: dict[str, list[str]] = {}
        """Module and first words that a gate, or `collector`, is started by instead of its own."""
        self.environment: dict[str, dict[str, str]] = {}
        """What a process finds in its environment beside ours."""
        self.places = tuple(places)
        self._pace = pace
        self.resident_port = free_port()
        self.broker_port, self.screen_port = free_port(), free_port()
        self.gate_ports = {place.gate: free_port() for place in self.places}
        self.streets: dict[str, Street] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def set_up(self) -> None:
        """Keys, broker files, enrolment, documents and gate files, in the order an operator would make them."""
        made = json.loads(self._central("keys", str(self.folder / "central" / "keys"), "--json"))
        (self.folder / "central").mkdir(exist_ok=True)
        shutil.copyfile(_TREE, self.folder / "central" / "tree.toml")
        self._central("broker", "init", "--dir", str(self.folder / "broker"), "--port", str(self.broker_port))
        self._write_collector_file()
        self._publish_documents(made["issuer_public_key"])
        for number, place in enumerate(self.places):
            self._set_up_gate(place, seed=number + 1)

    def start(self) -> None:
        """Broker, collector, documents, gates; returns when every gate shows its screen."""
        self.start_broker()
        self.start_collector()
        for place in self.places:
            self.start_gate(place.gate)
        for place in self.places:
            street = self.streets[place.street]
            street.watch_screen(self.gate_ports[place.gate])
            if not wait(lambda street=street: street.screen.lane().get("state") == "wait", 40.0):  # type: ignore[misc]
                raise SetupError(f"gate {place.gate} did not get ready: {self.tail(place.gate)}")
            if not wait(lambda gate=place.gate: self._documents(gate) >= _DOCUMENTS, 40.0):  # type: ignore[misc]
                raise SetupError(f"gate {place.gate} did not get its documents: {self.tail(place.gate)}")

    def start_broker(self) -> None:
        self._spawn("broker", ["mosquitto", "-c", str(self.folder / "broker" / "mosquitto.conf")])
        if not wait(lambda: _listens(self.broker_port), 10.0):
            raise SetupError(f"the broker does not listen on port {self.broker_port}: {self.tail('broker')}")

    def start_collector(self) -> None:
        words = self.module.get("collector", ["central"])
        self._spawn("collector", [sys.executable, "-m", *words, "run", str(self.collector_file)])
        if not wait(lambda: _listens(self.screen_port), 20.0):
            raise SetupError(f"the collector did not start: {self.tail('collector')}")

    def start_gate(self, gate: str) -> None:
        file = str(self.gate_folder(gate) / "gate.toml")
        self._spawn(gate, [sys.executable, "-m", *self.module.get(gate, ["edge"]), "run", file])

    def enrol(self, gate: str, grid: str, site: str) -> None:
        """A gate's key on its disk, and what the collector gives it; its folder has a place for data already."""
        folder = self.gate_folder(gate)
        public = json.loads(self._gate("keys", str(folder / "data" / "gate.key"), "--json"))["public_key"]
        self._central(
            "gate", "enrol", "--config", str(self.collector_file), "--gate", gate, "--grid", grid,
            "--site", site, "--public-key", public, "--out", str(folder / "enrolment.json"),
        )  # fmt: skip

    def clone_gate(self, gate: str, name: str) -> Street:
        """A second machine with a copy of a stopped gate's disk, at an entrance of its own: `name` in other methods."""
        source, folder = self.gate_folder(gate), self.gate_folder(name)
        folder.mkdir()
        shutil.copytree(source / "data", folder / "data")
        shutil.copy(source / "enrolment.json", folder)
        place = next(place for place in self.places if place.gate == gate)
        old = self.streets[place.street]
        street = Street(name, folder, place.model, len(self.streets) + 1, self._pace.fps, self._pace.glide_s)
        street.start()
        self.streets[name], self.gate_ports[name] = street, free_port()
        text = (source / "gate.toml").read_text(encoding="utf-8")
        text = text.replace(f"{source}/", f"{folder}/").replace(old.camera.url, street.camera.url)
        text = text.replace(f"port = {self.gate_ports[gate]}\n", f"port = {self.gate_ports[name]}\n")
        (folder / "gate.toml").write_text(text, encoding="utf-8")
        return street

    def stop_broker(self) -> None:
        self.kill("broker")

    def kill_gate(self, gate: str) -> None:
        self.kill(gate)

    def kill_vision(self, gate: str) -> None:
        for child in children(self._running[gate].pid):
            if b"edge.vision_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)

    def kill(self, name: str) -> None:
        """SIGKILL one process of the demo."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def ended(self, name: str) -> int | None:
        """How a process ended by itself; None while it runs. Start it again as if it had been killed."""
        return self._running[name].poll()

    def central(self, *words: str) -> str:
        """One `guankou-central` command with the town's collector file. Raises SetupError with its words."""
        return self._central(*words, "--config", str(self.collector_file))

    def at_gate(self, *words: str) -> str:
        """One `guankou-gate` command, which names its gate's file. Raises SetupError with its words."""
        return self._gate(*words)

    def close(self) -> None:
        """Ask every process to end, and end it if it does not; gates first, so that their last records get away."""
        names = sorted(self._running, key=lambda name: (name == "broker", name == "collector"))
        for name in names:
            process = self._running.pop(name)
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for street in self.streets.values():
            street.stop()
        for log in self._logs:
            log.close()

    def gate_folder(self, gate: str) -> Path:
        return self.folder / gate

    @property
    def resident_url(self) -> str:
        return f"http://127.0.0.1:{self.resident_port}"

    @property
    def policy_file(self) -> Path:
        return self._pace.policy

    @property
    def collector_file(self) -> Path:
        return self.folder / "central" / "collector.toml"

    @property
    def database(self) -> Path:
        return self.folder / "central" / "data" / "central.db"

    def tail(self, name: str, lines: int = 6) -> str:
        """The last words of a process."""
        with contextlib.suppress(OSError):
            return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
        return "(no log)"

    def _documents(self, gate: str) -> int:
        """How many documents a gate has put in force, by its own disk."""
        return len(list((self.gate_folder(gate) / "data" / "documents").glob("*.doc")))

    # --- setting up ----------------------------------------------------------------------------------------------

    def _write_collector_file(self) -> None:
        self.collector_file.write_text(
            f"""
[collector]
data_dir = "data"
tree = "tree.toml"
[broker]
port = {self.uplinks.get("collector", self.broker_port)}
dir = "../broker"
password_file = "../broker/collector.password"
[screen]
port = {self.screen_port}
[resident]
enabled = true
port = {self.resident_port}
url = "{self.resident_url}"
""",
            encoding="utf-8",
        )

    def _publish_documents(self, issuer: str) -> None:
        """What gates must know before they can let anybody in: who may sign what, whose passes count, and the rules."""
        trust = self.folder / "central" / "trust.json"
        classes = ["resident", "visitor", "worker", "courier", "vehicle", "emergency"]
        key = {"public": issuer, "issuer": "demo office", "classes": classes, "scopes": ["nanchang"]}
        trust.write_text(json.dumps({"keys": [key]}), encoding="utf-8")
        for kind, file in (("keys", None), ("trust", trust), ("policy", self._pace.policy)):
            self._central(
                "document", "publish", "--config", str(self.collector_file), "--kind", kind, "--scope", "nanchang",
                *([str(file)] if file else []),
            )  # fmt: skip

    def _set_up_gate(self, place: Place, seed: int) -> None:
        folder = self.gate_folder(place.gate)
        (folder / "data").mkdir(parents=True)
        street = Street(place.street, folder, place.model, seed, self._pace.fps, self._pace.glide_s)
        street.start()
        self.streets[place.street] = street
        self.enrol(place.gate, place.grid, place.site)
        text = _GATE_FORM.read_text(encoding="utf-8").format(
            gate=place.gate,
            name_zh=place.name_zh,
            name_en=place.name_en,
            attendance=place.attendance,
            pulse_s=self._pace.pulse_s,
            broker_port=self.uplinks.get(place.gate, self.broker_port),
            screen_port=self.gate_ports[place.gate],
            pin_hash=PasswordHasher(time_cost=1, memory_cost=8192).hash(PIN),
            relay=folder / "relay",
            camera=street.camera.url,
            model=place.model,
            thermometer=folder / "thermometer",
        )
        (folder / "gate.toml").write_text(text, encoding="utf-8")

    def _central(self, *words: str) -> str:
        return _command("central", *words)

    def _gate(self, *words: str) -> str:
        return _command("edge", *words)

    def _spawn(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self._logs.append(log)
        self._running[name] = subprocess.Popen(
            [*self.before.get(name, ()), *command],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=os.environ | self.environment.get(name, {}),
        )


def _command(package: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", package, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise SetupError(f"guankou-{package} {' '.join(words[:2])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def children(pid: int) -> list[int]:
    """Process ids of the direct children."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def free_port() -> int:
    """A port that nothing listens on, from below those that the kernel gives to clients by itself (ip(7))."""
    while True:
        port = random.randrange(*_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
