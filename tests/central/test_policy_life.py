"""docs/policy-life.md shows what its commands say: every block with a command is run, and is what came out."""

from __future__ import annotations

import random
import re
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from central import policy_commands
from central.cli import main
from checkpoint.records import CheckResult, PassFacts, Verdict, Where
from tests.central.conftest import Core
from tests.central.sim import TREE, Gate, outcome, passage_id

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy-life.md"
CONFIG = '[collector]\ndata_dir = "data"\ntree = "tree.toml"\n'
# 20 November 2026, 10:00 in Shanghai.
NOW_MS = 1_795_140_000_000
HOUR_MS = 3_600_000


def passage(gate: Gate, number: int, pass_class: str, at_ms: int) -> None:
    """Somebody who came in under the policy that gates ship with."""
    facts = PassFacts(number.to_bytes(8, "big"), bytes(8), pass_class, None, bytes(4), 1)
    checks = (CheckResult("pass", "enforce", "ok", "pass_valid", None, None),)
    made = Verdict(
        1, Where("east", "in-1", "in", "person"), "allow", "all_ok", pass_class, checks, facts, (), "everyday", 1,
        "low", "guard", (), None, "",
    )  # fmt: skip
    gate.append("verdict", made, passage_id(number), at_ms=at_ms)
    gate.append("outcome", outcome(), passage_id(number), at_ms=at_ms + 4000)


def week(folder: Path) -> None:
    """Six days at one gate: 40 people a day, every fourth a courier or visitor, at any hour."""
    seed, gate = random.Random(7), Gate()
    gate.reopen()
    times = sorted(NOW_MS - seed.randrange(144 * HOUR_MS) for _ in range(240))
    for number, at_ms in enumerate(times):
        passage(gate, number, seed.choice(["resident"] * 6 + ["courier", "visitor"]), at_ms)
    (folder / "data").mkdir()
    core = Core(folder / "data" / "central.db", gate)
    core.now_ms = NOW_MS
    with closing(core.store):
        core.send(gate)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    week(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUANKOU_CENTRAL", "central.toml")
    monkeypatch.setattr(policy_commands, "utc_ms", lambda: NOW_MS)
    assert CliRunner().invoke(main, ["keys", "keys"]).exit_code == 0
    return tmp_path


def drafts(page: str) -> dict[str, str]:
    """The draft of the page, and its two corrections."""
    [draft] = re.findall(r"```toml\n(.*?)```", page, re.S)
    second = draft.replace("temprature", "temperature")
    night = second[second.index('[[rule]]\nname = "night"') : second.index('[[rule]]\nname = "everybody"')]
    third = second.replace(night, "").replace('[[rule]]\nname = "way out"', f'{night}[[rule]]\nname = "way out"')
    third = third.replace("待定", "东湖社区 Donghu community").replace("donghu-9", "donghu-8")
    return {"winter.toml": draft, "winter-2.toml": second, "winter-3.toml": third}


def said(command: str) -> str:
    return CliRunner().invoke(main, command.split()[1:], input="y\n").output.rstrip() + "\n"


def is_shown(block: str, output: str) -> bool:
    """`[…]` in a block stands for any lines."""
    return re.fullmatch(re.escape(block).replace(re.escape("[…]\n"), "(.*\\n)*?"), output) is not None


def test_the_page_shows_what_its_commands_say(home):
    page = PAGE.read_text(encoding="utf-8")
    for name, text in drafts(page).items():
        Path(name).write_text(text, encoding="utf-8")
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", page, re.S)
    assert len(blocks) == 5
    for command, block in blocks:
        output = said(command)
        assert is_shown(block, output), f"$ {command}\n{output}"
