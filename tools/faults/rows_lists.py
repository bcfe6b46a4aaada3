"""Lists and policies that come torn, late, older, replayed, forged, too big, stale or in any order, or not at all."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from central.keys import load_key
from checkpoint.documents import open_document, pack_document
from checkpoint.records import Note, Verdict
from checkpoint.status_list import encode_status, status_from_content
from tools.demo.processes import SetupError
from tools.demo.street import wait
from tools.faults.clients import as_collector, as_gate, retained
from tools.faults.disk_shim import DiskShim, compiler
from tools.faults.holders import LIST_SCOPE, Came, Desk, Holder, same_code_pace, signed
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row
from tools.faults.spoiled_documents import LIST_TOPIC, POLICY, spoiled_documents

_GATE: Final = "gate-1"
# Two seconds on a quiet machine; others use this one as well.
_ONLINE_S: Final = 5.0
_ARRIVES_S: Final = 30.0
_HEALS_S: Final = 30.0
# Of the row's own policy. An answer of the collector comes every second.
_WARN_S: Final = 5.0
_STALE_S: Final = 11.0
_STALE: Final = (
    f'after_s = {_STALE_S}\nwarn_after_s = {_WARN_S}\nguard = {{ residents = "allow", for_s = 86400 }}'
)  # fmt: skip
_OPEN: Final = "open all_ok"
_DAY_S: Final = 86_400
_SWAPS: Final = 20
# Somebody at the gate while lists are swapped under them, on a loaded machine.
_SLOWEST_S: Final = 5.0
_KILLS: Final = 10
# Writing one document: the file, its sync, the rename, the folder's sync.
_CALLS: Final = 4


# --- a revocation, an older list, and none at all --------------------------------------------------------------------


def revoked(lab: Lab) -> None:
    """One gate is connected and one is cut off when passes are taken back; then somebody who has the collector's
    password at the broker puts the older list there; at last a gate gets no list for too long."""
    town = lab.start(gates=2, pace=same_code_pace(lab.folder))
    near, far = Desk(lab, "gate-1"), Desk(lab, "gate-2")
    here, there = near.residents(4), far.residents(2)
    one, other, away, stays = next(here), next(here), next(there), next(there)
    visitor = near.visitor()
    for desk, holder in ((near, one), (near, other), (near, visitor), (far, away)):
        desk.expect(f"{desk.gate} lets a holder in", holder, _OPEN)
    older = signed(lab)
    lab.proxies["gate-2"].refuse()
    town.central("pass", "revoke", one.pass_id)
    lab.until("revocation on the disk of the gate that is online", lambda: near.value(one) == 1, _ONLINE_S)
    town.central("pass", "revoke", away.pass_id)
    near.expect("refused at the gate that is online", one, "deny pass_revoked")
    near.expect("nobody else is", other, _OPEN)
    far.expect("a gate that is cut off goes by the list it has", away, _OPEN)
    _replayed(lab, near, one, older)
    lab.proxies["gate-2"].listen()
    lab.until("a gate that was away gets it when it is back", lambda: far.value(away) == 1, _ARRIVES_S)
    far.expect("refused from then on", away, "deny pass_revoked")
    far.expect("and nobody else is", stays, _OPEN)
    _too_old(lab, near, one, other, visitor)
    lab.people(1, "gate-1")
    lab.people(1, "gate-2")
    lab.heal()
    # Whoever comes in by the fail table has a check that did not succeed: judged here, and only with that mark.
    lab.not_judged.add("I5")
    _check_earned(lab)
    lab.judge()


def _replayed(lab: Lab, desk: Desk, gone: Holder, older: bytes) -> None:
    """The older list is retained at the broker: by a gate's password, which may not; by the collector's, which may."""
    town, before = lab.town, desk.version()
    stranger = as_gate(town, "gate-2")
    stranger.publish(LIST_TOPIC, older, retain=True)
    stranger.close()
    lab.check("a gate's password replaces no list", _retained(lab) == signed(lab))
    thief = as_collector(town)
    lab.at_end(thief.close)
    thief.publish(LIST_TOPIC, older, retain=True)
    lab.until("the refusal is on record", lambda: any("only grow" in why for why in desk.refusals()), _ARRIVES_S)
    lab.check("an older list replaces no newer one", desk.version() == before, f"version {desk.version()}")
    desk.expect("refused as before", gone, "deny pass_revoked")
    lab.until("the collector puts the newest back at the broker", lambda: _retained(lab) == signed(lab), _ARRIVES_S)
    # With nobody there to put it right, and a gate that starts anew.
    died_ms = now_ms()
    town.kill("collector")
    thief.publish(LIST_TOPIC, older, retain=True)
    lab.kill(desk.gate)
    desk.expect("refused after a restart on an older list", gone, "deny pass_revoked")
    lab.check("the disk has what it had", desk.version() == before, f"version {desk.version()}")
    lab.start_again("collector", died_ms)
    lab.until("put right by a collector that was away", lambda: _retained(lab) == signed(lab), _ARRIVES_S)


def _retained(lab: Lab) -> bytes:
    """What a gate that comes anew would be given."""
    return retained(as_collector(lab.town, LIST_TOPIC), 0.3).get(LIST_TOPIC, b"")


def _too_old(lab: Lab, desk: Desk, gone: Holder, resident: Holder, visitor: Holder) -> None:
    """A gate that gets no answer for too long."""
    before = desk.version(*POLICY)
    policy = same_code_pace(lab.folder, _STALE).policy
    lab.town.central("document", "publish", "--kind", POLICY[0], "--scope", POLICY[1], str(policy))
    lab.until("a policy with short limits is there", lambda: desk.version(*POLICY) > before, _ARRIVES_S)
    desk.expect("a visitor is let in while lists are fresh", visitor, _OPEN)
    lab.proxies[desk.gate].refuse()
    began_s = time.monotonic()
    _until_s(began_s + _WARN_S + 1)
    came = desk.expect("lists that are getting old hold nobody", resident, _OPEN)
    lab.check("and the verdict says so", "stale_revocation" in came.verdict.tags, f"{came.verdict.tags}")
    _until_s(began_s + _STALE_S + 1)
    came = desk.expect("lists too old: residents by the fail table", resident, "open allowed_by_fail_table")
    lab.check("they are tagged", "lists_stale" in came.verdict.tags, f"{came.verdict.tags}")
    desk.expect("lists too old: others escalate", visitor, "escalate lists_stale")
    desk.expect("an old list hides no revocation", gone, "deny pass_revoked")
    lab.proxies[desk.gate].listen()
    lab.until("the gate is back", lambda: lab.waiting(desk.gate) == 0, _HEALS_S)
    desk.expect("answers again: others are let in", visitor, _OPEN)
    _kept_back(lab, desk, resident, visitor)


def _kept_back(lab: Lab, desk: Desk, resident: Holder, visitor: Holder) -> None:
    """The collector answers, and the newest list that comes is two days old, as if newer ones were kept back."""
    now = open_document(signed(lab))
    status = replace(status_from_content(now.content), issued_s=int(time.time()) - 2 * _DAY_S)
    old = msgspec.structs.replace(now, version=now.version + 1, content=encode_status(status))
    sender = as_collector(lab.town)
    sender.publish(
        LIST_TOPIC, pack_document(load_key(lab.town.folder / "central" / "keys", "collector"), old), retain=True
    )
    sender.close()
    lab.until("a list of two days ago is the newest", lambda: desk.version() == old.version, _ARRIVES_S)
    desk.expect("answers make no old list young", visitor, "escalate lists_stale")
    lab.town.central("pass", "resume", resident.pass_id)
    lab.until("a list that was signed just now", lambda: desk.version() > old.version, _ARRIVES_S)
    desk.expect("a new list, and others are let in", visitor, _OPEN)


def _until_s(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))


def _check_earned(lab: Lab) -> None:
    """I5 with the fail table: a check is missing only where the verdict says that lists were too old, and for whom."""
    wrong, by_table = [], 0
    for kept in (kept for gate in lab.gates for kept in lab.on_disk(gate)):
        if not isinstance(kept.payload, Verdict) or kept.payload.verdict != "allow":
            continue
        verdict = kept.payload
        missing = {check.check for check in verdict.checks if check.mode == "enforce" and check.result != "ok"}
        excused = "lists_stale" in verdict.tags and verdict.pass_class == "resident" and missing == {"pass"}
        by_table += excused
        if (missing and not excused) or not verdict.checks:
            wrong.append(f"{kept.header.number}: {sorted(missing)}")
    lab.check("no allow without its checks", not wrong, "; ".join(wrong) or f"{by_table} by the fail table")


# --- everything that is no list --------------------------------------------------------------------------------------


def spoiled_lists(lab: Lab) -> None:
    """Torn, forged, older, reused, foreign, huge and late documents under the collector's password while people pass;
    then twenty good versions while people pass, and all of them again in any order; then a torn file at the start."""
    town = lab.start(pace=same_code_pace(lab.folder))
    desk = Desk(lab, _GATE)
    residents = list(desk.residents(6))
    gone, pawn, *others = residents
    town.central("pass", "resume", gone.pass_id)
    older = signed(lab)
    town.central("pass", "revoke", gone.pass_id)
    lab.until("the list is there", lambda: desk.value(gone) == 1, _ARRIVES_S)
    _bad_ones(lab, desk, gone, others, older)
    _swaps(lab, desk, pawn, others)
    _torn_at_the_start(lab, desk, gone, others[0])
    lab.people(2)
    lab.heal()
    lab.judge()


def _bad_ones(lab: Lab, desk: Desk, gone: Holder, others: list[Holder], older: bytes) -> None:
    before = {kind: desk.version(*kind) for kind in (("status", LIST_SCOPE), POLICY)}
    refused = len(desk.refusals())
    bad = list(spoiled_documents(lab, older))
    lab.chance.shuffle(bad)
    thief = as_collector(lab.town)
    lab.at_end(thief.close)

    def publish() -> None:
        for _, topic, data in bad:
            thief.publish(topic, data, retain=True)
            time.sleep(0.2)

    _pass_meanwhile(lab, desk, others, publish, "bad documents")
    lab.until("each refusal is on record", lambda: len(desk.refusals()) >= refused + len(bad), _ARRIVES_S)
    told = desk.refusals()[refused:]
    lab.check(
        "none without a reason", all(told), f"{len(told)} refusals, {len(set(told))} reasons; {len(bad)} messages"
    )
    after = {kind: desk.version(*kind) for kind in before}
    lab.check("what was in force stays", after == before, f"{after}")
    desk.expect("who was refused is refused", gone, "deny pass_revoked")
    lab.until("the newest is back at the broker", lambda: _retained(lab) == signed(lab), _ARRIVES_S)
    kept = {kind: open_document(signed(lab, *kind)).version for kind in before}
    lab.check("the collector takes none of them for its own", kept == before, f"{kept}")


def _swaps(lab: Lab, desk: Desk, pawn: Holder, others: list[Holder]) -> None:
    """One pass is taken back and given again, over and over; each time every gate of the community gets a list."""
    versions: list[bytes] = []

    def publish() -> None:
        for number in range(_SWAPS):
            lab.town.central("pass", ("revoke", "resume")[number % 2], pawn.pass_id)
            versions.append(signed(lab))

    first = desk.version()
    _pass_meanwhile(lab, desk, others, publish, f"{_SWAPS} versions")
    newest = open_document(versions[-1]).version
    lab.until("the newest is in force", lambda: desk.version() == newest, _ARRIVES_S)
    thief = as_collector(lab.town)
    lab.chance.shuffle(versions)
    for data in versions:
        thief.publish(LIST_TOPIC, data, retain=True)
    thief.close()
    lab.until("the newest is at the broker again", lambda: _retained(lab) == signed(lab), _ARRIVES_S)
    lab.check("versions in any order leave the newest", desk.version() == newest, f"{first} to {desk.version()}")
    taken = _installed(lab)
    grown = taken == sorted(set(taken))
    lab.check("versions in force only grow", grown and len(taken) > _SWAPS // 4, f"{len(taken)} were put in force")
    desk.expect("the pass that was given back counts", pawn, _OPEN)


def _installed(lab: Lab) -> list[int]:
    """Versions of the status list that went into force, by the gate's records."""
    kept = [one.payload for one in lab.on_disk(_GATE)]
    notes = [one for one in kept if isinstance(one, Note) and one.code == "document_installed"]
    return [int(one.facts["version"]) for one in notes if one.facts["kind"] == "status"]


