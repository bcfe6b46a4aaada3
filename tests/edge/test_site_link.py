"""Gates of one site fill each other up, whatever is lost, doubled, late or forged."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint import topics
from checkpoint.site_rules import passback
from checkpoint.site_wire import Seen, SiteError, Stretch, pack_seen, unpack_seen
from edge.clock import Moment
from edge.site_ledger import SiteLedger
from tests.edge.site_kit import HOUR_MS, PASS, SITE, Town, crossing, everything, key_of


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    town.wait(2)
    yield town
    town.close()


def test_entering_twice_is_seen_at_the_other_gate(town: Town) -> None:
    town.go("gate-1")
    town.wait()
    seen = town.links["gate-2"].ledger.of_pass(PASS)
    later_ms = town.now.at_ms + 300_000
    assert passback(seen, "in", "gate-2", later_ms, 3600, 60) == "passback"
    assert passback(seen, "out", "gate-2", later_ms, 3600, 60) == ""
    assert passback(seen, "out", "gate-2", town.now.at_ms, 3600, 60) == "seen_elsewhere"


def test_a_gate_that_was_away_is_filled_up(town: Town) -> None:
    town.cut.add("gate-2")
    for number in range(450):
        town.go("gate-1", pass_id=number.to_bytes(8))
        town.go("gate-2", "out", pass_id=number.to_bytes(8))
    town.wait(3)
    assert len(town.everything("gate-1")) == len(town.everything("gate-2")) == 450
    town.cut.clear()
    town.wait(40)
    assert town.everything("gate-1") == town.everything("gate-2")
    assert len(town.everything("gate-1")) == 900


def test_a_gate_that_lost_its_disk_gets_its_own_back_and_those_of_a_gate_that_is_off() -> None:
    town = Town(("gate-1", "gate-2", "gate-3"))
    town.wait(2)
    for name in town.links:
        town.go(name)
    town.wait(2)
    town.cut.add("gate-3")
    town.wait(100)
    town.restart("gate-1", SiteLedger("gate-1"))
    town.wait(70)
    assert len(town.everything("gate-1")) == 3
    town.close()


def test_days_that_nobody_talked_about_are_compared_as_wholes(town: Town) -> None:
    old = [crossing("gate-1", town.now.at_ms - hours * HOUR_MS) for hours in range(0, 90, 7)]
    for one in old:
        town.links["gate-1"].ledger.learn(one)
    town.wait(40)
    assert town.everything("gate-2") == frozenset(old)


def test_a_gate_that_is_cut_off_says_so_and_so_do_the_others(town: Town) -> None:
    assert town.links["gate-1"].apart(town.now) == ()
    town.cut.add("gate-2")
    town.wait(1)
    assert town.links["gate-2"].apart(town.now) == ("gate-1",)
    assert town.links["gate-1"].apart(town.now) == ()
    town.wait(95)
    assert town.links["gate-1"].apart(town.now) == ("gate-2",)
    town.cut.clear()
    town.wait(7)
    assert town.links["gate-1"].apart(town.now) == town.links["gate-2"].apart(town.now) == ()


def test_a_gate_alone_on_its_site_is_never_apart_and_says_nothing() -> None:
    town = Town(("gate-1",))
    town.cut.add("gate-1")
    town.go("gate-1")
    town.wait(100)
    assert town.links["gate-1"].apart(town.now) == ()
    assert town.said == []
    town.close()


def test_gates_that_agree_only_say_so(town: Town) -> None:
    town.go("gate-1")
    town.wait(60)
    told: list[bytes] = []
    for link in town.links.values():
        link._publish = told.append
    town.wait(60)
    assert len(told) == 4


def test_a_clock_that_is_not_believed_neither_hears_nor_speaks(town: Town) -> None:
    one = crossing("gate-1", town.now.at_ms)
    data = pack_seen(key_of("gate-1"), Seen(1, SITE, "gate-1", town.now.at_ms + 1, (one,), ()))
    doubtful = Moment(town.now.at_ms, town.now.mono_ms, False)
    town.links["gate-2"].arrived(topics.seen(SITE, "gate-1"), data, doubtful)
    assert town.everything("gate-2") == frozenset()
    town.links["gate-2"].arrived(topics.seen(SITE, "gate-1"), data, town.now)
    assert town.everything("gate-2") == {one}


def test_a_gate_that_left_the_list_is_not_heard_any_more(town: Town) -> None:
    town.links["gate-2"].gates({"gate-2": key_of("gate-2").public_key()})
    town.go("gate-1")
    town.wait(40)
    assert town.everything("gate-2") == frozenset()
    assert town.links["gate-2"].apart(town.now) == ()


def unchanged(town: Town, topic: str, data: bytes, at: Moment | None = None) -> bool:
    link = town.links["gate-2"]
    before = everything(link.ledger), dict(link._heard_ms), dict(link._owed)
    link.arrived(topic, data, at or town.now)
    return before == (everything(link.ledger), link._heard_ms, link._owed)


def genuine(town: Town, late_ms: int = 1) -> Seen:
    at_ms = town.now.at_ms + late_ms
    return Seen(1, SITE, "gate-1", at_ms, (crossing("gate-1", at_ms),), (Stretch(at_ms // HOUR_MS, 1, 7, 7),))


def test_a_genuine_message_changes_something(town: Town) -> None:
    assert not unchanged(town, topics.seen(SITE, "gate-1"), pack_seen(key_of("gate-1"), genuine(town)))


@pytest.mark.parametrize("signer", ["gate-2", "gate-3", "stranger"])
def test_a_message_signed_by_another_changes_nothing(town: Town, signer: str) -> None:
    assert unchanged(town, topics.seen(SITE, "gate-1"), pack_seen(key_of(signer), genuine(town)))


@pytest.mark.parametrize(
    "change", [{"site": "moon-court"}, {"gate": "gate-3"}, {"gate": "gate-2"}, {"version": 2}, {"at": 0}]
)
def test_a_message_that_says_something_else_than_its_topic_changes_nothing(
    town: Town, change: dict[str, object]
) -> None:
    data = pack_seen(key_of("gate-1"), msgspec.structs.replace(genuine(town), **change))
    assert unchanged(town, topics.seen(SITE, "gate-1"), data)


@pytest.mark.parametrize(
    "topic", [topics.seen("moon-court", "gate-1"), topics.seen(SITE, "gate-3"), topics.records("gate-1"), ""]
)
def test_a_message_on_another_topic_changes_nothing(town: Town, topic: str) -> None:
    assert unchanged(town, topic, pack_seen(key_of("gate-1"), genuine(town)))


@pytest.mark.parametrize("late_ms", [-600_001, 600_002])
def test_a_message_of_another_time_changes_nothing(town: Town, late_ms: int) -> None:
    assert unchanged(town, topics.seen(SITE, "gate-1"), pack_seen(key_of("gate-1"), genuine(town, late_ms)))


def test_a_copy_of_a_message_changes_nothing(town: Town) -> None:
    data = pack_seen(key_of("gate-1"), genuine(town))
    town.links["gate-2"].arrived(topics.seen(SITE, "gate-1"), data, town.now)
    town.links["gate-2"]._owed.clear()
    assert unchanged(town, topics.seen(SITE, "gate-1"), data)


def test_crossings_of_a_time_that_is_forgotten_or_not_yet_are_not_taken(town: Town) -> None:
    now = town.now.at_ms
    odd = tuple(crossing("gate-1", at) for at in (0, now - 6 * 24 * HOUR_MS, now + 700_000, 2**47))
    data = pack_seen(key_of("gate-1"), Seen(1, SITE, "gate-1", now + 1, odd, ()))
    town.links["gate-2"].arrived(topics.seen(SITE, "gate-1"), data, town.now)
    assert town.everything("gate-2") == frozenset()


@given(data=st.binary(max_size=300), flip=st.integers(0, 5000))
@settings(max_examples=60, deadline=None)
def test_bytes_that_are_damaged_change_nothing(data: bytes, flip: int) -> None:
    town = Town()
    town.wait(2)
    assert unchanged(town, topics.seen(SITE, "gate-1"), data)
    good = bytearray(pack_seen(key_of("gate-1"), genuine(town)))
    good[flip // 8 % len(good)] ^= 1 << flip % 8
    keys = {"gate-1": key_of("gate-1").public_key()}
    try:
        same = unpack_seen(bytes(good), topics.seen(SITE, "gate-1"), SITE, keys)
    except SiteError:
        assert unchanged(town, topics.seen(SITE, "gate-1"), bytes(good))
    else:
        # A bit of the compressed form that means nothing.
        assert same.gate == "gate-1"
    town.close()


STEPS = st.lists(
    st.tuples(st.sampled_from(("go", "cut", "heal", "lose", "wait")), st.integers(0, 2), st.integers(1, 40)),
    max_size=12,
)


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_all_gates_know_the_same_in_the_end(steps: list[tuple[str, int, int]], chance: object) -> None:
    """What at least one gate still has when the cable is back, every gate has soon after."""
    names = ("gate-1", "gate-2", "gate-3")
    town = Town(names, tell_every_ms=3_000)
    for what, index, number in steps:
        name = names[index]
        if what == "go":
            for _ in range(number):
                town.go(name, chance.choice(("in", "out")), bytes((number,)) * 8)  # type: ignore[attr-defined]
        elif what == "cut":
            town.cut.add(name)
        elif what == "heal":
            town.cut.discard(name)
        elif what == "lose":
            town.restart(name, SiteLedger(name))
        town.wait(1 if what != "wait" else number)
    held = frozenset().union(*(town.everything(name) for name in names))
    town.cut.clear()
    town.wait(60)
    assert [town.everything(name) for name in names] == [held] * 3
    town.close()


def test_a_stranger_can_not_be_on_the_list_by_his_own_word(town: Town) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    seen = msgspec.structs.replace(genuine(town), gate="gate-9")
    assert unchanged(town, topics.seen(SITE, "gate-9"), pack_seen(stranger, seen))
