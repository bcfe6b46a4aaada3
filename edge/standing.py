"""Who stands at a lane, as a token for the guard's page, and whether an act that names no passage is meant for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.clock import Moment
from edge.status import GuardAct, LaneView

if TYPE_CHECKING:
    from edge.lane import Lane

# An opening is the guard's own answer for whoever they see; everything else says something of one person.
_OPENS: Final = frozenset({"admit", "open", "walk_up"})
# Nobody is let in or judged otherwise by these.
_OF_NOBODY: Final = frozenset({"acknowledge", "assist", "drill_stop"})


class Turns:
    """Marks that change with every presence and, within one, with everybody who is judged in it.

    They begin with the monotonic clock, so that a page that outlives the program's restart names nobody by chance.
    """

    def __init__(self) -> None:
        self._count = 0
        self._came = self._turn = ""

    def came(self, now: Moment) -> None:
        """Whoever stands here from now on is somebody new."""
        self._came = self._turn = self._next(now)

    def next(self, now: Moment) -> None:
        """Somebody else in the same vehicle, or the same person's next try."""
        self._turn = self._next(now)
        self._came = self._came or self._turn

    @property
    def token(self) -> str:
        return f"{self._came}/{self._turn}"

    def _next(self, now: Moment) -> str:
        self._count += 1
        return f"{now.mono_ms:x}-{self._count:x}"


@dataclass(frozen=True, slots=True)
class Standing:
    """`token`: who stands there, empty for nobody. `told_apart`: a sensor says so, or something that was shown.
    `leads_out`: the lane holds nobody."""

    token: str
    told_apart: bool
    leads_out: bool

    def is_meant(self, act: str, token: str) -> bool:
        """Whether an act without a passage, decided on while `token` stood there, is for whoever stands there now.

        How many sit in a vehicle stays true whoever of them is being judged. The way out is opened for anybody, and
        where nobody can tell one from the next the guard's own eyes are all there is to open by.
        """
        if token == self.token:
            return True
        if act == "occupants":
            return bool(self.token) and _presence(token) == _presence(self.token)
        return act in _OPENS and (self.leads_out or not self.told_apart)


def standing(lane: Lane) -> Standing:
    """Who stands at the lane now."""
    shown = lane.shown if lane.shown and lane.shown.open else None
    is_somebody = lane.presence.occupied or lane.attempt is not None or shown is not None
    has_shown = shown is not None or (lane.attempt is not None and lane.attempt.presented is not None)
    return Standing(
        lane.turns.token if is_somebody else "",
        has_shown or not lane.presence.weak,
        lane.settings.where.direction == "out",
    )


def is_meant(act: GuardAct, lanes: tuple[LaneView, ...]) -> bool:
    """The same by what the screens were last told, for an answer in words; the lane itself has the last word."""
    here = next((view for view in lanes if view.name == act.lane), None)
    if act.passage or act.act in _OF_NOBODY or here is None:
        return True
    return Standing(here.stands, here.told_apart, here.direction == "out").is_meant(act.act, act.stands)


def _presence(token: str) -> str:
    return token.partition("/")[0]
