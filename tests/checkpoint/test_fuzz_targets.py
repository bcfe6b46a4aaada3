"""The fuzzer's targets hold for their seeds and for what is near them, and can fail."""

from __future__ import annotations

import random

import pytest

from checkpoint.formats import gk1_variants
from fuzz import codes
from fuzz.targets import TARGETS
from fuzz.wrong import Wrong
from tests.checkpoint.variant_samples import code_of, parts, step_code

every_target = pytest.mark.parametrize("name", TARGETS)


def changed(data: bytes, largest: int, chance: random.Random) -> bytes:
    """A few bytes other than they were."""
    noisy = bytearray(data or b"\x00")
    for _ in range(chance.randint(1, 4)):
        noisy[chance.randrange(len(noisy))] = chance.randrange(256)
    return bytes(noisy[:largest])


@every_target
def test_a_target_holds_for_its_seeds(name: str) -> None:
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in (*seeds, b""):
        assert len(seed) <= TARGETS[name].largest
        TARGETS[name].run(seed)


@every_target
def test_a_target_holds_for_what_is_near_its_seeds(name: str) -> None:
    target, chance = TARGETS[name], random.Random(5)
    for seed in target.seeds():
        for number in range(30):
            near = changed(seed, target.largest, chance)
            if target.mutate and number % 2:
                near = target.mutate(
                    seed, target.largest, number, lambda data, largest: changed(data, largest, chance)
                )  # fmt: skip
            assert len(near) <= target.largest
            target.run(near)


def test_a_mutation_reaches_under_the_wrappings() -> None:
    """Else the fuzzer would only ever try how base45 is refused."""
    target, chance, seed = TARGETS["codes"], random.Random(6), step_code()
    assert target.mutate
    seen = set()
    for number in range(300):
        near = target.mutate(seed, 8192, number, lambda data, largest: changed(data, largest, chance))
        seen.add(codes.read(near).reason)
    assert seen >= {"pass_valid", "pass_malformed", "pass_forged", "key_unknown", "step_stale"} - {"pass_valid"}


def test_a_reader_that_takes_a_wrong_tag_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    signed, step, _ = parts(step_code(pass_id=b"stranger"))
    monkeypatch.setattr(gk1_variants, "_tag_holds", lambda *_: True)
    with pytest.raises(Wrong, match="stranger"):
        codes.shown(code_of([signed, step, bytes(8)]))
