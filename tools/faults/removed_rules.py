"""The rules of the contract between gate and collector, each as a patch that takes it out of the real program."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from tools.faults.protocol.without_at_collector import AT_COLLECTOR
from tools.faults.protocol.without_at_gate import AT_GATE

# Name -> a context in which the program runs without that rule. The product itself has no switch for it.
REMOVED: Final[dict[str, Callable[[], AbstractContextManager[None]]]] = AT_GATE | AT_COLLECTOR
