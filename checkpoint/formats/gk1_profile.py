"""What the payload of a `GK1:` pass may hold: claims to bytes, and bytes to claims that obey every rule."""

from __future__ import annotations

from typing import Final, TypeVar

from checkpoint import cbor
from checkpoint.passes import CLASS_BY_NUMBER, LONGEST_LIFETIME_S, NUMBER_BY_CLASS, Arrival, Claims, PassClass, Travel
from checkpoint.topics import is_slug

# RFC 8392 section 4 and the private range of RFC 8392 section 9.1.1 (below -65536).
_SUBJECT, _EXPIRES, _NOT_BEFORE, _PASS_ID = 2, 4, 5, 7
_PRIVATE: Final = -70001
_CLASS, _SCOPE, _HOUSEHOLD, _STATUS, _TRAVEL, _DOCUMENT, _PLATE, _DEVICE, _PARTY, _ARRIVAL, _USES = range(1, 12)

_ID_BYTES: Final = 8
_HOUSEHOLD_BYTES: Final = 4
_DOCUMENT_BYTES: Final = 16
_DEVICE_BYTES: Final = 32
_MAX_SCOPES: Final = 16
_MAX_REGIONS: Final = 32
_MAX_PLATE: Final = 16
_MAX_PARTY: Final = 20
_MAX_USES: Final = 100
_NONCE_BYTES: Final = 8
_MAX_INDEX: Final = 2**32 - 1
_MAX_REGION: Final = 999_999
_LATEST_S: Final = 2**40
_LATEST_DAY: Final = 2**24
# Claims, private map, travel, regions; one more for claims that are not known yet.
_MAX_DEPTH: Final = 5

_T = TypeVar("_T")


class ProfileError(ValueError):
    """The payload is signed, but it is not a pass by our rules."""


def payload_of(claims: Claims) -> bytes:
    """The bytes that are signed: deterministic CBOR; claims that are not set are left out."""
    travel = claims.travel and [claims.travel.attested_until_day, list(claims.travel.regions)]
    private = {
        _CLASS: NUMBER_BY_CLASS[claims.pass_class],
        _SCOPE: list(claims.scope),
        _HOUSEHOLD: claims.household,
        _STATUS: claims.status_index,
        _TRAVEL: travel,
        _DOCUMENT: claims.document_digest,
        _PLATE: claims.plate,
        _DEVICE: claims.device_key,
        _PARTY: claims.party_size if claims.party_size != 1 else None,
        _ARRIVAL: claims.arrival and [claims.arrival.gate, claims.arrival.nonce],
        _USES: claims.uses,
    }
    return cbor.dumps(
        {
            _SUBJECT: claims.subject,
            _EXPIRES: claims.expires_s,
            _NOT_BEFORE: claims.not_before_s,
            _PASS_ID: claims.pass_id,
            _PRIVATE: {key: value for key, value in private.items() if value is not None},
        }
    )


def claims_from(payload: bytes) -> Claims:
    """The claims in a payload; unknown claims are ignored. Raises ProfileError naming the claim and the rule."""
    try:
        table = cbor.loads(payload, _MAX_DEPTH)
    except cbor.CborError as error:
        raise ProfileError(str(error)) from None
    if not isinstance(table, dict):
        raise ProfileError("the payload is not a map of claims")
    private = _need(table, _PRIVATE, dict, "private map (-70001)")
    pass_class = _pass_class(private)
    not_before_s = _number(_need(table, _NOT_BEFORE, int, "not before (5)"), 0, _LATEST_S, "not before (5)")
    expires_s = _number(_need(table, _EXPIRES, int, "expires (4)"), 0, _LATEST_S, "expires (4)")
    _check_lifetime(pass_class, expires_s - not_before_s)
    return Claims(
        pass_id=_sized(_need(table, _PASS_ID, bytes, "pass id (7)"), _ID_BYTES, "pass id (7)"),
        subject=_sized(_need(table, _SUBJECT, bytes, "subject (2)"), _ID_BYTES, "subject (2)"),
        pass_class=pass_class,
        scope=_scope(private),
        not_before_s=not_before_s,
        expires_s=expires_s,
        household=_optional_bytes(private, _HOUSEHOLD, _HOUSEHOLD_BYTES, "household"),
        status_index=_optional_number(private, _STATUS, 0, _MAX_INDEX, "status index"),
        travel=_travel(private),
        document_digest=_optional_bytes(private, _DOCUMENT, _DOCUMENT_BYTES, "document digest"),
        plate=_plate(private),
        device_key=_optional_bytes(private, _DEVICE, _DEVICE_BYTES, "device key"),
        party_size=_optional_number(private, _PARTY, 1, _MAX_PARTY, "party size") or 1,
        arrival=_arrival(private),
        uses=_optional_number(private, _USES, 1, _MAX_USES, "uses"),
    )


