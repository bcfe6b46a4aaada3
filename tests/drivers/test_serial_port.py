"""A serial port that is closed by one thread while another one is in the middle of it."""

from __future__ import annotations

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from drivers.errors import DeviceGoneError
from drivers.serial_port import SerialPort
from tests.waiting import wait_for


@pytest.fixture
def path() -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def until_it_ends(action: Callable[[], None], begun: threading.Event, told: list[BaseException]) -> None:
    try:
        while True:
            action()
            begun.set()
    # Whatever it is, the test tells.
    except BaseException as error:
        told.append(error)


@pytest.mark.parametrize("end", ["close", "sever"])
def test_a_write_that_nobody_takes_ends_as_gone_when_another_thread_ends_the_port(path: str, end: str) -> None:
    port, begun, told = SerialPort(path, 9600, "x"), threading.Event(), list[BaseException]()
    thread = threading.Thread(target=until_it_ends, args=(lambda: port.write(b"x" * 4000), begun, told))
    thread.start()
    wait_for(begun.is_set)
    getattr(port, end)()
    thread.join(5)
    assert [type(error) for error in told] == [DeviceGoneError]
    port.close()


def test_a_port_may_be_closed_at_any_moment_by_two_threads(path: str) -> None:
    for _ in range(60):
        port, begun, told = SerialPort(path, 9600, "x"), threading.Event(), list[BaseException]()

        def use(port: SerialPort = port) -> None:
            port.flush_input()
            port.read(10, 0.0)
            port.set_baud(115200 if port.baud == 9600 else 9600)

        user = threading.Thread(target=until_it_ends, args=(use, begun, told))
        closer = threading.Thread(target=port.close)
        user.start()
        wait_for(begun.is_set)
        closer.start()
        port.close()
        closer.join(5)
        user.join(5)
        assert [type(error) for error in told] == [DeviceGoneError]
