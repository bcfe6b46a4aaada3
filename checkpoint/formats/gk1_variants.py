"""`GK1T:` and `GK1K:`: a pass with a proof that it is shown now, by a time step's tag or by the phone's own key.

Base45 of CBOR [pass bytes, step, proof]: the signed message of a `GK1:` pass as it is, the half minute since 1970 in
which the code was drawn, and 8 bytes of an HMAC or an Ed25519 signature.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Final, NamedTuple

from base45 import b45decode, b45encode
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from checkpoint import cbor
from checkpoint.formats import gk1
from checkpoint.formats.gk1 import Terms
from checkpoint.passes import Pass, Presented, Variant
from checkpoint.steps import STEPS_EITHER_SIDE, StepSecrets, step_at

STEP_FORMAT: Final = "GK1T"
STEP_PREFIX: Final = "GK1T:"
DEVICE_FORMAT: Final = "GK1K"
DEVICE_PREFIX: Final = "GK1K:"
TAG_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_STEP_INFO: Final = b"guankou step 1"
_DEVICE_WORDS: Final = b"guankou device 1"
_LATEST_STEP: Final = 2**40
# Written with as many bytes as any step up to the year 6053.
_LONG_STEP: Final = 2**32 - 1


class _Shown(NamedTuple):
    signed: bytes
    step: int
    proof: bytes


class _Judged(NamedTuple):
    """Code of what the proof is worth; empty: it holds, and its step is the present one or a neighbour."""

    reason: str
    detail: str = ""
    by_clock: bool = False


# -- Making ------------------------------------------------------------------------------------------------------------


def pass_key(secret: bytes, pass_id: bytes) -> bytes:
    """What a phone holds of a week's secret: the key (32 bytes) for its own pass alone."""
    return HKDF(SHA256(), 32, pass_id, _STEP_INFO).derive(secret)


def step_tag(key: bytes, pass_id: bytes, step: int) -> bytes:
    """The tag (8 bytes) of a pass for one step, under its `pass_key`."""
    return hmac.digest(key, pass_id + step.to_bytes(8), "sha256")[:TAG_BYTES]


def device_words(signed: bytes, step: int) -> bytes:
    """What the phone's key signs: this very pass, now."""
    return _DEVICE_WORDS + sha256(signed).digest() + step.to_bytes(8)


def step_text(pass_text: str, pass_id: bytes, key: bytes, step: int) -> str:
    """The text of a `GK1T:` code: a pass, and the tag of this step under its `pass_key`."""
    return _text(STEP_PREFIX, pass_text, step, step_tag(key, pass_id, step))


def device_text(pass_text: str, key: Ed25519PrivateKey, step: int) -> str:
    """The text of a `GK1K:` code: a pass, and the signature of the phone's key for this step."""
    return _text(DEVICE_PREFIX, pass_text, step, key.sign(device_words(_signed(pass_text), step)))


def check_length(pass_text: str, *, device: bool) -> None:
    """Whether gates would read what a phone makes of this pass; `device`: signed by its key. Raises IssueError."""
    prefix, proof = (DEVICE_PREFIX, _SIGNATURE_BYTES) if device else (STEP_PREFIX, TAG_BYTES)
    length = len(_text(prefix, pass_text, _LONG_STEP, bytes(proof)))
    if length > gk1.MAX_CHARACTERS:
        raise gk1.IssueError(
            f"the {prefix} code of this pass would have {length} characters, at most {gk1.MAX_CHARACTERS}:"
            " shorten its scope or travel list"
        )


def _text(prefix: str, pass_text: str, step: int, proof: bytes) -> str:
    return prefix + str(b45encode(cbor.dumps([_signed(pass_text), step, proof])), "ascii")


def _signed(pass_text: str) -> bytes:
    return bytes(b45decode(pass_text.removeprefix(gk1.PREFIX)))


# -- Reading -----------------------------------------------------------------------------------------------------------


def read_step(payload: bytes, terms: Terms, steps: StepSecrets) -> Presented:
    """What a `GK1T:` text is. Prefix and length have been looked at."""
    return _read(payload, STEP_FORMAT, "step", terms, lambda held, shown: _judge_tag(held, shown, terms.now_s, steps))


