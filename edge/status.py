"""What the screens may know: one immutable snapshot, made by the core, read by the screen server."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

LaneState = Literal["wait", "allow", "deny", "escalate", "fault"]
# What an act is answered that was meant for whoever stood there before.
SOMEBODY_ELSE: Final = "somebody_else"
TickState = Literal["waiting", "done", "missing", "failed", "warned", "off"]


class Tick(msgspec.Struct, frozen=True):
    """One check of the policy, in its order: what the guard sees beside the verdict."""

    check: str
    state: TickState


class LaneView(msgspec.Struct, frozen=True):
    """One lane. `reason` and `prompt` are codes of the reasons table; `tail` the last four signs of the pass id."""

    name: str
    direction: str
    kind: str
    state: LaneState
    reason: str
    prompt: str
    ticks: tuple[Tick, ...]
    object_c: float | None = None
    plate: str = ""
    # The last sign of the name on the document that was read here.
    name_tail: str = ""
    visited: str = ""
    ambient_c: float | None = None
    pass_class: str = ""
    tail: str = ""
    party_size: int = 1
    party_passed: int = 0
    passage: str = ""
    since_mono_ms: int = 0
    # Other lane conditions worth a line: tailgating, measured by hand, weak binding.
    notes: tuple[str, ...] = ()
    # Where `object_c` was measured: forehead, wrist, neck; empty before the first reading.
    body_site: str = ""
    # When the household may go out again: local time, ISO 8601; empty unless its ways out are used up.
    next_exit: str = ""
    # The guard can clear what stopped this pass.
    clearable: bool = False
    # The guard can look at the document of whoever stands here.
    document_asked: bool = False
    occupants_asked: bool = False
    # Whom the guard is to call, several with a space between them: where the reason tells nobody why, or where the
    # policy names them for it. Empty else.
    call: str = ""
    # A mask is asked for, so that the guard may say what they see.
    mask_asked: bool = False
    # Who stands here (see edge.standing), and whether they can be told from whoever comes next.
    stands: str = ""
    told_apart: bool = True


class DrillView(msgspec.Struct, frozen=True):
    """A drill that is on: who holds it, what is left of it, and whether its verdicts move the barrier."""

    by: str
    left_s: int
    with_barrier: bool


class FaultView(msgspec.Struct, frozen=True):
    """A part that does not work: reason code, part, since when (ms UTC)."""

    name: str
    device: str
    since_ms: int


class Snapshot(msgspec.Struct, frozen=True):
    """The whole gate at one moment. `link_age_s` is the age of the collector's last answer, None before the first.

    The core makes a new one at every change and at least once a second: `at_ms` is its heartbeat. A snapshot whose
    `at_ms` stands still draws the curtain over every screen, because then nobody knows what the gate is doing.
    """

    at_ms: int
    clock_trusted: bool
    gate: str
    name_zh: str
    name_en: str
    grid_path: str
    attendance: str
    lanes: tuple[LaneView, ...]
    faults: tuple[FaultView, ...]
    link_age_s: float | None
    link_word: str
    outbox_depth: int
    policy: str
    policy_version: int
    policy_until_ms: int | None
    call_role_zh: str
    call_role_en: str
    call_phone: str
    recording: bool
    # The monotonic clock at `at_ms`: with it the screen says how long a lane has been in its state.
    mono_ms: int = 0
    # An answer older than this, and the gate is offline: the screen says what the verdicts' tags say.
    silent_after_s: float = 30.0
    # The site's zone, in which the screen shows its times.
    timezone: str = "Asia/Shanghai"
    # None: everything is meant.
    drill: DrillView | None = None
    # Title and authority of the local order in force; empty while there is none.
    order_zh: str = ""
    order_en: str = ""
    # The link that people without a pass scan at the moment; empty without a place code.
    place_code: str = ""


class GuardAct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a guard does at the screen, already authenticated. `reason` is a code of the override reasons.

    `plate` and `visited` with `walk_up`: whose car it is, and where somebody without a pass is going.
    `count` with `occupants`: how many sit in the vehicle that waits.
    `number` with `document_seen`: of a document that the guard read, looked at and forgotten; in no record or log.
    `stands`: who stood there when the guard began to act, as the lane's view said; it counts where no passage is named.
    """

    act: Literal[
        "acknowledge",
        "admit",
        "refuse",
        "open",
        "measured",
        "assist",
        "clear_passback",
        "walk_up",
        "mask_seen",
        "mask_absent",
        "symptoms",
        "document_seen",
        "drill_stop",
        "occupants",
    ]
    lane: str
    passage: str = ""
    reason: str = ""
    object_c: float | None = None
    plate: str = ""
    visited: str = ""
    number: str = ""
    count: int | None = None
    stands: str = ""
