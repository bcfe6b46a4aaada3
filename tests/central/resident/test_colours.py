"""The page's colours, from its style sheet: every text can be read in the light and in the dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[3] / "central" / "resident" / "static" / "resident.css").read_text()
LIGHT, DARK = re.findall(r":root \{(.*?)\}", CSS, re.S)
PAIRS = [
    ("--ink", "--ground"),
    ("--ink", "--card"),
    ("--ink", "--say-ground"),
    ("--quiet", "--ground"),
    ("--act-ink", "--act"),
    ("--bad", "--bad-ground"),
]
CLASSES = ("resident", "visitor", "vehicle", "worker", "courier", "emergency")


def _luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out(scheme: str) -> None:
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9A-F]{6})", scheme))
    for text, ground in PAIRS:
        assert _contrast(colours[text], colours[ground]) >= 7, (text, ground)
    for name in CLASSES:
        assert _contrast("#FFFFFF", colours[f"--{name}"]) >= 4.5, name


def test_the_code_and_its_ground_depend_on_no_scheme() -> None:
    [rule] = re.findall(r"#card, \.paper \{(.*?)\}", CSS)
    assert "background: #FFF; color: #000" in rule
    script = (Path(__file__).parents[3] / "central" / "resident" / "static" / "api.js").read_text()
    assert 'fillStyle = "#FFF"' in script
    assert 'fillStyle = "#000"' in script


def test_every_class_has_a_shape_of_its_own_too() -> None:
    shapes = re.findall(r'#class\[data-class="(\w+)"\] \{ background: var\(--\w+\); (.*?) \}', CSS)
    assert sorted(name for name, _ in shapes) == sorted(CLASSES)
    assert len({shape for _, shape in shapes}) == len(CLASSES)
