"""docs/configuration.md and docs/boards.md say of every key what the program does with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from drivers.finding import driver_module
from drivers.registry import names
from firmware_config import schema
from firmware_config.forms import in_words

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = {
    "The whole file": schema.GateFile,
    "[gate]": schema.Gate,
    "[call]": schema.Call,
    "[broker]": schema.Broker,
    "[screen]": schema.Screen,
    "[outbox]": schema.OutboxTable,
    "[place_code]": schema.PlaceCode,
    "[city_codes.NAME]": schema.CityCodes,
    "[[lanes]]": schema.Lane,
    "[lanes.barrier]": schema.BarrierWire,
    "[lanes.inputs]": schema.InputsTable,
    "[lanes.mask]": schema.Mask,
    "An input:": schema.InputWire,
    "A device:": schema.Device,
    "The enrolment": schema.Enrolment,
}
BOARDS = {name: driver_module("board", name).Options for name in names("board")}


def sections(page):
    text = "\n" + (DOCS / page).read_text().replace("\n### ", "\n## ")
    return dict(part.split("\n", 1) for part in text.split("\n## ")[1:])


def default_in_words(field):
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, msgspec.Struct):
        return "all defaults"
    return f"`{value}`" if value != {} else "empty"


def rows_of(form):
    fields = inspect.type_info(form).fields
    return [f"| `{field.name}` | {in_words(field.type)} | {default_in_words(field)} | " for field in fields]


def keys_in(section):
    return [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_the_files_is_on_the_page_and_no_other(heading):
    section = next(text for title, text in sections("configuration.md").items() if title.startswith(heading))
    for row in rows_of(SECTIONS[heading]):
        assert row in section
    assert keys_in(section) == [field.name for field in inspect.type_info(SECTIONS[heading]).fields]


def test_every_table_of_the_schema_has_its_section():
    tables = {kind for kind in vars(schema).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)} - {
        schema._Table
    }
    assert tables == set(SECTIONS.values())


@pytest.mark.parametrize("driver", names("board"))
def test_every_board_option_is_on_its_page_and_no_other(driver):
    section = sections("boards.md")[driver]
    for row in rows_of(BOARDS[driver]):
        assert row in section
    assert keys_in(section) == [field.name for field in inspect.type_info(BOARDS[driver]).fields]


def test_every_shipped_gate_file_that_a_page_names_is_there():
    gates = DOCS.parent / "firmware_config" / "gates"
    words = (DOCS / "configuration.md").read_text().replace("`", " ").replace(":", " ").split()
    named = {word.rstrip(".") for word in words if word.rstrip(".").endswith(".toml")} - {"gate.toml"}
    assert named
    assert all((gates / name).is_file() for name in named)
