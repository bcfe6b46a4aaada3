"""Run as a child by the fault tests: appends until told otherwise, and says what was acknowledged, one line each.

`python -m tests.edge.outbox_child FOLDER append`     100,000 times, to be killed
`python -m tests.edge.outbox_child FOLDER append-100` 100 times
`python -m tests.edge.outbox_child FOLDER file-limit` until a limit on the size of files makes commits fail
`python -m tests.edge.outbox_child FOLDER full-disk`  fills a small disk, then frees it
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from edge.outbox import Outbox, OutboxFailingError, Stored
from tests.edge.gate_clock import HandClock
from tests.edge.outbox_samples import note, open_outbox


def say(stored: Stored) -> None:
    sys.stdout.write(f"{stored.epoch.hex()} {stored.number} {stored.head.hex()}\n")
    sys.stdout.flush()


def append(outbox: Outbox, clock: HandClock, times: int = 100_000) -> None:
    for _ in range(times):
        say(outbox.append("note", note("k" * 300), clock.advance(1)))


def append_100(outbox: Outbox, clock: HandClock) -> None:
    append(outbox, clock, 100)
    outbox.close("done")


def until_it_fails(outbox: Outbox, clock: HandClock) -> OutboxFailingError:
    for _ in range(100_000):
        try:
            say(outbox.append("note", note("f" * 1000), clock.advance(1)))
        except OutboxFailingError as error:
            return error
    raise AssertionError("the disk never failed")


def file_limit(outbox: Outbox, clock: HandClock) -> None:
    """RLIMIT_FSIZE turns writes into EFBIG, which SQLite reports as a disk I/O error; no privilege is needed."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    say(outbox.append("note", note(), clock.advance(1)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
    finish(outbox, clock, until_it_fails(outbox, clock), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, unlimited))


def full_disk(outbox: Outbox, clock: HandClock) -> None:
    ballast = outbox.path.parent / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    assert outbox.reserve_held
    error = until_it_fails(outbox, clock)
    assert not outbox.reserve_held
    finish(outbox, clock, error, ballast.unlink)


def finish(outbox: Outbox, clock: HandClock, error: OutboxFailingError, heal: Callable[[], None]) -> None:
    """While it fails it says so every time; once healed it records again, and what was missed as reconstructed."""
    assert not outbox.recording
    for _ in range(3):
        try:
            outbox.append("note", note(), clock.advance(1))
        except OutboxFailingError:
            continue
        raise AssertionError("a failing disk took a record")
    heal()
    say(outbox.append_reconstructed(note("missed"), clock.advance(1), error))
    assert outbox.recording
    sys.stdout.write(f"# {type(error).__name__}: {error}\n")
    outbox.close("done")


def main(folder: str, what: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock = HandClock()
    outbox = open_outbox(Path(folder), clock)
    tasks = {"append": append, "append-100": append_100, "file-limit": file_limit, "full-disk": full_disk}
    tasks[what](outbox, clock)


if __name__ == "__main__":
    main(*sys.argv[1:])
