"""The rules of questions and answers, one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint import chain, wire
from edge.uplink import Conflict, Damaged, LinkDown, LinkUp, Settings, SignedTime
from tests.edge.model_collector import GATE_KEY
from tests.edge.uplink_rig import DAY_MS, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def span(batch: wire.Batch) -> tuple[int, int]:
    return batch.first, batch.first + len(batch.headers) - 1


def test_records_go_up_in_order_and_the_answers_move_the_watermark(rig: Rig) -> None:
    rig.record(49)
    assert rig.core.depth == 50
    assert rig.exchange() == ["counted"] * 4
    assert rig.state().watermark == 30
    rig.exchange()
    assert (rig.state().watermark, rig.core.depth) == (50, 0)
    assert rig.due() == []


def test_several_batches_are_on_their_way_but_never_more_than_the_window(rig: Rig) -> None:
    rig.record(99)
    assert [span(batch) for batch in rig.batches()] == [(1, 10), (11, 20), (21, 30)]
    assert rig.batches(100) == []


def test_a_batch_proves_itself(rig: Rig) -> None:
    rig.record(4)
    (batch,) = rig.batches()
    head = wire.verify_head(batch.signed_head, GATE_KEY.public_key())
    links = [chain.link(bytes(raw)) for raw in batch.headers]
    chain.check_sealed(links, batch.sealed)
    assert (head.epoch, head.last, head.head) == (rig.state().epoch, 5, links[-1].head)


def test_large_records_make_small_batches(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.record(9, "y" * 100_000)
    spans = [span(batch) for batch in rig.batches()]
    assert spans == [(1, 3), (4, 5), (6, 7)]
    rig.close()


def test_older_epochs_are_drained_before_newer_ones(rig: Rig) -> None:
    rig.record(14)
    older = rig.state().epoch
    rig.restart()
    assert {batch.epoch for batch in rig.batches()} == {older}
    rig.core.on_connected()
    rig.exchange()
    assert [batch.epoch for batch in rig.batches()] == [rig.state().epoch]


def test_an_unanswered_batch_is_asked_again_ever_more_slowly_alone_and_under_a_new_nonce(rig: Rig) -> None:
    rig.record(99)
    nonces = [rig.batches()[0].nonce]
    for pause_s in (10, 20, 40, 80, 160, 300, 300):
        assert rig.batches(pause_s * 1000 - 1) == []
        (again,) = rig.batches(1)
        assert span(again) == (1, 10)
        nonces.append(again.nonce)
    assert len(set(nonces)) == len(nonces)


def test_after_a_silence_nothing_waits_any_more_and_answers_restore_full_speed(rig: Rig) -> None:
    rig.record(199)
    for _ in range(6):
        rig.due(300_000)
    assert "counted" in rig.exchange(10_000)
    assert on_the_way(rig.batches()) == [10, 6]
    rig.core.on_connected()
    rig.exchange(1)
    rig.exchange(1)
    assert on_the_way(rig.batches(1)) == [10, 10, 10]


def test_what_a_line_loses_comes_again_in_smaller_pieces(rig: Rig) -> None:
    """Else a line that breaks, or is given up, before it has carried a whole batch would never carry one."""
    rig.record(199)
    sizes = []
    for _ in range(3):
        sizes.append(sum(on_the_way(rig.batches(1))))
        rig.core.on_connected()
    assert sizes == [30, 16, 16]


def on_the_way(batches: list[wire.Batch]) -> list[int]:
    return [len(batch.headers) for batch in batches]


def test_a_new_connection_asks_everything_again_at_once(rig: Rig) -> None:
    rig.record(19)
    first = rig.due()
    rig.core.on_connected()
    again = rig.due(1)
    assert [message.topic for message in again] == [message.topic for message in first] == ["state", *["records"] * 2]
    assert not {message.payload for message in first} & {message.payload for message in again}


def test_a_lower_answer_that_counts_makes_the_gate_send_again_from_there(rig: Rig) -> None:
    rig.record(19)
    rig.exchange()
    assert rig.state().watermark == 20
    rig.collector.restore({})
    rig.exchange(10_000)
    assert rig.state().watermark == 0
    rig.exchange(1)
    assert rig.state().watermark == 20


def test_an_answer_to_an_earlier_question_than_one_answered_does_not_count(rig: Rig) -> None:
    rig.record(29)
    (hello,) = rig.hellos()
    (later,) = rig.hellos(10_000)
    assert rig.answer(later.nonce, 20) == "counted"
    assert rig.answer(hello.nonce, 10) == "ignored"
    assert rig.state().watermark == 20
    assert rig.answer(later.nonce, 20) == "counted"


def test_what_an_answer_says_of_one_epoch_changes_no_other(rig: Rig) -> None:
    rig.record(5)
    rig.restart()
    older = rig.state(1).epoch
    (hello,) = rig.hellos()
    assert rig.answer(hello.nonce, 3, older) == "counted"
    assert [state.watermark for state in rig.reader.epochs()] == [3, 0]
    assert rig.answer(hello.nonce, 1) == "counted"


def test_an_answer_to_another_process_does_not_count(rig: Rig) -> None:
    rig.record(5)
    (hello,) = rig.hellos()
    rig.restart()
    assert rig.answer(hello.nonce, 5, rig.state(1).epoch) == "ignored"
    assert rig.state(1).watermark == 0


def test_an_answer_about_an_unknown_epoch_or_above_the_last_number_is_ignored(rig: Rig) -> None:
    (hello,) = rig.hellos()
    assert rig.answer(hello.nonce, 0, b"unknown!") == "ignored"
    assert rig.answer(hello.nonce, 2) == "ignored"
    assert rig.answer(hello.nonce, -1) == "ignored"
    assert rig.state().watermark == 0


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"\x28\xb5\x2f\xfd" + b"\xff" * 30])
def test_noise_on_the_watermark_topic_is_refused(rig: Rig, data: bytes) -> None:
    assert rig.core.answer(data, rig.clock.now()) == "refused"


def test_another_head_is_a_conflict_that_sets_the_epoch_aside_while_newer_ones_go_on(rig: Rig) -> None:
    rig.record(5)
    rig.restart()
    (hello,) = rig.hellos()
    older = rig.state(1).epoch
    assert rig.answer(hello.nonce, 3, older, b"\x01" * 32) == "conflict"
    assert Conflict(older, 3) in rig.core.take_events()
    assert rig.state(1).set_aside
    assert rig.state(1).watermark == 0
    assert [batch.epoch for batch in rig.batches(100)] == [rig.state().epoch]
    rig.restart()
    assert rig.state(2).set_aside


def test_a_damaged_record_sets_its_epoch_aside_while_newer_ones_go_on(rig: Rig) -> None:
    rig.record(25)
    damaged = rig.state().epoch
    rig.restart()
    connection = sqlite3.connect(rig.folder / "outbox.db")
    with connection:
        connection.execute("UPDATE records SET payload = x'00' WHERE number = 14")
    connection.close()
    for _ in range(5):
        rig.exchange(100)
    assert Damaged(damaged, 14) in rig.core.take_events()
    assert rig.state(1).watermark == 13
    assert rig.state().unsent == 0


def old_and_answered(rig: Rig) -> None:
    """Twenty records, all stored, four days old, with a fresh answer about them; kept are three days."""
    rig.record(19)
    rig.exchange()
    rig.clock.advance(4 * DAY_MS)
    rig.record(1)
    rig.exchange(1)


def test_purging_needs_an_answer_to_a_question_asked_after_the_records_reached_the_age(rig: Rig) -> None:
    rig.record(19)
    rig.exchange()
    rig.clock.advance(4 * DAY_MS)
    assert rig.core.purge(rig.clock.now()) == 0
    rig.exchange(10_000)
    assert rig.core.purge(rig.clock.now()) == 20
    assert rig.state().floor == 21


def test_nothing_is_purged_by_an_untrusted_clock(rig: Rig) -> None:
    old_and_answered(rig)
    rig.clock.trusted = False
    assert rig.core.purge(rig.clock.now()) == 0
    rig.restart()
    rig.exchange(10_000)
    rig.clock.trusted = True
    assert rig.core.purge(rig.clock.now()) == 0


def test_a_lower_answer_that_does_not_count_stops_purging_and_asks_again(rig: Rig) -> None:
    old_and_answered(rig)
    assert rig.answer(b"replayed", 4) == "ignored"
    assert rig.core.purge(rig.clock.now()) == 0
    assert rig.state().watermark == 21
    assert len(rig.hellos(1_000)) == 1
    rig.exchange(10_000)
    assert rig.core.purge(rig.clock.now()) == 20


def test_an_answer_already_asked_for_does_not_restart_purging(rig: Rig) -> None:
    old_and_answered(rig)
    (hello,) = rig.hellos(10_000)
    rig.answer(b"replayed", 4)
    assert rig.answer(hello.nonce, 21) == "counted"
    assert rig.core.purge(rig.clock.now()) == 0


def test_a_collector_restored_beyond_retention_hears_of_the_gap_and_goes_on(rig: Rig) -> None:
    old_and_answered(rig)
    assert rig.core.purge(rig.clock.now()) == 20
    (hello,) = rig.hellos(10_000)
    assert rig.answer(hello.nonce, 7, head=b"\x05" * 32) == "counted"
    assert rig.state().watermark == 7
    rig.collector.restore({})
    assert rig.core.purge(rig.clock.now()) == 0
    (batch,) = rig.batches(1)
    assert span(batch) == (21, 21)
    for _ in range(3):
        rig.exchange(1_000)
    store = rig.collector.epochs[rig.state().epoch]
    assert store.gaps == set(range(1, 21))
    assert rig.state().watermark == store.through == 21


def test_a_collector_that_refuses_the_gap_is_not_flooded(rig: Rig) -> None:
    old_and_answered(rig)
    rig.core.purge(rig.clock.now())
    (hello,) = rig.hellos(10_000)
    rig.answer(hello.nonce, 7)
    sent = 0
    for _ in range(100):
        for message in rig.due(100):
            sent += message.topic == "records"
            if message.topic == "state":
                rig.answer(wire.unpack_hello(message.payload, GATE_KEY.public_key()).nonce, 7)
            else:
                rig.answer(wire.unpack_batch(message.payload).nonce, 7)
    assert sent <= 2


def test_a_batch_that_the_collector_can_not_use_is_not_sent_in_a_circle(rig: Rig) -> None:
    rig.record(9)
    sent = 0
    for _ in range(100):
        for batch in rig.batches(100):
            sent += 1
            rig.answer(batch.nonce, 0)
    assert sent <= 2


def test_batches_that_arrived_in_the_wrong_order_are_sent_again_at_once(rig: Rig) -> None:
    rig.record(29)
    first, second, third = [message for message in rig.due() if message.topic == "records"]
    for message in (second, third, first):
        for answer in rig.deliver(message):
            rig.core.answer(answer, rig.clock.now())
    for _ in range(4):
        rig.exchange(1_000)
    assert rig.state().watermark == 30


def test_an_alarm_overtakes_everything_and_is_repeated_until_it_is_stored(rig: Rig) -> None:
    rig.record(99)
    rig.core.alarm(rig.state().epoch, 90)
    assert rig.due()[0].topic == "alarm"
    assert "alarm" not in [message.topic for message in rig.due(10_000)]
    rig.core.on_connected()
    (copy,) = [message for message in rig.due() if message.topic == "alarm"]
    rig.deliver(copy)
    assert rig.collector.alarms == {(rig.state().epoch, 90)}
    for _ in range(5):
        rig.exchange(10_000)
    rig.core.on_connected()
    assert "alarm" not in [message.topic for message in rig.due()]


def test_a_heartbeat_says_what_the_gate_is_and_what_it_lacks(rig: Rig) -> None:
    rig.record(4)
    rig.core.complete(1234, rig.state().epoch, 3)
    rig.core.faults(("drift",))
    (hello,) = rig.hellos()
    assert (hello.gate, hello.online, hello.at, hello.clock) == ("gate-7", True, rig.clock.at_ms, "trusted")
    assert (hello.page, hello.pages, hello.outbox_depth, hello.faults) == (0, 1, 5, ("drift",))
    assert hello.complete_through == wire.CompleteThrough(1234, rig.state().epoch, 3)
    assert hello.versions == {"guankou": "0.1.0"}
    (row,) = hello.epochs
    assert (row.epoch, row.floor, row.last, row.head) == (rig.state().epoch, 1, 5, rig.state().head)


def test_heartbeats_keep_their_pace(rig: Rig) -> None:
    assert len(rig.hellos()) == 1
    assert rig.hellos(9_999) == []
    assert len(rig.hellos(1)) == 1


def test_the_wait_ends_when_something_is_due(rig: Rig) -> None:
    assert rig.core.wait_ms(rig.clock.now()) == 0
    rig.due()
    assert rig.core.wait_ms(rig.clock.advance(4_000)) == 6_000
    assert rig.core.wait_ms(rig.clock.advance(40_000)) == 0


def test_many_epochs_take_turns_in_pages_and_only_the_newest_page_is_retained(rig: Rig) -> None:
    for _ in range(35):
        rig.restart()
    known = {state.epoch for state in rig.reader.epochs()}
    named: set[bytes] = set()
    for _ in range(2):
        messages = [message for message in rig.due(10_000) if message.topic == "state"]
        assert [message.retain for message in messages] == [False, True]
        pages = [wire.unpack_hello(message.payload, GATE_KEY.public_key()) for message in messages]
        assert pages[-1].epochs[0].epoch == rig.state().epoch
        named |= {row.epoch for page in pages for row in page.epochs}
    assert named == known
    assert len(named) == 36


def test_the_last_will_is_signed_offline_and_asks_nothing(rig: Rig) -> None:
    will = wire.unpack_hello(rig.core.will(rig.clock.now()), GATE_KEY.public_key())
    assert (will.online, will.nonce, will.epochs) == (False, b"", ())


def test_the_link_is_judged_by_answers_alone(rig: Rig) -> None:
    assert rig.core.link_age_ms(rig.clock.now()) is None
    assert not rig.core.answering(rig.clock.now())
    rig.exchange()
    assert rig.core.link_age_ms(rig.clock.advance(700)) == 700
    assert [type(event) for event in rig.core.take_events() if not isinstance(event, SignedTime)] == [LinkUp]
    rig.due(30_000)
    assert rig.core.take_events() == (LinkDown(),)
    rig.exchange(10_000)
    assert LinkUp() in rig.core.take_events()


def test_signed_time_comes_only_from_answers_that_count(rig: Rig) -> None:
    (hello,) = rig.hellos()
    rig.answer(b"replayed", 0)
    assert rig.core.take_events() == ()
    rig.answer(hello.nonce, 0)
    assert SignedTime(rig.clock.at_ms) in rig.core.take_events()


def test_the_contracts_own_numbers_are_the_defaults() -> None:
    defaults = Settings("gate-7")
    assert (defaults.heartbeat_ms, defaults.reask_ms, defaults.reask_most_ms) == (10_000, 10_000, 300_000)
    assert defaults.batch_records == 500