def _pass_meanwhile(lab: Lab, desk: Desk, people: list[Holder], act: Callable[[], None], what: str) -> None:
    """People with good passes come one after another until it is done; each has to be let in, and soon."""
    failed: list[SetupError] = []

    def do() -> None:
        try:
            act()
        except SetupError as error:
            failed.append(error)

    thread = threading.Thread(target=do, name=what)
    thread.start()
    came: list[Came] = []
    while thread.is_alive() or len(came) < 2:
        came.append(desk.comes(people[len(came) % len(people)]))
    thread.join()
    lab.check(f"{what}: all were sent", not failed, "; ".join(map(str, failed)))
    wrong = [one.words for one in came if one.words != _OPEN]
    slowest_s = max(one.took_s for one in came)
    told = f"{len(came)} came, the slowest waited {slowest_s:.1f} s"
    lab.check(f"{what}: people pass meanwhile", not wrong and slowest_s < _SLOWEST_S, "; ".join(wrong) or told)


def _torn_at_the_start(lab: Lab, desk: Desk, gone: Holder, good: Holder) -> None:
    """A gate starts cut off with a torn policy, then with a torn list: it asks for no less than before."""
    for kind, scope, holder, why in ((*POLICY, good, "policy"), ("status", LIST_SCOPE, gone, "list")):
        lab.proxies[_GATE].refuse()
        newest = desk.version(kind, scope)
        died_ms = now_ms()
        lab.town.kill(_GATE)
        file = desk.file(kind, scope)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        lab.start_again(_GATE, died_ms)
        came = desk.comes(holder)
        lab.check(f"a torn {why} lets nobody in", came.answer != "open", came.words)
        before = len(desk.refusals())
        lab.proxies[_GATE].listen()
        lab.until(f"the {why} comes again", lambda: desk.version(kind, scope) == newest, _ARRIVES_S)  # noqa: B023
        lab.until(f"the torn {why} is on record", lambda: len(desk.refusals()) > before, _ARRIVES_S)  # noqa: B023
    desk.expect("who is good is let in", good, _OPEN)
    desk.expect("who is not is not", gone, "deny pass_revoked")


