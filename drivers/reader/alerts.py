"""A camera's alerts as they come over the line, and which of them are plates that count."""

from __future__ import annotations

from typing import Final

from drivers.reader.events import PlateSeen
from drivers.reader.hikvision_alert import Alert, AlertError, read_alert
from drivers.reader.multipart import PartScanner
from drivers.reader.plates import Plates

# By the camera's own clock an alert older than its last sign of life was kept back, and is no news.
_LATE_S: Final = 10.0
# Of what has waited for longer than this since the last read, nobody knows how old it is.
STALE_S: Final = 1.0


class AlertStream:
    """The body of an alertStream: bytes in, alerts out. What can't be read is counted and passed over."""

    def __init__(self, boundary: bytes) -> None:
        self._scanner = PartScanner(boundary)
        self._unread = 0

    @property
    def waiting_bytes(self) -> int:
        """See PartScanner."""
        return self._scanner.waiting_bytes

    @property
    def rejected(self) -> int:
        """Parts that could not be read."""
        return self._scanner.rejected + self._unread

    def feed(self, data: bytes) -> list[Alert]:
        alerts = []
        for part in self._scanner.feed(data):
            try:
                alerts.append(read_alert(part.data))
            except AlertError:
                self._unread += 1
        return alerts


class AlertFilter:
    """Which alerts of one camera are plates that count."""

    def __init__(self, plates: Plates, channel: int = 0) -> None:
        self._plates = plates
        self._channel = channel
        # The camera's clock at its last sign of life.
        self._camera_s: float | None = None

    def take(self, alert: Alert, now_ms: int) -> PlateSeen | None:
        if not alert.active:
            self._camera_s = alert.camera_s
            return None
        if alert.kind != "anpr" or alert.resent or self._is_late(alert) or not self._is_of_channel(alert):
            return None
        return self._plates.take(alert.plate, alert.confidence, alert.direction, now_ms)

    def _is_late(self, alert: Alert) -> bool:
        known = alert.camera_s is not None and self._camera_s is not None
        return known and (self._camera_s or 0.0) - (alert.camera_s or 0.0) > _LATE_S

    def _is_of_channel(self, alert: Alert) -> bool:
        return self._channel == 0 or alert.channel in (None, self._channel)
