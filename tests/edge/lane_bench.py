"""A lane on the bench: the real machine and the real passes, with time in the test's hands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose
from checkpoint.cards import CardRow, Cards
from checkpoint.formats import gk1
from checkpoint.formats.city import CitySystem
from checkpoint.level import LaneLevel
from checkpoint.passes import Claims, PassClass
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Attendance
from checkpoint.records import Direction, LaneKind, OutcomeOf, Verdict, Where
from checkpoint.temperature import Measurement
from checkpoint.trust import TrustEntry, TrustList
from edge import facts
from edge.blind import Blind
from edge.clock import Moment
from edge.effects import ClearAlarm, ClearPass, Commit, Effect, OpenBarrier, RaiseAlarm, TellSite
from edge.lane import Lane
from edge.place_code import PlaceCodes
from edge.site_use import SiteUse
from edge.standing import standing
from edge.world import LaneSettings, World

START_MS = 1_770_000_000_000
ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = cose.public_bytes(ISSUER)

POLICY = b"""
id = "bench"
version = 3
title_zh = "\xe6\xb5\x8b\xe8\xaf\x95"
title_en = "Bench"
authority = "nobody"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2100-01-01T00:00:00+08:00
zone_level = "medium"
[[rule]]
name = "everybody"
checks = ["pass", "temperature"]
[temperature]
window_s = 0.6
min_frames = 4
retest_after_s = 6.0
retest_valid_s = 60.0
[timeouts]
presentation_s = 5.0
measure_s = 4.0
crossing_s = 4.0
verdict_shown_s = 2.0
escalation_s = 6.0
same_code_ignored_s = 1.0
"""

MEASURE_EACH = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "temperature"]\nparty = "each"')


def a_pass(
    serial: int = 1,
    *,
    key: Ed25519PrivateKey = ISSUER,
    expired: bool = False,
    party: int = 1,
    now_s: int = START_MS // 1000,
    **more: Any,
) -> bytes:
    claims = Claims(
        pass_id=serial.to_bytes(8, "big"),
        subject=bytes(8),
        pass_class="resident",
        scope=("garden",),
        not_before_s=now_s - 7200,
        expires_s=now_s - 3600 if expired else now_s + 86_400,
        party_size=party,
    )
    return gk1.issue(replace(claims, **more), key).encode()


def trust() -> TrustList:
    entry = TrustEntry(cose.key_id(PUBLIC), PUBLIC, "office", frozenset({"resident", "visitor"}), (), 0, 10**14)
    return TrustList([entry])


def trust_all(bench: Bench) -> None:
    """The bench's issuer may issue passes of every class."""
    kinds = frozenset(get_args(PassClass))
    entry = TrustEntry(cose.key_id(PUBLIC), PUBLIC, "office", kinds, (), 0, 10**14)
    bench.lane.enter(replace(bench.lane.world, trust=TrustList([entry])))


class Bench:
    """Feeds one lane and keeps what it asked for."""

    def __init__(
        self,
        *,
        sensor: bool = True,
        attendance: Attendance = "guard",
        warm: bool = True,
        policy: bytes = POLICY,
        pulse_ms: int = 1000,
        lane_kind: LaneKind = "person",
        direction: Direction = "in",
        other_free_exit: bool = False,
        site_use: SiteUse | None = None,
        place: PlaceCodes | None = None,
        city: tuple[CitySystem, ...] = (),
        readers: Mapping[str, tuple[facts.Brings, ...]] = MappingProxyType({}),
        cards: Iterable[CardRow] = (),
        camera: bool = True,
        thermometer: bool = True,
        door_open_ms: int | None = None,
        mask_score_min: float | None = None,
    ) -> None:
        where = Where("garden", direction, direction, lane_kind)
        here = ("garden", "grid-1", "city")
        settings = LaneSettings(
            where=where,
            site="garden",
            here=here,
            grids=here[1:],
            warm_place=warm,
            other_free_exit=other_free_exit,
            has_presence=sensor,
            has_beam=True,
            has_barrier=True,
            has_thermometer=thermometer,
            pulse_ms=pulse_ms,
            blind=Blind(bytes(32)),
            site_use=site_use,
            place=place,
            city=city,
            has_camera=camera,
            readers=readers,
            door_open_ms=door_open_ms,
            mask_score_min=mask_score_min,
        )
        self._site_use = site_use
        parsed = parse_policy(policy)
        world = World(parsed, trust(), attendance, False, 10.0, 10.0, None, cards=Cards(cards))
        numbers = count(1)
        level = LaneLevel(parsed.temperature)
        self.lane = Lane(settings, world, lambda _at_ms: next(numbers).to_bytes(16, "big"), level)
        self.now_ms = 0
        self.stuck = False
        self.effects: list[Effect] = []
        # Alarms that are raised now: name and device.
        self.standing: set[tuple[str, str]] = set()

    def tell(self, fact: facts.Fact) -> list[Effect]:
        """A guard who names nobody means whoever stands there as they press."""
        if isinstance(fact, facts.GuardDecided) and not fact.stands:
            fact = replace(fact, stands=standing(self.lane).token)
        return self.tell_as_is(fact)

    def tell_as_is(self, fact: facts.Fact) -> list[Effect]:
        effects = self.lane.handle(fact, Moment(START_MS + self.now_ms, self.now_ms, True))
        self.effects += effects
        for effect in effects:
            if isinstance(effect, RaiseAlarm):
                self.standing.add((effect.name, effect.device))
            elif isinstance(effect, ClearAlarm):
                self.standing.discard((effect.name, effect.device))
        for effect in effects:
            if isinstance(effect, OpenBarrier):
                self.tell(facts.BarrierMoved(effect.passage, not self.stuck))
            elif self._site_use is not None and isinstance(effect, TellSite):
                self._site_use.ledger.take(effect.crossing, effect.dated)
            elif self._site_use is not None and isinstance(effect, ClearPass):
                self._site_use.ledger.clear(effect.pass_id, effect.passage, effect.at_ms)
        return effects

    def wait(
        self, ms: int, *, codes: tuple[bytes, ...] = (), object_c: float | None = None, ambient_c: float = 20.0
    ) -> None:
        """Time passes in steps of 100 ms, with these codes in view and this in front of the thermometer."""
        for _ in range(ms // 100):
            self.now_ms += 100
            if codes:
                self.tell(facts.CodesSeen(codes))
            if object_c is not None:
                # A device that works has noise: one that repeats itself to the last digit measures nobody.
                seen_c = ambient_c + self.now_ms // 100 % 2 / 100
                self.tell(facts.Measured(Measurement(self.now_ms, object_c, seen_c, None, "surface", ("ok",))))
            self.tell(facts.Ticked())

    def come(self) -> None:
        self.tell(facts.PresenceChanged(True))

    def leave(self) -> None:
        self.tell(facts.PresenceChanged(False))
        self.wait(500)

    def cross(self) -> None:
        self.tell(facts.Crossed())

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        return [(e.payload.verdict, e.payload.reason) for e in self.effects if _is(e, Verdict)]  # type: ignore[union-attr]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(e.payload.outcome, e.payload.reason) for e in self.effects if _is(e, OutcomeOf)]  # type: ignore[union-attr]

    @property
    def openings(self) -> int:
        return sum(isinstance(effect, OpenBarrier) for effect in self.effects)

    @property
    def alarms(self) -> list[str]:
        return [effect.name for effect in self.effects if isinstance(effect, RaiseAlarm)]


def _is(effect: Effect, payload: type) -> bool:
    return isinstance(effect, Commit) and isinstance(effect.payload, payload)
