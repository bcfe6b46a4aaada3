"""One good code of every format, damaged in every way we know: none of it is a pass, and each refusal has its name."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import cbor2
import pytest
from base45 import b45encode

from checkpoint.formats import MAX_CHARACTERS
from checkpoint.passes import Presented
from checkpoint.reasons import ALL
from tests.checkpoint.mutation_samples import COLLEAGUE_ID, SAMPLES, Sample

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
signed_sample = pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if sample.sign], ids=lambda sample: sample.name
)
packed_sample = pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if sample.enclose], ids=lambda sample: sample.name
)
# What a changed signed message may be called. Which one depends on the byte that was hit.
BROKEN = {"pass_malformed", "pass_forged", "key_unknown", "unsigned", "pass_profile", "pass_too_long"}
# What a changed code may be called: a prefix that was hit makes it something else, a step another moment.
HIT = BROKEN | {"not_a_pass", "step_stale", "step_unknown", "pass_incomplete", "format_not_enabled"}


def flips(data: bytes, at_most: int) -> Iterator[bytes]:
    """Every single bit the other way; of longer data `at_most` of them, evenly spread."""
    bits = 8 * len(data)
    for number in range(min(bits, at_most)):
        bit = number if bits <= at_most else number * bits // at_most
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def cuts(data: bytes) -> Iterator[bytes]:
    """Every truncation at either end."""
    for length in range(len(data)):
        yield data[:length]
        yield data[len(data) - length :]


def edits(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Pieces of the data dropped, doubled, moved, overwritten, or with something put between."""
    chance = random.Random(seed)
    for _ in range(count):
        start, end = sorted(chance.choices(range(len(data) + 1), k=2))
        middle = data[start:end]
        noise = chance.choice([b"\x00", b" ", b"A", b"\xff", bytes(8), chance.randbytes(chance.randint(1, 20))])
        yield chance.choice(
            [
                data[:start] + data[end:],
                data[:end] + middle + data[end:],
                data[:start] + middle[::-1] + data[end:],
                data[:start] + noise + data[start:],
                data[:start] + noise + data[start + len(noise) :],
                data[end:] + data[:end],
                data[:start] + middle.swapcase() + data[end:],
            ]
        )


def refused(sample: Sample, texts: Iterable[bytes], allowed: set[str]) -> set[str]:
    """The reasons of all these texts; none of them is the sample itself, and none may be taken for it."""
    seen: set[str] = set()
    for text in texts:
        if text == sample.text:
            continue
        presented = sample.read(text)
        assert presented.reason != sample.accepted, text
        assert not presented.valid
        assert presented.reason in allowed, (presented, text)
        assert presented.reason in ALL
        assert len(presented.detail) < 400
        seen.add(presented.reason)
    return seen


@every_sample
def test_an_untouched_code_is_taken(sample: Sample) -> None:
    assert sample.read(sample.text).reason == sample.accepted


@every_sample
def test_no_bit_of_the_code_may_change(sample: Sample) -> None:
    assert "pass_malformed" in refused(sample, flips(sample.text, 12_000), HIT)


@every_sample
def test_no_bit_of_the_signed_message_may_change(sample: Sample) -> None:
    texts = map(sample.wrap, flips(sample.message, 12_000))
    assert refused(sample, texts, BROKEN) >= {"pass_malformed", "pass_forged", "key_unknown"}


@every_sample
def test_no_end_may_be_missing(sample: Sample) -> None:
    refused(sample, cuts(sample.text), HIT)
    refused(sample, map(sample.wrap, cuts(sample.message)), BROKEN)


@every_sample
def test_nothing_may_stand_before_or_behind(sample: Sample) -> None:
    extra = (b"\x00", b" ", b"\n", b"0", b"A", b"A" * 3, sample.text)
    refused(sample, (text for more in extra for text in (more + sample.text, sample.text + more)), HIT)
    refused(sample, (sample.wrap(message) for more in extra for message in (sample.message + more,)), BROKEN)


@every_sample
def test_no_piece_may_be_dropped_doubled_moved_or_put_in(sample: Sample) -> None:
    refused(sample, edits(sample.text, 1, 400), HIT)
    refused(sample, map(sample.wrap, edits(sample.message, 2, 400)), BROKEN)


@every_sample
def test_no_two_codes_make_a_third(sample: Sample) -> None:
    for other in SAMPLES:
        if other is sample:
            continue
        chance = random.Random(3)
        cut_at = [chance.randrange(1, min(len(sample.text), len(other.text))) for _ in range(40)]
        for text in (sample.text[:cut] + other.text[cut:] for cut in cut_at):
            # Two codes of one format may begin alike; then the cut gives the other one whole.
            if text != other.text:
                refused(sample, [text], HIT | {"issuer_not_allowed"})


@every_sample
def test_a_code_under_another_prefix_is_never_taken(sample: Sample) -> None:
    bare = sample.text.partition(b":")[2] if b":" in sample.text[:5] else sample.text
    prefixes = (b"GK1:", b"GK1T:", b"GK1K:", b"HC1:", b"shc:/", b"gk1:", b"")
    refused(sample, (prefix + bare for prefix in prefixes), HIT)


