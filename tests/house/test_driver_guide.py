"""The guide to drivers is true: its package is cut out of the page, installed beside Guankou, and reads its module."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-a-driver.md"
GATE = ROOT / "firmware_config" / "gates" / "person-gy614v3-modbus.toml"


def files() -> dict[str, str]:
    """Each file of the page: its name in a line of its own, then its text."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^`([\w./]+)`:\n\n```(?:python|toml)\n(.*?)```", text, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the package in it; Guankou and its libraries are seen from there."""
    folder = tmp_path_factory.mktemp("environment")
    source = folder / "acme-ex36"
    (source / "acme_ex36").mkdir(parents=True)
    (source / "acme_ex36" / "__init__.py").touch()
    for name, text in files().items():
        (source / name).write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    # A line that begins with `import` is run when the environment starts.
    ours = f"import site; site.addsitedir({sysconfig.get_paths()['purelib']!r})\n"
    next((folder / "venv" / "lib").glob("python*/site-packages")).joinpath("guankou.pth").write_text(ours)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-build-isolation", str(source)], check=True)
    return python


def gate(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), "-m", "edge", *words]
    return subprocess.run(command, cwd=python.parent, env=clean, capture_output=True, text=True, timeout=60)


def test_the_page_has_every_file_of_the_package() -> None:
    assert set(files()) == {"pyproject.toml", "acme_ex36/driver.py", "acme_ex36/driver_device.py"}


def test_the_thermometer_of_the_guide_is_read_over_a_terminal(environment: Path, tmp_path: Path) -> None:
    link = tmp_path / "port"
    words = ["emulate", "thermometer", "--model", "acme_ex36.driver", "--link", str(link)]
    values = ["--object-c", "36.5", "--ambient-c", "-4.25"]
    emulator = subprocess.Popen([environment, "-m", "edge", *words, *values], stdout=subprocess.PIPE, text=True)
    try:
        assert emulator.stdout is not None
        assert emulator.stdout.readline()
        read = gate(environment, "thermometer", "--model", "acme_ex36.driver", "--port", str(link), "--json")
    finally:
        emulator.terminate()
        emulator.communicate(timeout=20)
    lines = [json.loads(line) for line in read.stdout.splitlines()]
    assert len(lines) == 10, read.stderr
    for line in lines:
        assert line["quality"] == ["ok"]
        assert line["object_c"] == pytest.approx(36.5, abs=0.2)
        assert line["ambient_c"] == pytest.approx(-4.25, abs=0.2)


def gate_file(folder: Path, driver: str) -> Path:
    path = folder / "gate.toml"
    text = GATE.read_text(encoding="utf-8")
    assert 'driver = "gy614v3"' in text
    path.write_text(text.replace('driver = "gy614v3"', f'driver = "{driver}"'), encoding="utf-8")
    return path


def test_a_gate_file_may_name_it(environment: Path, tmp_path: Path) -> None:
    checked = gate(environment, "check", str(gate_file(tmp_path, "acme_ex36.driver")))
    assert checked.returncode == 0, checked.stderr


def test_a_gate_file_that_names_a_package_which_is_not_there_is_told_the_remedy(tmp_path: Path) -> None:
    checked = gate(Path(sys.executable), "check", str(gate_file(tmp_path, "acme_ex36.driver")))
    assert checked.returncode == 2
    for word in ("thermometer driver 'acme_ex36.driver'", "No module named 'acme_ex36'", "install its package"):
        assert word in checked.stderr


def test_a_module_that_is_no_driver_is_refused(tmp_path: Path) -> None:
    checked = gate(Path(sys.executable), "check", str(gate_file(tmp_path, "xml.dom")))
    assert checked.returncode == 2
    assert "has no PROFILE of kind 'thermometer'" in checked.stderr


def test_what_no_gate_file_names_is_never_imported(environment: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from edge.check_command import check_gate_file; from pathlib import Path; "
        "assert not check_gate_file(Path(sys.argv[1])); print([name for name in sys.modules if 'acme' in name])"
    )
    command = [str(environment), "-c", code, str(gate_file(tmp_path, "gy9061x"))]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip() == "[]"