def read_device(payload: bytes, terms: Terms) -> Presented:
    """What a `GK1K:` text is. Prefix and length have been looked at."""
    return _read(payload, DEVICE_FORMAT, "device", terms, lambda held, shown: _judge_device(held, shown, terms.now_s))


def _read(
    payload: bytes, form: str, variant: Variant, terms: Terms, judge: Callable[[Pass, _Shown], _Judged]
) -> Presented:
    try:
        shown = _shown(b45decode(payload[len(form) + 1 :]), TAG_BYTES if form == STEP_FORMAT else _SIGNATURE_BYTES)
    except ValueError as error:
        return Presented(form, None, "pass_malformed", str(error), variant=variant)
    plain = replace(gk1.read_signed(shown.signed, terms), format=form)
    presented = replace(plain, variant=variant)
    held = presented.pass_
    if held is None or not (presented.valid or presented.by_clock):
        return presented
    proof = judge(held, shown)
    if presented.by_clock and proof.reason == "step_unknown":
        # It may be in its time after all, and the proof made up: worth no more than a picture.
        return gk1.unproved(plain)
    # A refusal that only the clock gives must not cover one that stands at any time.
    if not proof.reason or (presented.by_clock and proof.by_clock):
        return presented
    return replace(presented, reason=proof.reason, detail=proof.detail, by_clock=proof.by_clock)


def _shown(data: bytes, proof_bytes: int) -> _Shown:
    """Raises ValueError."""
    match cbor.loads(data, 1):
        # `true` is an int to Python, not to us.
        case [bytes() as signed, int() as step, bytes() as proof] if not isinstance(step, bool):
            pass
        case _:
            raise ValueError("not [pass, step, proof]")
    if not 0 <= step <= _LATEST_STEP:
        raise ValueError(f"step {step} is not within 0 to {_LATEST_STEP}")
    if len(proof) != proof_bytes:
        raise ValueError(f"the proof has {proof_bytes} bytes, this one {len(proof)}")
    return _Shown(signed, step, proof)


def _judge_tag(held: Pass, shown: _Shown, now_s: int, steps: StepSecrets) -> _Judged:
    secrets = steps.candidates(held.scope, shown.step)
    if any(_tag_holds(held.pass_id, shown, secret) for secret in secrets):
        return _in_window(shown.step, now_s)
    # With the present week's secret at hand, a step of a week that is not held can't be the present one, whoever
    # tagged it; by_clock stays false because nothing vouches for the step.
    if not secrets and _missed(shown.step, now_s) and steps.candidates(held.scope, step_at(now_s)):
        return _Judged("step_stale", f"step {shown.step} is of a week that is past or to come")
    # The phone may have used the secret of any scope of its pass.
    if all(steps.candidates((scope,), shown.step) for scope in held.scope):
        return _Judged("pass_forged", f"the tag for step {shown.step} is wrong")
    return _Judged("step_unknown", f"no secret of {', '.join(held.scope)} for step {shown.step} is held here")


def _tag_holds(pass_id: bytes, shown: _Shown, secret: bytes) -> bool:
    return hmac.compare_digest(step_tag(pass_key(secret, pass_id), pass_id, shown.step), shown.proof)


def _judge_device(held: Pass, shown: _Shown, now_s: int) -> _Judged:
    if held.device_key is None:
        return _Judged("device_key_missing", "the pass names no key of a phone, so nothing can prove it")
    try:
        Ed25519PublicKey.from_public_bytes(held.device_key).verify(shown.proof, device_words(shown.signed, shown.step))
    except (InvalidSignature, ValueError):
        return _Judged("pass_forged", "not signed by the key of the phone that the pass names")
    return _in_window(shown.step, now_s)


def _in_window(step: int, now_s: int) -> _Judged:
    if missed := _missed(step, now_s):
        return _Judged("step_stale", f"shown {missed} steps of 30 s from now", by_clock=True)
    return _Judged("")


def _missed(step: int, now_s: int) -> int:
    """How many steps from now, negative for the past; 0: near enough."""
    distance = step - step_at(now_s)
    return 0 if abs(distance) <= STEPS_EITHER_SIDE else distance
