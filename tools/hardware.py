"""Makes docs/hardware.md from the drivers' profiles: `python -m tools.hardware`. A test keeps it fresh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from drivers.camera.profiles import PROFILES as CAMERAS
from drivers.finding import driver_module
from drivers.profile import SOURCES, Kind, Profile
from drivers.registry import KINDS, names

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "hardware.md"
_TITLES: Final[dict[Kind, tuple[str, str]]] = {
    "camera": ("Cameras 摄像头", "vision.md"),
    "thermometer": ("Thermometers 测温模块", "thermometers.md"),
    "board": ("Boards, barriers and doors 道闸与门禁", "boards.md"),
    "reader": ("Readers, scanners and plate cameras 读卡器、扫码器与车牌识别", "readers.md"),
}
_HEAD: Final = """# Supported hardware

Made from the profiles of the drivers by `python -m tools.hardware`; a test keeps it fresh. To add a device, see
[adding-a-driver.md](adding-a-driver.md).

**Tried on** names real units that were read or moved with the driver. Where it says *never*, no real unit has been
connected to this software: the driver was written from makers' pages and public code, and proved against an emulator
that speaks those bytes. Expect surprises, keep a capture, and tell us. `guankou-gate doctor` shows in a minute whether
yours behaves.

**Sure** says how well the bytes are known:

"""


def profiles(kind: Kind) -> Iterator[Profile]:
    """Every profile of one kind that comes with Guankou, by name."""
    for name in names(kind):
        yield CAMERAS[name] if kind == "camera" else driver_module(kind, name).PROFILE


def page() -> str:
    """docs/hardware.md."""
    legend = "".join(f"- **{letter}**: {meaning}\n" for letter, meaning in SOURCES.items())
    everything = [profile for kind in KINDS for profile in profiles(kind)]
    tried = sum(bool(profile.tried) for profile in everything)
    count = f"\n{len(everything)} drivers; {tried} of them were tried on real hardware.\n"
    return _HEAD + legend + count + "".join(map(_section, KINDS))


def _section(kind: Kind) -> str:
    title, more = _TITLES[kind]
    head = "| driver | hardware | line | gives | sure | tried on |\n|---|---|---|---|---|---|\n"
    rows = "".join(map(_row, profiles(kind)))
    traps = "".join(f"- `{one.name}`: {'; '.join(one.traps)}.\n" for one in profiles(kind) if one.traps)
    return f"\n## {title}\n\nMore in [{more}]({more}).\n\n{head}{rows}\nWhat an installer must know:\n\n{traps}"


def _row(profile: Profile) -> str:
    line = profile.wire
    if profile.bauds:
        line += f", {' or '.join(map(str, profile.bauds))} baud"
    if profile.usb_ids:
        line += f"; USB {', '.join(profile.usb_ids)}"
    tried = "; ".join(profile.tried) or "*never*"
    sure = f"**{profile.sources}**: {profile.sure}"
    return f"| `{profile.name}` | {profile.hardware} | {line} | {', '.join(profile.gives)} | {sure} | {tried} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
