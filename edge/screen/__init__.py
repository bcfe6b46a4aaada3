"""The guard's screen at the gate: one small page, fed by server-sent events."""

from edge.screen.server import ScreenServer

__all__ = ["ScreenServer"]
