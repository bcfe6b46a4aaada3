"""No codec can be brought down, filled up or fooled by bytes: random ones, and good frames that a bad line spoiled.

GUANKOU_STREAMS says how many streams each codec gets, a fifth of that where frames are long.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.drivers.behaviour.codecs import CodecUnderTest, every_codec
from tests.drivers.behaviour.streams import streams, torn

STREAMS = int(os.environ.get("GUANKOU_STREAMS", "20000"))
CODECS = every_codec()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("under_test", CODECS, ids=str)
def test_whatever_comes_nothing_breaks_nothing_piles_up_and_nothing_unproved_is_a_reading(
    under_test: CodecUnderTest,
) -> None:
    rng = random.Random(7)
    codec, fed, good = under_test.make(), b"", 0
    # A frame of a thousand bytes takes its time to spoil.
    count = STREAMS if len(under_test.frames[0]) < 500 else STREAMS // 5
    for number, stream in enumerate(streams(1, count, under_test.frames)):
        if number % 50 == 0:
            codec, fed = under_test.make(), b""
        under_test.ask(codec, number)
        fed += stream
        for piece in torn(stream, rng):
            for heard in codec.feed(piece):
                good += 1
                assert under_test.proved is None or under_test.proved(heard, fed), (heard, stream.hex(" "))
            assert codec.waiting_bytes <= under_test.held
    # A search that finds nothing good any more has stopped to mean anything.
    assert good > count / 100 or under_test.proved is None


@pytest.mark.parametrize("under_test", CODECS, ids=str)
def test_a_flood_is_never_held(under_test: CodecUnderTest) -> None:
    for flood in (bytes(20_000), b"\xff" * 20_000, under_test.frames[0][:3] * 5_000):
        codec = under_test.make()
        codec.feed(flood)
        assert codec.waiting_bytes <= under_test.held
