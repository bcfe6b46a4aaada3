"""What wears out a memory card: bytes that one record makes the outbox write, all day and while a backlog drains.

Root measures at the block device: the outbox lies on a file system of its own in a loop-mounted image, journal and
metadata included. Without root there is only what the kernel ascribes to the process (proc(5), write_bytes of io).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from edge.clock import SystemClock
from edge.outbox import Identity, Outbox
from edge.outbox_reader import OutboxReader
from tools.faults.backlog import make_backlog, outcome, verdict

_IDENTITY: Final = Identity("bench", "grid-1", 1)
_IMAGE_BYTES: Final = 512 * 1024 * 1024
_SECTOR_BYTES: Final = 512
_BATCH: Final = 500
_BATCH_BYTES: Final = 255 * 1024
# Until the write-ahead log has its size and pages are reused.
_WARM_PASSAGES: Final = 1000
# Longer than ext4 waits before it writes its journal and what else is not synced (mount option `commit`).
_SETTLE_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class _Meter:
    """`device`: name below /sys/block, empty without one."""

    folder: Path
    device: str

    def of(self, act: Callable[[], int]) -> dict[str, int]:
        """Bytes written for each of the records that `act` says it was about."""
        before = self._now()
        records = act()
        written = [after - start for start, after in zip(before, self._now(), strict=True)]
        said = {"records": records, "process_bytes_per_record": round(written[0] / records)}
        return {**said, "device_bytes_per_record": round(written[1] / records)} if self.device else said

    def _now(self) -> tuple[int, int]:
        subprocess.run(["sync", "-f", str(self.folder)], check=True)
        fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        # The seventh figure is sectors written (kernel documentation, block/stat).
        stat = Path(f"/sys/block/{self.device}/stat").read_text().split() if self.device else ["0"] * 7
        return int(fields["write_bytes"]), int(stat[6]) * _SECTOR_BYTES


def run(
    passages: int = 1000, slow_passages: int = 24, every_s: float = 5.0, backlog: int = 100_000
) -> dict[str, object]:
    """Bytes a record: passages one after the other, passages `every_s` apart, and a backlog that drains."""
    with _card() as meter:
        path = meter.folder / "outbox.db"
        clock = SystemClock(os.urandom(16), lambda _at_ms, _mono_ms: True)
        outbox = Outbox.open(path, _IDENTITY, clock, "bench", "bench")
        reader = OutboxReader(path)
        _passages(outbox, reader, clock, _WARM_PASSAGES, 0)
        quick = meter.of(lambda: _passages(outbox, reader, clock, passages, 0))
        slow = meter.of(lambda: _passages(outbox, reader, clock, slow_passages, every_s))
        outbox.close("done")
        reader.close()
        make_backlog(path, _IDENTITY, backlog, 1)
        draining = meter.of(lambda: _drain(path))
        size = path.stat().st_size
    return {
        "measured_at": "block device" if meter.device else "process",
        "passages_at_once": quick,
        f"a_passage_every_{every_s:.0f}_s": slow,
        "draining": draining,
        "file_bytes_per_record": round(size / (backlog + 2 * (passages + slow_passages + _WARM_PASSAGES))),
    }


def _passages(outbox: Outbox, reader: OutboxReader, clock: SystemClock, count: int, every_s: float) -> int:
    """Verdict and outcome of each; every record is answered by itself, as when the collector is there."""
    for number in range(count):
        passage = os.urandom(16)
        outbox.append("verdict", verdict("bench", number, os.urandom), clock.now(), passage)
        reader.set_watermark(outbox.epoch, outbox.last)
        time.sleep(every_s / 2)
        outbox.append("outcome", outcome("bench", number, os.urandom), clock.now(), passage)
        reader.set_watermark(outbox.epoch, outbox.last)
        time.sleep(every_s / 2)
    if every_s:
        time.sleep(_SETTLE_S)
    return 2 * count


def _drain(path: Path) -> int:
    """Read everything that waits and hear an answer to each batch."""
    reader, records = OutboxReader(path), 0
    for state in reader.epochs():
        after = state.watermark
        while run := reader.run(state.epoch, after, _BATCH, _BATCH_BYTES):
            after, records = run[-1].number, records + len(run)
            reader.set_watermark(state.epoch, after)
    reader.close()
    return records


@contextmanager
def _card() -> Iterator[_Meter]:
    with TemporaryDirectory(prefix="guankou-wear-") as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield _Meter(folder, "")
            return
        image, mounted = folder / "card.img", folder / "card"
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        # All of its tables now: made later in the background, they would be counted as wear.
        _said("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        device = _said("losetup", "-f", "--show", str(image))
        try:
            _said("mount", device, str(mounted))
            try:
                yield _Meter(mounted, Path(device).name)
            finally:
                _said("umount", str(mounted))
        finally:
            _said("losetup", "-d", device)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
