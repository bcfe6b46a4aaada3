"""The outbox: numbering, chain, epochs, open passages, one writer, torn files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from checkpoint import chain, records
from checkpoint.records import ZERO_HEAD, Opened, Sealed
from edge.outbox import Outbox, OutboxBusyError, OutboxFailingError
from edge.outbox_files import move_aside
from edge.outbox_reader import EpochState, OutboxReader
from edge.outbox_values import DamagedRecordError
from tests.edge.gate_clock import START_MS, HandClock
from tests.edge.outbox_samples import ALLOW, IDENTITY, OPENED_BY_GUARD, PASSED, WAY_OUT, note, open_outbox

DAY_MS = 86_400_000
MUCH = 1_000_000


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: HandClock) -> Iterator[Outbox]:
    outbox = open_outbox(tmp_path, clock)
    yield outbox
    outbox.close("test over")


@pytest.fixture
def reader(outbox: Outbox) -> Iterator[OutboxReader]:
    reader = OutboxReader(outbox.path)
    yield reader
    reader.close()


def only_epoch(reader: OutboxReader) -> EpochState:
    (state,) = reader.epochs()
    return state


def edit(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_records_are_numbered_from_one_and_chained(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    stored = [outbox.append("note", note(str(n)), clock.advance(5)) for n in range(5)]
    assert [one.number for one in stored] == [2, 3, 4, 5, 6]
    run = reader.run(outbox.epoch, 0, 100, MUCH)
    links = [chain.link(record.raw) for record in run]
    chain.check_run(links, "gate-7", outbox.epoch, 1)
    chain.check_sealed(links, [record.sealed for record in run])
    assert [link.header.kind for link in links] == ["opened", *["note"] * 5]
    assert links[0].header.prev == ZERO_HEAD
    assert run[-1].head == stored[-1].head == outbox_head(reader)


def outbox_head(reader: OutboxReader) -> bytes:
    return reader.epochs()[-1].head


def test_a_header_says_when_where_and_whether_the_clock_was_trusted(outbox: Outbox, clock: HandClock) -> None:
    clock.trusted = False
    header = outbox.append("note", note(), clock.now(), b"p" * 16).header
    assert (header.at, header.mono_ms, header.clock) == (START_MS, 1_000, "untrusted")
    assert (header.gate, header.grid, header.tree_version, header.boot_id) == ("gate-7", "grid-3", 2, clock.boot_id)
    assert header.passage == b"p" * 16


def test_equal_payloads_have_unequal_digests(outbox: Outbox, clock: HandClock) -> None:
    first, second = (outbox.append("note", note(), clock.now()).header for _ in range(2))
    assert first.payload_digest != second.payload_digest


def test_every_opening_is_a_new_epoch_that_names_the_one_before(tmp_path: Path, clock: HandClock) -> None:
    first = open_outbox(tmp_path, clock)
    first_epoch = first.epoch
    first.append("note", note(), clock.now())
    first.close("stopped")
    second = open_outbox(tmp_path, clock, "started")
    reader = OutboxReader(second.path)
    older, newer = reader.epochs()
    assert (older.epoch, older.last, older.parent) == (first_epoch, 3, None)
    assert newer.parent == (first_epoch, 3, older.head)
    (record,) = reader.run(second.epoch, 0, 1, MUCH)
    assert records.decode_header(record.raw).prev == older.head
    payload = records.decode_payload("opened", record.sealed.payload)
    assert payload == Opened(1, first_epoch, 3, older.head, "0.1.0", "started")
    reader.close()
    second.close("stopped")


def test_a_passage_without_an_outcome_is_found_at_the_next_opening(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path, clock)
    outbox.append("verdict", ALLOW, clock.now(), b"a" * 16)
    left_open = outbox.append("verdict", ALLOW, clock.now(), b"b" * 16)
    outbox.append("outcome", PASSED, clock.now(), b"a" * 16)
    outbox.close("stopped")
    again = open_outbox(tmp_path, clock)
    (passage,) = again.open_passages()
    assert (passage.passage, passage.epoch, passage.number) == (b"b" * 16, left_open.epoch, left_open.number)
    assert passage.payload == ALLOW
    again.append("outcome", PASSED, clock.now(), b"b" * 16)
    assert again.open_passages() == ()
    again.close("stopped")


@pytest.mark.parametrize(("kind", "began"), [("egress", WAY_OUT), ("override", OPENED_BY_GUARD)])
def test_a_way_out_and_a_guards_opening_without_an_outcome_are_found_too(
    tmp_path: Path, clock: HandClock, kind: records.Kind, began: records.Payload
) -> None:
    outbox = open_outbox(tmp_path, clock)
    outbox.append(kind, began, clock.now(), b"c" * 16)
    outbox.close("stopped")
    again = open_outbox(tmp_path, clock)
    assert [(passage.passage, passage.payload) for passage in again.open_passages()] == [(b"c" * 16, began)]
    again.append("outcome", PASSED, clock.now(), b"c" * 16)
    assert again.open_passages() == ()
    again.close("stopped")


def test_a_second_process_is_refused_with_the_first_ones_number(outbox: Outbox) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.edge.outbox_samples import open_outbox;"
        "from tests.edge.gate_clock import HandClock; open_outbox(Path(sys.argv[1]), HandClock())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(outbox.path.parent)], capture_output=True, text=True, check=False
    )
    assert "already writes to this outbox; stop it first" in done.stderr


def test_the_same_process_is_refused_too(outbox: Outbox, clock: HandClock) -> None:
    with pytest.raises(OutboxBusyError):
        open_outbox(outbox.path.parent, clock)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        OutboxFailingError, match=r"outbox\.db: .*; check that the disk is mounted writable, then replace it"
    ):
        open_outbox(tmp_path / "file", clock)


@pytest.mark.parametrize("damage", ["not a database", "cut short", "last payload", "last header"])
def test_a_torn_database_is_moved_aside_and_never_silently(damage: str, tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path, clock)
    for _ in range(50):
        outbox.append("note", note("y" * 500), clock.now())
    path = outbox.path
    outbox.close("stopped")
    match damage:
        case "not a database":
            path.write_bytes(b"\xff" * 5000)
        case "cut short":
            path.write_bytes(path.read_bytes()[:9000])
        case "last payload":
            edit(path, "UPDATE records SET payload = x'00' WHERE number = 52")
        case "last header":
            edit(path, "UPDATE records SET header = x'00' WHERE number = 52")
    torn = path.read_bytes()
    again = open_outbox(tmp_path, clock)
    assert again.moved_aside is not None
    assert again.moved_aside.read_bytes() == torn
    assert again.append("note", note(), clock.now()).number == 2
    again.close("stopped")


def test_a_run_is_bounded_by_number_and_by_size(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    for _ in range(20):
        outbox.append("note", note("z" * 1000), clock.now())
    assert [record.number for record in reader.run(outbox.epoch, 3, 4, MUCH)] == [4, 5, 6, 7]
    assert 3 <= len(reader.run(outbox.epoch, 0, 100, 5_000)) <= 5
    assert len(reader.run(outbox.epoch, 1, 100, 1)) == 1
    assert reader.run(outbox.epoch, 21, 100, MUCH) == ()
    assert reader.run(b"unknown!", 0, 100, MUCH) == ()


def test_the_depth_counts_what_the_collector_lacks(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    for _ in range(9):
        outbox.append("note", note(), clock.now())
    assert reader.depth() == 10
    reader.set_watermark(outbox.epoch, 7)
    assert reader.depth() == 3
    reader.set_watermark(outbox.epoch, 2)
    assert reader.depth() == 8
    reader.set_aside(outbox.epoch)
    assert reader.depth() == 0


def test_watermarks_survive_a_restart(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path, clock)
    reader = OutboxReader(outbox.path)
    reader.set_watermark(outbox.epoch, 1)
    reader.close()
    outbox.close("stopped")
    again = open_outbox(tmp_path, clock)
    reader = OutboxReader(again.path)
    assert reader.epochs()[0].watermark == 1
    reader.close()
    again.close("stopped")


def on_disk(outbox: Outbox) -> int:
    """The watermark as another program finds it."""
    with closing(OutboxReader(outbox.path)) as other:
        return only_epoch(other).watermark


def test_a_watermark_is_written_once_for_many_records(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    for number in range(2, 1203):
        outbox.append("note", note(), clock.now())
        reader.set_watermark(outbox.epoch, number)
        assert only_epoch(reader).watermark == number
        assert number - 500 < on_disk(outbox) <= number
    assert on_disk(outbox) == 1000


def test_a_lower_watermark_is_on_disk_at_once(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    for _ in range(600):
        outbox.append("note", note(), clock.now())
    reader.set_watermark(outbox.epoch, 600)
    reader.set_watermark(outbox.epoch, 590)
    assert on_disk(outbox) == 590
    reader.set_watermark(outbox.epoch, 595)
    reader.set_watermark(outbox.epoch, 3)
    assert on_disk(outbox) == 3


def test_heads_are_known_from_floor_less_one_to_last(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    stored = [outbox.append("note", note(), clock.now()) for _ in range(3)]
    assert reader.head_at(outbox.epoch, 0) == ZERO_HEAD
    assert reader.head_at(outbox.epoch, 3) == stored[1].head
    assert reader.head_at(outbox.epoch, 5) is None
    assert reader.head_at(b"unknown!", 0) is None


@pytest.mark.parametrize("column", ["header", "payload", "salt"])
def test_a_damaged_record_is_never_given_out(
    column: str, outbox: Outbox, reader: OutboxReader, clock: HandClock
) -> None:
    for _ in range(5):
        outbox.append("note", note(), clock.now())
    edit(outbox.path, f"UPDATE records SET {column} = x'0102' WHERE number = 4")
    assert [record.number for record in reader.run(outbox.epoch, 0, 100, MUCH)] == [1, 2, 3]
    with pytest.raises(DamagedRecordError, match="/4 is damaged"):
        reader.run(outbox.epoch, 3, 100, MUCH)


def aged(outbox: Outbox, clock: HandClock, days: int) -> None:
    for day in range(days):
        outbox.append("note", note(str(day)), clock.advance(DAY_MS))


def test_only_old_and_covered_records_are_purged(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    aged(outbox, clock, 10)
    head_at_5 = reader.head_at(outbox.epoch, 5)
    assert reader.purge(outbox.epoch, 5, clock.at_ms) == 5
    assert reader.purge(outbox.epoch, 11, clock.at_ms - 3 * DAY_MS) == 2
    assert reader.purge(outbox.epoch, 11, clock.at_ms - 3 * DAY_MS) == 0
    state = only_epoch(reader)
    assert (state.floor, state.last) == (8, 11)
    assert state.head_before_floor == reader.head_at(outbox.epoch, 7) != head_at_5
    assert [record.number for record in reader.run(outbox.epoch, 7, 100, MUCH)] == [8, 9, 10, 11]


def test_a_wholly_purged_epoch_keeps_its_row_and_the_chain_goes_on(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path, clock)
    aged(outbox, clock, 3)
    reader = OutboxReader(outbox.path)
    before = only_epoch(reader)
    assert reader.purge(outbox.epoch, 4, clock.at_ms + 1) == 4
    after = only_epoch(reader)
    assert (after.floor, after.last, after.head, after.head_before_floor) == (5, 4, before.head, before.head)
    reader.close()
    outbox._disconnect()  # as a power cut would, without a `closed` record
    outbox._lock.release()
    again = open_outbox(tmp_path, clock)
    reader = OutboxReader(again.path)
    assert reader.epochs()[-1].parent == (before.epoch, 4, before.head)
    reader.close()
    again.close("stopped")


def test_a_record_of_an_untrusted_clock_is_purged_by_what_came_after_it(
    outbox: Outbox, reader: OutboxReader, clock: HandClock
) -> None:
    clock.trusted = False
    aged(outbox, clock, 3)
    assert reader.purge(outbox.epoch, 4, START_MS) == 0
    clock.trusted = True
    aged(outbox, clock, 1)
    assert reader.purge(outbox.epoch, 5, clock.at_ms + 1) == 5


def test_an_open_passage_is_kept(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    aged(outbox, clock, 3)
    outbox.append("verdict", ALLOW, clock.now(), b"a" * 16)
    aged(outbox, clock, 3)
    assert reader.purge(outbox.epoch, 8, clock.at_ms + 1) == 4
    assert reader.purge(outbox.epoch, 8, clock.at_ms + 1) == 0


def test_an_epoch_set_aside_is_never_purged(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    aged(outbox, clock, 3)
    reader.set_aside(outbox.epoch)
    assert reader.purge(outbox.epoch, 4, clock.at_ms + 1) == 0


def test_the_reader_follows_when_a_torn_file_is_replaced(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path, clock)
    reader = OutboxReader(outbox.path)
    old = only_epoch(reader).epoch
    outbox.close("stopped")
    move_aside(outbox.path, clock.at_ms)
    again = open_outbox(tmp_path, clock)
    assert only_epoch(reader).epoch == again.epoch != old
    reader.close()
    again.close("stopped")


def test_the_chain_goes_through_all_epochs_of_the_disk(tmp_path: Path, clock: HandClock) -> None:
    for _ in range(4):
        outbox = open_outbox(tmp_path, clock)
        outbox.append("note", note(), clock.now())
        outbox.close("stopped")
    reader = OutboxReader(outbox.path)
    for before, after in pairwise(reader.epochs()):
        assert after.parent == (before.epoch, before.last, before.head)
    reader.close()


def test_a_sealed_payload_is_what_was_given(outbox: Outbox, reader: OutboxReader, clock: HandClock) -> None:
    stored = outbox.append("note", note("冬"), clock.now())
    (record,) = reader.run(stored.epoch, stored.number - 1, 1, MUCH)
    assert records.decode_payload("note", record.sealed.payload) == note("冬")
    assert records.payload_digest(Sealed(record.sealed.salt, record.sealed.payload)) == stored.header.payload_digest
    assert IDENTITY.gate == stored.header.gate


def test_the_chain_is_the_same_to_the_byte_for_ever(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.outbox.os.urandom", lambda size: bytes([7]) * size)
    outbox = open_outbox(tmp_path, clock)
    outbox.append("note", note("golden"), clock.advance(1))
    head = outbox.append("verdict", ALLOW, clock.advance(1), bytes(range(16))).head
    assert head.hex() == "a38a45e98bf0c7bf1b90a71a6aa6ff4cc27d1eff7db4b8d228298e69c2613853"
    outbox.close("stopped")
