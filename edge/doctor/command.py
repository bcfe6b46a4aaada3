"""Everything that `guankou-gate doctor` looks at, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.check_command import check_gate_file
from edge.doctor.broker import broker
from edge.doctor.cameras import cameras
from edge.doctor.devices import boards, held_devices, readers, thermometers
from edge.doctor.discovery import Discovery, eyes, ports
from edge.doctor.finding import Finding, fail, ok, same
from edge.doctor.identity import identity
from edge.doctor.machine import machine
from edge.doctor.programs import programs
from edge.doctor.running import running, running_gate
from firmware_config.load import load_gate_file
from firmware_config.schema import GateFile
from webscreen.words import Words

FILE = Words("关口文件", "gate file")
_DATA_DIR = Path("/var/lib/guankou")


@dataclass(frozen=True, slots=True)
class Asked:
    """`file`: examine this gate; None: search this machine. `seconds`: how long each device is watched.

    `ask`: harmless questions may be sent to unknown devices. `pulse`: move this lane's barrier once. `ports`,
    `cameras`: search these instead of all.
    """

    file: Path | None = None
    seconds: float = 3.0
    ask: bool = False
    pulse: str | None = None
    ports: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


def examine(asked: Asked, found: Discovery) -> Iterator[Finding]:
    """Each finding as soon as there is one; devices that a search finds are added to `found`."""
    if asked.file is None:
        yield from ports(asked.ports, asked.ask, asked.seconds, found)
        yield from eyes(asked.cameras, asked.seconds, found)
        yield from machine(_DATA_DIR)
        yield from programs()
        return
    if problems := check_gate_file(asked.file):
        for problem in problems:
            yield fail(FILE, same(problem), Words("先修改文件", "correct the file first"))
        return
    yield ok(FILE, same(str(asked.file)))
    yield from _gate(load_gate_file(asked.file), asked)


def _gate(file: GateFile, asked: Asked) -> Iterator[Finding]:
    gate = running_gate(file)
    yield from running(gate)
    if gate.pid is None:
        yield from boards(file, asked.pulse)
        yield from thermometers(file, asked.seconds)
        yield from readers(file, asked.seconds)
    else:
        yield from held_devices(file, asked.pulse)
    yield from cameras(file, asked.seconds, gate.pid is not None)
    said, enrolment = identity(file)
    yield from said
    if enrolment is not None:
        yield from broker(file.broker, enrolment)
    yield from machine(Path(file.gate.data_dir))
    yield from programs()
