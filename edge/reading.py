"""Reading what was presented: the text of a code, by everything that is in force at this gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from checkpoint.foreign import format_of
from checkpoint.formats import read_pass
from checkpoint.formats.city import CityCode, CitySystem, recognise
from checkpoint.passes import Pass, Presented, in_scope
from edge.clock import Moment
from edge.world import LaneSettings, World

# What a city code is worth while its server is silent.
NOT_ANSWERED: Final = "city_code_timeout"


def read_presented(payload: bytes, settings: LaneSettings, world: World, now: Moment) -> Presented:
    """What this text is here and now. What stands behind no format is kept blinded only."""
    passes, now_s = world.policy.passes, now.at_ms // 1000
    presented = read_pass(
        payload,
        world.trust,
        now_s,
        leeway_before_s=passes.not_before_leeway_s,
        leeway_after_s=passes.expires_leeway_s,
        here=settings.here,
        steps=world.steps,
        foreign=world.foreign if format_of(payload) in passes.formats else None,
    )
    held = presented.pass_
    if held is not None and (presented.valid or presented.by_clock):
        if not in_scope(held, settings.here):
            return replace(presented, reason="out_of_scope", by_clock=False)
        why = _arrival_refusal(held, settings, now_s)
        # The nonce of a place code is judged by this gate's clock; whose it is holds at any time.
        if why == "arrival_elsewhere" or (why and presented.valid):
            return replace(presented, reason=why, by_clock=why == "arrival_stale")
    if presented.format is None:
        if system := _city_system(payload, settings):
            if system.format not in passes.formats:
                return Presented(system.format, None, "format_not_enabled")
            # Until its server has answered; where the address holds no token, there is nothing to ask.
            return Presented(system.format, None, NOT_ANSWERED if city_code(payload, settings) else "pass_malformed")
        return replace(presented, blinded=settings.blind(payload))
    return presented


def city_code(payload: bytes, settings: LaneSettings) -> CityCode | None:
    """The code of a city system in a text."""
    found = recognise(payload, settings.city)
    return found if isinstance(found, CityCode) else None


def _city_system(payload: bytes, settings: LaneSettings) -> CitySystem | None:
    found = recognise(payload, settings.city)
    return found.system if isinstance(found, CityCode) else found


def _arrival_refusal(held: Pass, settings: LaneSettings, now_s: int) -> str:
    """An arrival token is good at the one gate whose screen was scanned, while that is fresh."""
    if held.arrival is None:
        return ""
    # A gate that shows no place code can have been scanned by nobody.
    return settings.place.accepts(held.arrival, settings.place.gate, now_s) if settings.place else "arrival_elsewhere"
