"""The page about roll-outs shows what the commands really say."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.cli import main
from tests.central.test_rollout import NEW, Office, home, made_once
from tests.central.test_rollout_watch import _NEW, Street

__all__ = ["home", "made_once"]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "rollout.md"


class Session:
    """Commands at one terminal, with what they said."""

    def __init__(self, office: Office, folder: Path) -> None:
        self._office = office
        self._folder = folder
        self.parts: list[str] = []

    def types(self, *words: str) -> None:
        """One block of the page."""
        where = {"winter-2.toml": str(self._folder / "winter-2.toml")}
        config = ["-c", str(self._folder / "central.toml")]
        result = CliRunner().invoke(main, ["rollout", *(where.get(word, word) for word in words), *config])
        shown = " ".join(f"'{word}'" if " " in word else word for word in words)
        self.parts.append(f"```\n$ guankou-central rollout {shown}\n{result.output}```\n")
        self._office.now_ms += 60_000


@pytest.fixture
def said(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A policy that goes to one gate, to a grid, stops by itself, and is taken back."""
    office = Office(home)
    office.now_ms += 600_000
    monkeypatch.setattr("central.rollout_commands.utc_ms", lambda: office.now_ms)
    (home / "winter-2.toml").write_bytes(NEW)
    with closing(office.store):
        office.first()
        street, session = Street(office), Session(office, home)
        for name in ("gate-1", "gate-2"):
            street.people(name, 98, 2)
            office.says(name, policy_at_wuhan="1")
        session.types("start", "winter-2.toml", "--scope", "wuhan", "--stages", "gate:gate-1,grid:donghu-7,all",
                      "--by", "li")  # fmt: skip
        office.watch()
        session.types("next", "--by", "li")
        office.says("gate-1", policy_at_wuhan="2")
        street.people("gate-1", 40, 1, **_NEW)
        office.watch()
        session.types("next", "--by", "li")
        office.says("gate-1", policy_at_wuhan="3")
        office.says("gate-2", policy_at_wuhan="3")
        office.watch()
        street.people("gate-2", 20, 20, **_NEW)
        office.watch()
        session.types("show")
        session.types("next", "--by", "li")
        session.types("back", "--by", "li", "--why", "the thermometer of gate-2 stands in the sun")
    return session.parts


def test_every_block_of_the_page_is_what_the_commands_say(said: list[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [part for part in said if part not in page]
    assert missing == [], "".join(said)
    assert page.count("\n$ guankou-central rollout ") == len(said)
