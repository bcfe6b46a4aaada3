"""A policy goes out in stages: started, widened, stopped, taken back; each step a new version, signed and on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from central.config import Config
from central.documents import end_stages, next_version, sign_and_save
from central.policy_standing import taken_until_ms
from central.registry import Registry
from central.rollout_cases import close_cases
from central.rollout_checks import check_orders, check_policy, whole_policy
from central.rollout_plan import RolloutError, Stage, parse_stages, parse_stop
from central.store.base import GateRow
from central.store.rollouts import LIVE, RolloutAct, RolloutGate, RolloutRow, RolloutState
from central.store.sqlite import SqliteStore
from checkpoint.documents import Document, open_document
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Policy

_KIND: Final = "policy"
# A gate whose clock is a little behind must not find a fresh document early.
_SKEW_MS: Final = 60_000
_BEFORE_MS: Final = 7 * 86_400_000
_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks for: a policy's exact text, its scope, and `stages` and `stop_when` as they write them.

    `valid_ms`: how long gates take what is published; 0: until the policy's own end. `anyway`: although a local order
    would not be followed any more.
    """

    content: bytes
    scope: str
    stages: str
    stop_when: str
    valid_ms: int
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Who:
    """Who does it, when, and why; kept with the roll-out."""

    by: str
    at_ms: int
    why: str = ""


def start(config: Config, store: SqliteStore, registry: Registry, wanted: Wanted, who: Who) -> RolloutRow:
    """Give the policy to the gates of the first stage. Raises RolloutError, PolicyError, DocumentError, KeyFileError.

    Every other gate of the scope keeps what it has, a new or re-imaged one too: that stays where it is.
    """
    stages = parse_stages(wanted.stages)
    parse_stop(wanted.stop_when)
    policy = whole_policy(wanted.content, "the file")
    pasts = with_pasts(store, _gates_in(store, registry, wanted.scope, stages[0]), who.at_ms)
    with store.transaction():
        base = _base(store, wanted.scope, who.at_ms)
        _check_new(store, registry, wanted, policy, base, who.at_ms)
        _check_targets(store, registry, wanted.scope, stages)
        row = RolloutRow(
            store.next_rollout(), wanted.scope, policy.id, policy.version, wanted.content, base.version, base.content,
            wanted.stages, wanted.stop_when, wanted.valid_ms, "running", 0, 0, who.at_ms, store.last_record_id(), "",
        )  # fmt: skip
        return _enter(config, store, row, 0, who, "started", pasts)


def widen(config: Config, store: SqliteStore, registry: Registry, row: RolloutRow, who: Who) -> RolloutRow:
    """Go on with the next stage, also after a stop. Raises RolloutError, DocumentError, KeyFileError.

    `row`: as whoever goes on has seen it. After a jump verdicts are counted anew: those have been seen.
    """
    if row.state not in LIVE:
        raise RolloutError(f"roll-out {row.no} of policy/{row.scope} is {row.state}: there is no next stage")
    stage = parse_stages(row.stages)[row.stage + 1]
    pasts = with_pasts(store, _gates_in(store, registry, row.scope, stage), who.at_ms)
    with store.transaction():
        row = _as_seen(store, row)
        close_cases(store, registry, row, who.at_ms)
        if row.jumped:
            for gate in store.rollout_gates(row.no).values():
                store.save_rollout_gate(replace(gate, after_all=0, after_deny=0, after_escalate=0))
        return _enter(config, store, row, row.stage + 1, who, "next", pasts)


def stop(store: SqliteStore, row: RolloutRow, who: Who, act: str = "stopped") -> RolloutRow:
    """No further stage until somebody says `next`; gates keep what they have. In a transaction of the caller."""
    row = _now(store, row)
    if row.state != "running":
        raise RolloutError(f"roll-out {row.no} of policy/{row.scope} is {row.state}: nothing is to be stopped")
    return _save(store, replace(row, state="stopped"), who, act)


