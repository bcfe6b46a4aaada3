"""A subscriber of the collector, as any other program may be one: MQTT and JSON, nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def summaries(port: int, user: str, password: str, wait_s: int = 3) -> dict[str, dict[str, Any]]:
    """The retained summaries by grid path, fetched with `mosquitto_sub`."""
    done = subprocess.run(
        [
            "mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(port), "-u", user, "-P", password,
            "-t", "guankou/1/summary/#", "-W", str(wait_s), "-F", "%t %p",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    found = {}
    for line in done.stdout.splitlines():
        topic, _, body = line.partition(" ")
        found[topic.removeprefix("guankou/1/summary/")] = json.loads(body)
    return found


def password_of(folder: Path) -> str:
    """The subscriber's password, as `guankou-central broker init` left it."""
    return (folder / "subscriber.password").read_text().strip()
