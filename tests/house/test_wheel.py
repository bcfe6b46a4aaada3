"""The built wheel is the product: it holds everything that a gate needs, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git tracks or would track, so that nothing it ignores slips in."""
    source = tmp_path_factory.mktemp("source")
    names = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout.split(b"\0")
    for name in filter(None, names):
        path = Path(os.fsdecode(name))
        if not (ROOT / path).is_file():
            continue
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes((ROOT / path).read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-w", str(out)]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *options, "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(out.glob("guankou-*.whl"))


def test_the_wheel_holds_six_packages_and_their_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if not name.startswith("guankou-")}
    assert tops == {"checkpoint", "drivers", "firmware_config", "edge", "central", "webscreen"}
    for needed in (
        "checkpoint/py.typed",
        "webscreen/py.typed",
        "firmware_config/policies/everyday.toml",
        "firmware_config/gates/person-gy614v3-modbus.toml",
        "firmware_config/systemd/guankou-gate.service",
        "drivers/thermometer/maps/pyrousb.toml",
        "edge/screen/pages/guard.html",
        "central/screen/static/operators.js",
        "central/resident/pages/resident.html",
        "central/resident/static/resident.js",
        "central/printing/passes.typ",
    ):
        assert needed in names


def test_the_wheel_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"}

    def python(*words: str) -> str:
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    # A path of its own comes before the editable install.
    assert python("-c", "import edge; print(edge.__file__)").startswith(str(tmp_path / "site"))
    assert "thermometer" in python("-m", "edge", "--help")
    assert "enrol" in python("-m", "central", "gate", "--help")
    gate = tmp_path / "site" / "firmware_config" / "gates" / "person-gy614v3-modbus.toml"
    assert python("-m", "edge", "check", str(gate)).strip() == f"{gate}: ok"