def back(config: Config, store: SqliteStore, registry: Registry, row: RolloutRow, who: Who) -> RolloutRow:
    """Give every gate of the scope what it had before, under a new version. Raises RolloutError, DocumentError."""
    with store.transaction():
        row = _now(store, row)
        if row.state == "back":
            raise RolloutError(f"roll-out {row.no} of policy/{row.scope} was taken back already")
        newest = _newest(store, row.scope)
        if row.state == "done" and newest.version != row.version:
            raise RolloutError(
                f"policy/{row.scope} is at version {newest.version} since: publish the text you want as a new one"
            )
        close_cases(store, registry, row, who.at_ms)
        version = _publish(config, store, row, row.base_content, Stage("all", (), 100), who.at_ms)
        return _save(store, replace(row, state="back", version=version), who, "back")


def live(store: SqliteStore, scope: str | None = None) -> list[RolloutRow]:
    """Those that are under way, of one scope or of all; the newest first."""
    return [row for row in store.rollouts() if row.state in LIVE and scope in (None, row.scope)]


def gates_of(store: SqliteStore, registry: Registry, row: RolloutRow) -> list[GateRow]:
    """The gates that the stages so far give the new policy to."""
    return _gates_in(store, registry, row.scope, parse_stages(row.stages)[row.stage])


def with_pasts(store: SqliteStore, gates: Iterable[GateRow], end_ms: int) -> dict[int, RolloutGate]:
    """Gate number -> what it is compared with: its verdicts of the days before `end_ms`.

    Reads all that a gate ever counted, so never in a transaction that others wait for.
    """
    found = {}
    for gate in gates:
        past = store.verdicts_between(gate.no, end_ms - _BEFORE_MS, end_ms)
        counts = sum(past.values()), past.get("deny", 0), past.get("escalate", 0)
        found[gate.no] = RolloutGate(0, gate.no, "offered", 0, "", None, *counts)
    return found


def gates_under(store: SqliteStore, registry: Registry, scope: str) -> list[GateRow]:
    """Every gate of a scope that may speak."""
    return [gate for gate in store.gates() if gate.revoked_ms is None and scope in place_of(registry, gate)]


def place_of(registry: Registry, gate: GateRow) -> tuple[str, ...]:
    """Ids of a gate's place, narrowest first, as the gate itself has them."""
    return (gate.gate, gate.site, *reversed(registry.path_of(gate.grid).split("/")))


def _gates_in(store: SqliteStore, registry: Registry, scope: str, stage: Stage) -> list[GateRow]:
    targets = () if stage.whole else tuple(target.id for target in stage.targets)
    document = Document(1, _KIND, scope, 1, 0, 0, stage.percent, b"", targets)
    return [
        gate for gate in gates_under(store, registry, scope) if document.concerns(place_of(registry, gate), gate.gate)
    ]


def _now(store: SqliteStore, row: RolloutRow) -> RolloutRow:
    """The same as the store has it: the watch, or somebody else, may have acted since it was read."""
    return store.rollout(row.no) or row


def _as_seen(store: SqliteStore, row: RolloutRow) -> RolloutRow:
    """As the store has it. Raises RolloutError where that is not what was decided about."""
    now = _now(store, row)
    if (now.state, now.stage, now.jumped) != (row.state, row.stage, row.jumped):
        raise RolloutError(
            f"roll-out {row.no} of policy/{row.scope} is {now.state} at stage {now.stage + 1} meanwhile"
            f"{f' ({now.jumped})' if now.jumped else ''}: see `rollout show`, and decide again"
        )
    return now


def _enter(
    config: Config, store: SqliteStore, row: RolloutRow, number: int, who: Who, act: str, pasts: dict[int, RolloutGate]
) -> RolloutRow:
    stage = parse_stages(row.stages)[number]
    known = store.rollout_gates(row.no)
    for gate_no, past in pasts.items():
        if gate_no not in known:
            store.save_rollout_gate(replace(past, rollout=row.no))
    version = _publish(config, store, row, row.content, stage, who.at_ms)
    state: RolloutState = "done" if stage.whole else "running"
    row = replace(row, stage=number, version=version, state=state, jumped="")
    return _save(store, row, who, act)


