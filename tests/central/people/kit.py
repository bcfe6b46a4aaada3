"""A collector's office in a folder: keys, tree, configuration, and the commands as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner

from central.cli import main
from central.config import Config, load_config
from central.keys import make_keys
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.formats import read_pass
from checkpoint.passes import CLASS_BY_NUMBER, Presented
from checkpoint.steps import NO_STEPS, StepSecrets
from checkpoint.trust import TrustEntry, TrustList
from tests.central.sim import TREE

NOW_S = 1_788_000_000
CONFIG = """
[collector]
data_dir = "data"
tree = "tree.toml"
[resident]
url = "https://pass.example.org"
"""
# Made up, with right check characters.
NUMBER = "110105199003072338"
OTHER_NUMBER = "11010519491231002X"


class Office:
    """The folder, its configuration, and an open store."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "central.toml"
        self.file.write_text(CONFIG, encoding="utf-8")
        (home / "tree.toml").write_text(TREE, encoding="utf-8")
        self.publics = make_keys(home / "keys")
        self.config: Config = load_config(self.file)
        self.config.data_dir.mkdir()

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        store = SqliteStore(self.config.database)
        try:
            yield store
        finally:
            store.close()

    def read(self, text: str, now_s: int = NOW_S, steps: StepSecrets = NO_STEPS) -> Presented:
        """What a gate of site `east` makes of a code."""
        public = self.publics["issuer"]
        entry = TrustEntry(
            cose.key_id(public), public, "office", frozenset(CLASS_BY_NUMBER.values()), ("donghu",), 0, 2**50
        )
        return read_pass(text.encode(), TrustList((entry,)), now_s, here=("east", "donghu-7", "donghu"), steps=steps)

    def run(self, *words: str, code: int = 0, typed: str = "") -> str:
        """A command with this office's configuration after its two words."""
        group, command, *rest = words
        result = CliRunner().invoke(main, [group, command, "-c", str(self.file), *rest], input=typed)
        assert result.exit_code == code, result.output
        return result.output
