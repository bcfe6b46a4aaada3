"""The house rules as tests; each failure says why the rule exists."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("checkpoint", "drivers", "firmware_config", "edge", "central", "webscreen")
MAY_IMPORT = {
    "checkpoint": set(),
    "drivers": set(),
    "firmware_config": {"checkpoint"},
    "webscreen": set(),
    "edge": {"checkpoint", "drivers", "firmware_config", "webscreen"},
    "central": {"checkpoint", "firmware_config", "webscreen"},
}
# Library -> the only places that may import it, so that each can be replaced in one place.
_VISION = (
    "drivers/camera",
    "drivers/decoder",
    "drivers/mask/",
    "drivers/emulators/camera",
    "edge/vision_process.py",
    "edge/scan_command.py",
)
ONLY_IN = {
    "cv2": _VISION,
    "zxingcpp": ("drivers/decoder",),
    "pyzbar": ("drivers/decoder",),
    "numpy": (*_VISION, "drivers/protocols.py"),
    "serial": ("drivers/serial_port.py", "drivers/ports.py"),
    "paho": ("edge/mqtt.py", "edge/doctor/broker.py", "central/mqtt.py", "drivers/mqtt_port.py"),
    "sqlite_utils": ("central/store/",),
    "uvicorn": ("webscreen/host.py",),
}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages or PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def test_packages_import_only_what_lies_below_them() -> None:
    wrong = [
        f"{name}:{line} imports {module}"
        for name, tree in modules()
        for line, module in imported(tree)
        if (top := module.split(".")[0]) in PACKAGES
        and top != (own := name.split("/")[0])
        and top not in MAY_IMPORT[own]
    ]
    assert not wrong, (
        "an arrow points upward; the house stands only while gate and collector can be built alone: " + str(wrong)
    )


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_only_where_it_lives(library: str) -> None:
    wrong = [
        f"{name}:{line}"
        for name, tree in modules()
        for line, module in imported(tree)
        if module.split(".")[0] == library and not name.startswith(ONLY_IN[library])
    ]
    assert not wrong, f"{library} belongs to {ONLY_IN[library]}, so that one file knows its traps: {wrong}"


def test_the_ground_reads_no_clock_and_no_disk() -> None:
    forbidden = {"time", "datetime.now", "socket", "threading", "subprocess", "os", "pathlib", "random"}
    wrong = [
        f"{name}:{line} imports {m}"
        for name, tree in modules("checkpoint")
        for line, m in imported(tree)
        if m in forbidden
    ]
    assert not wrong, f"checkpoint is pure, so that every verdict can be replayed: {wrong}"


def test_files_and_functions_stay_short() -> None:
    wrong = []
    for name, tree in modules():
        lines = len((ROOT / name).read_text().splitlines())
        if lines > MAX_FILE_LINES:
            wrong.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    wrong.append(f"{name}:{node.lineno} {node.name}: {length} lines")
    assert not wrong, f"split a room before it is full; the reader comes first: {wrong}"


def test_nobody_prints_except_commands() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, f"a daemon's words go to its log, where they are redacted: {wrong}"


def test_every_module_says_what_it_is() -> None:
    silent = [name for name, tree in modules() if not ast.get_docstring(tree) and tree.body]
    assert not silent, f"one sentence at the top tells a reader whether to read on: {silent}"


def test_no_other_distribution_owns_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    wrong = {name: owners[name] for name in PACKAGES if set(owners.get(name, [])) - {"guankou"}}
    assert not wrong, (
        f"edge and central are plain names; another package with them would be imported instead of ours: {wrong}"
    )


def test_only_one_opencv_is_installed() -> None:
    names = {d.metadata["Name"].lower() for d in importlib.metadata.distributions()}
    both = {n for n in names if n.startswith("opencv-")}
    assert both == {"opencv-python"}, f"two OpenCV wheels both write cv2/: {both}"


def test_requirement_files_name_no_index_and_pin_every_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert not re.search(r"--(extra-)?index-url|--find-links|https?://", text), f"{path.name} names a package host"
        pins = re.findall(r"^[a-z0-9][\w.\-]*==", text, re.M | re.I)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins), f"{path.name}: every pin carries its hashes"


def test_the_project_speaks_of_itself_alone() -> None:
    words = re.compile(r"/(?:home|root|work)/\w|/simple/")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wrong = []
    for name in files:
        path = ROOT / name
        if not path.is_file() or path.suffix in {".png", ".jpg"} or name == "tests/house/test_layout.py":
            continue
        wrong += [
            f"{name}:{n}"
            for n, line in enumerate(path.read_text(errors="ignore").splitlines(), 1)
            if words.search(line)
        ]
    assert not wrong, f"home folders and package indexes of one machine mean nothing to a reader elsewhere: {wrong}"
