"""Lists that rules ask about, as they stand at one gate, and what they say of whoever stands there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from checkpoint.documents import Document
from checkpoint.passes import Pass
from checkpoint.policy_schema import CheckName
from checkpoint.regions import RegionList, day_number
from checkpoint.travel import travel_fact
from checkpoint.vehicle import normal_plate
from checkpoint.verdict_facts import CheckFact
from checkpoint.watch import Watched, WatchList, watch_fact
from edge.clock import Moment

if TYPE_CHECKING:
    from edge.brought import Brought
    from edge.world import LaneSettings, World


@dataclass(frozen=True, slots=True)
class Regions:
    """The risk regions of all lists in force here. `ends_ms`: when the first of the lists is past its end."""

    known: RegionList
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Watch:
    """The watch list of this gate. `ends_ms`: when it is past its end."""

    known: WatchList
    ends_ms: int


def join(lists: Iterable[tuple[Document, RegionList]]) -> Regions | None:
    """What these documents say together; None if there is none."""
    found = tuple(lists)
    if not found:
        return None
    known = RegionList(region for _, regions in found for region in regions.regions)
    return Regions(known, min(document.not_after for document, _ in found))


def listed_facts(
    holder: Pass | None, brought: Brought, settings: LaneSettings, world: World, now: Moment
) -> dict[CheckName, tuple[CheckFact, ...]]:
    """What the lists say of the holder of this pass, and of what was read beside it."""
    facts: dict[CheckName, tuple[CheckFact, ...]] = {}
    if holder is not None:
        facts["travel"] = (_travel(holder, settings, world, now),)
    watched = _watched(holder, brought, world, now)
    # A plate that is on no list clears nobody: whose pass it is, is still to be asked.
    if holder is not None or watched.result == "failed":
        facts["watch"] = (watched,)
    return facts


def _travel(holder: Pass, settings: LaneSettings, world: World, now: Moment) -> CheckFact:
    untrusted_ms = world.clock_untrusted_since_ms
    today = datetime.fromtimestamp(now.at_ms / 1000, UTC).astimezone(settings.zone).date()
    over_s = _over_s(world.regions, world, now)
    regions = world.regions.known if world.regions is not None and over_s <= 0 else None
    day = day_number(today) if untrusted_ms is None else None
    fact = travel_fact(holder.travel, regions, day, world.policy.travel, max(0.0, over_s))
    if fact.reason == "travel_undated" and untrusted_ms is not None:
        return CheckFact(fact.result, fact.reason, for_s=(now.mono_ms - untrusted_ms) / 1000)
    return fact


def _watched(holder: Pass | None, brought: Brought, world: World, now: Moment) -> CheckFact:
    over_s = _over_s(world.watch, world, now)
    if world.watch is None or over_s > 0:
        return watch_fact(None, (), None, max(0.0, over_s))
    now_ms = now.at_ms if world.clock_untrusted_since_ms is None else None
    return watch_fact(world.watch.known, _seen(holder, brought, world.watch.known), now_ms)


def _seen(holder: Pass | None, brought: Brought, listed: WatchList) -> Iterator[Watched]:
    """Everything that is known of whoever stands there, in the form in which it is looked up."""
    if holder is not None:
        yield Watched("pass", holder.pass_id)
        yield Watched("subject", holder.subject)
        if holder.household is not None:
            yield Watched("household", holder.household)
    claimed = [holder.plate] if holder is not None and holder.plate else []
    for plate in (*claimed, *brought.plates):
        yield Watched("plate", normal_plate(plate).encode())
    if (document := brought.watched(listed)) is not None:
        yield Watched("document", document)


def _over_s(held: Regions | Watch | None, world: World, now: Moment) -> float:
    """How long a list has been too old to go by; not over 0 while it is not, infinite where there is none."""
    if held is None or world.lists_age_s is None:
        return math.inf
    past_end_s = (now.at_ms - held.ends_ms) / 1000 if world.clock_untrusted_since_ms is None else 0.0
    return max(past_end_s, world.lists_age_s - world.policy.fail.lists_stale.after_s)
