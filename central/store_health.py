"""Whether the store takes what it is given: the one alarm of the collector that can't be kept in the store itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from central.publish import ESCALATION_SCHEMA, iso
from checkpoint import topics

STORE_FAILING: Final = "store_failing"
CASE: Final = "collector-store"
PRIORITY: Final = 2
# A gate asks again after five minutes at most: what failed and never came again by then says nothing about the disk.
_FORGET_MS: Final = 10 * 60 * 1000


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """The store takes nothing, or not everything, since `since_ms` (UTC); `detail` is the first error's text."""

    since_ms: int
    detail: str


class StoreHealth:
    """Told by the threads that write; any thread may ask.

    The trouble is over when everything that failed has worked: a full disk takes a small change here and there, and
    that must not look like the end of it.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._failing: dict[str, int] = {}
        self._trouble: StoreTrouble | None = None

    def failed(self, what: str, error: Exception) -> None:
        """`what` (a topic, or a task of the collector's own) could not be stored, and nothing of it was."""
        with self._lock:
            now_ms = self._failing[what] = self._now_ms()
            if self._trouble is None:
                self._trouble = StoreTrouble(now_ms, str(error))

    def worked(self, what: str) -> None:
        """The same was stored."""
        with self._lock:
            self._failing.pop(what, None)

    @property
    def trouble(self) -> StoreTrouble | None:
        """None while all is well."""
        with self._lock:
            if self._trouble is None:
                return None
            oldest_ms = self._now_ms() - _FORGET_MS
            self._failing = {what: at_ms for what, at_ms in self._failing.items() if at_ms > oldest_ms}
            if not self._failing:
                self._trouble = None
            return self._trouble


def store_topics(paths: Iterable[str]) -> dict[str, str]:
    """Where subscribers hear of it: topic -> path, one for each root of the tree."""
    return {topics.escalation(root, CASE): root for root in sorted({path.split("/")[0] for path in paths})}


def store_message(path: str, trouble: StoreTrouble | None) -> bytes:
    """As an escalation of no gate; empty when it is over."""
    if trouble is None:
        return b""
    return msgspec.json.encode(
        {
            "schema": ESCALATION_SCHEMA, "case": CASE, "gate": "", "path": path, "site": "", "name": STORE_FAILING,
            "priority": PRIORITY, "detail": trouble.detail, "opened": iso(trouble.since_ms), "late": False,
            "orphan": False,
        }
    )  # fmt: skip
