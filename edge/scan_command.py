"""`scan IMAGE...`: what QR codes say in photos, with every decoder there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from drivers.decoder.decoder import Decoder


def scan_files(paths: Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """One dict per file, in order, also for files that cannot be read:

    `file`, `texts` (each code as a person would read it), `decoder` (the variant that found them, "" if none),
    `ms` and `error` (None or a sentence).
    """
    # Here, not above: the gate's core imports the commands and must stay without OpenCV.
    from drivers.decoder.decoder import Decoder

    decoder = Decoder()
    for path in paths:
        yield _scan(Path(path), decoder)


def _scan(path: Path, decoder: Decoder) -> dict[str, Any]:
    from drivers.decoder.codes import text_of
    from drivers.decoder.pictures import PictureError, load

    try:
        image = load(path)
    except (OSError, PictureError) as fault:
        why = (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
        return {"file": str(path), "texts": [], "decoder": "", "ms": 0.0, "error": f"{path}: {why}"}
    found = decoder.decode_thoroughly(image)
    return {
        "file": str(path),
        "texts": [text_of(code) for code in found.codes],
        "decoder": found.decoder if found.codes else "",
        "ms": round(found.ms, 1),
        "error": found.error,
    }
