"""What every process of native code does first: it dies with its parent, and takes no more memory than it is given."""

from __future__ import annotations

import ctypes
import resource
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Besides a closed input: native code that hangs while it holds the interpreter would never notice that."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Ctrl-C reaches the whole terminal; the gate decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def limit_memory(memory_mib: int) -> None:
    """Address space, not pages in use: the only limit that the kernel enforces for one process. No core dumps.

    A lower limit that the parent has already set stays: it can't be raised.
    """
    limit, (_, most) = memory_mib << 20, resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
