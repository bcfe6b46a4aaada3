"""What travels: read back as sent; torn, forged, swollen or mistaken messages raise WireError or CoseError alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cose, wire
from tests.golden import samples

GATE_PUBLIC = samples.GATE_KEY.public_key()
COLLECTOR_KEYS: dict[bytes, Ed25519PublicKey] = {
    cose.key_id(cose.public_bytes(samples.COLLECTOR_KEY)): samples.COLLECTOR_KEY.public_key()
}
Unpack = Callable[[bytes], object]
MESSAGES: dict[str, tuple[bytes, Unpack]] = {
    "batch": (wire.pack_batch(samples.BATCH), wire.unpack_batch),
    "hello": (wire.pack_hello(samples.GATE_KEY, samples.HELLO), lambda data: wire.unpack_hello(data, GATE_PUBLIC)),
    "alarm": (wire.pack_alarm(samples.GATE_KEY, samples.ALARM), lambda data: wire.unpack_alarm(data, GATE_PUBLIC)),
    "answer": (
        wire.pack_answer(samples.COLLECTOR_KEY, samples.ANSWER),
        lambda data: wire.unpack_answer(data, COLLECTOR_KEYS),
    ),
}
names = st.sampled_from(sorted(MESSAGES))
SIGNED = [name for name in MESSAGES if name != "batch"]


def raises_only_its_own(unpack: Unpack, data: bytes) -> bool:
    """True if the bytes were taken."""
    try:
        unpack(data)
    except (wire.WireError, cose.CoseError):
        return False
    return True


@given(names, st.data())
def test_a_changed_byte_in_the_compressed_message_is_never_taken_for_another_message(
    name: str, data: st.DataObject
) -> None:
    sent, unpack = MESSAGES[name]
    changed = bytearray(sent)
    changed[data.draw(st.integers(0, len(sent) - 1))] ^= data.draw(st.integers(1, 255))
    if raises_only_its_own(unpack, bytes(changed)) and name in SIGNED:
        assert unpack(bytes(changed)) == unpack(sent)


@pytest.mark.parametrize("name", SIGNED)
def test_every_flip_of_a_bit_in_a_signed_message_is_refused(name: str) -> None:
    sent, unpack = MESSAGES[name]
    message = wire.expand(sent)
    for bit in range(8 * len(message)):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not raises_only_its_own(unpack, wire.compress(bytes(flipped))), f"bit {bit}"


@given(st.data())
def test_a_batch_with_any_bytes_changed_is_a_batch_or_a_wire_error(data: st.DataObject) -> None:
    message = bytearray(wire.expand(MESSAGES["batch"][0]))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        wire.unpack_batch(wire.compress(bytes(message)))
    except wire.WireError:
        return


@pytest.mark.parametrize("name", MESSAGES)
def test_every_truncation_is_refused(name: str) -> None:
    sent, unpack = MESSAGES[name]
    for length in range(len(sent)):
        assert not raises_only_its_own(unpack, sent[:length])


@given(names, st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(name: str, data: bytes) -> None:
    unpack = MESSAGES[name][1]
    assert not raises_only_its_own(unpack, data)
    assert not raises_only_its_own(unpack, wire.compress(data))


@pytest.mark.parametrize("name", MESSAGES)
def test_bytes_after_the_message_are_refused(name: str) -> None:
    sent, unpack = MESSAGES[name]
    for more in (b"\x00", sent):
        assert not raises_only_its_own(unpack, sent + more)
    assert not raises_only_its_own(unpack, wire.compress(wire.expand(sent) + b"\x00"))


@pytest.mark.parametrize("name", SIGNED)
def test_no_signed_message_passes_for_another(name: str) -> None:
    sent = MESSAGES[name][0]
    for other, (_, unpack) in MESSAGES.items():
        assert raises_only_its_own(unpack, sent) is (other == name)


def test_a_strangers_signature_is_refused() -> None:
    with pytest.raises(cose.UnknownKeyError):
        wire.unpack_hello(wire.pack_hello(samples.COLLECTOR_KEY, samples.HELLO), GATE_PUBLIC)
    with pytest.raises(cose.CoseError):
        wire.unpack_answer(wire.pack_answer(samples.GATE_KEY, samples.ANSWER), COLLECTOR_KEYS)
    with pytest.raises(cose.CoseError):
        wire.verify_head(samples.BATCH.signed_head, samples.COLLECTOR_KEY.public_key())


def packed(batch: wire.Batch, **fields: object) -> bytes:
    return wire.pack_batch(msgspec.structs.replace(batch, **fields))


def test_a_batch_holds_one_to_five_hundred_records_each_with_its_payload() -> None:
    header, seal = samples.BATCH.headers[0], samples.BATCH.sealed[0]
    limit = wire.MAX_BATCH_RECORDS
    assert (
        len(wire.unpack_batch(packed(samples.BATCH, headers=(header,) * limit, sealed=(seal,) * limit)).headers)
        == limit
    )
    for headers, sealed in ((0, 0), (limit + 1, limit + 1), (2, 1)):
        with pytest.raises(wire.WireError):
            wire.unpack_batch(packed(samples.BATCH, headers=(header,) * headers, sealed=(seal,) * sealed))


def test_a_message_of_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(wire.WireError, match="version 2"):
        wire.unpack_batch(packed(samples.BATCH, version=2))
    newer = msgspec.structs.replace(samples.ANSWER, version=2)
    with pytest.raises(wire.WireError, match="version 2"):
        wire.unpack_answer(wire.pack_answer(samples.COLLECTOR_KEY, newer), COLLECTOR_KEYS)


@pytest.mark.parametrize("inner", [b"\x91" * 100_000, b"\x98\xdd" + b"\xff" * 4, b"\x92\x01\xa1\xff"])
def test_nesting_lengths_and_text_that_lie_are_wire_errors(inner: bytes) -> None:
    signed = wire.compress(cose.sign(samples.GATE_KEY, inner, wire.HELLO_PURPOSE))
    with pytest.raises(wire.WireError):
        wire.unpack_hello(signed, GATE_PUBLIC)
    with pytest.raises(wire.WireError):
        wire.unpack_batch(wire.compress(inner))


# -- Bombs -------------------------------------------------------------------------------------------------------------

_MIB = 1 << 20


def bomb(size: int, *, claimed: bool, window_log: int = 20) -> bytes:
    settings = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log, write_content_size=claimed)
    compressor = zstandard.ZstdCompressor(compression_params=settings)
    if claimed:
        return compressor.compress(bytes(size))
    stream = compressor.compressobj()
    return stream.compress(bytes(size)) + stream.flush()


@pytest.mark.parametrize("claimed", [True, False])
def test_a_message_may_grow_to_the_limit_and_not_by_one_byte_more(claimed: bool) -> None:
    assert len(wire.expand(bomb(wire.MAX_MESSAGE_BYTES, claimed=claimed))) == wire.MAX_MESSAGE_BYTES
    with pytest.raises(wire.WireError):
        wire.expand(bomb(wire.MAX_MESSAGE_BYTES + 1, claimed=claimed))


def test_a_message_that_is_long_before_it_is_expanded_is_refused() -> None:
    with pytest.raises(wire.WireError, match="the limit is"):
        wire.expand(bytes(wire.MAX_MESSAGE_BYTES + 1))


# The child may not take more address space than this beyond what it has: a bomb that swells ends in MemoryError there.
_CHILD = """
import resource, sys
from checkpoint import wire
data = sys.stdin.buffer.read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {allowed}, used + {allowed}))
try:
    wire.expand(data)
except wire.WireError:
    sys.exit(7)
"""


@pytest.mark.parametrize(("claimed", "window_log"), [(True, 20), (False, 20), (False, 27)])
def test_a_bomb_is_refused_in_bounded_memory(claimed: bool, window_log: int) -> None:
    data = bomb(256 * _MIB, claimed=claimed, window_log=window_log)
    assert len(data) < 64 * 1024
    child = [sys.executable, "-c", _CHILD.format(allowed=32 * _MIB)]
    done = subprocess.run(child, input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 7, done.stderr.decode()


def test_a_small_message_that_demands_a_window_of_128_mib_is_refused() -> None:
    with pytest.raises(wire.WireError, match="memory"):
        wire.expand(bomb(1000, claimed=False, window_log=27))
    assert wire.expand(bomb(1000, claimed=False, window_log=23)) == bytes(1000)


def test_many_threads_may_pack_at_once() -> None:
    sent = MESSAGES["batch"][0]
    wrong: list[bytes] = []

    def pack() -> None:
        wrong.extend(data for data in (wire.pack_batch(samples.BATCH) for _ in range(200)) if data != sent)

    threads = [threading.Thread(target=pack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