@every_sample
@pytest.mark.parametrize("fill", [b"A", b"0", b":", b" ", b"\xff", b"5", b"["])
def test_a_flood_of_one_letter_is_refused_at_every_length(sample: Sample, fill: bytes) -> None:
    prefix = sample.text[:5]
    for length in (0, 1, 2, 3, 100, 555, 556, 557, 3995, 3996, 3997, MAX_CHARACTERS, MAX_CHARACTERS + 1, 100_000):
        refused(sample, [prefix + fill * length], HIT)


# -- Signed messages of every wrong kind -------------------------------------------------------------------------------


def read_signed(sample: Sample, headers: Any, payload: bytes | None = None, stranger: bool = False) -> Presented:
    assert sample.sign
    return sample.read(sample.wrap(sample.sign(sample.payload if payload is None else payload, headers, stranger)))


def remade(sample: Sample, place: int, value: object) -> Presented:
    """The sample with one of the four parts of its message exchanged, nothing signed anew."""
    outer = cbor2.loads(sample.message)
    outer[place] = value
    return sample.read(sample.wrap(cbor2.dumps(outer, canonical=True)))


@signed_sample
def test_a_key_can_not_be_swapped(sample: Sample) -> None:
    headers = dict(sample.headers)
    assert read_signed(sample, headers, stranger=True).reason == "pass_forged"
    assert read_signed(sample, {**headers, 4: COLLEAGUE_ID}).reason == "pass_forged"
    assert read_signed(sample, {**headers, 4: b"none"}).reason == "key_unknown"
    swapped = cbor2.dumps({**headers, 4: COLLEAGUE_ID}, canonical=True)
    assert remade(sample, 0, swapped).reason == "pass_forged"


@signed_sample
@pytest.mark.parametrize("kid", [b"", b"k", bytes(3), bytes(5), bytes(64), bytes(120), "text", 7, None, [b"k"]])
def test_a_key_id_of_another_size_or_type_names_no_key(sample: Sample, kid: object) -> None:
    assert read_signed(sample, {**dict(sample.headers), 4: kid}).reason in ("pass_malformed", "key_unknown")
    assert read_signed(sample, {**dict(sample.headers), 4: bytes(3000)}).reason in ("pass_malformed", "pass_too_long")


@signed_sample
@pytest.mark.parametrize("algorithm", [-37, -257, -36, -35, -65535, 0, 1, 5, 2**70, -(2**70), "ES256", None, True, 1.5])
def test_another_algorithm_than_the_keys_is_refused(sample: Sample, algorithm: object) -> None:
    presented = read_signed(sample, {**dict(sample.headers), 1: algorithm})
    assert presented.reason in ("pass_malformed", "pass_forged")
    others = {-19: (-7,), -8: (-7,), -7: (-8, -19)}[int(str(dict(sample.headers)[1]))]
    for other in others:
        assert read_signed(sample, {**dict(sample.headers), 1: other}).reason in ("pass_malformed", "pass_forged")


@signed_sample
def test_headers_of_another_form_are_refused(sample: Sample) -> None:
    headers = dict(sample.headers)
    repeated = b"\xa3\x01\x26\x01\x26" + cbor2.dumps(4) + cbor2.dumps(headers[4])
    for wrong in (repeated, b"\xff", b"\x80", b"\xa0", b"\xbf\xff", b"\x81" * 90, {**headers, 2: [99], 99: 1}):
        presented = read_signed(sample, wrong)
        assert presented.reason in ("pass_malformed", "key_unknown"), wrong
    assert read_signed(sample, {4: headers[4]}).reason == "pass_malformed"


@signed_sample
@pytest.mark.parametrize("length", [0, 1, 3, 63, 65, 70, 72, 96, 128, 132, 300])
def test_a_signature_of_another_length_is_refused(sample: Sample, length: int) -> None:
    signature = (cbor2.loads(sample.message)[3] * 5)[:length]
    assert remade(sample, 3, signature).reason in ("pass_malformed", "pass_forged", "unsigned", "pass_too_long")


@signed_sample
def test_a_signature_of_nothing_or_of_everything_is_refused(sample: Sample) -> None:
    for signature in (bytes(64), b"\xff" * 64, b"\x01" + bytes(31) + b"\x01" + bytes(31), "a" * 64, None, [], 0):
        assert remade(sample, 3, signature).reason in ("pass_malformed", "pass_forged")


@signed_sample
def test_parts_of_another_type_are_refused(sample: Sample) -> None:
    for place in range(4):
        for value in (None, True, 0, -1, 1.5, "", "text", [], [[]], {"a": 1}, cbor2.CBORTag(0, "x"), b""):
            presented = remade(sample, place, value)
            assert presented.reason in BROKEN or (place == 1 and presented.reason == sample.accepted), (place, value)


