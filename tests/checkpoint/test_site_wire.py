"""What gates of one site say to each other: read back as written, bounded, and refused when it is anything else."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cose, topics, wire
from checkpoint.site_rules import Crossing
from checkpoint.site_wire import (
    MAX_CROSSINGS,
    MAX_STRETCHES,
    SEEN_PURPOSE,
    Seen,
    SiteError,
    Stretch,
    encode_gates,
    gates_from_content,
    pack_seen,
    unpack_seen,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {"gate-1": KEY.public_key()}
TOPIC = topics.seen("garden", "gate-1")

SLUGS = st.from_regex(topics.SLUG, fullmatch=True)
CROSSINGS = st.builds(
    Crossing,
    st.integers(0, 253_402_300_799_999),
    SLUGS,
    st.binary(min_size=16, max_size=16),
    st.sampled_from(("in", "out", "cleared")),
    st.binary(min_size=8, max_size=8),
    st.none() | st.binary(min_size=4, max_size=4),
    st.integers(1, 1000),
)
STRETCHES = st.builds(
    Stretch, st.integers(0, 70_389_600), st.sampled_from((1, 24)), st.integers(0, 10**6), st.integers(0, 2**63 - 1)
)


def read(data: bytes, topic: str = TOPIC, site: str = "garden") -> Seen:
    return unpack_seen(data, topic, site, KEYS)


def signed(value: object, purpose: str = SEEN_PURPOSE) -> bytes:
    return wire.compress(cose.sign(KEY, msgspec.msgpack.encode(value), purpose))


@given(st.lists(CROSSINGS, max_size=5), st.lists(STRETCHES, max_size=5), st.integers(0, 2**60))
def test_what_is_said_is_heard(crossings: list[Crossing], stretches: list[Stretch], at: int) -> None:
    seen = Seen(1, "garden", "gate-1", at, tuple(crossings), tuple(stretches))
    assert read(pack_seen(KEY, seen)) == seen


def test_the_largest_message_fits() -> None:
    crossing = Crossing(253_402_300_799_999, "g" * 32, b"p" * 16, "cleared", b"q" * 8, b"home", 1000)
    stretch = Stretch(70_389_600, 24, 10**6, 2**63 - 1)
    seen = Seen(1, "garden", "gate-1", 2**50, (crossing,) * MAX_CROSSINGS, (stretch,) * MAX_STRETCHES)
    assert read(pack_seen(KEY, seen)) == seen


GOOD = [253, "gate-1", bytes(16), "in", bytes(8), None, 1]


@pytest.mark.parametrize(
    ("index", "value"),
    [(0, -1), (0, 2**60), (0, "x"), (1, ""), (1, "A"), (1, "gate\n"), (1, "g" * 33), (2, bytes(15)), (2, bytes(17)),
     (3, "sideways"), (4, bytes(7)), (5, bytes(3)), (5, 7), (6, 0), (6, 1001), (6, 1.5)],
)  # fmt: skip
def test_a_crossing_out_of_bounds_refuses_the_message(index: int, value: object) -> None:
    assert read(signed([1, "garden", "gate-1", 0, [GOOD], []])).crossings[0].people == 1
    bad = [*GOOD[:index], value, *GOOD[index + 1 :]]
    with pytest.raises(SiteError):
        read(signed([1, "garden", "gate-1", 0, [bad], []]))


@pytest.mark.parametrize(
    "stretch", [[-1, 1, 0, 0], [0, 2, 0, 0], [0, 1, -1, 0], [0, 1, 0, 2**63], [2**40, 1, 0, 0], [0, 24, 0], "x", None]
)
def test_a_stretch_out_of_bounds_refuses_the_message(stretch: object) -> None:
    with pytest.raises(SiteError):
        read(signed([1, "garden", "gate-1", 0, [], [stretch]]))


def test_too_many_of_anything_are_refused() -> None:
    for lists in ([[GOOD] * (MAX_CROSSINGS + 1), []], [[], [[0, 1, 0, 0]] * (MAX_STRETCHES + 1)]):
        with pytest.raises(SiteError):
            read(signed([1, "garden", "gate-1", 0, *lists]))


def test_a_message_too_long_or_that_grows_too_long_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(SiteError, match="limit"):
        read(bytes(64 * 1024 + 1))
    with pytest.raises(SiteError, match="expands to"):
        read(wire.compress(bytes(200_000)))
    with pytest.raises(SiteError, match="expand"):
        read(wire.compress(bytes(3_000_000)))


@pytest.mark.parametrize("purpose", ["", "guankou hello 1", "guankou document 1"])
def test_a_signature_for_something_else_is_none_here(purpose: str) -> None:
    with pytest.raises(SiteError, match="does not hold"):
        read(signed([1, "garden", "gate-1", 0, [], []], purpose))


@given(st.binary(max_size=400))
def test_noise_is_refused_and_nothing_worse(data: bytes) -> None:
    for noise in (data, wire.compress(data), signed(data)):
        with pytest.raises(SiteError):
            read(noise)


def test_a_gate_that_is_not_listed_is_named_with_the_remedy() -> None:
    with pytest.raises(SiteError, match="publish the document"):
        read(b"", topics.seen("garden", "gate-2"))


@given(st.dictionaries(SLUGS, st.binary(min_size=32, max_size=32), max_size=8))
def test_the_list_of_gates_is_read_as_written_whatever_its_order(gates: dict[str, bytes]) -> None:
    content = encode_gates(gates)
    assert encode_gates(dict(reversed(gates.items()))) == content
    assert {gate: key.public_bytes_raw() for gate, key in gates_from_content(content).items()} == gates


@pytest.mark.parametrize(
    "rows",
    [[["A", bytes(32)]], [["a\n", bytes(32)]], [["a", bytes(31)]], [["a", bytes(32)]] * 2, [["a"]], {"a": bytes(32)}, 7,
     [[f"g{n}", bytes(32)] for n in range(1001)]],
)  # fmt: skip
def test_a_list_of_gates_that_is_none_is_refused(rows: object) -> None:
    with pytest.raises(SiteError):
        gates_from_content(msgspec.msgpack.encode(rows))
