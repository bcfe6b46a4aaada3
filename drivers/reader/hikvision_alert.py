"""One EventNotificationAlert of ISAPI, XML or JSON, as far as a gate needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from xml.parsers import expat

import msgspec

from drivers.reader.plates import Direction

# The deepest alert in the maker's guide has six levels.
_MAX_DEPTH: Final = 32
_MAX_ELEMENTS: Final = 5000
# "forward": its front was read, so it came; "reverse": its back.
_DIRECTIONS: Final[dict[str, Direction]] = {"forward": "approach", "reverse": "leave"}
_OF_ALERT: Final = frozenset(
    {"eventType", "eventState", "dateTime", "channelID", "dynChannelID", "isDataRetransmission"}
)
_OF_PLATE: Final = frozenset({"licensePlate", "confidenceLevel", "direction"})
_DECLARED: Final = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9_.-]{1,20})[\"'][^>]*\?>")
# It stands within these first bytes or not at all; more of them, written to be slow, would hold up the whole gate.
_DECLARATION_BYTES: Final = 200
_CHINESE: Final = frozenset({"gb2312", "gbk", "gb18030"})


class AlertError(ValueError):
    """What came is no alert. Says what was wrong, and nothing of what stood in it: it may have been a plate."""


@dataclass(frozen=True, slots=True)
class Alert:
    """`kind` in small letters; `camera_s`: by the camera's own clock and zone, None where it can't be read.

    `resent`: kept by the camera while nobody listened, and no news. `plate` is empty where none was read.
    """

    kind: str
    active: bool
    channel: int | None
    camera_s: float | None
    resent: bool = False
    plate: str = field(default="", repr=False)
    confidence: int | None = None
    direction: Direction = ""


def read_alert(data: bytes) -> Alert:
    """Raises AlertError. Names are taken without their namespace: each generation of firmware has another one."""
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        found = _from_json(text)
    elif text.startswith(b"<"):
        found = _from_xml(text)
    else:
        raise AlertError("neither XML nor JSON")
    if not found.get("eventType"):
        raise AlertError("an alert without eventType")
    return _alert(found)


def _alert(found: dict[str, str]) -> Alert:
    channel = found.get("channelID") or found.get("dynChannelID") or ""
    return Alert(
        kind=found["eventType"].lower(),
        active=found.get("eventState", "").lower() == "active",
        channel=int(channel) if re.fullmatch("[0-9]{1,5}", channel) else None,
        camera_s=_instant(found.get("dateTime", "")),
        resent=found.get("isDataRetransmission", "").lower() == "true",
        plate=found.get("licensePlate", ""),
        confidence=_percent(found.get("confidenceLevel", "")),
        direction=_DIRECTIONS.get(found.get("direction", "").lower(), ""),
    )


def _percent(said: str) -> int | None:
    """None: nothing was said. What can't be read is below every floor, and does not pass for nothing."""
    if not said:
        return None
    return int(float(said)) if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,9})?", said) else -1


def _instant(text: str) -> float | None:
    """Firmware writes the time in many ways, some of them no time at all, and the zone only now and then.

    Its zone is left out, so that two times of one camera can be compared, and nothing else.
    """
    try:
        return datetime.fromisoformat(text[:40]).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None


class _Collector:
    """The wanted fields of an alert: the first of each name that is not empty."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._path: list[str] = []
        self._text = ""
        self._elements = 0

    def start(self, name: str, _attributes: Any) -> None:
        self._elements += 1
        if len(self._path) >= _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise AlertError("an alert of more elements than any camera sends")
        self._path.append(name.rpartition(":")[2])
        self._text = ""

    def text(self, data: str) -> None:
        self._text += data

    def end(self, _name: str) -> None:
        name = self._path.pop()
        is_wanted = (name in _OF_ALERT and len(self._path) == 1) or (name in _OF_PLATE and "ANPR" in self._path)
        if is_wanted and self._text.strip():
            self.found.setdefault(name, self._text.strip())
        self._text = ""


def _from_xml(data: bytes) -> dict[str, str]:
    collector = _Collector()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    # Entities and files outside can be declared in a document type only, and no alert has one.
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(_as_utf8(data), True)
    except expat.ExpatError as error:
        raise AlertError(f"XML that is broken in line {error.lineno}") from None
    return collector.found


def _refuse_doctype(*_declared: Any) -> None:
    raise AlertError("XML with a document type, which no alert has")


def _as_utf8(data: bytes) -> bytes:
    """The parser knows no Chinese encoding, and is told UTF-8 whatever the text says of itself."""
    declared = _DECLARED.match(data, 0, _DECLARATION_BYTES)
    if declared is None or declared[1].decode().lower() not in _CHINESE:
        return data
    try:
        return data.decode("gb18030").encode()
    except UnicodeDecodeError:
        raise AlertError("XML that is not in the encoding that it names") from None


def _from_json(data: bytes) -> dict[str, str]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AlertError("JSON that is broken") from None
    inner = document.get("EventNotificationAlert", document)
    if not isinstance(inner, dict):
        raise AlertError("JSON that is no alert")
    anpr = inner.get("ANPR")
    fields = {name: inner.get(name) for name in _OF_ALERT}
    fields |= {name: anpr.get(name) for name in _OF_PLATE} if isinstance(anpr, dict) else {}
    return {name: _plain(value) for name, value in fields.items() if isinstance(value, str | int | float)}


def _plain(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value).strip()
