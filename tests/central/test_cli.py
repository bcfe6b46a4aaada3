"""`guankou-central` and files that are wrong: one clear line, exit code 2, and no trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREE = """
version = 1
[[grid]]
id = "city"
level = "city"
name_zh = "市"
name_en = "City"
valid_from_day = 0
"""
FILE = """
[collector]
data_dir = "data"
tree = "tree.toml"
[broker]
port = 1
"""


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "central", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A collector's file that could run."""
    assert run("keys", tmp_path / "keys").returncode == 0
    (tmp_path / "tree.toml").write_text(TREE)
    (tmp_path / "central.toml").write_text(FILE)
    return tmp_path / "central.toml"


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(told) == 1, done.stderr
    for word in words:
        assert word in told[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tree = ", "treee = ", ("central.toml", "treee")),
        ("port = 1", "port = 0", ("central.toml", "port")),
        ("port = 1", 'password_file = "none"', ("password_file", "none")),
        ("[broker]", "[broker", ("central.toml",)),
        ("tree.toml", "absent.toml", ("absent.toml",)),
        ("[collector]", '[collector]\nzone = "Asia/Nowhere"', ("Asia/Nowhere",)),
        ("[collector]", "[collector]\nretention_days = 0", ("retention_days",)),
        ("[collector]", '[collector]\nkeys_dir = "none"', ("none",)),
    ],
)
def test_a_collector_file_that_is_wrong_is_told(old: str, new: str, words: tuple[str, ...], file: Path) -> None:
    file.write_text(file.read_text().replace(old, new))
    refused(run("run", file), *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('level = "city"', 'level = "planet"', ("tree.toml", "planet")),
        ('level = "city"', 'level = "grid"\nparent = "nobody"', ("tree.toml", "nobody")),
        ('id = "city"', 'id = "City!"', ("tree.toml",)),
        ("[[grid]]", "[[grid", ("tree.toml",)),
        ("name_zh", "name_xx", ("tree.toml", "name_")),
    ],
)
def test_a_tree_that_is_wrong_is_told(old: str, new: str, words: tuple[str, ...], file: Path) -> None:
    tree = file.parent / "tree.toml"
    tree.write_text(tree.read_text().replace(old, new))
    refused(run("run", file), *words)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(run("run", tmp_path / "absent.toml"), "absent.toml")


def test_a_key_that_others_can_read_is_refused(file: Path) -> None:
    key = next((file.parent / "keys").glob("collector*"))
    key.chmod(0o644)
    refused(run("run", file), key.name)
