"""Made-up moments of a gate and of a collector: what the screens' tests and the pictures of the documents show."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.status import FaultView, LaneView, Snapshot, Tick, TickState

NOON_MS: Final = 1_790_049_600_000
_CHECKS: Final = ("mask", "temperature", "pass", "travel", "document")


def ticks(*states: TickState) -> tuple[Tick, ...]:
    """The sample policy's checks in order, each in its state."""
    return tuple(Tick(check, state) for check, state in zip(_CHECKS, states, strict=True))


def all_ticks(state: TickState) -> tuple[Tick, ...]:
    """Every check in the same state."""
    return tuple(Tick(check, state) for check in _CHECKS)


_WAIT: Final = LaneView(
    name="in-1",
    direction="in",
    kind="person",
    state="wait",
    reason="",
    prompt="prompt_scan",
    ticks=all_ticks("waiting"),
)
_MEASURED: Final = msgspec.structs.replace(_WAIT, object_c=36.4, ambient_c=22.1, body_site="forehead", passage="01")

LANES: Final[dict[str, LaneView]] = {
    "wait": _WAIT,
    "allow": msgspec.structs.replace(
        _MEASURED,
        state="allow",
        reason="all_ok",
        prompt="prompt_pass_through",
        ticks=all_ticks("done"),
        pass_class="resident",
        tail="3F7A",
    ),
    "deny": msgspec.structs.replace(
        _MEASURED,
        state="deny",
        reason="pass_forged",
        prompt="",
        ticks=ticks("done", "done", "failed", "off", "off"),
    ),
    "escalate": msgspec.structs.replace(
        _MEASURED,
        state="escalate",
        reason="fever",
        prompt="prompt_wait_guard",
        ticks=ticks("done", "failed", "done", "missing", "warned"),
        object_c=38.1,
        pass_class="visitor",
        tail="9C01",
        party_size=3,
        party_passed=1,
        since_mono_ms=1_000,
    ),
    "fault": msgspec.structs.replace(
        _WAIT,
        state="fault",
        reason="thermometer_silent",
        prompt="prompt_wait_guard",
        ticks=ticks("done", "missing", "waiting", "off", "off"),
    ),
}
OUTWARD: Final = msgspec.structs.replace(LANES["allow"], name="out-1", direction="out", body_site="wrist", passage="02")
THERMOMETER_FAULT: Final = FaultView("thermometer_silent", "thermo-1", NOON_MS - 125_000)

_GATE: Final = Snapshot(
    at_ms=NOON_MS,
    clock_trusted=True,
    gate="gate-001",
    name_zh="东门",
    name_en="East gate",
    grid_path="jiangcheng/wuchang/luojia/guangba/grid-07",
    attendance="guard",
    lanes=(_WAIT,),
    faults=(),
    link_age_s=3.0,
    link_word="online",
    outbox_depth=0,
    policy="everyday",
    policy_version=3,
    policy_until_ms=NOON_MS + 40 * 86_400_000,
    call_role_zh="网格长 王女士",
    call_role_en="Grid lead",
    call_phone="027-5550 0107",
    recording=True,
    mono_ms=48_000,
)


def gate(*lanes: LaneView, at_ms: int = NOON_MS) -> Snapshot:
    """The sample gate with these lanes, online and without faults."""
    return msgspec.structs.replace(_GATE, lanes=lanes, at_ms=at_ms)


def troubled_gate(*lanes: LaneView, at_ms: int = NOON_MS) -> Snapshot:
    """The sample gate twelve minutes after its cable was cut, its thermometer silent."""
    return msgspec.structs.replace(
        gate(*lanes, at_ms=at_ms), link_age_s=740.0, outbox_depth=37, faults=(THERMOMETER_FAULT,)
    )
