"""When the link to the collector is a fault, and which: the reason follows what the link itself says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edge.core import FaultOver, FaultSeen, Item

_DEVICE: Final = "uplink"
_PRIORITY: Final = 3
_DETAIL: Final = {
    "broker_unreachable": "records are kept here and sent later",
    "broker_refused": "user, password or rights are not right at the broker",
    "collector_absent": "the broker is there, nobody answers",
}


class LinkWatch:
    """`silent_s`: without an answer for so long the link is at fault."""

    def __init__(self, silent_s: float, now_ms: int) -> None:
        self._silent_s = silent_s
        self._began_ms = now_ms
        # None: not known yet; an earlier run may have left a fault open.
        self._fault: str | None = None

    def items(self, word: str, age_s: float | None, now_ms: int) -> Iterator[Item]:
        """What the core is to be told. `word` is the link's own, `age_s` the age of the last answer."""
        silent_s = (now_ms - self._began_ms) / 1000 if age_s is None else age_s
        # A broker that lets hellos through and refuses records leaves the answers as young as ever.
        at_fault = silent_s > self._silent_s or (word == "broker_refused" and age_s is not None)
        if word == "ok":
            if self._fault != "":
                self._fault = ""
                yield FaultOver(_DEVICE, "")
        elif at_fault and word in _DETAIL and word != self._fault:
            if self._fault != "":
                yield FaultOver(_DEVICE, "")
            self._fault = word
            yield FaultSeen(word, _DEVICE, "", _DETAIL[word], _PRIORITY)
