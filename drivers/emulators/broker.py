"""A mosquitto broker of its own for emulated devices that speak MQTT; keeps nothing, listens on this machine only."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from drivers.errors import OptionError

_START_S: Final = 10.0


class OwnBroker:
    """Runs from `start` to `stop`, on the same free port each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises OptionError where mosquitto isn't installed or does not start."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise OptionError("emulated MQTT devices need the mosquitto broker: install the package mosquitto")
        config = self._folder / "broker.conf"
        lines = (f"listener {self.port} 127.0.0.1", "persistence false", "allow_anonymous true", "set_tcp_nodelay true")
        config.write_text("\n".join(lines) + "\n")
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        until_s = time.monotonic() + _START_S
        while not _listens(self.port):
            if time.monotonic() > until_s or self._process.poll() is not None:
                self.stop()
                raise OptionError(f"the emulated broker does not start; see {self._folder / 'broker.log'}")
            time.sleep(0.01)

    def stop(self) -> None:
        """May be called twice."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


def known_broker(folder: Path) -> tuple[str, int] | None:
    """Host and port in `broker.json` there, or None."""
    place = folder / "broker.json"
    if not place.is_file():
        return None
    said = json.loads(place.read_text())
    return str(said["host"]), int(said["port"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
