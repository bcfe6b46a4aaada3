"""The public key behind an ECDSA signature on P-256 (SEC 1 section 4.1.6): two candidates, one of them the signer's."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None


def candidates(signed: bytes, signature: bytes) -> Iterator[ec.EllipticCurvePublicKey]:
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    digest = int.from_bytes(sha256(signed).digest())
    square = (r**3 - 3 * r + _B) % _P
    root = pow(square, (_P + 1) // 4, _P)
    inverse = pow(r, -1, _N)
    for y in (root, _P - root):
        point = _add(_times(s * inverse % _N, (r, y)), _times(-digest * inverse % _N, _G))
        if point is not None:
            yield ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key()


def _add(left: _Point, right: _Point) -> _Point:
    if left is None or right is None:
        return left or right
    if left[0] == right[0] and (left[1] + right[1]) % _P == 0:
        return None
    if left == right:
        slope = (3 * left[0] ** 2 - 3) * pow(2 * left[1], -1, _P) % _P
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, _P) % _P
    x = (slope**2 - left[0] - right[0]) % _P
    return x, (slope * (left[0] - x) - left[1]) % _P


def _times(factor: int, point: _Point) -> _Point:
    total: _Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total
