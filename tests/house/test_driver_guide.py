"""The guide to drivers is true: its code is cut out of the page, run, and reads an emulated module over a terminal."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from drivers.emulators import thermometer_modules
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_scene import Change
from drivers.thermometer import models, open_thermometer
from drivers.thermometer.scan import FrameScanner, sum8

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-driver.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The page's blocks in their order: the first is the codec's own file, the rest is what others are given."""
    codec = types.ModuleType("drivers.thermometer.ex36")
    page = types.ModuleType("guide")
    import drivers.thermometer

    monkeypatch.setitem(sys.modules, codec.__name__, codec)
    monkeypatch.setattr(drivers.thermometer, "ex36", codec, raising=False)
    first, *rest = blocks()
    exec(compile(first, "codec", "exec"), codec.__dict__)
    for number, block in enumerate(rest):
        exec(compile(block, f"block {number}", "exec", dont_inherit=True), page.__dict__)
    monkeypatch.setitem(models.MODELS, "ex36", page.EX36)
    monkeypatch.setitem(thermometer_modules.MODULES, "ex36", page.Ex36)
    return page


@pytest.mark.parametrize("streaming", [True, False])
def test_the_thermometer_of_the_guide_is_read(streaming: bool, guide: types.ModuleType, tmp_path: Path) -> None:
    link = tmp_path / "port"
    settings = EmulatorSettings(start=Change(object_c=36.5, ambient_c=-4.25), jitter_c=0.0, streaming=streaming)
    with ThermometerEmulator("ex36", link, settings):
        thermometer = open_thermometer("ex36", {"port": str(link)})
        reading = thermometer.read(5.0)
        thermometer.close()
    assert reading is not None
    assert (reading.model, reading.object_c, reading.ambient_c, reading.quality) == ("ex36", 36.5, -4.25, ("ok",))


def test_its_codec_finds_a_frame_among_noise(guide: types.ModuleType) -> None:
    frame = b"\x55\xaa\x0e\x42\x08\x52"
    frame += bytes((sum8(frame),))
    codec = guide.EX36.codec()
    assert isinstance(codec, FrameScanner)
    found = codec.feed(b"\x55" + frame[:3] + frame + b"\xaa" + frame)
    assert [(one.object_c, one.ambient_c) for one in found] == [(36.5, 21.3)] * 2
    assert codec.feed(guide.Ex36(streaming=True).wrong_type()) == []
    assert codec.counters.wrong_type == 1