@signed_sample
def test_signed_claims_with_a_repeated_key_are_refused(sample: Sample) -> None:
    """Two readers could each believe another one of them."""
    count, rest = sample.payload[0], sample.payload[1:]
    assert 0xA0 < count < 0xB7
    first = cbor2.dumps(next(iter(cbor2.loads(sample.payload).items()))[0])
    value = cbor2.dumps(next(iter(cbor2.loads(sample.payload).values())))
    repeated = bytes([count + 1]) + first + value + rest
    assert read_signed(sample, dict(sample.headers), repeated).reason == "pass_profile"


BOMBS = {
    "arrays in arrays": b"\x81" * 150 + b"\x00",
    "maps in maps": b"\xa1\x00" * 75 + b"\x00",
    "maps as keys": b"\xa1" * 150 + b"\x00",
    "tags on tags": b"\xc1" * 150 + b"\x00",
    "endless arrays": b"\x9f" * 150,
    "endless text": b"\x7f" + b"\x61a" * 70,
    "an array of 2^32": b"\x9a\xff\xff\xff\xff",
    "an array of 2^64": b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    "a map of 2^32": b"\xba\xff\xff\xff\xff",
    "a map of 2^64": b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00",
    "bytes of 2^63": b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "text of 2^32": b"\x7a\xff\xff\xff\xff",
    "a huge number": b"\xc2\x58\x80" + b"\xff" * 128,
    "a fraction of huge power": b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    "a shared value": b"\xd8\x1c\x81\xd8\x1d\x00",
    "a pattern": b"\xd8\x23\x6a(a+)+(a+)+",
    "a date": b"\xc0\x64soon",
    "not UTF-8": b"\x62\xff\xff",
    "a simple value": b"\xf8\xff",
    "nothing": b"",
}


@signed_sample
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_under_a_good_signature_is_a_bad_profile(sample: Sample, name: str) -> None:
    bomb = BOMBS[name]
    for payload in (bomb, b"\xa1\x04" + bomb, b"\xa1\x3a\x00\x01\x11\x70\xa1\x02" + bomb, b"\xa1\x39\x01\x03" + bomb):
        assert read_signed(sample, dict(sample.headers), payload).reason == "pass_profile"


@signed_sample
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_the_place_of_the_message_is_malformed(sample: Sample, name: str) -> None:
    bomb = BOMBS[name]
    for message in (bomb, b"\x84" + bomb, b"\x84\x40" + bomb, b"\x84\x40\xa1\x04" + bomb, b"\xd2\x84" + bomb):
        assert sample.read(sample.wrap(message)).reason == "pass_malformed"


# -- Compressed bombs --------------------------------------------------------------------------------------------------


def bombs(sample: Sample) -> Iterator[bytes]:
    """About 3 kB that become about 3 MB, once as a stream of one letter, once around the good message."""
    wbits = -zlib.MAX_WBITS if sample.name == "SHC" else zlib.MAX_WBITS
    for size, content in ((3 << 20, bytes(3 << 20)), (2 << 20, sample.message + b" " * (2 << 20))):
        packer = zlib.compressobj(9, wbits=wbits)
        packed = packer.compress(content) + packer.flush()
        assert len(packed) < size / 800
        yield packed


@packed_sample
def test_three_kilobytes_never_become_three_megabytes(sample: Sample) -> None:
    assert sample.enclose
    opened = 0
    for bomb in bombs(sample):
        presented = sample.read(sample.enclose(bomb))
        assert presented.reason in ("pass_malformed", "pass_profile", "pass_too_long"), presented
        opened += presented.reason != "pass_too_long"
    assert opened


@packed_sample
def test_a_few_bytes_never_become_tens_of_thousands_of_items(sample: Sample) -> None:
    """They would be read one by one before the signature is looked at."""
    if sample.name == "SHC":
        return
    for many in (b"\x99\x7f\xf0" + b"\xc1\x00" * 0x7FF0, b"\x84\x5f" + b"\x40" * 65_000 + b"\xff"):
        presented = sample.read(sample.wrap(many))
        assert presented.reason == "pass_malformed"
        assert "items" in presented.detail


@packed_sample
def test_a_compressed_stream_is_one_whole_stream(sample: Sample) -> None:
    assert sample.enclose
    if sample.name == "SHC":
        return
    good = zlib.compress(sample.message, 9)
    assert sample.read(sample.enclose(good)).reason == sample.accepted
    wrong = (b"", good[:-1], good[:-4] + bytes(4), good + b"\x00", good + good, sample.message, good[2:-4], b"\x78\x9c")
    for packed in wrong:
        assert sample.read(sample.enclose(packed)).reason in ("pass_malformed", "not_a_pass")
    # A preset dictionary, and a window larger than any.
    assert sample.read(sample.enclose(b"\x78\xbb" + bytes(4) + good[2:])).reason in ("pass_malformed", "not_a_pass")


def test_base45_that_stands_for_more_than_its_bytes_is_malformed() -> None:
    for text in (b"GK1:GGW", b"GK1:::", b"GK1T:" + b":::" * 20, b"GK1K:" + bytes(b45encode(b"\x83")) + b"A"):
        assert SAMPLES[0].read(text).reason == "pass_malformed"
