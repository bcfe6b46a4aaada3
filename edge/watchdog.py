"""The gate's threads as the supervisor sees them: which are replaced, which end the process, and what is told of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge.core import FaultOver, FaultSeen
from edge.parts import Parts, Replaced
from edge.rim import Post
from edge.uplink_runner import UplinkRunner
from webscreen.heart import Heart
from webscreen.supervisor import Ward

_HUNG = "thread_hung"
_GATE_HUNG = "gate_hung"
_LONGEST_NAME = 100


class GateWatch:
    """`wards` is called by the supervisor at every turn.

    The core and the screen are vital: nothing decides or shows without them, and nobody can take the lanes from a
    thread that hangs in one. So is the uplink: it may hang inside a transaction, and only the end of the process
    takes the outbox's lock from it. `others`: threads beside devices and link, with what replaces each.
    """

    def __init__(
        self,
        core: Heart,
        screen: Heart,
        uplink: UplinkRunner,
        parts: Parts,
        post: Post,
        others: Callable[[], Sequence[tuple[Heart, Callable[[], Replaced]]]] = tuple,
    ) -> None:
        self._vital = (Ward(core), Ward(screen), Ward(uplink.heart))
        self._uplink = uplink
        self._parts = parts
        self._post = post
        self._others = others
        self._waits: list[Replaced] = []

    def wards(self) -> list[Ward]:
        """Every thread as it is now. Whoever was replaced and beats again is told to be well."""
        for replaced in [waits for waits in self._waits if waits.heart.beats]:
            self._waits.remove(replaced)
            self._post(FaultOver(replaced.device, replaced.lane, _HUNG))
        link = [Ward(heart, partial(self._replace_link, heart.name)) for heart in self._uplink.link_hearts]
        devices = [
            Ward(heart, partial(self._replace, heart.name, act))
            for heart, act in (*self._parts.hearts(), *self._others())
        ]
        return [*self._vital, *link, *devices]

    def _replace(self, name: str, act: Callable[[], Replaced]) -> None:
        replaced = act()
        self._post(FaultSeen(_HUNG, replaced.device, replaced.lane, name, 2))
        self._waits.append(replaced)

    def _replace_link(self, name: str) -> None:
        self._uplink.replace_link()
        self._post(FaultSeen(_HUNG, "uplink", "", name, 2))
        self._waits.append(Replaced("uplink", "", self._uplink.link_hearts[0]))


class LastWords:
    """Which thread ended the last run: a small file, because a process that hangs can record nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, name: str) -> None:
        """Before the process ends. Neither synced nor certain: its stacks are in the log as well."""
        with contextlib.suppress(OSError):
            self._path.write_text(name, encoding="utf-8")

    def tell(self, post: Post) -> None:
        """After the start: a fault that is over, once."""
        try:
            name = self._path.read_bytes()[:_LONGEST_NAME].decode("utf-8", "replace")
            self._path.unlink()
        except OSError:
            return
        post(FaultSeen(_GATE_HUNG, "gate", "", name, 2))
        post(FaultOver("gate", "", _GATE_HUNG))
