"""What is presented at a lane: codes in view and codes scanned, cards, plates, documents, a city's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from checkpoint.cards import Technology, plate_number
from checkpoint.passes import Pass, Presented, Variant
from checkpoint.vehicle import vehicle_fact
from edge import facts
from edge.attempt import Attempt
from edge.clock import Moment
from edge.deciding import pass_decides
from edge.effects import AskCity
from edge.lane_readers import ReaderFact
from edge.lane_ride import laid_aside, shows_first
from edge.reading import NOT_ANSWERED, city_code, read_presented

if TYPE_CHECKING:
    from edge.lane import Lane

# Of one vehicle a camera gives a few readings that differ; beyond that the check knows enough.
_MOST_PLATES: Final = 33


def codes_seen(lane: Lane, seen: facts.CodesSeen, now: Moment) -> None:
    """The codes in view of the camera."""
    if seen.payloads and not seen.still:
        lane.presence.active(now.mono_ms)
    _codes(lane, seen.payloads, now, still=seen.still)


def reader_said(lane: Lane, fact: ReaderFact, now: Moment) -> None:
    """One act at a reader. It is whoever's who stands there; where nobody does yet, it waits a moment for them."""
    if _is_act(lane, fact):
        lane.presence.acted(now.mono_ms, round(lane.world.policy.timeouts.measure_s * 1000))
    if _is_repeated(lane, fact, now) or _is_of_who_goes(lane, fact, now):
        return
    opening = lane.opening
    if isinstance(fact, facts.PlateSeen) and opening and not opening.crossings and opening.by in ("verdict", "guard"):
        lane.gone.read(fact.plate)
    if not lane.presence.occupied or lane.opening is not None or (lane.attempt is None and not lane.spent):
        lane.early.keep(fact, now.mono_ms)
        return
    take(lane, fact, now)


def take(lane: Lane, fact: ReaderFact, now: Moment) -> None:
    """For whoever stands there. After a verdict what is read waits for what is shown next."""
    match fact:
        case facts.Scanned(payload):
            _codes(lane, (payload,), now, still=False)
        case facts.CardRead():
            _card(lane, fact, now)
        case facts.PlateSeen(plate):
            _plate(lane, plate, now)
        case facts.DocumentRead() if lane.attempt is not None:
            lane.attempt.brought.read(fact, early=lane.attempt.presented is None)
        case facts.DocumentRead():
            lane.early.keep(fact, now.mono_ms)


def city_answered(lane: Lane, answer: facts.CityAnswered, now: Moment) -> None:
    """What a city's server said of the code that this lane asked about."""
    attempt = lane.attempt
    if attempt is None or attempt.presented is None or attempt.asked != answer.number:
        return
    attempt.asked, attempt.presented = 0, replace(attempt.presented, reason=answer.reason)
    attempt.presented_ms = now.mono_ms
    attempt.ended = pass_decides(attempt, lane.settings, lane.world, now)


def _codes(lane: Lane, codes: tuple[bytes, ...], now: Moment, *, still: bool) -> None:
    ignored_ms = lane.world.policy.timeouts.same_code_ignored_s * 1000
    payloads = lane.code_parts.take_all(codes)
    if not lane.presence.occupied:
        # Parts of a card that nobody stood here with are not the next one's.
        lane.code_parts.forget()
    fresh = lane.in_view.fresh(payloads, now.mono_ms, ignored_ms, still=still)
    # Codes that were already there stay ignored; new ones wait while somebody is going through.
    if not fresh or not lane.presence.occupied or lane.opening or lane.halted or lane.held:
        return
    _present(lane, [(payload, read_presented(payload, lane.settings, lane.world, now)) for payload in fresh], now)


def _card(lane: Lane, card: facts.CardRead, now: Moment) -> None:
    """A card's number stands for the pass that it was given to, which is judged as if it had been shown."""
    key = _card_key(card)
    if lane.halted or lane.held:
        return
    held = _held(lane, card.technology, card.number, "card", now)
    unknown = Presented(None, None, "card_unknown", blinded=lane.settings.blind(key))
    _present(lane, [(key, held or unknown)], now)


def _plate(lane: Lane, plate: str, now: Moment) -> None:
    """Kept for the vehicle check. Where a plate is a credential and nothing better was shown, it stands for its pass.

    A plate that belongs to nobody is no refusal: whoever drives that vehicle has a pass to show.
    """
    if len(lane.plates) < _MOST_PLATES:
        lane.plates.append(plate)
    attempt, number = lane.attempt, plate_number(plate)
    is_shown = attempt is not None and attempt.presented is not None
    if lane.halted or lane.held or is_shown or not _plates_stand(lane) or lane.gone.doubts(plate):
        return
    # Two vehicles in one picture: whose plate it was that fits, nobody knows.
    if vehicle_fact(lane.plates, plate).result != "ok":
        return
    held = _held(lane, "plate", number, "plate", now)
    if held is not None:
        _present(lane, [(b"plate:" + number, held)], now)


