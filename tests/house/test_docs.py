"""The documents keep up with the code: every command, key, topic, reason and driver stands in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checkpoint import topics
from checkpoint.reasons import ALL
from drivers import registry
from drivers.emulators.thermometer_scene import FAULTS
from tools.reference import PAGES

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_pages_are_fresh(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `python -m tools.reference`"


def test_every_topic_is_documented() -> None:
    text = (DOCS / "wire.md").read_text(encoding="utf-8")
    for topic in (
        topics.records("{gate}"),
        topics.alarm("{gate}"),
        topics.state("{gate}"),
        topics.watermark("{gate}"),
        topics.command("{gate}"),
        topics.document("{scope}", "{kind}"),
        topics.summary("{grid path}"),
        topics.passage("{grid path}"),
        topics.escalation("{grid path}", "{case}"),
    ):
        assert topic in text, f"{topic} is missing in docs/wire.md"


def test_every_reason_is_documented() -> None:
    text = (DOCS / "reasons.md").read_text(encoding="utf-8")
    assert not [code for code in ALL if f"`{code}`" not in text]


DRIVER_PAGES = {"thermometer": "thermometers.md", "board": "boards.md", "camera": "vision.md"}


@pytest.mark.parametrize("kind", sorted(DRIVER_PAGES))
def test_every_driver_is_documented(kind: registry.Kind) -> None:
    text = (DOCS / DRIVER_PAGES[kind]).read_text(encoding="utf-8")
    assert not [name for name in registry.names(kind) if f"`{name}`" not in text]


def test_every_emulator_fault_is_documented() -> None:
    text = (DOCS / "thermometers.md").read_text(encoding="utf-8")
    assert not [name for name in FAULTS if name not in text]


def test_links_between_documents_lead_somewhere() -> None:
    root = DOCS.parent
    dead = []
    for page in [*DOCS.glob("*.md"), root / "README.md", root / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                dead.append(f"{page.name}: {target}")
    assert not dead
