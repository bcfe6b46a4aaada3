"""What can go wrong with a device; every error carries the device's own words."""

from __future__ import annotations


class DriverError(Exception):
    """Root of all device errors."""


class DeviceGoneError(DriverError, OSError):
    """The device does not answer or its cable is out. Try again later: it may come back."""

    def __init__(self, device: str, why: str) -> None:
        super().__init__(f"{device}: {why}")
        self.device = device
        self.why = why


class DeviceRefusedError(DriverError):
    """The device answered, but refused what it was asked."""


class OptionError(DriverError, ValueError):
    """An option in the gate file does not fit the driver: names the driver, the option and the remedy."""
