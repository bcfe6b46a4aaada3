"""From a snapshot to what the page shows: every code turned into words here, so that the page only places texts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from checkpoint.reasons import OVERRIDES
from checkpoint.verdict_watch import DISCREET
from edge.screen import texts
from edge.screen.texts import reason_words, word
from edge.status import DrillView, FaultView, LaneView, Snapshot, Tick
from webscreen.symbol import symbol
from webscreen.words import Words, age

POLICY_ENDS_SOON_MS: Final = 3 * 86_400_000


class Step(msgspec.Struct, frozen=True):
    """One check in policy order."""

    state: str
    name: Words
    word: Words


class Reading(msgspec.Struct, frozen=True):
    """The measured value, as text in °C, and where it was taken."""

    object_c: str
    ambient_c: str
    site: Words


class LanePage(msgspec.Struct, frozen=True):
    """One lane as shown. `since_s`: how long it has been in this state, None when unknown. `clearable`: the guard can
    clear what stopped this pass. `mask_asked`: the guard can say whether a mask is worn; `document_asked`: that they
    have looked at the document. `stands`: who is here, so that an act is for them and nobody after them."""

    id: str
    title: Words
    state: str
    word: Words
    reason: Words
    todo: Words
    prompt: Words
    pictogram: str
    steps: tuple[Step, ...]
    reading: Reading | None
    holder: Words
    passage: str
    since_s: int | None
    notes: tuple[Words, ...]
    clearable: bool
    mask_asked: bool
    document_asked: bool
    occupants_asked: bool
    stands: str


class Line(msgspec.Struct, frozen=True):
    """One item of the footer; it takes colour only when `bad`."""

    text: Words
    bad: bool


class Choice(msgspec.Struct, frozen=True):
    """One reason that a guard can choose."""

    code: str
    words: Words


class PlaceCode(msgspec.Struct, frozen=True):
    """The place code as SVG path data, in modules; `side` with its quiet zone of four."""

    path: str
    side: int


class GuardPage(msgspec.Struct, frozen=True):
    """Everything on the guard's page at one moment. `acts`: whether a PIN is configured, so that acts are taken."""

    build: str
    gate: str
    name: Words
    grid: str
    attendance: Words
    clock: Line
    date: str
    lanes: tuple[LanePage, ...]
    link: Line
    local: bool
    policy: Line
    faults: tuple[Words, ...]
    recording: bool
    call: Words
    phone: str
    acts: bool
    overrides: tuple[Choice, ...]
    place_code: PlaceCode | None
    drill: Words | None = None


_OVERRIDES: Final = tuple(Choice(code, texts.reason_words(code)[0]) for code in OVERRIDES)


def guard_page(snapshot: Snapshot, build: str, acts: bool) -> GuardPage:
    """The page of a snapshot. Unknown codes stand for themselves: they are this gate's own, never a pass's."""
    here = datetime.fromtimestamp(snapshot.at_ms / 1000, UTC).astimezone(ZoneInfo(snapshot.timezone))
    return GuardPage(
        build=build,
        gate=snapshot.gate,
        name=Words(snapshot.name_zh, snapshot.name_en),
        grid=snapshot.grid_path,
        attendance=word(texts.ATTENDANCE, snapshot.attendance),
        clock=_clock(snapshot, here),
        date=f"{here:%Y-%m-%d}",
        lanes=tuple(_lane(lane, snapshot.mono_ms) for lane in snapshot.lanes),
        link=_link(snapshot),
        local=_is_offline(snapshot),
        policy=_policy(snapshot),
        faults=tuple(_fault(fault, snapshot.at_ms) for fault in snapshot.faults),
        recording=snapshot.recording,
        call=Words(snapshot.call_role_zh, snapshot.call_role_en),
        phone=snapshot.call_phone,
        acts=acts,
        overrides=_OVERRIDES,
        place_code=_place_code(snapshot.place_code),
        drill=_drill(snapshot.drill) if snapshot.drill is not None else None,
    )


