"""A drill ends in time whatever its clocks say, and what it leaves on record can't be taken for anything else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import records
from checkpoint.drill import MOST_MINUTES, Drill, DrillError, as_drill, begin, carried, is_drill, left_ms
from tests.golden import samples

BOOT, OTHER_BOOT = bytes(16), bytes(range(16))
START_MS, MINUTE_MS = 1_770_000_000_000, 60_000
# Wall clocks that are stepped, monotonic ones that are read late, machines that restart.
CLOCKS = st.tuples(st.integers(-(10**9), 10**9), st.booleans(), st.booleans())


def a_drill(minutes: int = 30, trusted: bool = True) -> Drill:
    return begin("grid head", minutes, False, boot_id=BOOT, at_ms=START_MS, mono_ms=1000, trusted=trusted)


def left(drill: Drill, after_ms: int, *, wall_ms: int | None = None, boot: bytes = BOOT, trusted: bool = True) -> int:
    at_ms = START_MS + (after_ms if wall_ms is None else wall_ms)
    mono_ms = 1000 + after_ms if boot == BOOT else 500
    return left_ms(drill, boot_id=boot, at_ms=at_ms, mono_ms=mono_ms, trusted=trusted)


def test_it_is_over_after_its_minutes() -> None:
    assert left(a_drill(), 0) == 30 * MINUTE_MS
    assert left(a_drill(), 30 * MINUTE_MS - 1) == 1
    assert left(a_drill(), 30 * MINUTE_MS) == 0


@pytest.mark.parametrize("wall_ms", [-10 * MINUTE_MS, -(10**12), 0])
def test_a_wall_clock_that_is_set_back_does_not_lengthen_it(wall_ms: int) -> None:
    assert left(a_drill(), 30 * MINUTE_MS, wall_ms=wall_ms) == 0


def test_a_machine_that_slept_meanwhile_ends_it_by_the_wall_clock() -> None:
    assert left(a_drill(), 5 * MINUTE_MS, wall_ms=31 * MINUTE_MS) == 0


def test_a_clock_that_nobody_believes_neither_ends_nor_lengthens_it() -> None:
    assert left(a_drill(), MINUTE_MS, wall_ms=10**9, trusted=False) == 29 * MINUTE_MS
    assert left(a_drill(trusted=False), MINUTE_MS, wall_ms=10**9) == 29 * MINUTE_MS


@pytest.mark.parametrize(("begun", "now"), [(False, True), (True, False), (False, False)])
def test_after_a_restart_of_the_machine_only_believed_clocks_carry_it(begun: bool, now: bool) -> None:
    assert left(a_drill(trusted=begun), MINUTE_MS, boot=OTHER_BOOT, trusted=now) == 0
    assert left(a_drill(), MINUTE_MS, boot=OTHER_BOOT) == 29 * MINUTE_MS
    assert left(a_drill(), 0, wall_ms=-1, boot=OTHER_BOOT) == 0


def test_a_file_that_was_changed_gives_no_more_than_four_hours() -> None:
    stretched = msgspec.structs.replace(a_drill(), length_ms=10**12)
    assert left(stretched, MOST_MINUTES * MINUTE_MS) == 0


@given(st.integers(1, MOST_MINUTES), st.lists(st.tuples(st.integers(0, 10**7), CLOCKS), max_size=8))
def test_whatever_happens_to_clocks_and_machine_it_never_outlasts_its_time(
    minutes: int, life: list[tuple[int, tuple[int, bool, bool]]]
) -> None:
    """`ran_ms`: how long it has really been on as far as running machines can know."""
    drill: Drill | None = a_drill(minutes)
    boot, mono_ms, ran_ms = BOOT, 1000, 0
    for turn, (passed_ms, (step_ms, trusted, reboots)) in enumerate(life):
        ran_ms, mono_ms = ran_ms + passed_ms, mono_ms + passed_ms
        if reboots:
            boot, mono_ms = bytes([turn + 1]) * 16, 300
        now = {"boot_id": boot, "at_ms": START_MS + ran_ms + (0 if trusted else step_ms), "mono_ms": mono_ms}
        assert drill is not None
        drill = carried(drill, trusted=trusted, **now)  # type: ignore[arg-type]
        if drill is None:
            return
        assert left_ms(drill, trusted=trusted, **now) <= minutes * MINUTE_MS - ran_ms  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("by", "minutes", "why"),
    [
        ("", 10, "by: ''"), ("a\nb", 10, "by: "), ("x" * 65, 10, "1 to 64 signs"),
        ("me", 0, "minutes: 0"), ("me", 241, "minutes: 241; a drill lasts 1 to 240"),
    ],
)  # fmt: skip
def test_a_drill_has_a_holder_and_an_end(by: str, minutes: int, why: str) -> None:
    with pytest.raises(DrillError, match=why):
        begin(by, minutes, False, boot_id=BOOT, at_ms=0, mono_ms=0, trusted=True)


@pytest.mark.parametrize("kind", ["verdict", "outcome", "override"])
def test_a_record_of_a_drill_is_read_as_one_and_unreadable_to_older_programs(kind: str) -> None:
    marked = as_drill(samples.PAYLOADS[kind])
    data = records.encode_payload(marked)
    assert msgspec.msgpack.decode(data)[0] == records.DRILL_VERSION > records.PAYLOAD_VERSION
    read = records.decode_payload(kind, data)
    assert read == marked
    assert is_drill(read)
    assert not is_drill(samples.PAYLOADS[kind])


def test_a_note_of_a_drill_says_so_and_everything_else_is_what_it_was() -> None:
    note = records.Note(1, "measured_by_hand", {"lane": "in"})
    assert as_drill(note).facts == {"lane": "in", "drill": "yes"}
    assert as_drill(samples.PAYLOADS["egress"]) == samples.PAYLOADS["egress"]