def _save(store: SqliteStore, row: RolloutRow, who: Who, act: str) -> RolloutRow:
    row = replace(row, changed_ms=who.at_ms)
    store.save_rollout(row)
    by, why = who.by[:_MAX_TEXT], who.why[:_MAX_TEXT]
    store.add_rollout_act(row.no, RolloutAct(who.at_ms, act, row.stage, row.version, by, why))
    return row


def _publish(config: Config, store: SqliteStore, row: RolloutRow, content: bytes, stage: Stage, at_ms: int) -> int:
    version = next_version(store, _KIND, row.scope)
    sign_and_save(config, store, _document(row, content, stage, version, at_ms), at_ms)
    if stage.whole:
        end_stages(store, _KIND, row.scope)
    return version


def _document(row: RolloutRow, content: bytes, stage: Stage, version: int, at_ms: int) -> Document:
    targets = () if stage.whole else tuple(target.id for target in stage.targets)
    bounds = at_ms - _SKEW_MS, taken_until_ms(parse_policy(content), row.valid_ms, at_ms)
    return Document(1, _KIND, row.scope, version, *bounds, stage.percent, content, targets)


def _base(store: SqliteStore, scope: str, now_ms: int) -> Document:
    """What every gate of the scope has, what new ones get, and the way back. Raises RolloutError."""
    newest = _newest(store, scope)
    standing = newest.standing(now_ms)
    if standing == "early":
        raise RolloutError(
            f"policy/{scope} version {newest.version} is published and its time has not come: gates still go by another"
            " one. Begin when it has come, or publish what is to hold until then"
        )
    if standing == "over":
        raise RolloutError(
            f"policy/{scope} version {newest.version} is past its end, and a new gate would not take it: publish it"
            " again first"
        )
    return newest


def _newest(store: SqliteStore, scope: str) -> Document:
    data = next((data for place, kind, _, data in store.documents() if (place, kind) == (scope, _KIND)), None)
    if data is None:
        raise RolloutError(
            f"nothing is published as policy/{scope} yet: publish what is to hold at the other gates first, so that"
            " they have it and there is a way back"
        )
    return open_document(data)


def _check_new(
    store: SqliteStore, registry: Registry, wanted: Wanted, new: Policy, base: Document, now_ms: int
) -> None:
    other = next(iter(live(store, wanted.scope)), None)
    if other is not None:
        raise RolloutError(
            f"roll-out {other.no} of policy/{wanted.scope} is {other.state}: `rollout next` or `rollout back` it first"
        )
    old = whole_policy(base.content, f"what is published as policy/{wanted.scope}")
    check_policy(store, new, old, now_ms)
    if not wanted.anyway:
        check_orders(store, registry, wanted.scope, old, new, now_ms)


def _check_targets(store: SqliteStore, registry: Registry, scope: str, stages: tuple[Stage, ...]) -> None:
    """Every id is one of the scope, and of the kind that the stage says."""
    gates = gates_under(store, registry, scope)
    tree = registry.tree
    sites = {site for site in tree.sites if scope in tree.here(site)} | {gate.site for gate in gates}
    grids = {grid for grid in tree.grids if scope in tree.upwards(grid)}
    known = {"gate": {gate.gate for gate in gates}, "site": sites, "grid": grids}
    for target in stages[-1].targets:
        if target.id not in known[target.kind]:
            raise RolloutError(
                f"stage {target.kind}:{target.id}: policy/{scope} has no such {target.kind}; see `rollout show` and the"
                " tree file"
            )
        # A document names ids alone.
        others = [kind for kind, ids in known.items() if kind != target.kind and target.id in ids]
        if others:
            raise RolloutError(
                f"stage {target.kind}:{target.id}: there is a {others[0]} of that id too, whose gates would take it:"
                " name gates one by one"
            )
    if not gates:
        raise RolloutError(f"no enrolled gate is of {scope!r}: there is nobody to roll a policy out to")
