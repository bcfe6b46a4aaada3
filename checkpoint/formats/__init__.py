"""Pass formats: which one a presented text is, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from checkpoint.foreign import MAX_CHARACTERS as MAX_CHARACTERS
from checkpoint.foreign import read_foreign
from checkpoint.foreign.keys import ForeignKeys
from checkpoint.formats import gk1, gk1_variants
from checkpoint.passes import Presented
from checkpoint.steps import NO_STEPS, StepSecrets
from checkpoint.trust import TrustList


class _Form(NamedTuple):
    prefix: bytes
    name: str
    max_characters: int


# Native formats. Foreign ones have a name as well, so that a record can say what was shown where they are not read.
_FORMS: Final = (
    _Form(gk1.PREFIX.encode(), gk1.FORMAT, gk1.MAX_CHARACTERS),
    _Form(gk1_variants.STEP_PREFIX.encode(), gk1_variants.STEP_FORMAT, gk1.MAX_CHARACTERS),
    _Form(gk1_variants.DEVICE_PREFIX.encode(), gk1_variants.DEVICE_FORMAT, gk1.MAX_CHARACTERS),
)


def read_pass(
    payload: bytes,
    trust: TrustList,
    now_s: int,
    *,
    leeway_before_s: int = 60,
    leeway_after_s: int = 0,
    here: Sequence[str] = (),
    steps: StepSecrets = NO_STEPS,
    foreign: ForeignKeys | None = None,
) -> Presented:
    """What the text of a code is: a pass with reason `pass_valid`, or the reason why not. Never raises for bad input.

    `payload` exactly as decoded: spaces are part of base45. Scope is judged by `passes.in_scope`,
    status by the status list. The times in the pass are judged by `now_s` even if the clock is not trusted
    (`Presented.by_clock`); `leeway_before_s`, `leeway_after_s` and `here` as in `gk1.Terms`.
    `steps`: the secrets that this gate holds for codes with a time step. `foreign`: keys for passes of other systems;
    None: they are not read here.
    """
    form = next((form for form in _FORMS if payload.startswith(form.prefix)), None)
    if form is None:
        return read_foreign(payload, foreign, now_s, leeway_before_s=leeway_before_s, leeway_after_s=leeway_after_s)
    if len(payload) > form.max_characters:
        return Presented(form.name, None, "pass_too_long", f"{len(payload)} characters")
    if not payload.isascii():
        return Presented(form.name, None, "pass_malformed", "the text is not ASCII")
    terms = gk1.Terms(trust, now_s, leeway_before_s, leeway_after_s, here)
    match form.name:
        case gk1.FORMAT:
            return gk1.read(payload, terms)
        case gk1_variants.STEP_FORMAT:
            return gk1_variants.read_step(payload, terms, steps)
        case _:
            return gk1_variants.read_device(payload, terms)