def _drill(drill: DrillView) -> Words:
    """What the banner says: how long still, and what the barrier does."""
    left = -(-drill.left_s // 60)
    zh, en = ("道闸照常动作", "the barrier moves") if drill.with_barrier else ("道闸不动作", "the barrier stays shut")
    return Words(f"演练，不计入统计 · 还剩 {left} 分钟 · {zh}", f"DRILL, counted nowhere · {left} min left · {en}")


# A code stands for a minute and is asked for several times a second.
@lru_cache(maxsize=2)
def _place_code(text: str) -> PlaceCode | None:
    if not text:
        return None
    code = symbol(text)
    return PlaceCode(code.path, code.side)


def _lane(lane: LaneView, mono_ms: int) -> LanePage:
    happened, todo = reason_words(lane.reason)
    if lane.call:
        called = texts.call_words(lane.call)
        # Where the reason tells nobody why, it says nothing else either.
        todo = called if lane.reason == DISCREET else Words(f"{todo.zh}；{called.zh}", f"{todo.en}; {called.en}")
    if lane.next_exit:
        todo = _next_exit(lane.next_exit)
    # A refusal without a prompt of its own tells the resident what its reason asks for.
    prompt = reason_words(lane.prompt)[0] if lane.prompt else todo
    return LanePage(
        id=lane.name,
        title=_title(lane),
        state=lane.state,
        word=_word(lane),
        reason=happened,
        todo=todo,
        prompt=prompt,
        pictogram=texts.PICTOGRAMS.get(lane.prompt, "hold"),
        steps=tuple(_step(tick) for tick in lane.ticks),
        reading=_reading(lane),
        holder=_holder(lane),
        passage=lane.passage,
        since_s=max(0, mono_ms - lane.since_mono_ms) // 1000 if mono_ms and lane.since_mono_ms else None,
        notes=tuple(reason_words(note)[0] for note in lane.notes),
        clearable=lane.clearable,
        mask_asked=lane.mask_asked,
        document_asked=lane.document_asked,
        occupants_asked=lane.occupants_asked,
        stands=lane.stands,
    )


def _next_exit(local: str) -> Words:
    """From when on somebody may go out again: day and hour at the gate, as ISO 8601 writes them."""
    said, when = reason_words("next_exit")[0], f"{local[5:10]} {local[11:16]}"
    return Words(f"{said.zh} {when}", f"{said.en} {when}")


def _title(lane: LaneView) -> Words:
    direction, kind = word(texts.DIRECTIONS, lane.direction), word(texts.KINDS, lane.kind)
    return Words(f"{direction.zh} · {kind.zh}", f"{direction.en} · {kind.en}")


def _word(lane: LaneView) -> Words:
    """The word of the state; while a passage is under way nobody is told to scan again."""
    begun = any(tick.state in ("done", "failed", "warned") for tick in lane.ticks)
    if lane.state != "wait":
        return word(texts.STATES, lane.state)
    return texts.CHECKING if begun else texts.WAITING.get(lane.prompt, texts.STATES["wait"])


def _step(tick: Tick) -> Step:
    return Step(tick.state, word(texts.CHECKS, tick.check), word(texts.TICKS, tick.state))


def _reading(lane: LaneView) -> Reading | None:
    if lane.object_c is None:
        return None
    ambient = "" if lane.ambient_c is None else f"{lane.ambient_c:.1f}"
    return Reading(f"{lane.object_c:.1f}", ambient, word(texts.BODY_SITES, lane.body_site))


def _holder(lane: LaneView) -> Words:
    """Class, tail of the pass, shortened plate, the last sign of a name, and party: never a document's number."""
    brought = " ".join(part for part in (lane.plate, f"*{lane.name_tail}" if lane.name_tail else "") if part)
    if not lane.pass_class and not lane.tail:
        return Words(brought, brought)
    kind = word(texts.CLASSES, lane.pass_class)
    tail = f" …{lane.tail}" if lane.tail else ""
    tail += f" {brought}" if brought else ""
    zh, en = f"{kind.zh}{tail}", f"{kind.en}{tail}"
    if lane.party_size > 1:
        zh, en = (
            f"{zh} · {lane.party_size} 人, 已过 {lane.party_passed}",
            f"{en} · party of {lane.party_size}, {lane.party_passed} through",
        )
    return Words(zh, en)


def _is_offline(snapshot: Snapshot) -> bool:
    return snapshot.link_age_s is None or snapshot.link_age_s > snapshot.silent_after_s


def _link(snapshot: Snapshot) -> Line:
    waiting_zh = f", 待传 {snapshot.outbox_depth}" if snapshot.outbox_depth else ""
    waiting_en = f", {snapshot.outbox_depth} waiting" if snapshot.outbox_depth else ""
    if snapshot.link_age_s is None:
        return Line(Words(f"尚未连接{waiting_zh}", f"never connected{waiting_en}"), True)
    old = age(snapshot.link_age_s)
    if _is_offline(snapshot):
        return Line(Words(f"离线 {old.zh}{waiting_zh}", f"offline {old.en}{waiting_en}"), True)
    return Line(Words(f"上报 {old.zh}前{waiting_zh}", f"reported {old.en} ago{waiting_en}"), False)


def _policy(snapshot: Snapshot) -> Line:
    name = f"{snapshot.policy} v{snapshot.policy_version}"
    if snapshot.policy_until_ms is None:
        return Line(Words(f"策略 {name}", f"policy {name}"), False)
    zh, en = f"下级通知 {snapshot.order_zh}", f"local order {snapshot.order_en}"
    if not snapshot.order_zh:
        zh, en = f"策略 {name}", f"policy {name}"
    until = datetime.fromtimestamp(snapshot.policy_until_ms / 1000, UTC).astimezone(ZoneInfo(snapshot.timezone))
    soon = snapshot.policy_until_ms - snapshot.at_ms < POLICY_ENDS_SOON_MS
    return Line(Words(f"{zh} 至 {until:%m-%d}", f"{en} to {until:%m-%d}"), soon)


def _clock(snapshot: Snapshot, here: datetime) -> Line:
    time = f"{here:%H:%M:%S}"
    if snapshot.clock_trusted:
        return Line(Words(time, time), False)
    return Line(Words(f"{time} 时钟未校准", f"{time} clock not trusted"), True)


def _fault(fault: FaultView, at_ms: int) -> Words:
    happened, _ = reason_words(fault.name)
    old = age((at_ms - fault.since_ms) / 1000)
    return Words(f"{happened.zh} {fault.device} {old.zh}", f"{happened.en} {fault.device} {old.en}")
