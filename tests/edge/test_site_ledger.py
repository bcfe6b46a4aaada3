"""The ledger is a set: order, repeats, restarts and a failing disk change nothing of what it says."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.site_rules import Crossing
from edge.site_ledger import HOUR_MS, SiteLedger
from tests.edge.site_kit import HOUSEHOLD, PASS, START_MS, crossing, everything

NAMES = st.tuples(st.sampled_from(("gate-1", "gate-2")), st.integers(1, 4))
CROSSINGS = st.builds(
    lambda name, at, move, holder, household, people: Crossing(
        START_MS + at, name[0], name[1].to_bytes(16), move, holder * 8, household, people
    ),
    NAMES,
    st.integers(0, 3 * HOUR_MS),
    st.sampled_from(("in", "out", "cleared")),
    st.sampled_from((b"a", b"b")),
    st.sampled_from((None, b"home", b"hut.")),
    st.integers(1, 3),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SiteLedger]:
    ledger = SiteLedger("gate-1", tmp_path / "site.db")
    yield ledger
    ledger.close()


def filled(crossings: list[Crossing]) -> SiteLedger:
    ledger = SiteLedger("gate-9")
    for one in crossings:
        ledger.learn(one)
    return ledger


def answers(ledger: SiteLedger) -> object:
    holders, households = (b"a" * 8, b"b" * 8), (b"home", b"hut.")
    return (
        everything(ledger),
        [ledger.of_pass(holder) for holder in holders],
        [ledger.last(holder) for holder in holders],
        [ledger.exits(household, START_MS) for household in households],
        ledger.known(START_MS // HOUR_MS, 24),
    )


@given(st.lists(CROSSINGS, max_size=12), st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(crossings: list[Crossing], chance: object) -> None:
    shuffled = crossings + crossings[: len(crossings) // 2]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = filled(crossings), filled(shuffled)
    assert answers(one) == answers(other)
    one.close()
    other.close()


@given(st.lists(CROSSINGS, max_size=12))
def test_two_ledgers_have_one_digest_exactly_if_they_hold_the_same(crossings: list[Crossing]) -> None:
    one, other = filled(crossings), filled(crossings[1:])
    same = everything(one) == everything(other)
    first = START_MS // HOUR_MS
    assert all((one.known(first + h, 1) == other.known(first + h, 1)) for h in range(5)) is same
    one.close()
    other.close()


def test_only_what_is_news_is_told_and_once(ledger: SiteLedger) -> None:
    own, peers = crossing("gate-1", START_MS), crossing("gate-2", START_MS)
    assert (ledger.take(own), ledger.take(own), ledger.learn(peers), ledger.learn(own)) == (True, False, True, False)
    assert ledger.take_untold() == (own,)
    assert ledger.take_untold() == ()


def test_exits_are_of_the_household_and_of_the_time(ledger: SiteLedger) -> None:
    old, new = crossing("gate-1", START_MS, "out"), crossing("gate-2", START_MS + 5, "out", b"8 bytes ")
    for one in (old, new, crossing("gate-1", START_MS, "in"), crossing("gate-1", START_MS, "out", household=b"hut.")):
        ledger.learn(one)
    assert ledger.exits(HOUSEHOLD, START_MS) == (old, new)
    assert ledger.exits(HOUSEHOLD, START_MS + 1) == (new,)


def test_a_cleared_pass_was_cleared_after_all_that_is_known_of_it(ledger: SiteLedger) -> None:
    ahead = crossing("gate-2", START_MS + 40_000)
    ledger.learn(ahead)
    cleared = ledger.clear(PASS, bytes(16), START_MS)
    assert ledger.last(PASS) == cleared
    assert cleared.at_ms > ahead.at_ms
    assert ledger.take_untold() == (cleared,)


def test_what_was_taken_by_a_doubtful_clock_is_told_once_it_is_dated(ledger: SiteLedger) -> None:
    one = crossing("gate-1", 5_000)
    assert ledger.take(one, dated=False)
    assert ledger.last(PASS) == one
    assert (ledger.take_untold(), everything(ledger), ledger.known(0, 24)) == ((), frozenset(), (0, 0))
    ledger.correct(START_MS)
    told = ledger.take_untold()
    assert [(row.at_ms, row.passage) for row in told] == [(START_MS + 5_000, one.passage)]
    assert ledger.of_pass(PASS) == told
    ledger.correct(START_MS)
    assert ledger.of_pass(PASS) == told


def test_it_forgets_by_age_in_whole_hours(ledger: SiteLedger) -> None:
    old, young = crossing("gate-1", START_MS), crossing("gate-1", START_MS + 2 * HOUR_MS)
    ledger.learn(old)
    ledger.learn(young)
    floor = ledger.forget(START_MS + 25 * HOUR_MS, 1)
    assert everything(ledger) == {young}
    assert old.at_ms // HOUR_MS < floor <= young.at_ms // HOUR_MS
    assert ledger.known(old.at_ms // HOUR_MS, 1) == (0, 0)


def test_nothing_is_kept_for_longer_than_35_days(ledger: SiteLedger) -> None:
    ledger.learn(crossing("gate-1", START_MS))
    ledger.forget(START_MS + 36 * 24 * HOUR_MS, 10_000)
    assert everything(ledger) == frozenset()


def test_too_many_are_bounded_by_forgetting_the_oldest_hours(ledger: SiteLedger) -> None:
    for hour in range(10):
        ledger.learn(crossing("gate-2", START_MS + hour * HOUR_MS))
    floor = ledger.forget(START_MS + 10 * HOUR_MS, 5, at_most=4)
    assert len(everything(ledger)) == 4
    assert all(one.at_ms // HOUR_MS >= floor for one in everything(ledger))


def test_a_restart_finds_everything(tmp_path: Path) -> None:
    before = SiteLedger("gate-1", tmp_path / "site.db")
    before.learn(crossing("gate-2", START_MS))
    before.take(crossing("gate-1", START_MS + 1, "out"))
    held, known = everything(before), before.known(START_MS // HOUR_MS, 1)
    before.close()
    after = SiteLedger("gate-1", tmp_path / "site.db")
    assert (everything(after), after.known(START_MS // HOUR_MS, 1)) == (held, known)
    after.close()


CHILD = """
import sys
from pathlib import Path
from edge.site_ledger import SiteLedger
from tests.edge.site_kit import START_MS, crossing
ledger = SiteLedger("gate-1", Path(sys.argv[1]))
for number in range(10**9):
    ledger.take(crossing("gate-1", START_MS + number))
    print(number, flush=True)
