"""The outbox under kill -9, failing commits, a full disk and a power-cut's worth of doubt."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint import chain, records
from edge.outbox import Outbox, OutboxFailingError
from edge.outbox_reader import OutboxReader
from tests.edge.gate_clock import HandClock
from tests.edge.outbox_samples import IDENTITY, note, open_outbox

ROOT = Path(__file__).resolve().parents[2]
MUCH = 100_000_000
Acknowledged = list[tuple[bytes, int, bytes]]


def child(folder: Path, what: str, *before: str) -> list[str]:
    return [*before, sys.executable, "-m", "tests.edge.outbox_child", str(folder), what]


def acknowledged(text: str) -> Acknowledged:
    """Complete lines only: the last may have been cut by the kill."""
    lines = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n") and line[0] != "#"]
    return [(bytes.fromhex(epoch), int(number), bytes.fromhex(head)) for epoch, number, head in lines]


def on_disk(path: Path) -> dict[tuple[bytes, int], bytes]:
    """Every record with its head, after the whole chain of every epoch has been verified."""
    reader = OutboxReader(path)
    found = {}
    for state in reader.epochs():
        run = reader.run(state.epoch, 0, 1_000_000, MUCH)
        links = [chain.link(record.raw) for record in run]
        chain.check_run(links, "gate-7", state.epoch, 1)
        chain.check_sealed(links, [record.sealed for record in run])
        assert run[-1].number == state.last
        found.update({(state.epoch, record.number): record.head for record in run})
    reader.close()
    return found


def assert_all_there(path: Path, said: Acknowledged) -> dict[tuple[bytes, int], bytes]:
    found = on_disk(path)
    assert said
    assert [(epoch, number) for epoch, number, head in said if found.get((epoch, number)) != head] == []
    return found


def test_after_kill_9_every_acknowledged_record_is_there_and_at_most_one_more(tmp_path: Path) -> None:
    chance = random.Random(7)
    said: Acknowledged = []
    for round_number in range(1, 6):
        with subprocess.Popen(child(tmp_path, "append"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 150))]
            process.kill()
            rest = process.stdout.read()
        said += acknowledged("".join(lines) + rest)
        found = assert_all_there(tmp_path / "outbox.db", said)
        # Each round adds one `opened`, and perhaps one record whose acknowledgement was never heard.
        assert len(found) - len(said) - round_number in range(round_number + 1)


def test_a_failing_disk_is_a_typed_error_and_heals_without_reusing_a_number(tmp_path: Path) -> None:
    done = subprocess.run(child(tmp_path, "file-limit"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "# OutboxFailingError: " in done.stdout
    assert "check that the disk is mounted writable, then replace it" in done.stdout
    said = acknowledged(done.stdout)
    assert len({(epoch, number) for epoch, number, _ in said}) == len(said)
    found = assert_all_there(tmp_path / "outbox.db", said)
    assert len({epoch for epoch, _ in found}) >= 2


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare (util-linux) to mount a small disk")
def test_a_full_disk_uses_the_reserve_then_fails_clearly_and_goes_on_when_space_returns(tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=8m none "$1" || exit 77; shift; folder="$1"; shift; "$@" && cp -r "$0" "$folder"'
    space = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(disk), str(disk), str(kept)]
    done = subprocess.run(child(disk, "full-disk", *space), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode in (1, 77) and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"this machine may not mount a small disk: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "# OutboxFullError: " in done.stdout
    assert "the disk is full" in done.stdout
    assert "free space on it" in done.stdout
    assert_all_there(kept / "outbox.db", acknowledged(done.stdout))


def commit_then_fail(times: int) -> object:
    """A real commit followed by the error that a broken disk gives after it: the row is there, the call failed."""
    commit, left = Outbox._commit, [times]

    def failing(self: Outbox, row: object) -> None:
        commit(self, row)  # type: ignore[arg-type]
        if left[0] and row.stored.header.kind == "note":  # type: ignore[attr-defined]
            left[0] -= 1
            raise sqlite3.OperationalError("disk I/O error")

    return failing


def test_a_record_that_reached_the_disk_in_spite_of_the_error_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    before = outbox.epoch
    monkeypatch.setattr(Outbox, "_commit", commit_then_fail(1))
    stored = outbox.append("note", note("once"), clock.now())
    assert (stored.epoch, stored.number) == (before, 2)
    assert outbox.epoch != before
    assert outbox.append("note", note("next"), clock.now()).number == 2
    outbox.close("done")
    kinds = sorted(number for _, number in on_disk(outbox.path))
    assert kinds == [1, 1, 2, 2, 3]


def test_what_reached_the_disk_is_not_reconstructed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    monkeypatch.setattr(Outbox, "_commit", commit_then_fail(1))
    reopen = Outbox._reopen
    broken = [True]

    def failing_reopen(self: Outbox, reason: str) -> None:
        if broken[0]:
            raise OutboxFailingError("still broken")
        reopen(self, reason)

    monkeypatch.setattr(Outbox, "_reopen", failing_reopen)
    with pytest.raises(OutboxFailingError) as failed:
        outbox.append("note", note("once"), clock.now())
    (attempt,) = failed.value.attempts
    broken[0] = False
    assert outbox.append_reconstructed(note("by hand"), clock.now(), failed.value) == attempt
    outbox.close("done")
    assert len(on_disk(outbox.path)) == 4  # opened, once, opened, closed


def test_what_did_not_reach_the_disk_is_reconstructed(tmp_path: Path) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    stored = outbox.append_reconstructed(note("by hand"), clock.now(), OutboxFailingError("was broken"))
    assert (stored.number, stored.header.kind) == (2, "reconstructed")
    outbox.close("done")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to make fdatasync fail")
def test_an_error_of_fdatasync_never_loses_or_doubles_a_record(tmp_path: Path) -> None:
    fault = ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=fdatasync"]
    command = child(tmp_path, "append-100", *fault, "-e", "inject=fdatasync:error=EIO:when=30")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout and "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr
    assert "INJECTED" in (tmp_path / "trace").read_text()
    said = acknowledged(done.stdout)
    found = assert_all_there(tmp_path / "outbox.db", said)
    assert len({epoch for epoch, _ in found}) == 2
    assert records.ZERO_HEAD not in found.values()


@pytest.fixture
def own_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, to be mounted read-only and writable again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"only who may mount a small disk can make it read-only: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_reader_that_met_a_read_only_disk_does_not_keep_the_writer_from_healing(own_disk: Path) -> None:
    with subprocess.Popen(child(own_disk, "append"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.kill()
    subprocess.run(["mount", "-o", "remount,ro", str(own_disk)], check=True)
    path, clock = own_disk / "outbox.db", HandClock()
    outbox, error = Outbox.open_or_failing(path, IDENTITY, clock, "guankou test", "start", 1)
    assert error is not None
    reader = OutboxReader(path)
    assert len(reader.epochs()) == 1
    subprocess.run(["mount", "-o", "remount,rw", str(own_disk)], check=True)
    # The uplink looks at least at every heartbeat, and the core tries again every two seconds.
    assert len(reader.epochs()) == 1
    outbox.recover()
    assert len(reader.epochs()) == 2
    reader.close()
    outbox.close("done")
