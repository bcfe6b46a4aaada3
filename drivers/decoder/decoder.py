"""The cascade: zxing-cpp on every frame, a second opinion when there is time for one, all on a still picture."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from drivers.decoder.codes import Code, Decoded
from drivers.decoder.engines import FALLBACKS, STILL_ONLY, zxing
from drivers.decoder.pictures import PictureError, as_gray

if TYPE_CHECKING:
    from drivers.decoder.engines import Engine
    from drivers.decoder.pictures import Gray

    # Left, top, right, bottom in pixels.
    Box = tuple[int, int, int, int]

_FIRST = "zxing-cpp"


class Decoder:
    """Reads QR codes and never raises because of a picture.

    `failures` counts, per variant, the calls in which a native decoder raised.
    """

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._turn = 0
        self._favourite: str | None = None

    def next_fallback(self) -> str:
        """The variant that decode_frame would use now: the one that read the last code, else the next in rotation."""
        names = list(FALLBACKS)
        return self._favourite or names[self._turn % len(names)]

    @property
    def has_favourite(self) -> bool:
        """Whether the code last read needed a fallback: then the next frame will, too."""
        return self._favourite is not None

    def decode_frame(
        self, image: object, fallback: bool = True, region: Box | None = None, invert: bool = True
    ) -> Decoded:
        """One frame of a moving picture: zxing-cpp, then at most one fallback variant, in rotation.

        Which variant helps is not known before, and a person holds a pass up for many frames: so each frame tries one,
        and all have had their turn within a second. The fallback looks only at `region` if one is given; without
        `invert` light codes on dark are not looked for, which saves a third.
        """
        started = time.perf_counter()
        try:
            gray = as_gray(image)
        except PictureError as fault:
            return Decoded((), "", _since(started), str(fault))
        codes, error = self._guarded(_FIRST, partial(zxing, invert=invert), gray)
        if codes or not fallback:
            self._favourite = None if codes else self._favourite
            return Decoded(codes, _FIRST, _since(started), error)
        name = self.next_fallback()
        codes, second_error = self._on_region(name, gray, region)
        self._turn += 1
        self._favourite = name if codes else None
        return Decoded(codes, name, _since(started), error or second_error)

    def decode_thoroughly(self, image: object) -> Decoded:
        """One still picture: every variant in turn, until one finds a code."""
        started = time.perf_counter()
        try:
            gray = as_gray(image)
        except PictureError as fault:
            return Decoded((), "", _since(started), str(fault))
        first_error = None
        name = _FIRST
        for name, engine in {_FIRST: zxing, **FALLBACKS, **STILL_ONLY}.items():
            codes, error = self._guarded(name, engine, gray)
            first_error = first_error or error
            if codes:
                return Decoded(codes, name, _since(started), first_error)
        return Decoded((), name, _since(started), first_error)

    def _on_region(self, name: str, gray: Gray, region: Box | None) -> tuple[tuple[Code, ...], str | None]:
        if region is None:
            return self._guarded(name, FALLBACKS[name], gray)
        left, top, right, bottom = region
        codes, error = self._guarded(name, FALLBACKS[name], gray[top:bottom, left:right].copy())
        return tuple(_moved(code, left, top) for code in codes), error

    def _guarded(self, name: str, engine: Engine, gray: Gray) -> tuple[tuple[Code, ...], str | None]:
        try:
            return engine(gray), None
        except Exception as fault:
            # The one broad handler outside a thread's loop: a stranger's code reaches native code here, and what that
            # raises is not documented (zbar: ValueError on the first code of a structured-append sequence).
            self.failures[name] += 1
            return (), f"{name}: {type(fault).__name__}: {fault}"


def _since(started_s: float) -> float:
    return (time.perf_counter() - started_s) * 1000


def _moved(code: Code, left_px: int, top_px: int) -> Code:
    x, y = code.centre_px
    return Code(code.payload, (x + left_px, y + top_px), code.extent_px, code.decoder, code.guess)
