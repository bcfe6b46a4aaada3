"""The document check: the identity document that a reader read against the digest in the pass.

    facts["document"] = (document_fact(number, expires, presented.pass_, today),)   # leave it out where none was read

What the document says is looked at here and forgotten: no fact holds a number or a name, because facts are recorded.
"""

from __future__ import annotations

import hmac
from datetime import date
from typing import Final

from checkpoint.document_digest import document_digest, normal_number
from checkpoint.passes import Claims
from checkpoint.verdict_facts import CheckFact

# Far beyond the number of any identity document.
_LONGEST_NUMBER: Final = 64
_DATE_DIGITS: Final = 8


def document_fact(number: str, expires: str, pass_: Claims, today: date | None) -> CheckFact:
    """`number` as printed; `expires` YYYYMMDD, its last day, or empty: never; `today` at the gate, None: not known.

    ok `document_ok`; missing `document_unbound` (the pass names none) or `document_unreadable` (no number, or no date,
    in what was read); failed `document_mismatch` or `document_expired`; not_obtained `document_undated`: it fits, but
    while the gate's clock can't be trusted nobody knows whether it is over. Takes as long as one digest: milliseconds.
    """
    if pass_.document_digest is None:
        return CheckFact("missing", "document_unbound")
    last_day = _day(expires) if expires else date.max
    if last_day is None or not is_number(number):
        return CheckFact("missing", "document_unreadable")
    if not hmac.compare_digest(document_digest(number, pass_.pass_id), pass_.document_digest):
        return CheckFact("failed", "document_mismatch")
    if today is None and expires:
        return CheckFact("not_obtained", "document_undated")
    if today is not None and today > last_day:
        return CheckFact("failed", "document_expired")
    return CheckFact("ok", "document_ok")


def is_number(number: str) -> bool:
    """Something to take a digest of. A reader's text may be anything, also no Unicode."""
    plain = normal_number(number[: _LONGEST_NUMBER + 1])
    return 0 < len(plain) <= _LONGEST_NUMBER and plain.isprintable()


def _day(text: str) -> date | None:
    """None for what is no day. Eight digits only: `fromisoformat` knows more forms than documents do."""
    if len(text) != _DATE_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
