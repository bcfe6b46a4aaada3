"""Every MQTT topic of version 1, built and taken apart in one place."""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "guankou/1"
SLUG: Final = re.compile(r"[a-z0-9-]{1,32}")
_FROM_GATE = re.compile(rf"{PREFIX}/gate/([a-z0-9-]{{1,32}})/(records|alarm|state)")
_FROM_SITE = re.compile(rf"{PREFIX}/site/([a-z0-9-]{{1,32}})/seen/([a-z0-9-]{{1,32}})")

# What a collector subscribes to.
ALL_RECORDS: Final = f"{PREFIX}/gate/+/records"
ALL_ALARMS: Final = f"{PREFIX}/gate/+/alarm"
ALL_STATES: Final = f"{PREFIX}/gate/+/state"


def records(gate: str) -> str:
    return f"{PREFIX}/gate/{gate}/records"


def alarm(gate: str) -> str:
    return f"{PREFIX}/gate/{gate}/alarm"


def state(gate: str) -> str:
    return f"{PREFIX}/gate/{gate}/state"


def watermark(gate: str) -> str:
    return f"{PREFIX}/gate/{gate}/watermark"


def command(gate: str) -> str:
    return f"{PREFIX}/gate/{gate}/command"


def document(scope: str, kind: str) -> str:
    return f"{PREFIX}/document/{scope}/{kind}"


def staged(scope: str, kind: str) -> str:
    """Where a document for some gates of its scope travels, beside the one for all."""
    return document(scope, staged_slot(kind))


def staged_slot(kind: str) -> str:
    """The end of such a topic."""
    return f"{kind}/staged"


def summary(grid_path: str) -> str:
    return f"{PREFIX}/summary/{grid_path}"


def passage(grid_path: str) -> str:
    return f"{PREFIX}/passage/{grid_path}"


def escalation(grid_path: str, case: str) -> str:
    return f"{PREFIX}/escalation/{grid_path}/{case}"


def seen(site: str, gate: str) -> str:
    """What `gate` tells the other gates of its site; `+` for `gate`: what all of them tell."""
    return f"{PREFIX}/site/{site}/seen/{gate}"


def from_site(topic: str) -> tuple[str, str] | None:
    """(site id, gate id) of a topic on which a gate tells the others of its site, else None."""
    match = _FROM_SITE.fullmatch(topic)
    return (match[1], match[2]) if match else None


def from_gate(topic: str) -> tuple[str, str] | None:
    """(gate id, `records` | `alarm` | `state`) of a topic that a gate publishes, else None."""
    match = _FROM_GATE.fullmatch(topic)
    return (match[1], match[2]) if match else None


def is_slug(text: str) -> bool:
    """Whether `text` may be a gate, site, grid or unit id."""
    return SLUG.fullmatch(text) is not None