"""


def test_a_process_that_is_killed_has_kept_what_it_took(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= 200:
                break
        os.kill(child.pid, signal.SIGKILL)
        taken = int(line)
    ledger = SiteLedger("gate-1", path)
    times = {one.at_ms - START_MS for one in everything(ledger)}
    assert times >= set(range(taken + 1))
    ledger.close()


def test_a_torn_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    path.write_bytes(b"not a database" * 1000)
    ledger = SiteLedger("gate-1", path)
    assert ledger.on_disk
    assert ledger.take(crossing("gate-1", START_MS))
    ledger.close()


def test_a_disk_that_takes_nothing_stops_nobody_and_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "site.db"
    ledger = SiteLedger("gate-1", path)
    one = crossing("gate-1", START_MS)
    assert ledger.take(one)
    assert not ledger.on_disk
    path.parent.mkdir()
    ledger.forget(START_MS, 1)
    assert ledger.on_disk
    ledger.close()
    again = SiteLedger("gate-1", path)
    assert everything(again) == {one}
    again.close()


def test_a_file_that_can_not_be_read_at_the_start_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    before = SiteLedger("gate-1", path)
    old, new = crossing("gate-2", START_MS), crossing("gate-1", START_MS + 1)
    before.learn(old)
    before.close()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        ledger = SiteLedger("gate-1", path)
        assert not ledger.on_disk
        ledger.take(new)
        other.execute("ROLLBACK")
    other.close()
    ledger.forget(START_MS, 1)
    assert ledger.on_disk
    assert everything(ledger) == {old, new}
    assert ledger.known(START_MS // HOUR_MS, 1)[0] == 2
    ledger.close()


def test_a_disk_that_fails_while_it_runs_stops_nobody(ledger: SiteLedger, tmp_path: Path) -> None:
    first, second = crossing("gate-1", START_MS), crossing("gate-1", START_MS + 1)
    ledger.take(first)
    # Another program keeps the file to itself for longer than the ledger waits.
    with sqlite3.connect(tmp_path / "site.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert ledger.take(second)
        assert not ledger.on_disk
        assert everything(ledger) == {first, second}
        assert ledger.known(START_MS // HOUR_MS, 1)[0] == 2
        other.execute("ROLLBACK")
    other.close()
    ledger.forget(START_MS, 1)
    assert ledger.on_disk
    assert everything(ledger) == {first, second}


def test_a_disk_that_fails_while_another_gate_tells_loses_nothing_of_it(ledger: SiteLedger, tmp_path: Path) -> None:
    told = [crossing("gate-2", START_MS + number) for number in range(5)]
    with sqlite3.connect(tmp_path / "site.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert ledger.learn(*told)
        assert not ledger.on_disk
        other.execute("ROLLBACK")
    other.close()
    assert everything(ledger) == set(told)
    assert ledger.known(START_MS // HOUR_MS, 1)[0] == len(told)
    ledger.forget(START_MS, 1)
    assert ledger.on_disk
    assert not ledger.learn(*told)


def test_what_another_gate_tells_is_taken_all_at_once(ledger: SiteLedger) -> None:
    statements: list[str] = []
    ledger._connection.set_trace_callback(statements.append)
    ledger.learn(*(crossing("gate-2", START_MS + number) for number in range(5)))
    assert [text for text in statements if text.startswith(("BEGIN", "COMMIT"))] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert sum(text.startswith("INSERT") for text in statements) == 5