# --- killed, or refused by the disk ----------------------------------------------------------------------------------


def killed(lab: Lab) -> None:
    """SIGKILL at each call by which a new list or policy gets onto the disk; then a disk that refuses to take one."""
    town = lab.build(pace=same_code_pace(lab.folder))
    shim = DiskShim(lab.folder, _GATE, town.gate_folder(_GATE) / "data" / "documents")
    lab.at_end(shim.close)
    town.environment[_GATE] = shim.environment
    lab.start()
    desk = Desk(lab, _GATE)
    residents = desk.residents(3)
    pawn, late, good = next(residents), next(residents), next(residents)
    desk.expect("let in before", pawn, _OPEN)
    old = new = 0
    for number in range(_KILLS):
        call = 1 + number % _CALLS
        whole, stayed = _killed_once(lab, desk, shim, pawn, number, call)
        lab.check(f"kill {number + 1}: the old or the new is whole", whole, "the old" if stayed else "the new")
        old, new = old + stayed, new + (not stayed)
    lab.check("both were seen", old and new, f"{old} times the old, {new} times the new")
    desk.expect("the last list counts", pawn, "deny pass_revoked")
    shim.fail(errno.ENOSPC)
    town.central("pass", "revoke", late.pass_id)
    lab.until("the disk's refusal is on record", lambda: any("No space" in why for why in desk.refusals()), _ARRIVES_S)
    desk.expect("a disk that takes no list stops nobody", good, _OPEN)
    shim.heal()
    lab.until("the list is taken when the disk takes it", lambda: desk.value(late) == 1, _HEALS_S)
    desk.expect("and counts", late, "deny pass_revoked")
    lab.people(1)
    lab.heal()
    lab.judge()


