"""Tells any emulated device what to do, by datagrams on a Unix socket: one JSON object each."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.emulators.catalogue import Emulated
from drivers.errors import OptionError

_LOG = logging.getLogger(__name__)
_LONGEST_DATAGRAM: Final = 16_384
_LOOK_S: Final = 0.2


def obey(emulated: Emulated, data: bytes) -> None:
    """`{"plugged": false}` pulls the cable, `{"plugged": true}` puts it back; anything else is what `set` takes.

    Raises OptionError for what is neither.
    """
    try:
        words = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise OptionError(f"emulated device: {data[:80]!r} is no JSON object: {error}") from error
    plugged = words.pop("plugged", None)
    if plugged is False:
        emulated.unplug()
    elif plugged is True:
        emulated.replug()
    if words:
        emulated.set(**words)


def serve(emulated: Emulated, path: Path | None, stop: threading.Event) -> None:
    """Obey what comes until `stop` is set. What can't be obeyed is logged and dropped: nobody waits for an answer."""
    if path is None:
        stop.wait()
        return
    if path.is_socket():
        path.unlink()
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as own:
        own.bind(str(path))
        while not stop.is_set():
            if select.select([own], [], [], _LOOK_S)[0]:
                _take(emulated, own.recv(_LONGEST_DATAGRAM))
    path.unlink(missing_ok=True)


def _take(emulated: Emulated, data: bytes) -> None:
    try:
        obey(emulated, data)
    except OptionError as error:
        _LOG.warning("%s", error)
