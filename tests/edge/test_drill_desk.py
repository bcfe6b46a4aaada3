"""The gate's drill: begun by an order, kept on disk, ended by time or a press, and never without a trace."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from checkpoint.records import Kind, Note, Payload
from edge.clock import Moment
from edge.drill import FILE, ORDER_FILE, DrillDesk, DrillOrder

BOOT, OTHER_BOOT = bytes(16), bytes(range(16))
START_MS, MINUTE_MS = 1_770_000_000_000, 60_000


class Rig:
    """A desk over a real folder; `restart` is another process, on another boot if asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[Note] = []
        self.told: dict[str, str] = {}
        self.disk_works = True
        self.boot = BOOT
        self.desk = self.make()

    def make(self) -> DrillDesk:
        return DrillDesk(self.folder, self.boot, self._record, self.told.__setitem__)

    def _record(self, _kind: Kind, payload: Payload) -> bool:
        assert isinstance(payload, Note)
        if self.disk_works:
            self.notes.append(payload)
        return self.disk_works

    def order(self, act: str = "start", at_ms: int = 0, minutes: int = 20, **more: object) -> None:
        fields = {"act": act, "by": "head", "boot_id": self.boot.hex(), "mono_ms": at_ms, "minutes": minutes, **more}
        (self.folder / ORDER_FILE).write_bytes(msgspec.json.encode(fields))

    def turn(self, at_ms: int, trusted: bool = True) -> None:
        self.desk.turn(self.moment(at_ms, trusted))

    def moment(self, at_ms: int, trusted: bool = True) -> Moment:
        return Moment(START_MS + at_ms, at_ms, trusted)

    def restart(self, at_ms: int, *, boot: bytes = BOOT, trusted: bool = True) -> None:
        self.boot = boot
        self.desk = self.make()
        now = self.moment(at_ms, trusted)
        self.desk.turn(now if boot == BOOT else Moment(now.at_ms, 300, trusted))

    @property
    def codes(self) -> list[str]:
        return [note.code for note in self.notes]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_an_order_begins_it_and_its_time_ends_it(rig: Rig) -> None:
    rig.order()
    rig.turn(1000)
    assert not (rig.folder / ORDER_FILE).exists()
    assert rig.told == {"drill": "stays shut"}
    rig.turn(20 * MINUTE_MS + 999)
    assert rig.desk.now is not None
    rig.turn(20 * MINUTE_MS + 1000)
    assert rig.desk.now is None
    assert rig.told == {"drill": ""}
    assert not (rig.folder / FILE).exists()
    assert [note.facts for note in rig.notes] == [
        {"by": "head", "minutes": "20", "barrier": "stays shut"}, {"by": "head", "ended": "time"},
    ]  # fmt: skip


def test_it_survives_a_restart_and_not_its_end(rig: Rig) -> None:
    rig.order()
    rig.turn(0)
    rig.restart(5 * MINUTE_MS)
    assert rig.desk.left_ms(rig.moment(5 * MINUTE_MS)) == 15 * MINUTE_MS
    rig.restart(20 * MINUTE_MS)
    assert rig.desk.now is None
    assert rig.codes == ["drill_started", "drill_goes_on", "drill_ended"]


@pytest.mark.parametrize(("trusted", "goes_on"), [(True, True), (False, False)])
def test_a_machine_that_restarts_goes_on_by_a_clock_that_is_believed_or_not_at_all(
    rig: Rig, trusted: bool, goes_on: bool
) -> None:
    rig.order()
    rig.turn(0)
    rig.restart(5 * MINUTE_MS, boot=OTHER_BOOT, trusted=trusted)
    assert (rig.desk.now is not None) == goes_on
    assert (rig.folder / FILE).exists() == goes_on
    assert rig.codes == ["drill_started", "drill_goes_on" if goes_on else "drill_ended"]


def test_a_press_ends_it_and_a_second_one_changes_nothing(rig: Rig) -> None:
    rig.order()
    rig.turn(0)
    rig.desk.stop("guard")
    rig.desk.stop("guard")
    assert rig.notes[-1].facts == {"by": "head", "ended": "guard"}
    rig.restart(1000)
    assert rig.desk.now is None
    assert rig.codes == ["drill_started", "drill_ended"]


def test_another_one_ends_the_one_before(rig: Rig) -> None:
    rig.order(minutes=240)
    rig.turn(0)
    rig.order(minutes=5, at_ms=1000, with_barrier=True)
    rig.turn(1000)
    assert rig.desk.left_ms(rig.moment(1000)) == 5 * MINUTE_MS
    assert rig.told == {"drill": "moves"}
    assert rig.codes == ["drill_started", "drill_ended", "drill_started"]


@pytest.mark.parametrize(
    "order",
    [
        {"at_ms": -31_000}, {"at_ms": 60_000}, {"boot_id": OTHER_BOOT.hex()}, {"minutes": 241}, {"minutes": 0},
        {"by": ""}, {"act": "begin"}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_that_is_old_or_of_another_boot_or_no_order_begins_nothing(rig: Rig, order: dict[str, object]) -> None:
    rig.order(**order)  # type: ignore[arg-type]
    rig.turn(0)
    assert rig.desk.now is None
    assert not (rig.folder / ORDER_FILE).exists()
    assert rig.notes == []


def test_a_torn_order_and_a_torn_file_are_no_drill(rig: Rig) -> None:
    (rig.folder / ORDER_FILE).write_bytes(b'{"act": "sta')
    (rig.folder / FILE).write_bytes(b"\xff")
    rig.restart(0)
    rig.turn(0)
    assert rig.desk.now is None
    assert not (rig.folder / ORDER_FILE).exists()
    # `drill stop` says that none is on, and leaves nothing that says otherwise.
    rig.order("stop", 500)
    rig.turn(1000)
    assert not (rig.folder / FILE).exists()


def test_what_can_not_be_put_on_record_does_not_begin(rig: Rig) -> None:
    rig.disk_works = False
    rig.order()
    rig.turn(0)
    assert rig.desk.now is None
    assert not (rig.folder / FILE).exists()


def test_an_order_that_can_not_be_removed_is_obeyed_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "unlink", lambda *_args, **_more: (_ for _ in ()).throw(OSError("read-only")))
    rig.order()
    rig.turn(0)
    rig.turn(1000)
    assert rig.codes == ["drill_started"]


def test_the_order_that_the_command_writes_is_the_one_that_is_read() -> None:
    order = DrillOrder("start", "head", BOOT.hex(), 5, 20, True)
    assert msgspec.json.decode(msgspec.json.encode(order), type=DrillOrder) == order
