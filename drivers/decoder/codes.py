"""What a decoder found: the bytes of each code and where it lies in the picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One QR code. `payload` is exactly what the code holds; `centre_px` (x, y) and `extent_px` (width, height) of its
    upright bounding box are in pixels of the picture that was given; `decoder` is the variant that read it.

    `guess` is the text that the decoder itself made of the bytes, only to be shown to a person.
    """

    payload: bytes
    centre_px: tuple[int, int]
    extent_px: tuple[int, int]
    decoder: str
    guess: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The outcome of looking at one picture: `decoder` is the last variant tried, `ms` the time it all took.

    `error` holds the words of a decoder that failed, or why the picture could not be used; codes may be there even so.
    """

    codes: tuple[Code, ...]
    decoder: str
    ms: float
    error: str | None = None


def text_of(code: Code) -> str:
    """The payload as a person would read it. A guess by nature: a QR code need not say which alphabet it uses.

    UTF-8 if it is valid; then what the decoder took it for (Shift JIS or the ECI of ISO/IEC 18004 that the code names),
    unless that is only Latin-1, which fits any bytes; then GB 18030; then Latin-1.
    """
    try:
        return code.payload.decode()
    except UnicodeDecodeError:
        pass
    latin = code.payload.decode("latin-1")
    if code.guess and code.guess != latin:
        return code.guess
    try:
        return code.payload.decode("gb18030")
    except UnicodeDecodeError:
        return latin
