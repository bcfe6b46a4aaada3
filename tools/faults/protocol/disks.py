"""What a schedule does to disks: copies that come back, machines that are copied, lost commits and decay."""

from __future__ import annotations

from typing import Final

from tools.faults.protocol.computers import HandClock, lose_frames, spoil
from tools.faults.protocol.ground import MOST_COMPUTERS, Ground

# How many pages of the log a disk that lies has not written; a commit takes two to five.
_LOST_FRAMES: Final = (1, 2, 3, 5, 8, 13, 30, 1_000)


class DiskActs(Ground):
    """The acts on the folders of `computers`."""

    def keep_disk(self, a: int, b: int) -> None:
        """Make a copy that may come back."""
        computer = self.computer(a)
        self.copies.append((computer.gate, self.copied(computer.folder)))

    def roll_back(self, a: int, b: int) -> None:
        """The disk becomes an older copy of itself."""
        at = a % len(self.computers)
        copies = [folder for gate, folder in self.copies if gate == self.computers[at].gate]
        if not copies:
            self.keep_disk(a, b)
        else:
            self.faults.add("disk")
            self.seen["disk rolled back"] += 1
            self.replace(at, self.copied(copies[b % len(copies)]))

    def power_cut(self, a: int, b: int) -> None:
        """A disk that lies loses its newest commits, acknowledged and perhaps answered, with the power."""
        at = a % len(self.computers)
        self.faults.add("disk")
        self.seen["lying disk"] += 1
        folder = self.copied(self.computers[at].folder)
        lose_frames(folder, _LOST_FRAMES[b % len(_LOST_FRAMES)], torn=b // 8 % 2 == 1)
        self.replace(at, folder)

    def clone(self, a: int, b: int) -> None:
        """A second machine starts on a copy of this disk."""
        if len(self.computers) < MOST_COMPUTERS:
            self.faults.add("disk")
            self.seen["cloned"] += 1
            computer = self.computer(a)
            self.computers.append(self.boot(computer.gate, self.copied(computer.folder)))

    def twin(self, a: int, b: int) -> None:
        """A running machine is copied, memory and all: two programs now write the same epoch."""
        original = self.computer(a)
        # Its copy reads the disk as no copied memory would; a damaged one would be noticed too early.
        if len(self.computers) < MOST_COMPUTERS and not self.damaged(original):
            self.faults |= {"disk", "twin"}
            self.seen["copied running"] += 1
            theirs = original.clock
            clock = HandClock(theirs.at_ms + 3, theirs.boot_id, mono_ms=theirs.mono_ms, trusted=theirs.trusted)
            twin = self.computer_on(original.gate, self.copied(original.folder), clock)
            twin.resume(original)
            self.computers.append(twin)

    def new_card(self, a: int, b: int) -> None:
        self.faults.add("disk")
        self.seen["new card"] += 1
        self.replace(a % len(self.computers), self.new_folder())

    def decay(self, a: int, b: int) -> None:
        """One record on the disk is no longer what was written."""
        computer = self.computer(a)
        state = computer.epochs()[-1 - b // 5 % len(computer.epochs())]
        if state.last >= state.floor:
            number = state.last - a // 2 % (state.last - state.floor + 1)
            self.faults |= {"disk", "decay"}
            self.seen["record decayed"] += 1
            self.damaged(computer).add((state.epoch, number))
            spoil(computer.outbox.path, state.epoch, number, b)
