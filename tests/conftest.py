"""Shared by all tests: where third-party test data is, and a network that ends at this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, so that a red test means a changed program; GUANKOU_RANDOM=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("random" if os.environ.get("GUANKOU_RANDOM") else "steady")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Third-party photos and vectors, kept outside the repository; tests that need them skip visibly without."""
    folder = Path(os.environ.get("GUANKOU_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"third-party data not found at {folder}; set GUANKOU_SHARED to its parent")
    return folder


@pytest.fixture(autouse=True)
def _network_ends_at_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond loopback is a mistake, and says so."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            host = str(address[0])
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {address}; tests stay on this machine")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
