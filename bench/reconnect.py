"""Three hundred gates come back at once after an outage: how long each waits for its first answer, and for its turn."""

from __future__ import annotations

from typing import Any

from bench.town import quiet_town
from tools.faults.three_hundred import three_hundred


def run(gates: int = 300, records: int = 200) -> dict[str, Any]:
    """Seconds since the broker was back, memory of collector and broker, and what the store held in the end."""
    with quiet_town(places=()) as town:
        return three_hundred(town, gates, records)
