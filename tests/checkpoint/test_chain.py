"""The chain: any record changed, dropped, moved or added is found, and named by its number."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import chain, records
from tests.golden import samples

LINKS = samples.links()
LAST = len(LINKS)


def check(links: list[chain.Link], first: int = 1) -> None:
    chain.check_run(links, samples.GATE, samples.EPOCH, first)


def changed(position: int, **fields: object) -> list[chain.Link]:
    header = msgspec.structs.replace(LINKS[position].header, **fields)
    return [*LINKS[:position], chain.link(records.encode_header(header)), *LINKS[position + 1 :]]


def test_an_untouched_run_holds_from_any_start() -> None:
    for first in range(1, LAST + 1):
        check(LINKS[first - 1 :], first)


@given(st.integers(0, LAST - 2), st.sampled_from(["at", "mono_ms", "tree_version"]), st.integers(1, 10**6))
def test_a_changed_record_is_named_by_the_one_after_it(position: int, field: str, by: int) -> None:
    links = changed(position, **{field: getattr(LINKS[position].header, field) + by})
    with pytest.raises(chain.ChainError) as error:
        check(links)
    assert error.value.number == position + 2


@given(st.integers(0, LAST - 2))
def test_a_dropped_a_doubled_or_a_swapped_record_is_named(position: int) -> None:
    dropped = LINKS[:position] + LINKS[position + 1 :]
    doubled = [*LINKS[: position + 1], *LINKS[position:]]
    swapped = [*LINKS[:position], LINKS[position + 1], LINKS[position], *LINKS[position + 2 :]]
    for links, number in ((dropped, position + 1), (doubled, position + 2), (swapped, position + 1)):
        with pytest.raises(chain.ChainError) as error:
            check(links)
        assert error.value.number == number


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"version": 2}, "version 2"), ({"gate": "gate-8"}, "belongs to"), ({"epoch": bytes(8)}, "belongs to")],
)
def test_a_record_of_another_gate_epoch_or_version_is_named(fields: dict[str, object], why: str) -> None:
    with pytest.raises(chain.ChainError, match=why) as error:
        check(changed(3, **fields))
    assert error.value.number == 4


def test_every_payload_must_be_there_and_match_its_digest() -> None:
    chain.check_sealed(LINKS, samples.SEALED)
    stripped = [*samples.SEALED[:2], records.Sealed(samples.SEALED[2].salt, b""), *samples.SEALED[3:]]
    with pytest.raises(chain.ChainError) as error:
        chain.check_sealed(LINKS, stripped)
    assert error.value.number == 3
    with pytest.raises(ValueError, match="shorter"):
        chain.check_sealed(LINKS, samples.SEALED[:-1])


def test_the_head_before_the_first_record_is_zero() -> None:
    heads = {item.header.number: item.head for item in LINKS}
    assert chain.head_before(heads, 1) == bytes(32)
    assert chain.head_before(heads, 3) == LINKS[1].head
    assert chain.head_before(heads, 99) is None
