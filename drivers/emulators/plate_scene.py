"""What an emulated plate camera sees, and how Hikvision's cameras of each generation put it into words."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Final, Literal

import msgspec

from drivers.errors import OptionError

# Two generations of XML, the JSON of the newest, and the plain JSON of the driver `plate_push`.
Dialect = Literal["2.0", "1.0", "json", "plain"]
Fault = Literal[
    "dropped_byte",
    "flipped_bit",
    "garbage",
    "wrong_type",
    "half_frame_then_silence",
    "silence",
    "stale_repeat",
    "resent",
    "wrong_password",
]
_NAMESPACE: Final = {"2.0": "http://www.isapi.org/ver20/XMLSchema", "1.0": "http://www.hikvision.com/ver20/XMLSchema"}
_DIRECTION: Final = {"approach": "forward", "leave": "reverse", "": "unknown"}
_BEIJING: Final = timezone(timedelta(hours=8))
_JPEG: Final = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 64 + b"\xff\xd9"


class Scene(msgspec.Struct, forbid_unknown_fields=True):
    """What `set` takes. A plate that is set is seen once; the rest stays."""

    plate: Annotated[str, msgspec.Meta(max_length=64)] = ""
    confidence: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = 97
    direction: Literal["approach", "leave", ""] = "approach"
    dialect: Dialect = "2.0"
    fault: Fault | None = None

    def with_(self, **change: Any) -> Scene:
        """Raises OptionError naming the word and what it may be."""
        try:
            return msgspec.convert({**msgspec.structs.asdict(self), **change}, Scene)
        except msgspec.ValidationError as error:
            raise OptionError(f"emulated plate camera: {error}") from error


def heartbeat(dialect: Dialect, at_s: float) -> bytes:
    """What a camera sends to say that the line lives: a loss of video that is over."""
    return _written(dialect, {"eventType": "videoloss", "eventState": "inactive"}, None, at_s)


def sighting(scene: Scene, at_s: float) -> bytes:
    """One plate. `resent` is one that the camera kept back."""
    anpr: dict[str, object] = {"licensePlate": scene.plate, "line": 1, "direction": _DIRECTION[scene.direction]}
    if scene.confidence is not None:
        anpr["confidenceLevel"] = scene.confidence
    anpr |= {"plateType": "unknown", "plateColor": "blue", "vehicleType": "vehicle"}
    fields = {"eventType": "ANPR", "eventState": "active", "eventDescription": "ANPR"}
    if scene.fault == "resent":
        fields["isDataRetransmission"] = "true"
    return _written(scene.dialect, fields, anpr, at_s)


def plain(scene: Scene, at_s: float) -> bytes:
    """One plate in the plain form; without one a sign of life."""
    said = {"confidence": scene.confidence, "direction": scene.direction, "plate": scene.plate}
    when = at_s - 3600 if scene.fault == "resent" else at_s
    whole = said | {"at": round(when * 1000), "camera": "east"} if scene.plate else {}
    return json.dumps({key: value for key, value in whole.items() if value is not None}, ensure_ascii=False).encode()


def part(kind: str, data: bytes, boundary: str, name: str = "") -> bytes:
    """One part, as the stream and the push have it."""
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}"\r\n' if name else ""
    head = f"--{boundary}\r\n{disposition}Content-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def parts(scene: Scene, at_s: float, boundary: str, *, named: bool = False) -> bytes:
    """A sighting with its two pictures."""
    kind = "application/json" if scene.dialect in ("json", "plain") else 'application/xml; charset="UTF-8"'
    text = part(kind, sighting(scene, at_s), boundary, "anpr.xml" if named else "")
    pictures = ("licensePlatePicture.jpg", "detectionPicture.jpg")
    return text + b"".join(part("image/jpeg", _JPEG, boundary, name if named else "") for name in pictures)


def spoiled(data: bytes, fault: Fault | None, rng: random.Random) -> bytes:
    """`data` as it goes out on a bad day."""
    at = rng.randrange(len(data))
    if fault == "dropped_byte":
        return data[:at] + data[at + 1 :]
    if fault == "flipped_bit":
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    return rng.randbytes(rng.randint(1, 200)) + data if fault == "garbage" else data


def _written(dialect: Dialect, fields: dict[str, str], anpr: dict[str, object] | None, at_s: float) -> bytes:
    when = datetime.fromtimestamp(at_s, _BEIJING).isoformat(timespec="seconds")
    head: dict[str, object] = {"ipAddress": "192.0.2.64", "portNo": 80, "protocol": "HTTP", "channelID": 1}
    whole = head | {"dateTime": when, "activePostCount": 1} | fields
    if dialect in ("json", "plain"):
        return json.dumps(whole | ({"ANPR": anpr} if anpr else {}), ensure_ascii=False).encode()
    inner = "".join(f"<{name}>{value}</{name}>\r\n" for name, value in whole.items())
    if anpr:
        inner += "<ANPR>\r\n" + "".join(f"<{name}>{value}</{name}>\r\n" for name, value in anpr.items()) + "</ANPR>\r\n"
    outer = f'<EventNotificationAlert version="{dialect}" xmlns="{_NAMESPACE[dialect]}">\r\n'
    return f'<?xml version="1.0" encoding="UTF-8"?>\r\n{outer}{inner}</EventNotificationAlert>'.encode()
