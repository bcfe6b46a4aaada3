"""The rules of the contract between gate and collector, each as a patch that takes it out of the real program."""

from __future__ import annotations

from typing import Final

from tools.faults.protocol.removing import Rules
from tools.faults.protocol.without_at_collector import AT_COLLECTOR
from tools.faults.protocol.without_at_gate import AT_GATE
from tools.faults.protocol.without_in_cases import IN_CASES_AND_COUNTS

# Name -> a context in which the program runs without that rule. The product itself has no switch for it.
REMOVED: Final[Rules] = AT_GATE | AT_COLLECTOR | IN_CASES_AND_COUNTS
