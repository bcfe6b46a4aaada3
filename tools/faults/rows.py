"""The rows of the fault matrix: what each breaks, and what it needs to run here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tools.faults.lab import Lab


def nothing() -> str:
    """A row that runs everywhere."""
    return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. `id` as in the matrix; `variant` tells rows of one id apart; `missing` says why it can't run here."""

    id: str
    title: str
    play: Callable[[Lab], None]
    variant: str = ""
    missing: Callable[[], str] = nothing
    limit_s: float = 300.0
    alone: bool = False
    """It compares speeds, so nothing else may run beside it."""

    @property
    def name(self) -> str:
        return f"{self.id}/{self.variant}" if self.variant else self.id

    @property
    def names(self) -> tuple[str, str]:
        """What it can be chosen by."""
        return self.id, self.name


def root() -> str:
    return "" if os.geteuid() == 0 else "only root may do this"


def strace() -> str:
    """Whether this machine lets a process trace its child."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "this machine does not allow tracing"


def small_disk() -> str:
    """Whether a small file system can be mounted here."""
    return root() or _try("mount a small file system", "unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt")


def network() -> str:
    """Whether a network namespace can be made here, with packet rules inside."""
    if shutil.which("iptables") is None:
        return "iptables is not installed"
    return root() or _try("make a network namespace", "unshare", "--net", "iptables", "-L")


def _try(what: str, *command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"this machine can't {what}: {done.stderr.strip().splitlines()[-1:]}"