def _killed_once(lab: Lab, desk: Desk, shim: DiskShim, pawn: Holder, number: int, call: int) -> tuple[bool, bool]:
    """Whether the disk had the old or the new document whole after the kill, and whether it was the old."""
    kind, scope = POLICY if number % 3 == 1 else ("status", LIST_SCOPE)
    before = desk.version(kind, scope)
    died_ms = now_ms()
    shim.kill_at(call)
    if kind == "policy":
        policy = lab.folder / "lists-policy.toml"
        lab.town.central("document", "publish", "--kind", kind, "--scope", scope, str(policy))
    else:
        lab.town.central("pass", "resume" if desk.value(pawn) else "revoke", pawn.pass_id)
    newest = open_document(signed(lab, kind, scope)).version
    if not wait(lambda: lab.town.ended(_GATE) is not None, _ARRIVES_S):
        raise SetupError(f"{_GATE} was not killed at call {call} of writing {kind}")
    after = desk.version(kind, scope)
    lab.say(f"kill {number + 1} of {_GATE}: {kind}, at its {shim.last_hit}")
    shim.heal()
    cut_off = number == _CALLS - 2
    if cut_off:
        lab.proxies[_GATE].refuse()
    lab.start_again(_GATE, died_ms)
    if cut_off:
        answer = _OPEN if desk.value(pawn) == 0 else "deny pass_revoked"
        desk.expect("started on it without the broker", pawn, answer)
        lab.proxies[_GATE].listen()
    lab.until(f"kill {number + 1}: the new comes", lambda: desk.version(kind, scope) == newest, _ARRIVES_S)
    return after in (before, newest), after == before


ROWS: Final = (
    Row("G13", "revocations online, offline and replayed; lists too old", revoked, "revoked"),
    Row("G13", "bad lists and policies, and twenty good ones while people pass", spoiled_lists, "spoiled"),
    Row("G13", "SIGKILL and a full disk while a list is installed", killed, "killed", compiler),
)
