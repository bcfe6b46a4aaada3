"""The other side of the driver `osdp_reader`: a door controller, made with libosdp, that opens for one card."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from drivers.emulators.pty_line import PtyLine
from drivers.emulators.relay_board import RelayBoard, WireLog
from drivers.emulators.relay_control import Command
from drivers.errors import OptionError

# 26 bits: facility 63, card E9AE, with both parities.
CARD: Final = bytes.fromhex("b1f4d700")
KEY: Final = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
_ADDRESS: Final = 101
_BAUD: Final = 115_200
_DOOR_S: Final = 1.0
_CYCLE_S: Final = 0.005
_HANDSHAKE_S: Final = 2.0
# The library tells a card's bits as they came.
_KNOWN: Final = ((26, CARD),)


class DoorController:
    """One door for one card; `fault="silent"` stops asking, `"exception"` is a card that it doesn't know any more."""

    def __init__(self, folder: Path, seed: int, log: WireLog) -> None:
        if find_spec("osdp_sys") is None:
            raise OptionError("the emulated door controller needs the library libosdp: pip install 'guankou[osdp]'")
        self._folder = folder
        self._log = log
        self._board = RelayBoard(1, 0, log)
        self._line = PtyLine(folder / "osdp_reader", _BAUD, "whole", random.Random(seed))
        self._silent = False
        self._forgets = False
        self.id = 0
        self._asks: Any = None
        self._was_online = False
        self._began_s = 0.0
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osdp-emulator", daemon=True)

    def __enter__(self) -> Self:
        (self._folder / "osdp.key").write_text(KEY.hex() + "\n")
        self.replug()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self.unplug()
        self._log.close()

    @property
    def options(self) -> Mapping[str, object]:
        return {
            "port": str(self._line.link), "baud": _BAUD, "address": _ADDRESS, "cards": (CARD.hex(),), "bits": 26,
            "key_file": str(self._folder / "osdp.key"),
        }  # fmt: skip

    def set(self, **change: Any) -> None:
        try:
            command = msgspec.convert(change, Command)
        except msgspec.ValidationError as error:
            raise OptionError(f"emulated door controller: {error}") from error
        if command.fault not in (None, "none", "silent", "exception"):
            raise OptionError(f"emulated door controller: fault {command.fault!r} is none; it knows silent, exception")
        with self._lock:
            if command.fault is not None:
                self._silent, self._forgets = command.fault == "silent", command.fault == "exception"

    def unplug(self) -> None:
        with self._lock:
            self._asks = None
            self._line.unplug()
            self._board.off_all("unplugged")

    def replug(self) -> None:
        """The controller starts anew, as it does when a reader is put back and its power returns."""
        with self._lock:
            if self._asks is None:
                self._line.plug()
                self._asks = self._controller()

    def energised(self) -> tuple[bool, ...]:
        with self._lock:
            return self._board.coils()

    # The channel of libosdp.

    def read(self, max_bytes: int) -> bytes:
        return self._line.read()[:max_bytes]

    def write(self, buffer: bytes) -> int:
        self._line.write(buffer)
        return len(buffer)

    def flush(self) -> None:
        self._line.read()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                self._board.tick(time.monotonic())
                if self._asks is not None and not self._silent:
                    self._asks.refresh()
                    self._begin_anew_if_lost()
            self._stop.wait(_CYCLE_S)

    def _begin_anew_if_lost(self) -> None:
        """The library leaves alone for five minutes a reader that was lost, or that failed the handshake in the middle
        of its start; this controller's patience is shorter."""
        online, now_s = bool(self._asks.status()), time.monotonic()
        if not online and (self._was_online or now_s - self._began_s > _HANDSHAKE_S):
            self._asks = self._controller()
        self._was_online = online

    def _controller(self) -> Any:
        library = import_module("osdp_sys")
        library.set_loglevel(library.LOG_EMERG)
        reader = {
            "name": "reader", "address": _ADDRESS, "flags": library.FLAG_ENFORCE_SECURE, "scbk": KEY, "channel": self,
            "version": 1, "model": 1, "vendor_code": 0, "serial_number": 0, "firmware_version": 0,
        }  # fmt: skip
        self._began_s = time.monotonic()
        asks = library.ControlPanel([reader])
        asks.set_event_callback(self._event)
        return asks

    def _event(self, _reader: int, event: dict[str, Any]) -> int:
        if (event.get("length"), event.get("data")) in _KNOWN and not self._forgets:
            self._board.on(0, f"card {CARD.hex()}", time.monotonic() + _DOOR_S)
        return 0


def emulate(folder: Path, seed: int = 0) -> DoorController:
    log = WireLog(folder / "osdp.log", lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000)
    return DoorController(folder, seed, log)
