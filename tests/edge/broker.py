"""A real broker on a port of its own, for tests that need one."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.waiting import wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """Mosquitto that keeps nothing on disk. `password`: who may connect, by user name; None lets everybody in."""

    def __init__(self, folder: Path, password: dict[str, str] | None = None, acl: str = "") -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip("needs the mosquitto broker")
        self.port = free_port()
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence false",
            f"allow_anonymous {str(password is None).lower()}",
        ]
        if password is not None:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{user}:{word}\n" for user, word in password.items()))
            subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        if acl:
            (folder / "acl").write_text(acl)
            lines.append(f"acl_file {folder / 'acl'}")
        if password is not None or acl:
            # Started by root, the broker would drop to a user who can't read the test's folder.
            lines.append("user root")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._command = [program, "-c", str(self._config)]
        self._log = folder / "mosquitto.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_for(lambda: listens(self.port), f"the broker; its log is {self._log}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