def _pass_class(private: dict[object, object]) -> PassClass:
    number = _need(private, _CLASS, int, "class")
    if number not in CLASS_BY_NUMBER:
        raise ProfileError(f"class {number} is unknown")
    return CLASS_BY_NUMBER[number]


def _check_lifetime(pass_class: PassClass, lifetime_s: int) -> None:
    longest_s = LONGEST_LIFETIME_S[pass_class]
    if not 0 < lifetime_s <= longest_s:
        raise ProfileError(f"a {pass_class} pass lives 1 to {longest_s} s, this one {lifetime_s}")


def _scope(private: dict[object, object]) -> tuple[str, ...]:
    scope = _need(private, _SCOPE, list, "scope")
    if not 1 <= len(scope) <= _MAX_SCOPES:
        raise ProfileError(f"scope names 1 to {_MAX_SCOPES} places, this one {len(scope)}")
    if not all(isinstance(part, str) and is_slug(part) for part in scope):
        raise ProfileError("scope holds something that is no site or grid id")
    return tuple(scope)


def _travel(private: dict[object, object]) -> Travel | None:
    match private.get(_TRAVEL):
        case None if _TRAVEL not in private:
            return None
        case [int() as day, list() as regions] if len(regions) <= _MAX_REGIONS:
            codes = tuple(_number(_typed(code, int, "travel"), 1, _MAX_REGION, "travel region") for code in regions)
            return Travel(_number(_typed(day, int, "travel"), 0, _LATEST_DAY, "travel day"), codes)
        case _:
            raise ProfileError(f"travel is not [day, [at most {_MAX_REGIONS} region codes]]")


def _arrival(private: dict[object, object]) -> Arrival | None:
    match private.get(_ARRIVAL):
        case None if _ARRIVAL not in private:
            return None
        case [str() as gate, bytes() as nonce] if is_slug(gate):
            return Arrival(gate, _sized(nonce, _NONCE_BYTES, "arrival nonce"))
        case _:
            raise ProfileError("arrival is not [gate id, nonce]")


def _plate(private: dict[object, object]) -> str | None:
    if _PLATE not in private:
        return None
    plate = _need(private, _PLATE, str, "plate")
    if not (1 <= len(plate) <= _MAX_PLATE and plate.isalnum()):
        raise ProfileError(f"a plate has 1 to {_MAX_PLATE} letters and digits")
    return plate


def _optional_bytes(private: dict[object, object], key: int, size: int, name: str) -> bytes | None:
    return _sized(_need(private, key, bytes, name), size, name) if key in private else None


def _optional_number(private: dict[object, object], key: int, low: int, high: int, name: str) -> int | None:
    return _number(_need(private, key, int, name), low, high, name) if key in private else None


def _need(table: dict[object, object], key: int, form: type[_T], name: str) -> _T:
    if key not in table:
        raise ProfileError(f"{name} is missing")
    return _typed(table[key], form, name)


def _typed(value: object, form: type[_T], name: str) -> _T:
    # `true` is an int to Python, not to us.
    if not isinstance(value, form) or isinstance(value, bool):
        raise ProfileError(f"{name} is not of type {form.__name__}")
    return value


def _sized(value: bytes, size: int, name: str) -> bytes:
    if len(value) != size:
        raise ProfileError(f"{name} has {size} bytes, this one {len(value)}")
    return value


def _number(value: int, low: int, high: int, name: str) -> int:
    if not low <= value <= high:
        raise ProfileError(f"{name} is {value}, not within {low} to {high}")
    return value
