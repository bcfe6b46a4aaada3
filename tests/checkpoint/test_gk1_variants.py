"""Passes shown live: a picture of one is worth nothing two minutes later, and a proof never helps a bad pass."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from base45 import b45decode, b45encode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.formats import gk1, gk1_variants
from checkpoint.passes import LONGEST_LIFETIME_S, Travel
from checkpoint.steps import NO_STEPS, STEP_S, StepSecret, StepSecrets, week_of
from checkpoint.trust import TrustList
from tests.checkpoint.pass_samples import DAY_S, KEY, NOW_S, STRANGER, claims, entry
from tests.checkpoint.variant_samples import (
    PHONE,
    PHONE_PUBLIC,
    STEP,
    STEPS,
    WEEK,
    code_of,
    device_code,
    parts,
    read,
    secret,
    secrets,
    step_code,
)


def test_a_pass_with_the_tag_of_this_half_minute_is_a_pass() -> None:
    presented = read(step_code())
    assert (presented.format, presented.reason, presented.variant) == ("GK1T", "pass_valid", "step")
    assert presented.pass_ is not None
    assert presented.pass_.pass_id == b"pass-id1"
    assert presented.pass_.format == "GK1"


def test_a_pass_with_its_phones_signature_is_a_pass() -> None:
    presented = read(device_code())
    assert (presented.format, presented.reason, presented.variant) == ("GK1K", "pass_valid", "device")
    assert presented.pass_ is not None
    assert presented.pass_.device_key == PHONE_PUBLIC


def test_both_codes_are_as_written_down() -> None:
    step, signed = STEP.to_bytes(8), b45decode(gk1.issue(claims(), KEY)[4:])
    # RFC 5869 by hand: one block is enough for 32 bytes.
    extracted = hmac.digest(b"pass-id1", secret(), "sha256")
    key = hmac.digest(extracted, b"guankou step 1\x01", "sha256")
    assert parts(step_code()) == [signed, STEP, hmac.digest(key, b"pass-id1" + step, "sha256")[:8]]
    signed = b45decode(gk1.issue(claims(device_key=PHONE_PUBLIC), KEY)[4:])
    words = b"guankou device 1" + sha256(signed).digest() + step
    assert parts(device_code()) == [signed, STEP, PHONE.sign(words)]


@pytest.mark.parametrize("code", [step_code, device_code])
@pytest.mark.parametrize("off", [-2, -1, 0, 1, 2])
def test_a_phones_clock_may_be_a_minute_off(code: object, off: int) -> None:
    assert read(code(STEP + off)).valid  # type: ignore[operator]


@pytest.mark.parametrize("code", [step_code, device_code])
@pytest.mark.parametrize("off", [-20_160, -2_880, -3, 3, 20_160])
def test_a_screenshot_is_stale_and_only_the_clock_says_so(code: object, off: int) -> None:
    presented = read(code(STEP + off))  # type: ignore[operator]
    assert (presented.reason, presented.by_clock) == ("step_stale", True)


@given(st.integers(-300, 300) | st.integers(-DAY_S, DAY_S), st.integers(0, STEP_S - 1))
def test_a_code_counts_for_two_steps_around_its_own_and_never_longer(away_s: int, within_s: int) -> None:
    drawn_s = NOW_S + within_s
    code = step_code(drawn_s // STEP_S)
    seen_s = drawn_s + away_s
    fresh = abs(seen_s // STEP_S - drawn_s // STEP_S) <= 2
    trust = TrustList([entry(not_before_ms=0)])
    presented = read(code, seen_s, trust=trust, leeway_before_s=DAY_S, leeway_after_s=DAY_S)
    assert presented.reason == ("pass_valid" if fresh else "step_stale")


@pytest.mark.parametrize("weeks", [-60, -3, 3, 60])
def test_a_code_of_a_week_that_is_not_held_is_old_whatever_its_tag(weeks: int) -> None:
    presented = read(step_code(STEP + weeks * 20_160))
    assert (presented.reason, presented.by_clock) == ("step_stale", False)


def test_a_gate_without_the_secret_knows_that_it_does_not_know() -> None:
    for held in (NO_STEPS, secrets("site-b"), StepSecrets([StepSecret("site-a", WEEK - 1, secret(week=WEEK - 1))])):
        for step in (STEP, STEP + 1000 * 20_160):
            presented = read(step_code(step), steps=held)
            assert (presented.reason, presented.by_clock) == ("step_unknown", False)
            assert presented.pass_ is not None


def test_a_wrong_tag_is_a_forgery() -> None:
    signed, step, tag = parts(step_code())
    for wrong in (bytes(8), tag[::-1], bytes([tag[0] ^ 1]) + tag[1:], parts(step_code(STEP + 1))[2]):
        assert read(code_of([signed, step, wrong])).reason == "pass_forged"
    assert read(code_of([signed, step + 1, tag])).reason == "pass_forged"
    other = parts(step_code(pass_id=b"pass-id2"))
    assert read(code_of([other[0], step, tag])).reason == "pass_forged"


def test_the_secret_of_another_week_or_place_proves_nothing() -> None:
    assert read(step_code(scope="site-b")).reason == "pass_forged"
    key = gk1_variants.pass_key(secret(week=WEEK + 1), b"pass-id1")
    assert read(gk1_variants.step_text(gk1.issue(claims(), KEY), b"pass-id1", key, STEP).encode()).reason == (
        "pass_forged"
    )


def test_the_secret_of_any_scope_of_the_pass_will_do() -> None:
    scope = ("site-a", "site-b")
    for used in scope:
        held = claims(scope=scope)
        key = gk1_variants.pass_key(secret(used), held.pass_id)
        code = gk1_variants.step_text(gk1.issue(held, KEY), held.pass_id, key, STEP).encode()
        assert read(code, steps=secrets(*scope)).valid
        # Holding the secret of the other place only, nobody can say whether this one is forged.
        other = next(name for name in scope if name != used)
        assert read(code, steps=secrets(other)).reason == "step_unknown"


def test_a_secret_that_was_changed_within_its_week_counts_beside_the_new_one() -> None:
    changed = StepSecrets([StepSecret("site-a", WEEK, bytes(32)), StepSecret("site-a", WEEK, secret())])
    assert read(step_code(), steps=changed).valid


def test_weeks_turn_where_steps_turn() -> None:
    turn = week_of(STEP + 20_160) * 20_160
    assert (week_of(turn - 1), week_of(turn)) == (WEEK, WEEK + 1)
    assert read(step_code(turn - 1, expires_s=NOW_S + 9 * DAY_S), turn * STEP_S + 1).valid


def test_another_phone_or_another_pass_is_a_forgery() -> None:
    assert read(device_code(phone=STRANGER)).reason == "pass_forged"
    _, step, signature = parts(device_code())
    renewed = b45decode(gk1.issue(claims(device_key=PHONE_PUBLIC, expires_s=NOW_S + 2 * DAY_S), KEY)[4:])
    assert read(code_of([renewed, step, signature], b"GK1K:")).reason == "pass_forged"
    assert read(device_code(device_key=bytes([255]) * 32)).reason == "pass_forged"


def test_a_pass_that_names_no_phone_can_not_be_proved_by_one() -> None:
    assert read(device_code(device_key=None)).reason == "device_key_missing"


def test_a_pass_of_a_phone_is_never_taken_from_a_picture() -> None:
    plain = gk1.issue(claims(device_key=PHONE_PUBLIC), KEY).encode()
    presented = read(plain)
    assert (presented.reason, presented.by_clock) == ("device_proof_missing", False)
    assert read(plain, NOW_S + 2 * DAY_S).reason == "device_proof_missing"
    minted = gk1.issue(claims(device_key=PHONE_PUBLIC, expires_s=NOW_S + 300), KEY).encode()
    assert (read(minted).reason, read(minted).variant) == ("pass_valid", "rotating")
    assert read(step_code(device_key=PHONE_PUBLIC)).valid


@pytest.mark.parametrize("make", [step_code, device_code])
def test_a_good_proof_never_helps_a_bad_pass(make: object) -> None:
    def reason(**changes: object) -> str:
        return read(make(**changes)).reason  # type: ignore[operator]

    assert reason(key=STRANGER) == "key_unknown"
    assert reason(not_before_s=NOW_S + 3600, expires_s=NOW_S + 7200) == "pass_not_yet"
    assert reason(not_before_s=NOW_S - DAY_S, expires_s=NOW_S) == "pass_expired"
    narrow = TrustList([entry(classes=frozenset({"courier"}))])
    assert read(make(), trust=narrow).reason == "issuer_not_allowed"  # type: ignore[operator]
    signed, step, proof = parts(make())  # type: ignore[operator]
    broken = bytearray(signed)
    broken[-1] ^= 1
    prefix = b"GK1T:" if make is step_code else b"GK1K:"
    assert read(code_of([bytes(broken), step, proof], prefix)).reason == "pass_forged"


def test_a_forged_proof_is_named_before_anything_that_hangs_on_the_clock() -> None:
    """Else a gate whose clock is not trusted could be talked into an expired pass with a made-up tag."""
    signed, step, _ = parts(step_code(not_before_s=NOW_S - DAY_S, expires_s=NOW_S))
    assert read(code_of([signed, step, bytes(8)])).reason == "pass_forged"
    signed, step, _ = parts(device_code(not_before_s=NOW_S - DAY_S, expires_s=NOW_S))
    assert read(code_of([signed, step, bytes(64)], b"GK1K:")).reason == "pass_forged"
    old = read(step_code(STEP - 10, not_before_s=NOW_S - DAY_S, expires_s=NOW_S))
    assert (old.reason, old.by_clock) == ("pass_expired", True)
    assert read(step_code(not_before_s=NOW_S - DAY_S, expires_s=NOW_S), steps=NO_STEPS).reason == "pass_expired"


PROOF = parts(step_code())


@pytest.mark.parametrize(
    "value",
    [
        [],
        PROOF[:2],
        [*PROOF, 0],
        {0: PROOF},
        [PROOF[0], True, PROOF[2]],
        [PROOF[0], -1, PROOF[2]],
        [PROOF[0], 2**40 + 1, PROOF[2]],
        [PROOF[0], float(STEP), PROOF[2]],
        [PROOF[0], str(STEP), PROOF[2]],
        [PROOF[0], STEP, PROOF[2][:7]],
        [PROOF[0], STEP, PROOF[2] + b"\x00"],
        [PROOF[0], STEP, bytes(64)],
        [PROOF[0], STEP, "12345678"],
        [[PROOF[0]], STEP, PROOF[2]],
        [b"", STEP, PROOF[2]],
        [code_of(PROOF), STEP, PROOF[2]],
        [PROOF[0] + b"\x00", STEP, PROOF[2]],
    ],
)
def test_a_code_of_another_shape_is_malformed(value: object) -> None:
    assert read(code_of(value)).reason == "pass_malformed"


def test_a_code_that_is_not_in_its_one_form_is_malformed() -> None:
    inner = b45decode(step_code()[5:])
    assert read(b"GK1T:" + b45encode(inner + b"\x00")).reason == "pass_malformed"
    assert read(b"GK1T:" + b45encode(b"\xd8\x18" + inner)).reason == "pass_malformed"
    assert read(b"GK1T:" + b45encode(b"\x9f" + inner[1:] + b"\xff")).reason == "pass_malformed"
    assert read(step_code() + b"\n").reason == "pass_malformed"
    # The two variants don't stand in for each other.
    assert read(b"GK1K:" + step_code()[5:]).reason == "pass_malformed"
    assert read(b"GK1:" + step_code()[5:]).reason == "pass_malformed"


def test_a_tag_says_nothing_about_another_pass_or_step() -> None:
    key = gk1_variants.pass_key(secret(), b"pass-id1")
    tags = {gk1_variants.step_tag(key, b"pass-id1", step) for step in range(STEP, STEP + 100)}
    assert len(tags) == 100
    assert gk1_variants.pass_key(secret(), b"pass-id2") != key


@pytest.mark.parametrize("pass_class", sorted(LONGEST_LIFETIME_S))
def test_every_class_can_be_shown_live(pass_class: str) -> None:
    assert read(step_code(pass_class=pass_class, expires_s=NOW_S + 3600)).valid
    assert read(device_code(pass_class=pass_class, expires_s=NOW_S + 3600)).valid


@pytest.mark.parametrize(("code", "device", "most"), [(step_code, False, 32), (device_code, True, 20)])
def test_whoever_issues_can_ask_which_codes_a_gate_would_find_too_long(code: object, device: bool, most: int) -> None:
    found = set()
    for regions in range(10, most + 1):
        travel = Travel(18_302, tuple(range(360_100, 360_100 + regions)))
        changes = {"travel": travel, "plate": "赣" * 16, "household": b"hh01"}
        shown: bytes = code(**changes)  # type: ignore[operator]
        pass_text = gk1.PREFIX + b45encode(parts(shown)[0]).decode()
        reason = read(shown).reason
        found.add(reason)
        if reason == "pass_too_long":
            with pytest.raises(gk1.IssueError, match="shorten"):
                gk1_variants.check_length(pass_text, device=device)
        else:
            gk1_variants.check_length(pass_text, device=device)
    assert found == {"pass_valid", "pass_too_long"}


def test_a_key_of_a_phone_that_is_none_is_a_forgery_and_no_crash() -> None:
    for number in range(256):
        assert read(device_code(device_key=bytes([number]) * 32, phone=Ed25519PrivateKey.generate())).reason == (
            "pass_forged"
        )


def test_what_is_kept_of_the_samples_is_a_gates_three_weeks() -> None:
    assert [len(STEPS.candidates(["site-a"], STEP + weeks * 20_160)) for weeks in (-2, -1, 0, 1, 2)] == [0, 1, 1, 1, 0]
