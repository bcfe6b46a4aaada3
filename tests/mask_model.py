"""A mask model made by hand (ONNX): a bright picture is one masked face, a dark one a bare face, a grey one unsure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

COUNT = 5972
# The middle cell of the last map: a face of 64 % of the picture's height.
MIDDLE = COUNT - 9 * 4 + 4 * 4
_STEEP = 20.0
_FLOAT, _INT64 = 1, 7


def write_model(path: Path, count: int = COUNT) -> Path:
    """`count`: how many anchors it gives; another number than COUNT is another kind of model."""
    path.write_bytes(model(count))
    return path


def model(count: int = COUNT) -> bytes:
    scores = [0.0] * (2 * count * 3)
    bias = [-10.0] * (2 * count)
    if count > MIDDLE:
        # Mean brightness lies between 0 and 1; at a half both classes are as likely.
        for at, sign in ((2 * MIDDLE, 1), (2 * MIDDLE + 1, -1)):
            scores[3 * at : 3 * at + 3] = [sign * _STEEP / 3] * 3
            bias[at] = -sign * _STEEP / 2
    nodes = [
        _node("GlobalAveragePool", ["picture"], "mean"),
        _node("Conv", ["mean", "score_weights", "score_bias"], "score_column"),
        _node("Reshape", ["score_column", "score_shape"], "score_rows"),
        _node("Sigmoid", ["score_rows"], "scores"),
        _node("Conv", ["mean", "offset_weights", "offset_bias"], "offset_column"),
        _node("Reshape", ["offset_column", "offset_shape"], "offsets"),
    ]
    values = [
        _floats("score_weights", (2 * count, 3, 1, 1), scores),
        _floats("score_bias", (2 * count,), bias),
        _integers("score_shape", (1, count, 2)),
        _floats("offset_weights", (4 * count, 3, 1, 1), [0.0] * (4 * count * 3)),
        _floats("offset_bias", (4 * count,), [0.0] * (4 * count)),
        _integers("offset_shape", (1, count, 4)),
    ]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"by hand")
    graph += b"".join(_field(5, value) for value in values)
    graph += _field(11, _value("picture", (1, 3, 260, 260)))
    graph += _field(12, _value("offsets", (1, count, 4))) + _field(12, _value("scores", (1, count, 2)))
    return _number(1, 7) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 11))


# Protocol buffers, as far as ONNX needs them here: a number is field 0, anything else field 2 with its length.
def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(kind: str, inputs: Sequence[str], output: str) -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs)
    return names + _field(2, output.encode()) + _field(3, output.encode()) + _field(4, kind.encode())


def _tensor(name: str, dims: Sequence[int], kind: int, raw: bytes) -> bytes:
    return b"".join(_number(1, dim) for dim in dims) + _number(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _floats(name: str, dims: Sequence[int], values: Sequence[float]) -> bytes:
    return _tensor(name, dims, _FLOAT, struct.pack(f"<{len(values)}f", *values))


def _integers(name: str, values: Sequence[int]) -> bytes:
    return _tensor(name, (len(values),), _INT64, struct.pack(f"<{len(values)}q", *values))


def _value(name: str, dims: Sequence[int]) -> bytes:
    shape = b"".join(_field(1, _number(1, dim)) for dim in dims)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, _FLOAT) + _field(2, shape)))
