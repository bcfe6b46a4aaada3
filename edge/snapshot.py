"""The snapshot that the screen reads: put together by the core after every change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checkpoint.local_order import has_orders
from checkpoint.policy_schema import Policy
from edge.clock import Moment
from edge.faults import FaultBook
from edge.lane import Lane
from edge.lane_view import view
from edge.status import DrillView, FaultView, Snapshot
from firmware_config.schema import Enrolment, GateFile


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the uplink says of itself: age of the last answer in seconds, one word, records not yet stored, and the
    age at which the gate counts as offline."""

    age_s: float | None
    word: str
    depth: int
    silent_after_s: float


def snapshot_of(
    file: GateFile,
    enrolment: Enrolment,
    lanes: Mapping[str, Lane],
    book: FaultBook,
    link: LinkView,
    policy: Policy,
    recording: bool,
    now: Moment,
    drill: DrillView | None = None,
) -> Snapshot:
    until = policy.valid_until
    place = next((lane.settings.place for lane in lanes.values()), None)
    return Snapshot(
        at_ms=now.at_ms,
        mono_ms=now.mono_ms,
        timezone=file.gate.timezone,
        clock_trusted=now.trusted,
        gate=file.gate.id,
        name_zh=file.gate.name_zh,
        name_en=file.gate.name_en,
        grid_path=enrolment.grid_path,
        attendance=file.gate.attendance,
        lanes=tuple(view(lane, recording) for lane in lanes.values()),
        faults=tuple(FaultView(fault.name, fault.device, fault.since_ms) for fault in book.open),
        link_age_s=link.age_s,
        link_word=link.word,
        outbox_depth=link.depth,
        silent_after_s=link.silent_after_s,
        policy=policy.id,
        policy_version=policy.version,
        policy_until_ms=None if until is None else round(until.timestamp() * 1000),
        order_zh=f"{policy.title_zh}（{policy.authority}）" if has_orders(policy) else "",
        order_en=f"{policy.title_en} ({policy.authority})" if has_orders(policy) else "",
        call_role_zh=file.call.role_zh,
        call_role_en=file.call.role_en,
        call_phone=file.call.phone,
        recording=recording,
        drill=drill,
        place_code=place.text(now.at_ms // 1000) if place else "",
    )
