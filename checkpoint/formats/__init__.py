"""Pass formats: which one a presented text is, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from checkpoint.formats import gk1
from checkpoint.passes import Presented
from checkpoint.trust import TrustList


class _Form(NamedTuple):
    prefix: bytes
    name: str
    max_characters: int


# Longer than this is not looked at, whatever it is.
MAX_CHARACTERS: Final = 8000
# Formats with a name. Only the first is read; the others are known, so that a record can say what was shown.
_FORMS: Final = (
    _Form(gk1.PREFIX.encode(), gk1.FORMAT, gk1.MAX_CHARACTERS),
    _Form(b"GK1T:", "GK1T", 560),
    _Form(b"GK1K:", "GK1K", 560),
    _Form(b"HC1:", "HC1", 4000),
    _Form(b"shc:/", "SHC", MAX_CHARACTERS),
)


def read_pass(
    payload: bytes,
    trust: TrustList,
    now_s: int,
    *,
    leeway_before_s: int = 60,
    leeway_after_s: int = 0,
    here: Sequence[str] = (),
) -> Presented:
    """What the text of a code is: a pass with reason `pass_valid`, or the reason why not. Never raises for bad input.

    `payload` exactly as decoded: spaces are part of base45. Scope is judged by `passes.in_scope`,
    status by the status list. The times in the pass are judged by `now_s` even if the clock is not trusted
    (`Presented.by_clock`); `leeway_before_s`, `leeway_after_s` and `here` as in `gk1.read`.
    """
    form = next((form for form in _FORMS if payload.startswith(form.prefix)), None)
    if len(payload) > (form.max_characters if form else MAX_CHARACTERS):
        return Presented(form and form.name, None, "pass_too_long", f"{len(payload)} characters")
    if form is None:
        return Presented(None, None, "not_a_pass")
    if not payload.isascii():
        return Presented(form.name, None, "pass_malformed", "the text is not ASCII")
    if form.name != gk1.FORMAT:
        return Presented(form.name, None, "format_not_enabled", f"passes of format {form.name} are not read here")
    return gk1.read(payload, trust, now_s, leeway_before_s=leeway_before_s, leeway_after_s=leeway_after_s, here=here)
