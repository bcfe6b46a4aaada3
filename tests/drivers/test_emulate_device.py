"""Any device of any driver, without its hardware: started by one command, told by datagrams what it sees."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.emulators.catalogue import emulate
from drivers.emulators.control import obey
from drivers.errors import DeviceGoneError, OptionError
from drivers.thermometer import open_thermometer
from tests.waiting import wait_for


def test_a_command_starts_the_device_and_says_how_it_is_reached(tmp_path: Path) -> None:
    control = tmp_path / "control"
    words = ["emulate", "device", "thermometer", "gy9061x", "--folder", str(tmp_path), "--control", str(control)]
    process = subprocess.Popen([sys.executable, "-m", "edge", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 20)[0]
        options = json.loads(process.stdout.readline())
        thermometer = open_thermometer("gy9061x", options)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            wait_for(control.is_socket, "the control socket")
            told.sendto(b"nonsense", str(control))
            told.sendto(b'{"object_c": 38.25}', str(control))
            wait_for(
                lambda: (reading := thermometer.read(1.0)) and abs((reading.object_c or 0) - 38.25) < 0.2,
                "the new value",
            )
            told.sendto(b'{"plugged": false}', str(control))
            with pytest.raises(DeviceGoneError):
                wait_for(lambda: thermometer.read(0.2) is None and False, "the cable")
        thermometer.close()
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()  # type: ignore[union-attr]
    assert not control.exists()


def test_what_it_can_not_obey_is_named(tmp_path: Path) -> None:
    emulated = emulate("thermometer", "gy9061x", tmp_path)
    for said, named in ((b"[1]", "no JSON object"), (b'{"colour": 1}', "colour"), (b'{"object_c": 9999}', "object_c")):
        with pytest.raises(OptionError, match=named):
            obey(emulated, said)
