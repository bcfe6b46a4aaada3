"""One thread's signs of life: the thread beats, the supervisor counts how long it was silent."""

from __future__ import annotations

import ctypes
from typing import Final

_PR_SET_NAME: Final = 15  # linux/prctl.h
# The kernel keeps 15 bytes of a thread's name.
_KERNEL_NAME: Final = 15
_LIBC: Final = ctypes.CDLL(None)


class Heart:
    """`begin`, `beat` and `end` are called by the thread itself, `silent` by the supervisor alone. No locks.

    `limit_s`: how long the thread may be silent before it counts as hung, unless it said more with its last beat.
    """

    def __init__(self, name: str, limit_s: float) -> None:
        self.name = name
        self.limit_s = limit_s
        self.allowed_s = limit_s
        self.beats = 0
        self.ended = False
        self.silent_s = 0.0
        self._seen = 0

    def begin(self) -> None:
        """The thread's first act: the kernel shows it under its name (`top -H`, /proc)."""
        name_this_thread(self.name)
        self.beat()

    def beat(self, within_s: float | None = None) -> None:
        """Alive. `within_s`: the next beat may take so long, because something slow comes now."""
        self.allowed_s = self.limit_s if within_s is None else within_s
        self.beats += 1

    def end(self) -> None:
        """The thread ends as it should, and is judged no more."""
        self.ended = True

    def pass_time(self, seconds: float) -> None:
        """The supervisor was awake for so long since it last looked."""
        if self.ended or self.beats != self._seen:
            self._seen = self.beats
            self.silent_s = 0.0
        else:
            self.silent_s += seconds

    @property
    def faint(self) -> bool:
        """Silent for more than half of what is allowed."""
        return self.silent_s > self.allowed_s / 2

    @property
    def hung(self) -> bool:
        """Silent for longer than is allowed."""
        return self.silent_s > self.allowed_s


def name_this_thread(name: str) -> None:
    """Python keeps a thread's name to itself; this tells the kernel."""
    _LIBC.prctl(_PR_SET_NAME, ctypes.c_char_p(kernel_name(name).encode()), 0, 0, 0)


def kernel_name(name: str) -> str:
    """The name as the kernel keeps it: a long one keeps both ends, so that lanes can be told apart."""
    plain = name.encode("ascii", "replace").decode()
    return plain if len(plain) <= _KERNEL_NAME else f"{plain[:7]}~{plain[-7:]}"
