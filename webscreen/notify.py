"""Tells systemd how this process is (sd_notify(3)), over its own datagram socket; silent where nobody asked."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping


class Notifier:
    """Never waits and never fails: a message that systemd's socket does not take is lost.

    `watchdog_s`: systemd ends this process when `alive` was not called for so long; None: it does not watch.
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        # A leading @ stands for the zero byte of an abstract socket (sd_notify(3), NOTIFY_SOCKET).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s if address else None
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def ready(self) -> None:
        """Started: everything runs."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One short line for `systemctl status`."""
        self._send("STATUS=" + text.replace("\n", " ")[:200])

    def alive(self) -> None:
        """Call at intervals of less than half of `watchdog_s` (sd_watchdog_enabled(3))."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun, as it should."""
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, line: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(line.encode(), self._address)
        except OSError:
            # Nobody reads it now. The next message may get through; there is nobody else to tell.
            return


def notifier_from(environ: MutableMapping[str, str]) -> Notifier:
    """What systemd asked for. The variables are taken out: children must not speak for this process."""
    address = environ.pop("NOTIFY_SOCKET", "")
    microseconds = environ.pop("WATCHDOG_USEC", "")
    pid = environ.pop("WATCHDOG_PID", "")
    asked = microseconds.isdigit() and int(microseconds) > 0 and pid in ("", str(os.getpid()))
    # Only a path or an abstract name is an address of ours; other families (vsock) are for machines in machines.
    return Notifier(address if address[:1] in ("/", "@") else "", int(microseconds) / 1e6 if asked else None)
