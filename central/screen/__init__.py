"""The operators' page at the collector: alarms, counts with their completeness, gates."""

from central.screen.server import OperatorsServer

__all__ = ["OperatorsServer"]
