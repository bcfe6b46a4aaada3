"""What must be true of both ends once all has arrived, found from what the gates wrote."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise

from central import audit
from central.store.base import GateRow, RecordRow
from checkpoint.records import ZERO_HEAD, Cleared, ClockSet, Fault, OutcomeOf, Payload, Verdict, decode_header
from tools.faults.protocol.computers import Computer
from tools.faults.protocol.ground import Ground, must

# The rank by which a passage's record counts, then value and reason.
_Best = tuple[tuple[int, bytes, int, bytes], str, str]


def check_all(world: Ground) -> None:
    everything_is_stored(world)
    epochs_are_chained(world)
    lines_are_gapless(world)
    sums_are_right(world)
    payloads_are_kept(world)
    forks_are_told(world)
    rollbacks_are_told(world)
    alarms_are_right(world)
    orphans_are_told(world)
    subscribers_see_nothing_twice(world)


def everything_is_stored(world: Ground) -> None:
    """I1 and I6: each record on a disk is stored under the head that the disk has; the ends agree on the last one."""
    stored = world.stored()
    for computer in world.computers:
        lost = world.held(computer) - stored
        must(not lost, "I1: each record on a disk is stored", *[number for _, _, number, _ in lost])
        must(computer.core.depth == 0, "I1: nothing waits")
        for state in computer.epochs():
            must(state.set_aside or state.watermark == state.last, "I6: both ends agree on the last record")


def epochs_are_chained(world: Ground) -> None:
    """I6: the first record of an epoch, numbered 1, names the head of the last record before it on this disk."""
    for computer in world.computers:
        for before, state in pairwise(computer.epochs()):
            if not {epoch for epoch, _ in world.damaged(computer)} & {before.epoch, state.epoch}:
                here = (before.epoch, before.last, before.head)
                must(state.parent == here, "I6: an epoch names the one before it", state.epoch)
                first = world.written.get(computer.reader.head_at(state.epoch, 1) or b"")
                must(state.floor > 1 or first is not None, "I6: an epoch begins with number 1", state.epoch)
                if first is not None:
                    must(first.header.prev == before.head, "I6: number 1 follows the epoch before", state.epoch)


def lines_are_gapless(world: Ground) -> None:
    """I3: the main line of an epoch and its gaps are 1..through, each number once; and a gap is on no disk."""
    held = {(gate, epoch, number) for c in world.computers for gate, epoch, number, _ in world.held(c)}
    for report in audit.audit(world.store):
        must(report.ok, "I6: the chain verifies at the collector", *report.findings)
    for gate in world.store.gates():
        for state in world.store.epochs(gate.no):
            gaps = world.store.gaps(state.id)
            missing = [number for gap in gaps for number in range(gap.first, gap.last + 1)]
            main = [row.number for row in world.store.records(state.id, 0)]
            must(sorted(main + missing) == list(range(1, state.through + 1)), "I3: stored and gaps are all numbers")
            places = {(gate.gate, state.epoch, number) for number in missing}
            must(not places & held, "a gap names nothing that is still on a disk")
            if missing:
                must(places <= world.purged, "a gap names only what was purged", *missing)
                must("restore" in world.faults, "nothing is missing unless the collector was restored")
            case = world.store.case(gate.no, state.epoch, 0, "gap")
            must((case is not None and case.open) == bool(gaps), "a gap has an open case, and only a gap has one")


def sums_are_right(world: Ground) -> None:
    """I2: nothing is stored twice, and the leaves equal a naive count of what is stored, figure by figure."""
    rows = world.store.connection.execute("SELECT epoch_id, head, count(*) FROM record GROUP BY 1, 2").fetchall()
    must(all(n == 1 for _, _, n in rows), "I2: nothing is stored twice")
    naive = Counter((figure, value, reason) for (_, _, figure), (_, value, reason) in _best(world).items())
    for kinds in (("hour", "undated"), ("day", "undated")):
        leaves: Counter[tuple[str, ...]] = Counter()
        for kind in kinds:
            for key, _, n in world.store.leaves(kind, 0, 2**62):
                leaves[key[5:8]] += n
        must(leaves == naive, "I2: the sums equal a recount from what the gates wrote", leaves, naive)
    times_are_corrected(world)
    if not world.store.purged_payloads():
        wrong = audit.recount(world.store, world.registry)
        must(not wrong, "I2: the sums equal a recount of the store", *wrong)


def _best(world: Ground) -> dict[tuple[str, bytes, str], _Best]:
    best: dict[tuple[str, bytes, str], _Best] = {}
    for gate, epoch, number, head in world.stored():
        written = world.written[head]
        payload, passage = written.payload, written.header.passage
        if passage is None or not isinstance(payload, Verdict | OutcomeOf):
            continue
        figure, value = ("verdict", payload.verdict) if isinstance(payload, Verdict) else ("outcome", payload.outcome)
        rank = (written.header.at, epoch, number, head)
        if (gate, passage, figure) not in best or rank < best[gate, passage, figure][0]:
            best[gate, passage, figure] = (rank, value, payload.reason)
    return best


def times_are_corrected(world: Ground) -> None:
    """Each untrusted record has the offset of the first clock record of its boot after it, if there is one."""
    sets = defaultdict(list)
    for gate, _, _, head in world.stored():
        payload = world.written[head].payload
        if isinstance(payload, ClockSet):
            sets[gate, payload.boot_id].append((world.written[head].header.mono_ms, payload.offset_ms))
    for gate_row, _, row in _all_rows(world):
        header = world.written[row.head].header
        after = sorted(item for item in sets[gate_row.gate, header.boot_id] if item[0] >= header.mono_ms)
        if header.clock == "trusted":
            must(row.corrected_ms == header.at, "a trusted time is taken as it is", row.number)
        elif not after:
            must(row.corrected_ms is None, "a time without a correction is unknown", row.number)
        else:
            offsets = {offset for mono, offset in after if mono == after[0][0]}
            right = row.corrected_ms is not None and row.corrected_ms - header.at in offsets
            must(right, "an untrusted time is corrected by the next clock record", row.number)


def _all_rows(world: Ground) -> list[tuple[GateRow, bytes, RecordRow]]:
    return [
        (gate, state.epoch, row)
        for gate in world.store.gates()
        for state in world.store.epochs(gate.no)
        for side in range(state.sides + 1)
        for row in world.store.records(state.id, side)
    ]


def payloads_are_kept(world: Ground) -> None:
    """What is purged never comes back; what could not be read is there, raw, until it is."""
    kept = {row[0] for row in world.store.connection.execute("SELECT record_id FROM payload")}
    must(not world.forgotten & kept, "a purged payload never comes back")
    unread = [row for _, _, row in _all_rows(world) if world.written[row.head].payload is None]
    for row in unread:
        must(row.id in kept, "a payload that can't be read is kept raw", row.number)
        must(row.mark == 3, "a payload that can't be read is marked", row.number)


def forks_are_told(world: Ground) -> None:
    """A head that two different stored records follow has a case; without a disk that was copied none has one."""
    followers = defaultdict(set)
    cases = _cases(world, "fork")
    for gate, epoch, row in _all_rows(world):
        prev = decode_header(row.header).prev
        if prev != ZERO_HEAD:
            followers[gate.no, prev].add((epoch, row.number, row.head))
    for (gate_no, _), records in followers.items():
        if len(records) > 1:
            places = {(gate_no, epoch, number) for epoch, number, _ in records}
            must(bool(places & cases), "a fork is told", *[number for _, number, _ in records])
    must("disk" in world.faults or not cases, "an honest disk never forks")


def _cases(world: Ground, origin: str) -> set[tuple[int, bytes, int]]:
    rows = world.store.connection.execute("SELECT gate_no, epoch, number FROM alarm_case WHERE origin = ?", (origin,))
    return set(rows.fetchall())


def rollbacks_are_told(world: Ground) -> None:
    """Whoever no longer holds what is stored has a case with the first number that is gone; nobody else has one."""
    cases = _cases(world, "rollback")
    for computer in world.computers:
        gate_no = world.gate_no(computer.gate)
        for state in computer.epochs():
            ours = world.store.epoch(gate_no, state.epoch)
            # Of the epoch that still grows the collector tells by the gate's clock which of two messages is the later.
            unsure = "clock" in world.faults and state.epoch == computer.epochs()[-1].epoch
            # What lies in a gap is not stored, so nothing of it can be missing on a disk.
            top = max((row.number for row in world.store.records(ours.id, 0)), default=0) if ours else 0
            if not state.set_aside and not unsure and top > state.last:
                told = (gate_no, state.epoch, state.last + 1) in cases
                must(told, "a rollback is told with its first number", state.last + 1)
    if "disk" not in world.faults:
        must(not cases, "an honest disk is never called rolled back", *[number for _, _, number in cases])
        must(not _cases(world, "conflict"), "an honest disk is never called in conflict")


def alarms_are_right(world: Ground) -> None:
    """I4: a fault that is known has one case, open unless its `cleared` is known; a stored record has no copy."""
    stored = world.stored()
    known = stored | {(gate, epoch, number, head) for gate, epoch, number, head, _ in _copies(world)}
    contents = [(gate, epoch, number, world.written[head].payload) for gate, epoch, number, head in known]
    places_stored = {place[:3] for place in stored}
    cleared = {(gate, p.epoch, p.number) for gate, p in _known(world) if isinstance(p, Cleared)}
    places = Counter((gate, epoch, number) for gate, epoch, number, _ in contents)
    for gate, epoch, number, payload in contents:
        # Cases are known by place: two records of one place, written by a copied program, share theirs.
        if isinstance(payload, Fault) and places[gate, epoch, number] == 1:
            case = world.store.case(world.gate_no(gate), epoch, number, "gate")
            if case is None:
                raise AssertionError("I4: a stored fault has no case")
            must(
                case.open == ((gate, epoch, number) not in cleared), "I4: an alarm is open until it is cleared", number
            )
            orphan = case.orphan and (gate, epoch, number) in places_stored
            must(not orphan or "twin" in world.faults, "I4: the alarm of a stored record is no orphan", number)
    must(not {(g, e, n, h) for g, e, n, h, _ in _copies(world)} & stored, "I4: no copy waits for a stored record")


def _known(world: Ground) -> list[tuple[str, Payload | None]]:
    """What the collector has read, in records and in copies."""
    return [(gate, world.written[head].payload) for gate, _, _, head in world.stored()] + [
        (gate, world.written[head].payload) for gate, _, _, head, _ in _copies(world)
    ]


def _copies(world: Ground) -> list[tuple[str, bytes, int, bytes, int]]:
    rows = world.store.connection.execute(
        "SELECT gate, epoch, number, head, gate_no FROM copy JOIN gate ON no = gate_no"
    )
    return rows.fetchall()


def orphans_are_told(world: Ground) -> None:
    """A copy whose record can't come any more, because an older epoch ended below it, is kept and called an orphan."""
    for gate, epoch, number, head, gate_no in _copies(world):
        if isinstance(world.written[head].payload, Fault) and _ended_below(world.computers, gate, epoch, number):
            case = world.store.case(gate_no, epoch, number, "gate")
            must(case is not None and case.orphan, "a copy without a record is called an orphan", number)


