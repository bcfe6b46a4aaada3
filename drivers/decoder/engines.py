"""The native decoders, each as a function from a gray picture to codes, and the preprocessing that suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import zxingcpp

from drivers.decoder.codes import Code

try:
    from pyzbar import pyzbar
except ImportError:  # pyzbar is there but the system's libzbar0 is not: one decoder fewer, no reason not to start.
    pyzbar = None

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.decoder.pictures import Gray

    Engine = Callable[[Gray], tuple[Code, ...]]

# All other formats are off: with them a frame costs twelve times as much, and moire is read as bar codes.
_QR: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
# Contrast-limited equalisation, found by trial: more clip brings out noise, smaller tiles cut through modules.
_CLAHE_CLIP: Final = 2.0
_CLAHE_TILES: Final = (8, 8)
# Window and offset of the local threshold. zbar's own window grows with the picture and fails beside bright screens.
_THRESHOLD_WINDOW_PX: Final = 51
_THRESHOLD_OFFSET: Final = 5


def zxing(gray: Gray, invert: bool = True, name: str = "zxing-cpp") -> tuple[Code, ...]:
    """zxing-cpp: reads inverted, dim, rotated and moire-striped codes. Its bytes are exact in any alphabet."""
    found = zxingcpp.read_barcodes(gray, formats=_QR, try_invert=invert, text_mode=zxingcpp.TextMode.Plain)
    return tuple(_from_zxing(barcode, name) for barcode in found)


def zxing_on_clahe(gray: Gray) -> tuple[Code, ...]:
    """Contrast evened out first: glare and bright spots. Inverted codes were already tried on the plain picture."""
    even = cv2.createCLAHE(_CLAHE_CLIP, _CLAHE_TILES).apply(gray)
    return zxing(even, invert=False, name="zxing-cpp+clahe")  # type: ignore[arg-type]


def zxing_on_double(gray: Gray) -> tuple[Code, ...]:
    """Twice the size: codes of one or two pixels a module. Only for still pictures: it costs four times as much."""
    double = cv2.resize(gray, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    codes = zxing(double, name="zxing-cpp+double")  # type: ignore[arg-type]
    return tuple(_scaled(code, 0.5) for code in codes)


def zbar(gray: Gray, name: str = "pyzbar") -> tuple[Code, ...]:
    """zbar, ASCII only: it re-codes other alphabets by guesswork, silently, so such a result is worth nothing."""
    found = pyzbar.decode(gray, symbols=[pyzbar.ZBarSymbol.QRCODE])
    return tuple(_from_zbar(symbol, name) for symbol in found if symbol.data.isascii())


def zbar_on_threshold(gray: Gray) -> tuple[Code, ...]:
    """A local threshold first: bright screens in large frames, damaged and curved codes."""
    black_white = cv2.adaptiveThreshold(
        gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, _THRESHOLD_WINDOW_PX, _THRESHOLD_OFFSET
    )
    return zbar(black_white, name="pyzbar+threshold")  # type: ignore[arg-type]


# In the order in which they are tried; the first two are the only ones cheap enough for moving pictures.
FALLBACKS: Final[dict[str, Engine]] = {"zxing-cpp+clahe": zxing_on_clahe}
STILL_ONLY: Final[dict[str, Engine]] = {"zxing-cpp+double": zxing_on_double}
if pyzbar is not None:
    FALLBACKS["pyzbar+threshold"] = zbar_on_threshold
    STILL_ONLY["pyzbar"] = zbar


def _from_zxing(barcode: zxingcpp.Barcode, name: str) -> Code:
    at = barcode.position
    corners = np.array([(p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, size = (low + high) // 2, high - low
    return Code(
        bytes(barcode.bytes), (int(middle[0]), int(middle[1])), (int(size[0]), int(size[1])), name, barcode.text
    )


def _from_zbar(symbol: pyzbar.Decoded, name: str) -> Code:
    box = symbol.rect
    centre = (box.left + box.width // 2, box.top + box.height // 2)
    return Code(symbol.data, centre, (box.width, box.height), name, symbol.data.decode("ascii"))


def _scaled(code: Code, factor: float) -> Code:
    x, y = code.centre_px
    width, height = code.extent_px
    at, size = (round(x * factor), round(y * factor)), (round(width * factor), round(height * factor))
    return Code(code.payload, at, size, code.decoder, code.guess)
