"""What must be true of both ends once all has arrived, found from what the gates wrote."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from central import audit
from checkpoint.records import ZERO_HEAD, Cleared, ClockSet, Fault, OutcomeOf, Verdict
from tests.protocol.world import World


def check_all(world: World) -> None:
    everything_is_stored(world)
    lines_are_gapless(world)
    sums_are_right(world)
    forks_are_told(world)
    rollbacks_are_told(world)
    alarms_are_right(world)
    subscribers_see_nothing_twice(world)


def everything_is_stored(world: World) -> None:
    """I1 and I6: each record on a disk is stored under the head that the disk has; the ends agree on the last one."""
    stored = world.stored()
    for computer in world.computers:
        assert {(computer.gate, *item) for item in computer.held()} <= stored
        assert computer.core.depth == 0
        for state in computer.reader.epochs():
            assert state.set_aside or state.watermark == state.last


def lines_are_gapless(world: World) -> None:
    """I3: the main line of an epoch and its gaps are 1..through, each number once; and a gap is on no disk."""
    held = {(computer.gate, epoch, number) for computer in world.computers for epoch, number, _ in computer.held()}
    for report in audit.audit(world.store):
        assert report.ok, report.faults
    for gate in world.store.gates():
        for state in world.store.epochs(gate.no):
            gaps = world.store.gaps(state.id)
            missing = [number for gap in gaps for number in range(gap.first, gap.last + 1)]
            main = [row.number for row in world.store.records(state.id, 0)]
            assert sorted(main + missing) == list(range(1, state.through + 1))
            assert not {(gate.gate, state.epoch, number) for number in missing} & held
            if missing:
                assert {(gate.gate, state.epoch, number) for number in missing} <= world.purged
                assert "restore" in world.faults
            case = world.store.case(gate.no, state.epoch, 0, "gap")
            assert (case is not None and case.open) == bool(gaps)


def sums_are_right(world: World) -> None:
    """I2: nothing is stored twice, and the leaves equal a naive count of what is stored, figure by figure."""
    rows = world.store.connection.execute("SELECT epoch_id, head, count(*) FROM record GROUP BY 1, 2").fetchall()
    assert all(n == 1 for _, _, n in rows)
    best: dict[tuple[str, bytes, str], tuple[tuple[int, bytes, int], str, str]] = {}
    for gate, epoch, number, head in world.stored():
        header, payload = known(world, head)
        figure = {Verdict: "verdict", OutcomeOf: "outcome"}.get(type(payload))
        if figure is None or header.passage is None:
            continue
        name, rank = (gate, header.passage, figure), (header.at, epoch, number)
        if name not in best or rank < best[name][0]:
            best[name] = (rank, payload.verdict if figure == "verdict" else payload.outcome, payload.reason)
    naive = Counter((figure, value, reason) for (_, _, figure), (_, value, reason) in best.items())
    for kinds in (("hour", "undated"), ("day", "undated")):
        leaves: Counter[tuple[str, ...]] = Counter()
        for kind in kinds:
            for key, _, n in world.store.leaves(kind, 0, 2**62):
                leaves[key[5:8]] += n
        assert leaves == naive
    check_times(world)
    if not world.store.purged_payloads():
        assert audit.recount(world.store, world.registry) == []


def check_times(world: World) -> None:
    """Each untrusted record has the offset of the first clock record of its boot after it, if there is one."""
    sets = defaultdict(list)
    for gate, _, _, head in world.stored():
        header, payload = known(world, head)
        if isinstance(payload, ClockSet):
            sets[gate, payload.boot_id].append((header.mono_ms, payload.offset_ms))
    for gate in world.store.gates():
        for state in world.store.epochs(gate.no):
            for side in range(state.sides + 1):
                for row in world.store.records(state.id, side):
                    if row.head not in world.written:
                        continue
                    header = world.written[row.head].header
                    after = sorted(item for item in sets[gate.gate, header.boot_id] if item[0] >= header.mono_ms)
                    if header.clock == "trusted":
                        assert row.corrected_ms == header.at
                    elif not after:
                        assert row.corrected_ms is None
                    else:
                        offsets = {offset for mono, offset in after if mono == after[0][0]}
                        assert row.corrected_ms is not None
                        assert row.corrected_ms - header.at in offsets


def forks_are_told(world: World) -> None:
    """A head that two different stored records follow has a case, and nothing else has one."""
    followers = defaultdict(set)
    cases = fork_cases(world)
    for gate in world.store.gates():
        for state in world.store.epochs(gate.no):
            for side in range(state.sides + 1):
                for row in world.store.records(state.id, side):
                    prev = audit.decode_header(row.header).prev
                    if prev != ZERO_HEAD:
                        followers[gate.no, prev].add((state.epoch, row.number, row.head))
    for (gate_no, _), records in followers.items():
        if len(records) > 1:
            told = [(gate_no, epoch, number) for epoch, number, _ in records if (gate_no, epoch, number) in cases]
            assert told, f"no fork for {[(epoch.hex(), number) for epoch, number, _ in records]}"
    forked = {
        (gate_no, epoch, number)
        for (gate_no, _), records in followers.items() if len(records) > 1 for epoch, number, _ in records
    }  # fmt: skip
    assert cases <= forked or "disk" in world.faults
    if "disk" not in world.faults:
        assert not cases


def fork_cases(world: World) -> set[tuple[int, bytes, int]]:
    return set(
        world.store.connection.execute("SELECT gate_no, epoch, number FROM alarm_case WHERE origin = 'fork'").fetchall()
    )


def rollbacks_are_told(world: World) -> None:
    """Whoever no longer holds what is stored has a case with the first number that is gone; nobody else has one."""
    for computer in world.computers:
        gate = world.store.gate(computer.gate)
        for state in computer.reader.epochs():
            ours = world.store.epoch(gate.no, state.epoch)
            if not state.set_aside and ours.through > state.last:
                assert world.store.case(gate.no, state.epoch, state.last + 1, "rollback") is not None
    if "disk" not in world.faults:
        origins = world.store.connection.execute("SELECT DISTINCT origin FROM alarm_case").fetchall()
        assert not {origin for (origin,) in origins} & {"rollback", "conflict", "fork"}


def alarms_are_right(world: World) -> None:
    """I4: a stored fault has one case, open unless its `cleared` is stored."""
    stored = world.stored()
    contents = [(gate, epoch, number, known(world, head)[1]) for gate, epoch, number, head in stored]
    cleared = {(gate, p.epoch, p.number) for gate, _, _, p in contents if isinstance(p, Cleared)}
    places = Counter((gate, epoch, number) for gate, epoch, number, _ in contents)
    for gate, epoch, number, payload in contents:
        # Cases are known by place: two records of one place, written by a copied program, share theirs.
        if isinstance(payload, Fault) and places[gate, epoch, number] == 1:
            case = world.store.case(world.store.gate(gate).no, epoch, number, "gate")
            assert case is not None
            assert case.open == ((gate, epoch, number) not in cleared)
            assert not case.orphan or "twin" in world.faults
    copies = world.store.connection.execute("SELECT gate, epoch, number, head FROM copy JOIN gate ON no = gate_no")
    assert not set(copies) & stored


def subscribers_see_nothing_twice(world: World) -> None:
    """One event id is one record, every counted outcome was told, and a topic's version only grows."""
    moments, versions = defaultdict(set), defaultdict(int)
    for topic, data in world.heard.messages:
        message = json.loads(data) if data else {}
        if "/passage/" in topic:
            moments[message["id"]].add((message["time"], message["data"]["outcome"]))
        elif "/summary/" in topic and message:
            assert message["version"] > versions[topic]
            versions[topic] = message["version"]
    # A restored collector may meet the two sides of a copied program's epoch in the other order.
    if not {"twin", "restore"} <= world.faults:
        assert all(len(seen) == 1 for seen in moments.values()), moments
    counted = world.store.connection.execute(
        "SELECT gate, epoch.epoch, number, side, record.head FROM record JOIN epoch ON epoch.id = epoch_id"
        " JOIN gate ON no = gate_no JOIN payload ON record_id = record.id WHERE kind = 'outcome' AND mark = 1"
    )
    ids = {
        f"{gate}/{epoch.hex()}/{number}" + (f"/{head.hex()[:16]}" if side else "")
        for gate, epoch, number, side, head in counted
    }
    assert world.reads_newer or ids <= set(moments)


def known(world: World, head: bytes):
    """(header, payload) of a record that a gate wrote; no payload if its version is beyond this collector."""
    written = world.written.get(head)
    if written is None:
        return None, None
    readable = written.payload.version == 1 or world.reads_newer
    return written.header, written.payload if readable else None
