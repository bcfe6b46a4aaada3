"""The parts of a multipart body as it comes (RFC 2046 section 5.1): texts are given, pictures are passed over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from drivers.reader.http_wire import HttpError, read_head

# An alert with everything in it has some 4 kB.
MAX_TEXT_BYTES: Final = 256 * 1024
_MAX_HEAD_BYTES: Final = 4096
# A picture of twelve million pixels; a part that says it is longer is taken for damage.
_MAX_PART_BYTES: Final = 16 * 1024 * 1024
# RFC 2046: 1 to 70 characters.
_BOUNDARY: Final = re.compile(r'boundary\s*=\s*(?:"([^"]{1,80})"|([^\s;,"]{1,80}))', re.IGNORECASE)
_TEXT_TYPE: Final = re.compile(r"(?:application|text)/(?:[a-z.+-]*)(?:xml|json|plain)\b")
_NAME_OF_TEXT: Final = re.compile(r"\.(?:xml|json)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part that is text. Only its length is in its `repr`: a plate may stand in it."""

    kind: str
    data: bytes = field(repr=False)


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a `multipart/...` content type; None for every other one."""
    match = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or match is None:
        return None
    # Some firmware writes the two dashes, which belong to the body, into the header as well.
    return (match[1] or match[2]).lstrip("-").encode("latin-1") or None


class PartScanner:
    """Finds the parts in a body without end. What fits nothing is passed over until the next boundary."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._buffer = bytearray()
        self._searched = 0
        self._head: str | None = None
        # Bytes of the part at hand that are still to come; None: it ends at the next boundary.
        self._left: int | None = None
        self._is_text = False
        self._in_part = False
        # Parts that could not be read: too long, or with a head that is none.
        self.rejected = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for more; never more than one text and what one `feed` brought."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Part]:
        """The parts that have become complete."""
        self._buffer += data
        found: list[Part] = []
        while self._step(found):
            pass
        return found

    def _step(self, found: list[Part]) -> bool:
        """False: more bytes are needed."""
        if self._head is not None:
            return self._pass_over() if not self._is_text else self._body(found)
        return self._part_head() if self._in_part else self._seek()

    def _seek(self) -> bool:
        at = self._find(self._mark)
        if at < 0:
            # The last bytes may be the beginning of a boundary.
            del self._buffer[: max(0, len(self._buffer) - len(self._mark) + 1)]
            self._searched = 0
            return False
        self._drop(at + len(self._mark))
        self._in_part = True
        return True

    def _part_head(self) -> bool:
        # Two dashes after the boundary end the body, and a push with it; in a stream the next one follows.
        if self._buffer[:2] == b"--":
            self._end_part()
            return True
        end = self._find(b"\r\n\r\n", _MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= _MAX_HEAD_BYTES:
                self._reject()
                return True
            return False
        head = bytes(self._buffer[:end])
        self._drop(end + 4)
        self._open(head)
        return True

    def _open(self, data: bytes) -> None:
        """`data`: the end of the boundary's line, which stands where a message has its first one, and the fields."""
        try:
            head = read_head(data)
        except HttpError:
            self._reject()
            return
        length = head.get("content-length")
        if length and not (length.isascii() and length.isdigit() and len(length) < 10):
            self._reject()
            return
        self._left = int(length) if length else None
        self._head = head.get("content-type").lower()
        named = bool(_NAME_OF_TEXT.search(head.get("content-disposition")))
        self._is_text = bool(_TEXT_TYPE.match(self._head)) or named
        if self._left is not None and self._left > (MAX_TEXT_BYTES if self._is_text else _MAX_PART_BYTES):
            self._reject()

    def _pass_over(self) -> bool:
        """A picture: counted, never kept."""
        if self._left is None:
            self._end_part()
            return True
        gone = min(self._left, len(self._buffer))
        self._drop(gone)
        self._left -= gone
        if self._left:
            return False
        self._end_part()
        return True

    def _body(self, found: list[Part]) -> bool:
        # A boundary before the end that was announced: the announcement is wrong, and the next part is not.
        at = self._find(self._mark, self._left)
        end = at if at >= 0 else self._left
        if end is None or end > len(self._buffer):
            if len(self._buffer) > MAX_TEXT_BYTES:
                self._reject()
                return True
            return False
        data = bytes(self._buffer[:end])
        # The line's end before a boundary belongs to the boundary.
        found.append(Part(self._head or "", data.rstrip(b"\r\n-") if at >= 0 else data))
        self._drop(end)
        self._end_part()
        return True

    def _find(self, what: bytes, within: int | None = None) -> int:
        """Each byte is looked at once, however small the pieces are in which they come."""
        end = len(self._buffer) if within is None else min(within, len(self._buffer))
        at = self._buffer.find(what, self._searched, end)
        if at < 0:
            self._searched = max(0, end - len(what) + 1)
        return at

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._searched = 0

    def _end_part(self) -> None:
        self._head, self._left, self._in_part, self._searched = None, None, False, 0

    def _reject(self) -> None:
        self.rejected += 1
        self._end_part()
