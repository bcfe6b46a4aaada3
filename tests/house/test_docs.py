"""The documents keep up with the code: every command, key, topic, reason and driver stands in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from central.config import ConfigFile
from checkpoint import cards, documents, records, regions, site_rules, site_wire, steps, topics, trust, watch, wire
from checkpoint.reasons import ALL
from drivers import registry
from drivers.emulators.thermometer_scene import FAULTS
from tools.reference import PAGES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


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
        topics.staged("{scope}", "{kind}"),
        topics.summary("{grid path}"),
        topics.passage("{grid path}"),
        topics.escalation("{grid path}", "{case}"),
        topics.seen("{site}", "{gate}"),
    ):
        assert topic in text, f"{topic} is missing in docs/wire.md"


def test_every_field_that_travels_is_documented() -> None:
    words = set(re.findall(r"\w+", (DOCS / "wire.md").read_text(encoding="utf-8")))
    forms = [
        form
        for module in (wire, records, documents, trust, site_wire, site_rules, steps, cards, regions, watch)
        for form in vars(module).values()
        if isinstance(form, type) and issubclass(form, msgspec.Struct) and form.__struct_config__.array_like
    ]
    assert len(forms) > 20
    missing = {(form.__name__, field) for form in forms for field in form.__struct_fields__ if field not in words}
    assert not missing


def tables(form: type[msgspec.Struct]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for field in msgspec.structs.fields(form):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield field.name, field.type


def test_every_key_of_the_collectors_file_is_documented() -> None:
    text = (DOCS / "running-a-collector.md").read_text(encoding="utf-8")
    missing = [name for name in ConfigFile.__struct_fields__ if f"\n[{name}]" not in text]
    for table, form in tables(ConfigFile):
        part = text.split(f"\n[{table}]")[1].split("\n\n")[0]
        missing += [f"{table}.{key}" for key in form.__struct_fields__ if not re.search(rf"^{key} = ", part, re.M)]
    assert not missing


# Threads whose name is given by whoever makes them: where the thread is made, and the names that it may get.
GIVEN_NAMES = {"webscreen/host.py": ("screen", "operators", "resident"), "central/daemon.py": ("ingest", "publish")}


def thread_names() -> Iterator[tuple[str, str]]:
    """(file, name) of every thread; what is only known at run time is left out of a name."""
    for package in ("drivers", "edge", "central", "webscreen", "checkpoint", "firmware_config"):
        for path in sorted((ROOT / package).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("threading.Thread", "Thread"):
                    name = next((word.value for word in node.keywords if word.arg == "name"), None)
                    assert name is not None, f"{file}:{node.lineno} starts a thread without a name"
                    yield from ((file, text) for text in _texts(file, name))


def _texts(file: str, name: ast.expr) -> tuple[str, ...]:
    if isinstance(name, ast.Constant):
        return (str(name.value),)
    if isinstance(name, ast.JoinedStr):
        return ("".join(str(part.value) for part in name.values if isinstance(part, ast.Constant)),)
    return GIVEN_NAMES[file]


def test_every_thread_is_documented() -> None:
    text = (DOCS / "threads.md").read_text(encoding="utf-8")
    names = list(thread_names())
    assert {file for file, _ in names} >= {"edge/gate.py", *GIVEN_NAMES}
    missing = [(file, name) for file, name in names if not re.search(rf"\b{re.escape(name)}", text)]
    assert not missing


def test_every_test_that_a_document_names_exists() -> None:
    missing = []
    for page in DOCS.glob("*.md"):
        for name in re.findall(r"`(tests/[\w./*]+)`", page.read_text(encoding="utf-8")):
            if not list(ROOT.glob(name)):
                missing.append(f"{page.name}: {name}")
    assert not missing


def test_every_reason_is_documented() -> None:
    text = (DOCS / "reasons.md").read_text(encoding="utf-8")
    assert not [code for code in ALL if f"`{code}`" not in text]


DRIVER_PAGES = {"thermometer": "thermometers.md", "board": "boards.md", "camera": "vision.md", "reader": "readers.md"}


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
