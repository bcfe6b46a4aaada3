"""The quick writer of backlogs makes what a gate itself would have made: the real reader and outbox take it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from checkpoint.records import Opened, decode_header, decode_payload
from edge.outbox_reader import HeldRecord, OutboxReader
from tests.edge.gate_clock import HandClock
from tests.edge.outbox_samples import IDENTITY, note, open_outbox
from tools.faults.backlog import make_backlog

MUCH = 255 * 1024


def held(reader: OutboxReader, epoch: bytes) -> list[HeldRecord]:
    """Everything of one epoch; the reader verifies digests and links and raises at a false one."""
    found: list[HeldRecord] = []
    while run := reader.run(epoch, len(found), 500, MUCH):
        found += run
    return found


def test_a_made_backlog_is_a_true_chain_that_follows_what_was_there(tmp_path: Path) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append("note", note(), clock.now())
    outbox.close("stopped")
    made = make_backlog(outbox.path, IDENTITY, 1200, seed=7)
    with closing(OutboxReader(outbox.path)) as reader:
        *_, before, state = reader.epochs()
        assert (state.epoch, state.last, state.head) == (made.epoch, 1201, made.head)
        assert state.parent == (before.epoch, before.last, before.head)
        records = held(reader, made.epoch)
    headers = [decode_header(record.raw) for record in records]
    assert [header.kind for header in headers] == ["opened", *["verdict", "outcome"] * 600]
    assert all(one.passage == two.passage for one, two in zip(headers[1::2], headers[2::2], strict=True))
    assert headers[0].prev == before.head
    opened = decode_payload("opened", records[0].sealed.payload)
    assert isinstance(opened, Opened)
    assert (opened.previous_epoch, opened.previous_last) == (before.epoch, before.last)


def test_a_gate_goes_on_after_a_made_backlog(tmp_path: Path) -> None:
    clock = HandClock()
    made = make_backlog(tmp_path / "outbox.db", IDENTITY, 100, seed=1)
    outbox = open_outbox(tmp_path, clock)
    with closing(OutboxReader(outbox.path)) as reader:
        newest = reader.epochs()[-1]
        assert newest.parent == (made.epoch, made.last, made.head)
        assert not outbox.open_passages()
        assert reader.depth() >= made.last + 1
    outbox.close("stopped")


def test_the_same_seed_makes_the_same_contents(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        path = tmp_path / name / "outbox.db"
        made = make_backlog(path, IDENTITY, 40, seed=3)
        with closing(OutboxReader(path)) as reader:
            contents.append([record.sealed for record in held(reader, made.epoch)][1:])
    assert contents[0] == contents[1]
