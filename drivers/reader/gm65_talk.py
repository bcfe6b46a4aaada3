"""The talk with a barcode module: codes as they come, questions whether it is there, triggers. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from drivers.reader.events import CodeScanned
from drivers.reader.gm65_codec import LONGEST_TEXT, READ, WRITE, Acknowledged, Codec, Text, command
from drivers.reader.once import Once
from drivers.reader.serial_reader import Patience

_LOG = logging.getLogger(__name__)

_BAUD_ZONE: Final = 0x002A
_TRIGGER_ZONE: Final = 0x0002
READ_BAUD: Final = command(READ, _BAUD_ZONE, b"\x02")
TRIGGER: Final = command(WRITE, _TRIGGER_ZONE, b"\x01")

# From the last answer to the moment at which it counts as gone it is 2 s, and three questions.
_ASK_EVERY_S: Final = 0.5
_AGAIN_S: Final = 0.45
_PATIENCE_S: Final = 1.45
# One trigger lights the module for five seconds as it is shipped; a little less leaves no gap.
_TRIGGER_EVERY_S: Final = 4.5
# An adapter holds bytes back for 16 ms; after this much silence a text that is under way will not go on.
_QUIET_S: Final = 0.2
# In continuous mode a code is sent again and again while it is held there.
_SAME_SHOWING_S: Final = 2.0
# An open line brings hum: never a pause, and a line's end now and then. So after the longest text and this much more
# without a sound answer the module is gone, whatever else came.
_NOISE_S: Final = 3.0
_NEVER: Final = float("inf")
_BITS_PER_BYTE: Final = 10


class Gm65Talk:
    """`asks`: the module answers commands. `triggers`: it reads only when told. `by_silence`: it sends no line's end.

    `baud` says how long a text may take. `name` is for the log, where a code that was thrown away is noted without its
    text.
    """

    def __init__(self, name: str, baud: int, asks: bool, triggers: bool, by_silence: bool) -> None:
        self._name = name
        self._unanswered_s = LONGEST_TEXT * _BITS_PER_BYTE / baud + _NOISE_S
        self._asks = asks
        self._triggers = triggers
        self._codec = Codec(by_silence)
        self._once = Once(_SAME_SHOWING_S)
        self.forget(0.0)

    @property
    def next_at_s(self) -> float:
        """When something is to be asked or triggered, or a text given up."""
        if self._codec.waiting_bytes:
            return min(self._heard_at_s + _QUIET_S, self._noise_at_s)
        return min(self._ask_at_s, self._trigger_at_s, self._patience.over_at_s, self._noise_at_s)

    def forget(self, now_s: float) -> None:
        """Begin anew."""
        self._codec.forget()
        self._patience = Patience(_PATIENCE_S)
        self._heard_at_s = now_s
        self._ask_at_s = now_s if self._asks else _NEVER
        self._trigger_at_s = now_s if self._triggers else _NEVER
        self._noise_at_s = now_s + self._unanswered_s if self._asks else _NEVER

    def say(self, now_s: float) -> bytes:
        """The trigger or the question whose time has come, never in the middle of a text."""
        if self._codec.waiting_bytes:
            return b""
        if now_s >= self._trigger_at_s:
            self._trigger_at_s = now_s + _TRIGGER_EVERY_S
            return TRIGGER
        if now_s < self._ask_at_s:
            return b""
        self._patience.asked(now_s)
        self._ask_at_s = now_s + _AGAIN_S
        return READ_BAUD

    def feed(self, data: bytes, now_s: float) -> Sequence[CodeScanned]:
        """Take what came; the codes that were read."""
        dropped = self._codec.dropped
        if data:
            self._heard_at_s = now_s
        heard = self._codec.feed(data)
        if self._codec.waiting_bytes and now_s >= self._heard_at_s + _QUIET_S:
            heard += self._codec.quiet()
        if self._codec.dropped > dropped:
            _LOG.warning(
                "%s: a code without a line's end, or longer than %s bytes, was dropped; if the scanner sends no line's"
                ' end, set it to CR or say end = "silence"',
                self._name,
                LONGEST_TEXT,
            )
        return [seen for one in heard if (seen := self._take(one, now_s)) is not None]

    def lost(self, now_s: float) -> str | None:
        """Why the module counts as gone. The answer may have to wait for the end of a long text: 8 s at 9600 baud."""
        waits = self._codec.waiting_bytes or not self._patience.is_over(now_s)
        if waits and now_s < self._noise_at_s:
            return None
        return (
            f"no sound answer for {_PATIENCE_S} s or longer; is it plugged in, and does it speak at this baud?"
            " For a scanner that answers no commands say ask = false"
        )

    def _take(self, heard: Text | Acknowledged, now_s: float) -> CodeScanned | None:
        # A code shows for a while that it is alive, and the answer comes behind it; noise may look like one.
        self._patience.answered()
        if isinstance(heard, Acknowledged):
            if self._asks:
                self._ask_at_s = now_s + _ASK_EVERY_S
                self._noise_at_s = now_s + self._unanswered_s
            return None
        if self._triggers:
            # A reading ends the trigger's light.
            self._trigger_at_s = now_s
        return CodeScanned(int(now_s * 1000), heard.text) if self._once.is_new(heard.text, now_s) else None
