"""A gate behind a real cable: its process in a network namespace of its own, with packet rules on its uplink alone."""

from __future__ import annotations

import os
import subprocess
from typing import Final

from tools.faults.lab import Lab
from tools.faults.proxy import Proxy

# 198.18.0.0/15 is set aside for tests of network devices (RFC 2544); each row takes eight addresses of it.
_BASE: Final = (198 << 24) + (18 << 16)
_ROWS: Final = 1 << 14
_BURST: Final = "4kb"
# Longer than a queue of whole batches takes on the slowest line, so that the line delays and drops nothing.
_QUEUE: Final = "120s"


class Namespace:
    """Two cables lead out of it: one for what stands at the gate (camera, screen), one to the broker."""

    def __init__(self) -> None:
        number = os.getpid() % _ROWS
        self.name = f"guankou{os.getpid()}"
        self._devices, self._uplink = (_Cable(self.name, f"gk{number}{end}", number * 8 + end * 4) for end in (0, 1))
        _run("ip", "netns", "add", self.name)
        # Without it every address of its own is unreachable.
        self._inside("ip", "link", "set", "lo", "up")
        for cable in (self._devices, self._uplink):
            cable.lay()

    def close(self) -> None:
        """The cables go with it, once the last process inside has ended."""
        _run("ip", "netns", "del", self.name)

    @property
    def command(self) -> list[str]:
        """Words before the command of a process that is to run inside."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def drop(self) -> None:
        """From now on no packet of the uplink arrives, either way, and nobody is told."""
        self._rules("-A", "-j", "DROP")

    def lose(self, share: float) -> None:
        """Each packet of the uplink gets lost with this probability, either way."""
        self._rules("-A", "-m", "statistic", "--mode", "random", "--probability", str(share), "-j", "DROP")

    def slow(self, bits_per_s: int) -> None:
        """The uplink carries so much each way."""
        limit = ("tbf", "rate", f"{bits_per_s}bit", "burst", _BURST, "latency", _QUEUE)
        self._inside("tc", "qdisc", "add", "dev", self._uplink.inner, "root", *limit)
        _run("tc", "qdisc", "add", "dev", self._uplink.outer, "root", *limit)

    def heal(self) -> None:
        """The uplink is a good one again."""
        self._inside("iptables", "-F")
        for command in (
            [*self.command, "tc", "qdisc", "del", "dev", self._uplink.inner, "root"],
            ["tc", "qdisc", "del", "dev", self._uplink.outer, "root"],
        ):
            # There may be none.
            subprocess.run(command, capture_output=True, check=False)

    def move_in(self, lab: Lab, gate: str) -> None:
        """Let a gate of a town that has been built run inside. Its camera and screen reach it as before."""
        town = lab.town
        broker = Proxy(town.broker_port, host=self._uplink.outside)
        lab.at_end(broker.close)
        street = town.streets[lab.place(gate).street]
        camera = Proxy(_port_of(street.camera.url), host=self._devices.outside)
        lab.at_end(camera.close)
        screen = Proxy(town.gate_ports[gate], port=town.gate_ports[gate], target_host=self._devices.inside)
        lab.at_end(screen.close)
        file = town.gate_folder(gate) / "gate.toml"
        text = file.read_text(encoding="utf-8")
        text = text.replace(
            f'host = "127.0.0.1"\nport = {lab.proxies[gate].port}\n',
            f'host = "{self._uplink.outside}"\nport = {broker.port}\n',
        )
        text = text.replace("[screen]\n", f'[screen]\nhost = "{self._devices.inside}"\n')
        text = text.replace(street.camera.url, f"http://{self._devices.outside}:{camera.port}/stream")
        file.write_text(text, encoding="utf-8")
        lab.proxies[gate] = broker
        town.before[gate] = [*self.command, *town.before.get(gate, [])]

    def _rules(self, *words: str) -> None:
        append, *rest = words
        self._inside("iptables", append, "INPUT", "-i", self._uplink.inner, *rest)
        self._inside("iptables", append, "OUTPUT", "-o", self._uplink.inner, *rest)

    def _inside(self, *command: str) -> None:
        _run(*self.command, *command)


class _Cable:
    """A pair of virtual Ethernet ends with an address each."""

    def __init__(self, namespace: str, name: str, offset: int) -> None:
        self.outer, self.inner = f"{name}o", f"{name}i"
        self.outside, self.inside = _address(_BASE + offset + 1), _address(_BASE + offset + 2)
        self._namespace = namespace

    def lay(self) -> None:
        enter = ["nsenter", f"--net=/run/netns/{self._namespace}"]
        _run("ip", "link", "add", self.outer, "type", "veth", "peer", "name", self.inner, "netns", self._namespace)
        _run("ip", "addr", "add", f"{self.outside}/30", "dev", self.outer)
        _run("ip", "link", "set", self.outer, "up")
        _run(*enter, "ip", "addr", "add", f"{self.inside}/30", "dev", self.inner)
        _run(*enter, "ip", "link", "set", self.inner, "up")


def _address(number: int) -> str:
    return ".".join(str(byte) for byte in number.to_bytes(4))


def _port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", 1)[0])


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
