"""What a guard declares of whoever stands there: symptoms, and that they have looked at the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkpoint.records import Note
from edge.attempt import Attempt, rule_of
from edge.clock import Moment
from edge.deciding import pass_decides
from edge.facts import DocumentRead, GuardDecided
from edge.shown import Shown

if TYPE_CHECKING:
    from edge.lane import Lane

_SYMPTOMS: Final = "symptoms_declared"
# What a look at the holder's document settles, whether or not a rule asks for one.
_ASKS: Final = frozenset({"document_ask", "card_ask", "plate_ask"})


def symptoms(lane: Lane, act: GuardDecided, waiting: Shown | None, now: Moment) -> None:
    """Whoever stands there is a person's decision from now on, whatever else is found."""
    attempt = _attempt(lane, waiting, now)
    if attempt is not None:
        lane.commit("note", _note(lane, act, "symptoms_noted"), attempt.passage)
        attempt.halt = _SYMPTOMS


def document_seen(lane: Lane, act: GuardDecided, waiting: Shown | None, now: Moment) -> None:
    """A number is compared like a reader's, and kept nowhere; without one the guard vouches for the document."""
    attempt = _attempt(lane, waiting, now)
    if attempt is None or attempt.holder is None:
        return
    number = act.number.strip()
    lane.commit("note", _note(lane, act, "document_noted", how="compared" if number else "looked at"), attempt.passage)
    if number:
        attempt.brought.read(DocumentRead(number), early=False)
    else:
        attempt.brought.vouched = True


def document_asked(lane: Lane) -> bool:
    """Whether a guard's look at the document of whoever stands there would answer anything."""
    shown = lane.shown
    if shown is not None and shown.waits:
        missing = any(result.check == "document" and result.result != "ok" for result in shown.decision.results)
        return shown.holder is not None and (missing or shown.decision.reason in _ASKS)
    attempt = lane.attempt
    if attempt is None or attempt.holder is None:
        return False
    return rule_of(attempt.presented, lane.settings, lane.world).mode_of("document") != "off"


def _attempt(lane: Lane, waiting: Shown | None, now: Moment) -> Attempt | None:
    """The attempt that is under way, or a new one for whoever waits with a verdict; None: nobody stands there."""
    if lane.attempt is None and waiting is not None and lane.opening is None:
        lane.held = False
        lane.begin_attempt_if_spent(now)
        _show_again(lane, waiting, now)
    return lane.attempt


def _show_again(lane: Lane, waiting: Shown, now: Moment) -> None:
    attempt = lane.attempt
    if attempt is not None and waiting.presented is not None:
        attempt.present(b"", waiting.presented, lane.new_passage(now.at_ms), now, "")
        attempt.ended = pass_decides(attempt, lane.settings, lane.world, now)


def _note(lane: Lane, act: GuardDecided, code: str, **more: str) -> Note:
    return Note(1, code, {"lane": lane.settings.where.lane, "by": act.by, **more})
