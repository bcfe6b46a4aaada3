"""The talk with a PN532: wake it, make its search for cards end by itself, and ask again and again. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from drivers.reader.events import CardSeen
from drivers.reader.once import Once
from drivers.reader.pn532_frames import ACK, WAKE, Codec, Frame, command
from drivers.reader.serial_reader import Patience

# UM0701-02 7.2.10: normal mode.
CONFIGURE: Final = command(0x14, b"\x01")
FIRMWARE: Final = command(0x02)
# 7.3.1 item 5: tries of ATR_REQ and PSL_REQ as after a reset, then of finding a card: two, in place of for ever. Else
# the search would block the line until somebody comes. Two: a card that was read before answers the second call only.
FIND_TWICE: Final = command(0x32, b"\x05\xff\x01\x01")
# 7.3.5: one card, type A, 106 kbit/s.
LIST: Final = command(0x4A, b"\x01\x00")
# ISO/IEC 14443-3: single, double and triple size.
_UID_BYTES: Final = (4, 7, 10)

# The chip owes an answer this long before it counts as gone. Meanwhile it is asked again, because a byte may get lost;
# then set up anew, because a chip whose voltage dropped for a moment has forgotten all.
_PATIENCE_S: Final = 1.8
_AGAIN_S: Final = 0.25
_TRIES: Final = 3
# At the edge of the field a card is found, lost and found again.
_POLLS_TO_LIFT: Final = 3
_SHORTEST_GAP_S: Final = 0.8


class Pn532Talk:
    """Asks every `poll_s` for a card; one event per laying on."""

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s
        self._once = Once(max(_SHORTEST_GAP_S, _POLLS_TO_LIFT * poll_s))
        self._codec = Codec()
        self.forget(0.0)

    @property
    def next_at_s(self) -> float:
        """When something is to be asked, or given up."""
        return min(self._ask_at_s, self._patience.over_at_s)

    def forget(self, now_s: float) -> None:
        """Begin anew by waking the chip."""
        self._codec.forget()
        self._patience = Patience(_PATIENCE_S)
        self._asked = b""
        self._taken = False
        self._tries = 0
        self._next = CONFIGURE
        self._ask_at_s = now_s

    def say(self, now_s: float) -> bytes:
        """The next question when its time has come; the same one again, or everything anew, if it was not answered."""
        if now_s < self._ask_at_s:
            return b""
        # One question at a time: what is still on the line answers none that counts.
        self._codec.forget()
        again = bool(self._asked)
        self._tries = self._tries % _TRIES + 1 if again else 1
        question = self._next if not again else self._asked if self._tries > 1 else CONFIGURE
        self._asked, self._taken = question, False
        self._patience.asked(now_s)
        self._ask_at_s = now_s + _AGAIN_S
        # An ACK ends a search that goes on for ever.
        return ACK + WAKE + question if again or question == CONFIGURE else question

    def feed(self, data: bytes, now_s: float) -> Sequence[CardSeen]:
        """Take what came; a card that was not lying there before."""
        return [seen for frame in self._codec.feed(data) if (seen := self._take(frame, now_s)) is not None]

    def lost(self, now_s: float) -> str | None:
        """Why the chip counts as gone."""
        if self._patience.is_over(now_s):
            return f"no sound answer for {_PATIENCE_S} s; is it plugged in, and are its switches set to HSU (serial)?"
        return None

    def _take(self, frame: Frame, now_s: float) -> CardSeen | None:
        if frame.kind == "ack":
            self._taken = bool(self._asked)
        if frame.kind != "answer" or not self._fits(frame):
            return None
        self._patience.answered()
        asked, self._asked, self._taken = self._asked, b"", False
        self._next = {CONFIGURE: FIRMWARE, FIRMWARE: FIND_TWICE}.get(asked, LIST)
        self._ask_at_s = now_s + (self._poll_s if asked == LIST else 0.0)
        uid = card_uid(frame.data) if asked == LIST else None
        if uid is None or not self._once.is_new(uid, now_s):
            return None
        return CardSeen(int(now_s * 1000), "iso14443a", uid)

    def _fits(self, frame: Frame) -> bool:
        """An answer that comes before the chip has taken the question is late, and of the question before."""
        # Codes of commands stand behind preamble, start code, LEN, LCS and TFI.
        return self._taken and frame.code == self._asked[6] + 1


def card_uid(listed: bytes) -> bytes | None:
    """The UID in the answer to LIST (7.3.5): count, number, SENS_RES, SEL_RES, length, UID. None: there is no card."""
    if len(listed) < 6 or listed[0] != 1 or listed[5] not in _UID_BYTES:
        return None
    uid = listed[6 : 6 + listed[5]]
    return uid if len(uid) == listed[5] else None
