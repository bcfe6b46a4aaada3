"""Everything together: plays a schedule, checks at every moment what must always hold, and heals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.outbox_reader import EpochState
from edge.uplink import Conflict, Damaged
from tools.faults.protocol.collector import CollectorActs
from tools.faults.protocol.computers import Computer
from tools.faults.protocol.disks import DiskActs
from tools.faults.protocol.facts import check_all
from tools.faults.protocol.gates import GateActs
from tools.faults.protocol.ground import EPOCHS_PER_PAGE, must

# (act, a, b): the name of a method, and two small numbers that choose what it acts on.
Step = tuple[str, int, int]
_LEAST_ROUNDS: Final = 12
_MOST_ROUNDS: Final = 250


class World(GateActs, DiskActs, CollectorActs):
    """Several gates, one collector, one broker. The same steps always give the same run."""

    def __init__(self) -> None:
        super().__init__()
        # (computer, epoch) -> the watermark that has been checked already.
        self._checked: dict[tuple[int, bytes], int] = {}

    def play(self, steps: Sequence[Step]) -> None:
        for act, a, b in steps:
            self.step(act, a, b)

    def step(self, act: str, a: int, b: int) -> None:
        self.pass_time(1)
        getattr(self, act)(a, b)
        self.check_always()

    # Acts that need each other, so that chance alone seldom brings them together

    def diverge(self, a: int, b: int) -> None:
        """A copied program and its original both write, and have not heard of each other."""
        number = len(self.computers)
        self.twin(a, b)
        if len(self.computers) > number:
            self.many(a, b)
            self.many(number, b // 10)

    def crossed(self, a: int, b: int) -> None:
        """Answers from before and after the collector was restored cross on their way."""
        self.turn(a, 3)
        self.carry_all(a, 1)
        self.restore(b, 0)
        self.turn(a, 3)
        self.carry_all(a, 1)
        self.hear_all(a, 4 * (b // 16 % 2))

    def beyond(self, a: int, b: int) -> None:
        """The collector is restored from a copy older than what this gate still holds."""
        self.tidy(a, b)
        self.restore(b, 0)

    def alarm_lost(self, a: int, b: int) -> None:
        """The copy of an alarm arrives; its batch is lost on the way, and the record on the disk."""
        self.write(a, 4)
        self.send(self.computer(a))
        copies = [item for item in self.up if item[1] == "alarm"]
        self.up.clear()
        for item in copies:
            self.to_collector(item)
        self.power_cut(a, b)

    def end(self) -> None:
        """A good link from now on; then all that must be true of both ends."""
        self._count_states()
        self.heal()
        check_all(self)
        self._count_states()

    def heal(self) -> None:
        """Everything has to arrive within a bounded time."""
        self.heard.takes = True
        for round_ in range(_MOST_ROUNDS):
            self._good_moment(100)
            if round_ >= _LEAST_ROUNDS and self.settled():
                break
        else:
            waiting = [computer.core.depth for computer in self.computers]
            must(False, "everything drains over a good link; after 25 s there still wait", *waiting)
        # Older epochs take turns in heartbeats: all of them are asked about once more.
        for _ in range(max(len(computer.epochs()) for computer in self.computers) // EPOCHS_PER_PAGE):
            self._good_moment(1_000)
        for _ in range(8):
            self.pass_time(500)
            self.publisher.tick()

    def _good_moment(self, ms: int) -> None:
        self.pass_time(ms)
        for computer in self.computers:
            self.send(computer)
        self.carry_all(0, 1)
        self.hear_all(0, 1)
        self.check_always()

    def settled(self) -> bool:
        for computer in self.computers:
            if any(not state.set_aside and state.watermark != state.last for state in computer.epochs()):
                return False
        stored = self.stored()
        return all(self.held(computer) <= stored for computer in self.computers)

    def check_always(self) -> None:
        for computer in self.computers:
            computer.told |= {
                event.epoch for event in computer.core.take_events() if isinstance(event, Conflict | Damaged)
            }
            damaged = {epoch for epoch, _ in self.damaged(computer)}
            for state in computer.epochs():
                if state.set_aside:
                    self._check_aside(computer, state)
                if state.epoch not in damaged:
                    self._check_watermark(computer, state)

    def _check_aside(self, computer: Computer, state: EpochState) -> None:
        """Only where two programs wrote one epoch, or a disk decayed, does anything disagree; and somebody is told."""
        must(bool({"twin", "decay"} & self.faults), "an honest epoch is never set aside", state.epoch)
        told = state.epoch in computer.told or state.epoch in computer.aside_before
        must(told, "an epoch that is set aside is told", state.epoch)

    def _check_watermark(self, computer: Computer, state: EpochState) -> None:
        """Never above what the collector had, of this very disk's records, when it said so."""
        name = (id(computer), state.epoch)
        before = self._checked.get(name, 0)
        if before != state.watermark:
            must(0 <= state.watermark <= state.last, "a watermark is within what is on disk", state.watermark)
            for number in range(max(before + 1, state.floor), state.watermark + 1):
                head = computer.reader.head_at(state.epoch, number) or b""
                known = (computer.gate, state.epoch, number, head) in self.ever
                must(known, "a watermark is never ahead of the collector", number)
            self._checked[name] = state.watermark

    def _count_states(self) -> None:
        """What the schedule led to, for the coverage of a search."""
        asides = sum(state.set_aside for computer in self.computers for state in computer.epochs())
        self.seen["set aside"] += asides
        self.seen["gap"] += self._number("gap")
        self.seen["fork's other side"] += self._number("record", "side > 0")
        self.seen["unread"] += self._number("record", "mark = 3")
        self.seen["repeat"] += self._number("record", "mark = 2")
        self.seen["orphan"] += self._number("alarm_case", "orphan = 1")
        for origin in ("fork", "rollback", "conflict"):
            self.seen[origin] += self._number("alarm_case", f"origin = '{origin}'")
        pages = max(len(computer.epochs()) for computer in self.computers)
        self.seen["more epochs than a page"] += pages > EPOCHS_PER_PAGE

    def _number(self, table: str, where: str = "1") -> int:
        rows = self.store.connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()  # noqa: S608
        return int(rows[0])