def _ended_below(computers: list[Computer], gate: str, epoch: bytes, number: int) -> bool:
    older = [state for c in computers if c.gate == gate for state in c.epochs()[:-1]]
    return any(state.epoch == epoch and state.last < number for state in older)


def subscribers_see_nothing_twice(world: Ground) -> None:
    """One event id is one record, every counted outcome was told, and a topic's version only grows."""
    moments: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    versions: defaultdict[str, int] = defaultdict(int)
    for topic, data in world.heard.messages:
        message = json.loads(data) if data else {}
        if "/passage/" in topic:
            at = message.get("originaltime", message.get("time", ""))
            moments[message["id"]].add((at, message["data"]["outcome"]))
        elif "/summary/" in topic and message:
            must(message["version"] > versions[topic], "a summary's version only grows", topic)
            versions[topic] = message["version"]
    # A restored collector may meet the two sides of a copied program's epoch in the other order.
    if not {"twin", "restore"} <= world.faults:
        must(all(len(seen) == 1 for seen in moments.values()), "one event id is one passage", moments)
    counted = world.store.connection.execute(
        "SELECT gate, epoch.epoch, number, side, record.head FROM record JOIN epoch ON epoch.id = epoch_id"
        " JOIN gate ON no = gate_no JOIN payload ON record_id = record.id WHERE kind = 'outcome' AND mark = 1"
    )
    ids = {
        f"{gate}/{epoch.hex()}/{number}" + (f"/{head.hex()[:16]}" if side else "")
        for gate, epoch, number, side, head in counted
    }
    must(world.reads_newer or ids <= set(moments), "every passage that counts was told")
