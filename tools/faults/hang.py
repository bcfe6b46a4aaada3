"""Hangs one thread of a living process from outside: ptrace(2) stops it alone, and lets it go on again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# linux/ptrace.h
_CONT, _DETACH, _SEIZE, _INTERRUPT = 7, 17, 0x4206, 0x4207
_WALL: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long

# The calls in which Python waits without holding the interpreter: futex, select, poll, epoll_wait, nanosleep, read.
# A thread that is stopped anywhere else may hold it, and then the whole process stands still.
_WAITS: Final = {
    "x86_64": {202, 23, 270, 7, 271, 232, 281, 35, 230},
    "aarch64": {98, 72, 73, 22, 101, 115},
}
_TRIES: Final = 2000


class CannotHangError(RuntimeError):
    """This machine does not let a thread be stopped; the message says why."""


def thread_ids(pid: int) -> dict[str, int]:
    """The kernel's name of every thread and its id. Of several with one name the eldest: the others inherited it."""
    found: dict[str, tuple[int, int]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        # It may end meanwhile.
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().rstrip("\n")
            started = int((task / "stat").read_text().rsplit(")", 1)[1].split()[19])
            found[name] = min(found.get(name, (started, int(task.name))), (started, int(task.name)))
    return {name: tid for name, (_, tid) in found.items()}


def has_ended(pid: int) -> bool:
    """Whether the process has ended; its parent hears of it only when no thread is hung any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def can_hang() -> bool:
    """Whether threads of this user's processes can be stopped here."""
    child = os.fork()
    if child == 0:
        time.sleep(5)
        os._exit(0)
    try:
        with hung(child):
            return True
    except CannotHangError:
        return False
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@contextlib.contextmanager
def hung(tid: int) -> Iterator[None]:
    """This thread stands still during the block, at a place where it waits and does not hold Python's interpreter.

    Both ends of the block must run in one thread: the kernel knows the tracer by it. Raises CannotHangError.
    """
    waits = _WAITS.get(platform.machine())
    if waits is None:
        raise CannotHangError(f"the numbers of system calls of {platform.machine()} are not known here")
    _ptrace(_SEIZE, tid)
    try:
        _stop_where_it_waits(tid, waits)
        yield
    finally:
        try:
            _ptrace(_DETACH, tid)
        except CannotHangError:
            # Killed with its process, which is not quite gone before its tracer has heard of that.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(tid, _WALL)


def _stop_where_it_waits(tid: int, waits: set[int]) -> None:
    for _ in range(_TRIES):
        _ptrace(_INTERRUPT, tid)
        os.waitpid(tid, _WALL)
        call = Path(f"/proc/{tid}/syscall").read_text().split()[0]
        if call.isdigit() and int(call) in waits:
            return
        _ptrace(_CONT, tid)
        time.sleep(0.001)
    raise CannotHangError(f"thread {tid} was never found waiting")


def _ptrace(request: int, tid: int) -> None:
    if _LIBC.ptrace(request, tid, None, None) == -1:
        number = ctypes.get_errno()
        raise CannotHangError(f"ptrace of {tid}: {os.strerror(number)}; needs the same user or CAP_SYS_PTRACE")
