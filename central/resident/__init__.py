"""The resident's page: a pass that renews itself, invitations, registering by oneself, and codes for an arrival."""

from central.resident.server import ResidentServer

__all__ = ["ResidentServer"]
