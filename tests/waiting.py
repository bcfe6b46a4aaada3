"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

# Far beyond what anything takes: only what never comes reaches it, also on a busy machine.
LIMIT_S = 30.0


def wait_for(condition: Callable[[], object], what: str = "it", limit_s: float = LIMIT_S) -> None:
    """Until `condition` holds. Fails with `what` after `limit_s`."""
    until_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until_s, f"waited {limit_s} s in vain for: {what}"
        time.sleep(0.01)
