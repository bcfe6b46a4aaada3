"""A verdict on somebody in a vehicle names its passage; a verdict on anybody else is written as it always was."""

from __future__ import annotations

import msgspec

from checkpoint.records import Verdict, Where, decode_payload, encode_payload

ALONE = Verdict(
    1, Where("garden", "in", "in", "vehicle"), "allow", "all_ok", "resident", (), None, (), "p", 1, "low", "guard", (),
    None, "",
)  # fmt: skip
RIDING = msgspec.structs.replace(ALONE, of_vehicle=bytes(range(16)))
FIELDS_BEFORE = 15


def test_who_sits_in_no_vehicle_is_recorded_in_the_same_bytes_as_before():
    fields = msgspec.msgpack.decode(encode_payload(ALONE))
    assert len(fields) == FIELDS_BEFORE
    assert decode_payload("verdict", encode_payload(ALONE)) == ALONE


def test_the_vehicles_passage_stands_at_the_end_and_comes_back():
    fields = msgspec.msgpack.decode(encode_payload(RIDING))
    assert fields[FIELDS_BEFORE:] == [False, bytes(range(16))]
    assert fields[:FIELDS_BEFORE] == msgspec.msgpack.decode(encode_payload(ALONE))
    assert decode_payload("verdict", encode_payload(RIDING)) == RIDING


def test_a_program_from_before_reads_it_as_a_verdict_on_this_person():
    class Older(msgspec.Struct, array_like=True, frozen=True):
        """The first fields of a verdict, as they were."""

        version: int
        where: Where
        verdict: str
        reason: str
        pass_class: str

    older = msgspec.msgpack.decode(encode_payload(RIDING), type=Older)
    assert (older.version, older.verdict, older.pass_class) == (1, "allow", "resident")
