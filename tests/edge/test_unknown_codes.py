"""What a record keeps of a code that is no pass: a known format's name, else a keyed hash; never the code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.records import Verdict, encode_payload
from edge.effects import Commit
from tests.edge.lane_bench import STRANGER, Bench, a_pass


def verdict_on(code: bytes) -> Verdict:
    bench = Bench()
    bench.come()
    bench.wait(200, codes=(code,))
    (verdict,) = [e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)]
    return verdict


@pytest.mark.parametrize(
    ("code", "reason", "value"),
    [
        (b"HC1:6BFOXN", "format_not_enabled", "HC1"),
        (b"shc:/5676", "format_not_enabled", "SHC"),
        (b"GK1T:ABC", "pass_malformed", "GK1T"),
        (b"HC1:" + b"A" * 5000, "pass_too_long", "HC1"),
        ("HC1:通行".encode(), "pass_malformed", "HC1"),
        (b"GK1:junk", "pass_malformed", "GK1"),
        (a_pass(key=STRANGER), "key_unknown", "GK1"),
        (a_pass(expired=True), "pass_expired", "GK1"),
    ],
)
def test_a_known_format_is_recorded_by_its_name(code: bytes, reason: str, value: str) -> None:
    verdict = verdict_on(code)
    check = verdict.checks[0]
    assert (verdict.verdict, check.check, check.result, check.reason, check.value) == (
        "deny", "pass", "failed", reason, value,
    )  # fmt: skip


@given(st.binary(min_size=6, max_size=9000).filter(lambda code: not code.startswith((b"GK1", b"HC1:", b"shc:/"))))
def test_any_other_code_is_refused_and_recorded_as_a_hash_alone(code: bytes) -> None:
    verdict = verdict_on(code)
    value = verdict.checks[0].value
    assert verdict.verdict == "deny"
    assert verdict.reason == ("pass_too_long" if len(code) > 8000 else "not_a_pass")
    assert isinstance(value, str)
    assert value.startswith("hmac:")
    assert len(value) == 21
    assert code not in encode_payload(verdict)


def test_a_good_pass_needs_no_such_note() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=36.2)
    (verdict,) = [e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)]
    assert verdict.checks[0].value is None