def _plates_stand(lane: Lane) -> bool:
    return lane.world.policy.passes.plate != "off" and lane.settings.where.lane_kind == "vehicle"


def _is_act(lane: Lane, fact: ReaderFact) -> bool:
    """Whether it keeps a presence without a sensor alive: a camera reads plates of those who drive past it, too."""
    if not isinstance(fact, facts.PlateSeen) or not lane.presence.occupied:
        return True
    return _plates_stand(lane) and bool(lane.world.cards.lookup("plate", plate_number(fact.plate)))


def _is_repeated(lane: Lane, fact: ReaderFact, now: Moment) -> bool:
    """Said before of who stands here, or is going through: it is not the next one's."""
    match fact:
        case facts.PlateSeen(plate):
            return plate in lane.plates or lane.gone.has(plate, now.mono_ms)
        case facts.DocumentRead():
            return False
    key = fact.payload if isinstance(fact, facts.Scanned) else _card_key(fact)
    return lane.in_view.still(key, now.mono_ms, lane.world.policy.timeouts.same_code_ignored_s * 1000)


def _is_of_who_goes(lane: Lane, fact: ReaderFact, now: Moment) -> bool:
    """The pass that has just opened, shown once more while its way is open: it lets nobody in behind its holder.

    Nor does that of a driver whose plate has opened already, and who stands there still.
    """
    shown, opening = lane.shown, lane.opening
    if opening is None or shown is None or shown.passage != opening.passage or shown.presented is None:
        return False
    held = _pass_of(lane, fact, now)
    if held is None or shown.holder is None:
        return False
    by_plate = shown.presented.variant == "plate" and not opening.crossings
    is_riders = lane.ride is not None and lane.ride.has(held.pass_id)
    return by_plate or is_riders or held.pass_id == shown.holder.pass_id


def _pass_of(lane: Lane, fact: ReaderFact, now: Moment) -> Pass | None:
    match fact:
        case facts.Scanned(payload):
            return read_presented(payload, lane.settings, lane.world, now).pass_
        case facts.CardRead(technology, number):
            held = _held(lane, technology, number, "card", now)
            return held.pass_ if held else None
    return None


def _card_key(card: facts.CardRead) -> bytes:
    return b"card:" + card.technology.encode() + b":" + card.number


def _held(lane: Lane, technology: Technology, number: bytes, variant: Variant, now: Moment) -> Presented | None:
    """The pass that this number was given to: of several, as after a renewal, one that is good."""
    texts = lane.world.cards.lookup(technology, number)
    read = [read_presented(text, lane.settings, lane.world, now) for text in texts]
    best = next((one for one in read if one.valid), read[0] if read else None)
    return replace(best, variant=variant) if best is not None else None


def _present(lane: Lane, shown: list[tuple[bytes, Presented]], now: Moment) -> None:
    read = [(payload, one) for payload, one in shown if not laid_aside(lane, payload, one, now)]
    if not read:
        return
    valid = {one.pass_.pass_id: (payload, one) for payload, one in read if one.pass_ and one.valid}
    payload, presented = next(iter(valid.values()), read[0])
    if not presented.valid and _must_wait(lane, now.mono_ms):
        return
    lane.begin_attempt_if_spent(now)
    attempt = lane.attempt
    if attempt is None:
        return
    halt = "two_codes" if len(valid) > 1 else "two_people" if attempt.is_other(presented) else ""
    if attempt.asked and payload == attempt.payload:
        return
    shows_first(lane, attempt, presented, now)
    attempt.present(payload, presented, lane.new_passage(now.at_ms), now, halt)
    lane.halted = lane.halted or bool(halt)
    _ask_city(lane, attempt)
    attempt.ended = pass_decides(attempt, lane.settings, lane.world, now)
    if presented.pass_ and lane.retests.of(presented.pass_, now.mono_ms, lane.world.policy.temperature):
        attempt.taking.rested()


def _ask_city(lane: Lane, attempt: Attempt) -> None:
    """Only its server can read a city's code."""
    presented = attempt.presented
    if presented is None or presented.reason != NOT_ANSWERED or attempt.halt:
        return
    code = city_code(attempt.payload, lane.settings)
    if code is not None:
        lane.questions += 1
        attempt.asked = lane.questions
        lane.want(AskCity(attempt.asked, code))


def _must_wait(lane: Lane, now_ms: int) -> bool:
    # A flood of strangers' codes gets one verdict at a time, and never ends the wait of somebody who needs a
    # person; a good pass is never made to wait by it.
    shown = lane.shown
    if shown is None or (lane.attempt is not None and lane.attempt.passage is not None):
        return False
    return shown.waits or now_ms - shown.since_ms < lane.world.policy.timeouts.verdict_shown_s * 1000
