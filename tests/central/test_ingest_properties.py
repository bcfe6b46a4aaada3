"""Whatever is lost, repeated, reordered, cloned or forged on the way: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central import audit
from checkpoint.records import Sealed
from tests.central.conftest import Core, held
from tests.central.sim import START_MS, Gate, fault, key_of, outcome, passage_id, verdict

_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["verdict", "outcome", "fault", "clear", "reopen", "untrusted", "trusted", "clone"]),
        # Few passages and times, so that they meet.
        st.integers(0, 4),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=25,
)
_DELIVERIES = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 8), st.integers(1, 30), st.integers(1, 12),
        st.sampled_from(["batch", "batch", "hello", "old hello", "copy", "forged", "stripped"]),
    ),
    max_size=30,
)  # fmt: skip


def play(acts) -> list[Gate]:
    """One gate, and after `clone` a second one that goes on from the same disk."""
    gates = [Gate()]
    gates[0].reopen("first")
    for step, (act, passage, shift) in enumerate(acts):
        gate = gates[step % len(gates)]
        at_ms = START_MS + passage * 1_700_000 + shift
        if act == "verdict":
            value, reason = [("allow", "all_ok"), ("deny", "pass_expired"), ("escalate", "fever")][shift % 3]
            gate.append("verdict", verdict(value, reason), passage_id(passage), at_ms=at_ms)
        elif act == "outcome":
            gate.append("outcome", outcome(["passed", "turned_back"][shift % 2]), passage_id(passage), at_ms=at_ms)
        elif act == "fault":
            gate.append("fault", fault())
        elif act == "clear":
            gate.clear(gate.records[gate.epochs[-1]][0])
        elif act == "reopen":
            gate.reopen(str(step))
        elif act == "untrusted":
            gate.clock = "untrusted"
        elif act == "trusted" and gate.clock == "untrusted":
            gate.clock = "trusted"
            gate.set_clock(shift * 3_600_000)
        elif act == "clone" and len(gates) == 1:
            gates.append(gate.clone())
            # Another machine's clock and salts.
            gates[1].mono_ms += 1_000_000
    return gates


def deliver(core: Core, gates: list[Gate], early: list[bytes], delivery) -> None:
    which, nth, first, length, kind = delivery
    gate = gates[which % len(gates)]
    epoch = gate.epochs[nth % len(gate.epochs)]
    run = gate.records[epoch]
    start = (first - 1) % len(run)
    chosen = run[start : start + length]
    if kind == "batch":
        [answer] = core.ingest.batch(gate.name, gate.pack(epoch, chosen))
        assert answer.stored_through <= chosen[-1].number
    elif kind == "hello":
        core.ingest.hello(gate.name, gate.hello())
    elif kind == "old hello":
        core.ingest.hello(gate.name, early[which % len(early)], retained=True)
    elif kind == "copy":
        core.ingest.alarm(gate.name, gate.copy_of(chosen[0]))
    elif kind == "forged":
        own, gate.key = gate.key, key_of("thief")
        assert core.ingest.batch(gate.name, gate.pack(epoch, chosen)) == []
        gate.key = own
    else:
        stripped = [Sealed(item.sealed.salt, b"\x91\x01") for item in chosen]
        assert core.ingest.batch(gate.name, gate.pack(epoch, chosen, stripped)) == []


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_ACTS, _DELIVERIES)
def test_after_any_schedule_everything_is_stored_once_and_the_sums_equal_a_recount(acts, deliveries):
    gates = play(acts)
    early = [gate.hello() for gate in gates]
    with tempfile.TemporaryDirectory() as folder:
        core = Core(Path(folder) / "central.db", gates[0])
        with closing(core.store):
            for delivery in deliveries:
                deliver(core, gates, early, delivery)
                assert audit.recount(core.store, core.registry) == []
            for gate in gates:
                core.send(gate)
            everything = set().union(*(held(gate) for gate in gates))
            assert core.heads(gates[0]) == everything
            assert core.store.connection.execute("SELECT count(*) FROM record").fetchone() == (len(everything),)
            assert audit.recount(core.store, core.registry) == []
            assert all(report.ok for report in audit.audit(core.store))
            own = held(gates[0])
            if all(held(gate) <= own or own <= held(gate) for gate in gates):
                assert "fork" not in core.origins()
            else:
                assert "fork" in core.origins()


@settings(max_examples=60, deadline=None)
@given(_ACTS, st.data())
def test_the_counts_do_not_depend_on_the_order_of_arrival(acts, data):
    gates = play([act for act in acts if act[0] != "clone"])
    batches = gates[0].all()
    sums = []
    for order in (batches, data.draw(st.permutations(batches))):
        with tempfile.TemporaryDirectory() as folder:
            core = Core(Path(folder) / "central.db", gates[0])
            with closing(core.store):
                for batch in order:
                    core.batch(gates[0], batch)
                sums.append([core.store.leaves(kind, 0, 2**62) for kind in ("hour", "day", "undated")])
    assert [sorted(part) for part in sums[0]] == [sorted(part) for part in sums[1]]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 10_000), st.integers(0, 7))
def test_no_changed_byte_and_no_noise_is_ever_stored(noise, place, bit):
    gate = Gate()
    gate.reopen()
    gate.passage(1)
    data = bytearray(gate.batch(1, 3))
    data[place % len(data)] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        core = Core(Path(folder) / "central.db", gate)
        with closing(core.store):
            assert core.ingest.batch(gate.name, noise) == []
            assert core.ingest.hello(gate.name, noise) == []
            core.ingest.alarm(gate.name, noise)
            core.ingest.batch(gate.name, bytes(data))
            # A flip in the nonce or in zstd's own frame may leave the content whole; nothing else gets in.
            assert core.heads(gate) in (set(), held(gate))
            assert audit.recount(core.store, core.registry) == []
