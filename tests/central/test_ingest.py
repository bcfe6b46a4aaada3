"""What is stored, answered and counted for whatever a gate, or somebody else, sends."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
import pytest

from central import audit
from central.backup import backup
from central.ingest import KEPT_A_MINUTE
from checkpoint import wire
from checkpoint.records import ZERO_HEAD, Sealed, encode_payload
from tests.central.conftest import Core, held, key_list
from tests.central.sim import PATH, START_MS, Gate, fault, key_of, outcome, passage_id, verdict


def test_a_batch_is_stored_counted_and_answered_with_the_head_at_its_end(core, gate):
    gate.passage(1)
    answer = core.batch(gate, gate.batch(1, 3))
    assert (answer.stored_through, answer.head) == (3, gate.records[gate.epochs[0]][2].head)
    assert core.heads(gate) == held(gate)
    assert core.count("verdict", "allow") == core.count("outcome", "passed") == 1


def test_an_answer_is_signed_and_echoes_the_nonce_of_its_question(core, gate):
    data = gate.batch(1, 1)
    answer = core.batch(gate, data)
    assert wire.unpack_answer(core.ingest.sign(answer), key_list(core)) == answer
    assert answer.echo_nonce == wire.unpack_batch(data).nonce


def test_a_replayed_batch_changes_nothing_and_is_answered_again(core, gate):
    gate.passage(1)
    data = gate.batch(1, 3)
    first, second = core.batch(gate, data), core.batch(gate, data)
    assert first == second
    assert len(core.heads(gate)) == 3
    assert core.count("verdict", "allow") == 1


def test_an_answer_never_goes_beyond_what_the_question_named(core, gate):
    gate.passage(1)
    core.send(gate)
    assert core.batch(gate, gate.batch(1, 2)).stored_through == 2


def test_a_batch_that_starts_too_early_is_answered_and_not_stored(core, gate):
    for number in range(5):
        gate.passage(number)
    core.batch(gate, gate.batch(1, 3))
    answer = core.batch(gate, gate.batch(6, 8))
    assert answer.stored_through == 3
    assert len(core.heads(gate)) == 3


def test_the_first_batch_to_come_may_be_a_later_one(core, gate):
    gate.passage(1)
    answer = core.batch(gate, gate.batch(2, 3))
    assert (answer.stored_through, answer.head) == (0, ZERO_HEAD)
    assert core.heads(gate) == set()


def refused(core: Core, name: str, data: bytes) -> str:
    before = len(core.refusals())
    assert core.ingest.batch(name, data) == []
    assert len(core.refusals()) == before + 1
    assert core.store.connection.execute("SELECT count(*) FROM record").fetchone() == (0,)
    return core.refusals()[0]


def test_a_forged_signature_gets_no_answer_and_never_counts(core, gate):
    thief = Gate()
    thief.key = key_of("thief")
    thief.reopen()
    assert "unknown" in refused(core, gate.name, thief.batch(1, 1))


def test_a_gate_can_not_speak_for_another_one(core, gate):
    other = Gate("gate-2")
    other.reopen()
    core.enrol(other)
    assert "content of gate 'gate-2'" in refused(core, gate.name, other.batch(1, 1))


def test_unknown_and_revoked_gates_are_refused(core, gate):
    assert "not enrolled" in refused(core, "gate-9", gate.batch(1, 1))
    with core.store.transaction():
        core.store.revoke(gate.name, 5)
    assert "revoked" in refused(core, gate.name, gate.batch(1, 1))


def test_a_stripped_or_changed_payload_is_refused(core, gate):
    gate.passage(1)
    records = gate.records[gate.epochs[0]]
    sealed = [item.sealed for item in records]
    changed = Sealed(sealed[1].salt, encode_payload(verdict("deny", "pass_expired")))
    assert "digest" in refused(core, gate.name, gate.batch(1, 3, sealed=[sealed[0], changed, sealed[2]]))
    assert "2 payloads" in refused(core, gate.name, gate.batch(1, 3, sealed=sealed[:2]))


def test_a_run_with_a_record_left_out_is_refused(core, gate):
    gate.passage(1)
    first, _, third = gate.records[gate.epochs[0]]
    assert "record 2" in refused(core, gate.name, gate.pack(gate.epochs[0], [first, third]))


def test_noise_is_kept_in_quarantine_up_to_a_bound(core, gate):
    refused(core, gate.name, b"\x00" * 100_000)
    [(size, kept)] = core.store.connection.execute("SELECT size, length(data) FROM quarantine").fetchall()
    assert (size, kept) == (100_000, 4096)


def test_of_a_flood_only_the_first_messages_cost_a_commit_and_good_ones_are_answered_meanwhile(core, gate):
    for _ in range(KEPT_A_MINUTE + 50):
        assert core.ingest.batch(gate.name, b"noise") == []
    (kept,) = core.store.connection.execute("SELECT count(*) FROM quarantine").fetchone()
    assert kept == KEPT_A_MINUTE
    gate.passage(1)
    assert core.batch(gate, gate.batch(1, 3)).stored_through == 3
    core.now_ms += 60_000
    core.ingest.batch(gate.name, b"noise")
    assert core.store.connection.execute("SELECT count(*) FROM quarantine").fetchone() == (KEPT_A_MINUTE + 1,)


def test_a_payload_of_a_newer_version_is_stored_counted_as_unread_and_never_purged(core, gate):
    gate.append("verdict", verdict(), passage_id(1), raw=msgspec.msgpack.encode([2, "something new"]))
    answer = core.batch(gate, gate.batch(1, 2))
    assert answer.stored_through == 2
    assert core.store.unread_by_gate() == {1: 1}
    with core.store.transaction():
        core.store.purge_payloads(core.now_ms + 1, 100)
    assert core.store.connection.execute("SELECT count(*) FROM payload").fetchone() == (1,)


def test_what_became_readable_is_counted_then(core, gate):
    gate.passage(1)
    core.send(gate)
    # As an older program would have left it.
    core.store.connection.execute("UPDATE record SET mark = 3 WHERE kind = 'verdict'")
    core.store.connection.execute("DELETE FROM counted WHERE figure = 'verdict'")
    core.store.connection.execute("UPDATE leaf SET n = 0 WHERE dim IN (SELECT id FROM dim WHERE figure = 'verdict')")
    assert core.ingest.read_again() == 1
    assert core.ingest.read_again() == 0
    assert audit.recount(core.store, core.registry) == []
    assert core.count("verdict", "allow") == 1


def test_a_repeat_never_restores_a_purged_payload(core, gate):
    gate.passage(1)
    data = gate.batch(1, 3)
    core.batch(gate, data)
    with core.store.transaction():
        assert core.store.purge_payloads(core.now_ms + 1, 100) == 3
    assert core.batch(gate, data).stored_through == 3
    assert core.store.purged_payloads() == 3
    assert all(report.ok for report in audit.audit(core.store))


# Counting


def test_of_several_records_of_a_passage_the_smallest_counts_in_whatever_order(core, gate):
    gate.append("verdict", verdict("escalate", "pass_missing"), passage_id(1), at_ms=START_MS + 500)
    gate.append("verdict", verdict("deny", "pass_expired"), passage_id(1), at_ms=START_MS + 400)
    core.batch(gate, gate.batch(1, 2))
    assert (core.count("verdict", "escalate"), core.count("verdict", "deny")) == (1, 0)
    core.batch(gate, gate.batch(3, 3))
    assert (core.count("verdict", "escalate"), core.count("verdict", "deny")) == (0, 1)
    marks = core.store.connection.execute("SELECT number, mark FROM record ORDER BY number").fetchall()
    assert marks == [(1, 0), (2, 2), (3, 1)]


def test_verdict_and_outcome_are_separate_figures(core, gate):
    gate.append("verdict", verdict(), passage_id(1))
    core.send(gate)
    assert (core.count("verdict", "allow"), core.count("outcome", "passed")) == (1, 0)


def test_an_untrusted_record_is_undated_until_a_clock_record_dates_it(core, gate):
    gate.clock, gate.at_ms = "untrusted", 1000
    gate.passage(1)
    core.send(gate)
    assert core.count("outcome", "passed", "undated") == 1
    assert core.count("outcome", "passed") == 0
    gate.clock, gate.at_ms = "trusted", START_MS
    gate.set_clock(START_MS)
    core.send(gate)
    assert core.count("outcome", "passed", "undated") == 0
    assert core.count("outcome", "passed") == 1
    assert audit.recount(core.store, core.registry) == []


def test_the_nearest_later_clock_record_of_the_boot_holds(core, gate):
    gate.clock = "untrusted"
    day = 86_400_000
    gate.append("outcome", outcome(), passage_id(1))
    gate.set_clock(0)
    gate.append("outcome", outcome("turned_back"), passage_id(2))
    gate.set_clock(day)
    core.send(gate)
    buckets = {key[6]: bucket for key, bucket, _ in core.store.leaves("day", 0, 2**62)}
    assert buckets["turned_back"] - buckets["passed"] == day


def test_days_and_hours_are_those_of_the_zone(core, gate):
    # 15:59:59.999 and 16:00 UTC are two days in Shanghai.
    midnight = START_MS - START_MS % 86_400_000 + 16 * 3_600_000
    gate.append("outcome", outcome(), passage_id(1), at_ms=midnight - 1)
    gate.append("outcome", outcome(), passage_id(2), at_ms=midnight)
    core.send(gate)
    assert [bucket for _, bucket, _ in core.store.leaves("day", 0, 2**62)] == [midnight - 86_400_000, midnight]
    assert [bucket for _, bucket, _ in core.store.leaves("hour", 0, 2**62)] == [midnight - 3_600_000, midnight]


# Clones, rolled-back disks, gaps


def test_one_epoch_written_twice_is_a_fork_and_both_sides_are_stored(core, gate):
    gate.passage(1)
    clone = gate.clone()
    gate.passage(2)
    clone.at_ms += 7
    clone.passage(3)
    core.send(gate)
    answer = core.batch(clone, clone.batch(1, 5))
    assert core.origins() == ["fork"]
    assert core.heads(gate) == held(gate) | held(clone)
    # The clone is told the main line's head, and so notices.
    assert answer.head == gate.records[gate.epochs[0]][4].head
    assert core.count("outcome", "passed") == 3
    assert audit.recount(core.store, core.registry) == []


def test_a_fork_goes_on_on_both_sides(core, gate):
    clone = gate.clone()
    gate.passage(1)
    clone.at_ms += 7
    for number in (2, 3):
        clone.passage(number)
    core.send(gate)
    core.batch(clone, clone.batch(1, 3))
    core.batch(clone, clone.batch(4, 5))
    assert core.heads(gate) == held(gate) | held(clone)
    assert core.origins() == ["fork"]


def test_a_run_that_goes_on_from_another_head_is_not_joined_to_the_line(core, gate):
    clone = gate.clone()
    gate.passage(1)
    clone.at_ms += 7
    for number in (2, 3):
        clone.passage(number)
    core.send(gate)
    # Number 4 would be next, but what it follows is not stored here.
    answer = core.batch(clone, clone.batch(4, 5))
    assert answer.stored_through == 3
    assert core.heads(gate) == held(gate)


def test_a_restored_image_forks_over_two_epochs_in_either_order(tmp_path, gate):
    gate.passage(1)
    clone = gate.clone()
    gate.passage(2)
    clone.reopen("restored")
    for name, order in (("a", (gate, clone)), ("b", (clone, gate))):
        core = Core(tmp_path / f"{name}.db", gate)
        with closing(core.store):
            for which in order:
                core.send(which)
            assert "fork" in core.origins(), name
            assert core.heads(gate) == held(gate) | held(clone)


def test_two_openings_of_one_image_are_a_fork(core, gate):
    clone = gate.clone()
    gate.reopen("one")
    clone.reopen("two")
    core.send(gate)
    core.send(clone)
    assert core.origins() == ["fork"]


def test_an_ordinary_reopening_is_no_fork(core, gate):
    for number in range(3):
        gate.passage(number)
        gate.reopen(str(number))
    core.send(gate)
    [core.ingest.hello(gate.name, gate.hello()) for _ in range(2)]
    assert core.origins() == []


def test_a_rolled_back_disk_is_named_with_the_numbers_that_are_gone(core, gate):
    old = gate.clone()
    gate.passage(1)
    core.send(gate)
    old.at_ms = gate.at_ms + 1000
    old.reopen("after")
    core.ingest.hello(gate.name, old.hello())
    [case] = [row for row in core.store.open_cases() if row.origin == "rollback"]
    assert case.detail == "the gate no longer holds 2..3"


def test_a_retained_heartbeat_from_before_is_no_rollback(core, gate):
    early = gate.hello()
    gate.passage(1)
    core.send(gate)
    core.ingest.hello(gate.name, early, retained=True)
    assert core.origins() == []


def test_another_head_at_the_same_number_is_a_conflict(core, gate):
    clone = gate.clone()
    gate.passage(1)
    clone.at_ms += 7
    clone.passage(2)
    core.send(gate)
    core.ingest.hello(clone.name, clone.hello())
    assert "conflict" in core.origins()


def answers(core: Core, gate: Gate) -> dict[bytes, tuple[int, bytes]]:
    found = core.ingest.hello(gate.name, gate.hello())
    return {answer.epoch: (answer.stored_through, answer.head) for answer in found}


def filled(gate: Gate, passages: int) -> list:
    for number in range(passages):
        gate.passage(number)
    return gate.records[gate.epochs[0]]


def test_what_a_gate_has_purged_before_it_was_stored_is_a_gap(core, gate):
    records = filled(gate, 10)
    epoch = gate.epochs[0]
    gate.floors[epoch] = 8
    assert answers(core, gate) == {epoch: (7, records[6].head)}
    [case] = [row for row in core.store.open_cases() if row.origin == "gap"]
    assert case.detail == "1..7 purged"
    assert core.batch(gate, gate.batch(8, 21)).stored_through == 21
    assert all(report.ok for report in audit.audit(core.store))


def test_a_gap_is_not_stored_for_an_asker_that_can_fill_it(core, gate):
    records = filled(gate, 10)
    epoch = gate.epochs[0]
    core.batch(gate, gate.batch(1, 3))
    clone = gate.clone()
    gate.floors[epoch] = 10
    answers(core, gate)
    core.batch(gate, gate.batch(10, 21))
    assert answers(core, clone) == {epoch: (3, records[2].head)}
    assert core.batch(clone, clone.batch(4, 6)).stored_through == 6
    assert core.store.open_cases()[0].detail == "7..9 purged"
    core.batch(clone, clone.batch(7, 9))
    assert core.store.open_cases() == []
    assert answers(core, gate) == {epoch: (21, records[20].head)}
    assert core.heads(gate) == held(gate)
    assert all(report.ok for report in audit.audit(core.store))


def test_a_gap_shrinks_from_its_end_too(core, gate):
    records = filled(gate, 10)
    epoch = gate.epochs[0]
    clone = gate.clone()
    gate.floors[epoch] = 10
    answers(core, gate)
    core.batch(gate, gate.batch(10, 21))
    core.batch(clone, clone.batch(6, 9))
    assert core.store.open_cases()[0].detail == "1..5 purged"
    # In the middle of a gap nothing joins it to a known head.
    assert core.batch(clone, clone.batch(3, 4)).stored_through == 0
    assert len(core.heads(gate)) == 16
    clone.floors[epoch] = 3
    assert answers(core, clone) == {epoch: (2, records[1].head)}
    core.batch(clone, clone.batch(3, 5))
    assert core.store.open_cases()[0].detail == "1..2 purged"
    assert all(report.ok for report in audit.audit(core.store))


def test_a_collector_restored_from_an_older_backup_gets_the_records_again(core, gate, tmp_path):
    gate.passage(1)
    core.send(gate)
    backup(core.file, tmp_path / "old.db")
    gate.passage(2)
    core.send(gate)
    old = Core(tmp_path / "old.db")
    with closing(old.store):
        epoch = gate.epochs[0]
        records = gate.records[epoch]
        assert answers(old, gate) == {epoch: (3, records[2].head)}
        assert old.batch(gate, gate.batch(4, 5)).stored_through == 5
        assert old.heads(gate) == held(gate)
        assert old.count("outcome", "passed") == 2
        assert old.origins() == []


# Alarms


def test_copy_and_record_open_one_case_and_cleared_closes_it(core, gate):
    record = gate.append("fault", fault())
    core.ingest.alarm(gate.name, gate.copy_of(record))
    [case] = core.store.open_cases()
    assert (case.name, case.priority, case.late, case.orphan) == ("thermometer_silent", 2, False, False)
    core.send(gate)
    core.ingest.alarm(gate.name, gate.copy_of(record))
    assert core.store.open_cases() == [case]
    gate.clear(record)
    core.send(gate)
    assert core.store.open_cases() == []
    core.ingest.alarm(gate.name, gate.copy_of(record))
    assert core.store.open_cases() == []


def test_a_cleared_that_comes_first_closes_its_alarm_on_arrival(core, gate):
    record = gate.append("fault", fault())
    gone = gate.clear(record)
    core.ingest.alarm(gate.name, gate.copy_of(gone))
    core.ingest.alarm(gate.name, gate.copy_of(record))
    assert core.store.open_cases() == []
    core.send(gate)
    assert core.store.open_cases() == []


def test_an_escalation_is_open_until_its_passage_has_an_outcome(core, gate):
    gate.append("verdict", verdict("escalate", "fever", call="1234"), passage_id(1))
    core.send(gate)
    [case] = core.store.open_cases()
    assert (case.name, case.priority) == ("fever", 1)
    gate.append("outcome", outcome("refused_by_guard"), passage_id(1))
    core.send(gate)
    assert core.store.open_cases() == []


def test_an_alarm_that_comes_late_is_marked_late(core, gate):
    gate.append("fault", fault())
    core.now_ms += 11 * 60_000
    core.send(gate)
    assert core.store.open_cases()[0].late


def test_a_copy_whose_record_was_lost_is_an_orphan_and_stays(core, gate):
    lost = gate.clone()
    record = lost.append("fault", fault())
    core.ingest.alarm(gate.name, lost.copy_of(record))
    gate.reopen("after the loss")
    core.ingest.hello(gate.name, gate.hello())
    [case] = core.store.open_cases()
    assert case.orphan
    assert core.count("verdict", "escalate") == 0


def test_a_forged_copy_opens_nothing(core, gate):
    thief = Gate()
    thief.key = key_of("thief")
    thief.reopen()
    core.ingest.alarm(gate.name, thief.copy_of(thief.append("fault", fault())))
    assert core.store.open_cases() == []
    assert len(core.refusals()) == 1


# Heartbeats


def test_a_heartbeat_tells_state_and_completeness(core, gate):
    gate.passage(1)
    epoch = gate.epochs[0]
    core.ingest.hello(gate.name, gate.hello(complete=(gate.at_ms, epoch, 3)))
    assert core.store.gate_states()[1].complete_ms is None
    core.send(gate)
    state = core.store.gate_states()[1]
    assert (state.complete_ms, state.online, state.seen_ms) == (gate.at_ms, True, core.now_ms)
    assert (state.backlog, state.faults) == (3, ("thermometer_silent",))


def test_a_gate_whose_clock_was_set_back_is_still_heard(core, gate):
    core.ingest.hello(gate.name, gate.hello(at_ms=START_MS + 10**12))
    core.now_ms += 10_000
    core.ingest.hello(gate.name, gate.hello())
    assert core.store.gate_states()[1].seen_ms == core.now_ms
    assert core.store.hello_at(1)[0] == gate.at_ms


def test_nobody_is_complete_beyond_now(core, gate):
    core.send(gate)
    core.ingest.hello(gate.name, gate.hello(complete=(START_MS + 10**12, gate.epochs[0], 1)))
    assert core.store.gate_states()[1].complete_ms == core.now_ms


def test_a_last_will_only_says_that_the_link_is_gone(core, gate):
    core.ingest.hello(gate.name, gate.hello())
    assert core.ingest.hello(gate.name, gate.hello(online=False, at_ms=1)) == []
    state = core.store.gate_states()[1]
    assert (state.online, state.backlog) == (False, 3)


def test_a_heartbeat_of_a_disk_that_the_collector_never_saw_is_answered_with_nothing(core, gate):
    assert answers(core, gate) == {gate.epochs[0]: (0, ZERO_HEAD)}


def test_what_changed_is_marked_for_publishing_in_the_same_transaction(core, gate):
    gate.passage(1)
    core.send(gate)
    topics = [due.topic for due in core.store.due(100)]
    assert f"guankou/1/summary/{PATH}" in topics
    assert "guankou/1/summary/wuhan" in topics
    assert len(topics) == 5


def test_a_batch_is_taken_whole_or_not_at_all(core, gate):
    gate.passage(1)
    core.store.connection.execute(
        "CREATE TRIGGER broken BEFORE INSERT ON publish BEGIN SELECT RAISE(ABORT, 'disk gone'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="disk gone"):
        core.ingest.batch(gate.name, gate.batch(1, 3))
    for table in ("record", "payload", "leaf", "counted", "epoch", "dim"):
        assert core.store.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    core.store.connection.execute("DROP TRIGGER broken")
    assert core.batch(gate, gate.batch(1, 3)).stored_through == 3
    assert core.count("outcome", "passed") == 1
