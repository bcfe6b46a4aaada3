"""The serial line as libosdp wants it: it is called from C, where an exception has nowhere to go."""

from __future__ import annotations

import time

from drivers.errors import DeviceGoneError
from drivers.serial_port import SerialPort


class OsdpLine:
    """A channel of libosdp (osdp.channel.Channel). What fails is kept until `raise_what_failed`."""

    def __init__(self, path: str, baud: int, device_name: str) -> None:
        self.id = 0
        # When the other end was last heard; 0 before.
        self.heard_s = 0.0
        self._failure: DeviceGoneError | None = None
        self._port = SerialPort(path, baud, device_name)

    def read(self, max_bytes: int) -> bytes:
        try:
            data = self._port.read(max_bytes, 0.0)
        except DeviceGoneError as error:
            self._failure = error
            return b""
        if data:
            self.heard_s = time.monotonic()
        return data

    def write(self, buffer: bytes) -> int:
        try:
            self._port.write(buffer)
        except DeviceGoneError as error:
            self._failure = error
        return len(buffer)

    def flush(self) -> None:
        try:
            self._port.flush_input()
        except DeviceGoneError as error:
            self._failure = error

    def raise_what_failed(self) -> None:
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._port.close()

    def sever(self) -> None:
        self._port.sever()
