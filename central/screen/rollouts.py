"""A roll-out as one table of the operators' page: its stage, the figures it is judged by, and what each gate says."""

from __future__ import annotations

from typing import Final

import msgspec

from central.rollout_view import ANSWERS, STATES, FigureView, RolloutGateView, RolloutView
from webscreen.words import Words

# The others are counted in the title.
MOST_ROWS: Final = 20
_URGENCY: Final = ("refused", "offered", "verified", "in_force", "outside")
_FIGURES: Final = {"deny": Words("禁止", "deny"), "escalate": Words("上报", "escalate")}
_HEADS: Final = (
    Words("关口", "Gate"), Words("版本", "Version"), Words("状态", "State"), Words("判定", "Verdicts"),
    Words("禁止", "Deny"), Words("上报", "Escalate"), Words("原因", "Why"),
)  # fmt: skip


class RolloutPage(msgspec.Struct, frozen=True):
    """A table with its title, in the form of the tables that say why. `name` is its state, for its colour."""

    name: str
    title: Words
    heads: tuple[Words, ...]
    rows: tuple[tuple[Words, ...], ...]
    notes: tuple[Words, ...]


def rollout_page(view: RolloutView) -> RolloutPage:
    """What needs a look comes first."""
    gates = sorted(view.gates, key=lambda gate: (_URGENCY.index(gate.state), gate.gate))
    notes = [_figure(one) for one in view.figures if one.verdicts]
    if view.jumped:
        notes.insert(0, Words(f"已自动停止：{view.jumped}", f"stopped by itself: {view.jumped}"))
    rows = tuple(_row(gate) for gate in gates[:MOST_ROWS])
    return RolloutPage(view.state, _title(view), _HEADS, rows, tuple(notes))


def _title(view: RolloutView) -> Words:
    zh, en = STATES[view.state]
    has, of = view.count("in_force"), len(view.gates)
    policy = f"policy/{view.scope} {view.policy} v{view.policy_version}"
    stage = f"{view.stage}/{len(view.stages)} {view.stages[view.stage - 1]}"
    return Words(f"{policy}：{zh}，阶段 {stage}，已生效 {has}/{of}", f"{en}, stage {stage}, in force at {has} of {of}")


def _figure(one: FigureView) -> Words:
    name = _FIGURES[one.figure]
    share = f"{one.seen}/{one.verdicts}"
    if not one.told:
        return Words(f"{name.zh} {share}，次数太少，尚不比较", f"{name.en} {share}, too few to compare")
    return Words(
        f"{name.zh} {share}，照以往应有 {one.expected}，停止线 {one.limit}",
        f"{name.en} {share}, as before {one.expected}, stops above {one.limit}",
    )


def _row(gate: RolloutGateView) -> tuple[Words, ...]:
    state = Words(*ANSWERS[gate.state])
    if not gate.online:
        state = Words(f"{state.zh}（离线）", f"{state.en} (offline)")
    version = f"v{gate.version}" if gate.version else "—"
    counts = (gate.verdicts, gate.deny, gate.escalate)
    return (_same(gate.gate), _same(version), state, *(_same(str(count)) for count in counts), _same(gate.why))


def _same(text: str) -> Words:
    return Words(text, text)
