"""The status list: two bits a pass that say whether it still counts, and cut-offs that end many passes at once.

The bit array and its zlib form are those of the IETF Token Status List (draft-ietf-oauth-status-list, section 4): entry
0 lies in the lowest bits of byte 0.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from checkpoint import cbor
from checkpoint.passes import CLASS_BY_NUMBER, NUMBER_BY_CLASS, Pass

VALID, REVOKED, SUSPENDED, ASK = 0, 1, 2, 3
BITS: Final = 2
# The collector signs a list anew so often, also when nothing changes: its age shows that nothing newer was kept back.
RENEWED_S: Final = 43_200
_PER_BYTE: Final = 8 // BITS
MAX_LIST_BYTES: Final = 4 << 20
MAX_SIZE: Final = MAX_LIST_BYTES * _PER_BYTE
MAX_CUT_OFFS: Final = 10_000
MAX_CONTENT_BYTES: Final = 4 << 20
_KEY_BITS, _KEY_LIST, _KEY_SIZE, _KEY_ISSUED, _KEY_CUT_OFFS = 1, 2, 3, 4, 5
_KEYS: Final = {_KEY_BITS, _KEY_LIST, _KEY_SIZE, _KEY_ISSUED, _KEY_CUT_OFFS}
# A map, in it an array, in it arrays.
_DEPTH: Final = 3
_LATEST_S: Final = 1 << 40

CutOffKind = Literal["household", "class", "kid", "pass", "all"]
_VALUE_BYTES: Final[Mapping[str, int]] = {"household": 4, "kid": 4, "pass": 8}


class StatusError(ValueError):
    """The content is no status list that this program reads; the text names what is wrong."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """Passes of this kind whose validity begins before `before_s` (seconds UTC) no longer count.

    `value`: 4 bytes of a household or of an issuer's key id, 8 bytes of a pass id, the number of a class; None for all.
    """

    kind: CutOffKind
    value: bytes | int | None
    before_s: int


@dataclass(frozen=True, slots=True)
class StatusList:
    """What an issuer said at `issued_s` of the passes with indices 0 to `size` - 1. Never changed, only replaced."""

    bits: bytes
    size: int
    issued_s: int
    cut_offs: tuple[CutOff, ...] = ()
    _before_s: Mapping[tuple[str, bytes | int | None], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        before_s: dict[tuple[str, bytes | int | None], int] = {}
        for cut in self.cut_offs:
            key = (cut.kind, cut.value)
            before_s[key] = max(cut.before_s, before_s.get(key, cut.before_s))
        object.__setattr__(self, "_before_s", before_s)

    def value(self, index: int) -> int | None:
        """0 valid, 1 revoked, 2 suspended, 3 ask; None: this list knows no such index."""
        if not 0 <= index < self.size:
            return None
        return self.bits[index // _PER_BYTE] >> index % _PER_BYTE * BITS & 3

    def exceptions(self, but: Collection[int] = ()) -> Iterator[tuple[int, int]]:
        """(index, value) of every pass that is not simply valid, without the indices in `but`."""
        for number, byte in enumerate(self.bits):
            # Few are: most bytes are zero.
            for place in range(_PER_BYTE) if byte else ():
                index, value = number * _PER_BYTE + place, byte >> place * BITS & 3
                if value != VALID and index < self.size and index not in but:
                    yield index, value

    def cuts_off(self, held: Pass) -> bool:
        """Whether a cut-off ends this pass, with or without an index."""
        about = (
            ("all", None),
            ("class", NUMBER_BY_CLASS[held.pass_class]),
            ("kid", held.key_id),
            ("household", held.household),
            ("pass", held.pass_id),
        )
        return any(held.not_before_s < self._before_s.get(key, 0) for key in about)


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """`value`: 0 to 3, or None without an index in the pass, a list for it, or the index in that list."""

    value: int | None
    cut_off: bool


class StatusBook:
    """The lists of one place by scope. Replaced whole: who holds one sees no other list half-way through."""

    def __init__(self, lists: Mapping[str, StatusList]) -> None:
        self.lists: Final[Mapping[str, StatusList]] = dict(lists)

    def with_list(self, scope: str, status: StatusList) -> StatusBook:
        """This book with another list for one scope."""
        return StatusBook({**self.lists, scope: status})

    @property
    def issued_s(self) -> int | None:
        """When the oldest of the lists was signed; None without lists."""
        return min((status.issued_s for status in self.lists.values()), default=None)

    def lookup(self, held: Pass, here: Sequence[str]) -> StatusAnswer:
        """What is known of a pass. `here`: ids of this place, narrowest first (site, its grid, and all above it).

        The index counts in the list that is nearest at or beyond the narrowest part of the pass's scope: a narrower
        list may not know passes for a wider place. Cut-offs of every list of this place count.
        """
        cut_off = any(self.lists[scope].cuts_off(held) for scope in here if scope in self.lists)
        if held.status_index is None:
            return StatusAnswer(None, cut_off)
        nearest = self._list_of(held.scope, here)
        return StatusAnswer(nearest.value(held.status_index) if nearest else None, cut_off)

    def _list_of(self, scopes: Collection[str], here: Sequence[str]) -> StatusList | None:
        start = next((number for number, place in enumerate(here) if place in scopes), len(here))
        return next((self.lists[place] for place in here[start:] if place in self.lists), None)


NO_STATUS: Final = StatusBook({})


def make_status(values: Mapping[int, int], size: int, issued_s: int, cut_offs: Iterable[CutOff] = ()) -> StatusList:
    """A list of `size` passes, all valid but for `values` (index -> 0 to 3). Raises StatusError."""
    if not 0 <= size <= MAX_SIZE:
        raise StatusError(f"a status list has 0 to {MAX_SIZE} passes, not {size}: split its scope")
    bits = bytearray(-(-size // _PER_BYTE))
    for index, value in values.items():
        if not 0 <= index < size or not VALID <= value <= ASK:
            raise StatusError(f"index {index} with value {value}: give 0 to {size - 1}, and 0 to {ASK}")
        bits[index // _PER_BYTE] |= value << index % _PER_BYTE * BITS
    return StatusList(bytes(bits), size, issued_s, tuple(cut_offs))


def encode_status(status: StatusList) -> bytes:
    """The content of a document of kind `status`."""
    return cbor.dumps(
        {
            _KEY_BITS: BITS,
            _KEY_LIST: zlib.compress(status.bits, 9),
            _KEY_SIZE: status.size,
            _KEY_ISSUED: status.issued_s,
            _KEY_CUT_OFFS: [[cut.kind, cut.value, cut.before_s] for cut in status.cut_offs],
        }
    )


def status_from_content(content: bytes) -> StatusList:
    """The list in the content of a document of kind `status`. Raises StatusError; never inflates beyond its size."""
    if len(content) > MAX_CONTENT_BYTES:
        raise StatusError(f"status list has {len(content)} bytes; at most {MAX_CONTENT_BYTES}: split its scope")
    try:
        table = cbor.loads(content, _DEPTH)
    except cbor.CborError as error:
        raise StatusError(f"status list is malformed: {error}") from None
    if not isinstance(table, dict) or set(table) != _KEYS:
        raise StatusError("status list is not a map with the keys 1 to 5: publish it again")
    # `True == 1`: only a number says how many bits.
    if type(table[_KEY_BITS]) is not int or table[_KEY_BITS] != BITS:
        raise StatusError(f"status list has {table[_KEY_BITS]!r} bits a pass; this program reads {BITS}: update it")
    size = _whole(table[_KEY_SIZE], MAX_SIZE, "number of passes")
    issued_s = _whole(table[_KEY_ISSUED], _LATEST_S, "time of issue")
    bits = _inflate(table[_KEY_LIST], -(-size // _PER_BYTE))
    return StatusList(bits, size, issued_s, _cut_offs(table[_KEY_CUT_OFFS]))


def _inflate(packed: object, length: int) -> bytes:
    """Exactly `length` bytes: one more than that is never made."""
    if not isinstance(packed, bytes):
        raise StatusError("status list holds no bytes for its list")
    inflater = zlib.decompressobj()
    try:
        bits = inflater.decompress(packed, length + 1)
    except zlib.error as error:
        raise StatusError(f"status list can't be inflated: {error}") from None
    if len(bits) != length or not inflater.eof or inflater.unused_data:
        raise StatusError(f"status list does not hold the {length} bytes that its size says")
    return bits


def _cut_offs(rows: object) -> tuple[CutOff, ...]:
    if not isinstance(rows, list) or len(rows) > MAX_CUT_OFFS:
        raise StatusError(f"status list has no list of at most {MAX_CUT_OFFS} cut-offs")
    return tuple(_cut_off(row, f"cut-off {number}") for number, row in enumerate(rows, 1))


def _cut_off(row: object, name: str) -> CutOff:
    if not isinstance(row, list) or len(row) != 3:
        raise StatusError(f"{name} is not [kind, value, time]")
    return CutOff(row[0], row[1], _whole(row[2], _LATEST_S, f"time of {name}"))


def _check(status: StatusList) -> None:
    if not 0 <= status.size <= MAX_SIZE or len(status.bits) != -(-status.size // _PER_BYTE):
        raise StatusError(f"{len(status.bits)} bytes are no list of {status.size} passes (at most {MAX_SIZE})")
    if len(status.cut_offs) > MAX_CUT_OFFS:
        raise StatusError(f"{len(status.cut_offs)} cut-offs: at most {MAX_CUT_OFFS}; end whole classes instead")
    for cut in status.cut_offs:
        _check_cut_off(cut)


def _check_cut_off(cut: CutOff) -> None:
    """A kind that this program does not know is an error, not ignored: it may end passes."""
    value = cut.value
    if cut.kind == "all":
        good = value is None
    elif cut.kind == "class":
        good = type(value) is int and value in CLASS_BY_NUMBER
    else:
        length = _VALUE_BYTES.get(cut.kind) if isinstance(cut.kind, str) else None
        good = length is not None and isinstance(value, bytes) and len(value) == length
    if not good:
        raise StatusError(f"cut-off {str(cut.kind)[:20]!r} with value {str(value)[:40]!r} is none this program reads")


def _whole(value: object, most: int, name: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise StatusError(f"status list: {name} is {str(value)[:40]!r}: a whole number from 0 to {most}")
    return value
