"""Every command of the collector on real files."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from central.cli import main
from central.config import ConfigError, load_config
from central.lock import InUseError, locked
from central.registry import RegistryError, load_tree
from central.store.sqlite import SqliteStore
from checkpoint.documents import KeyList, read_document
from checkpoint.formats import gk1
from firmware_config.schema import Enrolment
from tests.central.conftest import Core
from tests.central.sim import TREE, Gate

CONFIG = """
[collector]
data_dir = "data"
tree = "tree.toml"
[broker]
dir = "broker"
password_file = "broker/collector.password"
"""


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    run("keys", str(tmp_path / "keys"))
    run("broker", "init", "--dir", str(tmp_path / "broker"))
    return tmp_path


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output
    return result.output


def enrol(home: Path, gate: Gate, *more: str, code: int = 0) -> str:
    return run(
        "gate", "enrol", "-c", str(home / "central.toml"), "--gate", gate.name, "--grid", "donghu-7", "--site", "east",
        "--public-key", gate.public.hex(), "--out", str(home / f"{gate.name}.json"), *more, code=code,
    )  # fmt: skip


def test_keys_are_private_and_never_overwritten(home):
    folder = home / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    before = (folder / "root.key").read_text()
    assert "never overwritten" in run("keys", str(folder), code=2)
    assert (folder / "root.key").read_text() == before


def test_enrolment_makes_a_gate_known_to_store_and_broker(home):
    gate = Gate()
    enrol(home, gate)
    file = home / "gate-1.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    enrolment = msgspec.json.decode(file.read_bytes(), type=Enrolment)
    assert enrolment.grid_path == "wuhan/wuchang/luojia/donghu/donghu-7"
    passwords = (home / "broker" / "passwords").read_text()
    assert "gate-1:$7$" in passwords
    assert enrolment.broker_password not in passwords
    assert "user gate-1\n" in (home / "broker" / "acl").read_text()
    with closing(SqliteStore(home / "data" / "central.db")) as store:
        assert store.gate("gate-1").public_key == gate.public


def test_a_revoked_gate_loses_its_place_at_the_broker(home):
    enrol(home, Gate())
    run("gate", "revoke", "-c", str(home / "central.toml"), "--gate", "gate-1")
    assert "gate-1" not in (home / "broker" / "passwords").read_text()
    assert "gate-1" not in (home / "broker" / "acl").read_text()
    assert "not enrolled" in run("gate", "revoke", "-c", str(home / "central.toml"), "--gate", "gate-1", code=2)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--grid", "nowhere"), "no grid of tree version 3"),
        (("--site", "west"), "not in grid"),
        (("--gate", "Gate 1"), "an id is"),
        (("--public-key", "abcd"), "32 bytes"),
        (("--public-key", "xyz"), "is not hex"),
    ],
)
def test_a_wrong_enrolment_is_refused_with_the_value(home, more, words):
    assert words in enrol(home, Gate(), *more, code=2)
    assert not (home / "gate-1.json").exists()


def test_an_issued_pass_reads_back(home):
    made = json.loads(
        run("pass", "issue", "--class", "visitor", "--scope", "east", "--key", str(home / "keys/issuer.key"), "--party",
            "3", "--household", "01020304", "--json")
    )  # fmt: skip
    assert made["pass"].startswith(gk1.PREFIX)
    assert made["expires"] - made["not_before"] == 86_400
    for name in ("code.png", "code.svg"):
        run("pass", "print", made["pass"], "--out", str(home / name))
        assert (home / name).stat().st_size > 500
    assert "█" in run("pass", "print", made["pass"])
    assert "ending" in run("pass", "print", made["pass"], "--out", str(home / "code.txt"), code=2)


def test_a_pass_that_lives_too_long_is_not_issued(home):
    key = str(home / "keys/issuer.key")
    run("pass", "issue", "--class", "visitor", "--scope", "east", "--key", key, "--valid-days", "9", code=2)


def test_documents_are_signed_with_growing_versions(home):
    config = str(home / "central.toml")
    root = bytes.fromhex(json.loads(_public(home, "root"))["public"])
    run("document", "publish", "-c", config, "--kind", "keys", "--scope", "wuhan")
    trust = home / "trust.json"
    trust.write_text(json.dumps({"keys": [{"public": "11" * 32, "classes": ["resident"]}]}))
    for version in (1, 2):
        words = run("document", "publish", "-c", config, "--kind", "trust", "--scope", "wuhan", str(trust), "--json")
        assert json.loads(words)["version"] == version
    with closing(SqliteStore(home / "data" / "central.db")) as store:
        kept = {kind: (version, data) for _, kind, version, data in store.documents()}
        assert {due.topic for due in store.due(10)} == {
            "guankou/1/document/wuhan/keys", "guankou/1/document/wuhan/trust",
        }  # fmt: skip
    assert (kept["keys"][0], kept["trust"][0]) == (1, 2)
    keys = read_document(kept["keys"][1], KeyList(root), 1_788_000_000)
    assert KeyList(root).with_keys(keys).rows


def test_a_policy_that_can_not_be_read_is_not_published(home):
    file = home / "policy.toml"
    file.write_text("nonsense = 1\n")
    run(
        "document",
        "publish",
        "-c",
        str(home / "central.toml"),
        "--kind",
        "policy",
        "--scope",
        "wuhan",
        str(file),
        code=2,
    )


def _public(home: Path, name: str) -> str:
    from central.keys import load_key
    from checkpoint import cose

    return json.dumps({"public": cose.public_bytes(load_key(home / "keys", name)).hex()})


def test_backup_and_restore_bring_the_store_back_and_refuse_a_running_one(home):
    config, gate = str(home / "central.toml"), Gate()
    enrol(home, gate)
    gate.reopen()
    gate.passage(1)
    core = Core(home / "data" / "central.db")
    with closing(core.store):
        core.send(gate)
    run("backup", "-c", config, str(home / "backup.db"))
    assert "exists" in run("backup", "-c", config, str(home / "backup.db"), code=2)
    with locked(home / "data"):
        assert "in use" in run("restore", "-c", config, str(home / "backup.db"), code=2)
    run("restore", "-c", config, str(home / "backup.db"))
    assert (home / "data" / "central.before-restore").exists()
    assert f"{gate.name} {gate.epochs[0].hex()}: issued 1..3, stored 1..3, gaps none" in run("audit", "-c", config)


def test_a_file_that_is_no_backup_is_not_restored(home):
    (home / "junk.db").write_bytes(b"not a database" * 1000)
    assert "not a database" in run("restore", "-c", str(home / "central.toml"), str(home / "junk.db"), code=2)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE record SET head = zeroblob(32) WHERE number = 2",
        "DELETE FROM record WHERE number = 2",
        "UPDATE payload SET payload = x'9101' WHERE record_id = 2",
        "UPDATE signed_head SET last = last - 1",
        "UPDATE leaf SET n = n + 1",
        "UPDATE epoch SET through = through + 1",
    ],
)
def test_an_audit_finds_what_was_changed(home, damage):
    config, gate = str(home / "central.toml"), Gate()
    enrol(home, gate)
    gate.reopen()
    gate.passage(1)
    core = Core(home / "data" / "central.db")
    with closing(core.store):
        core.send(gate)
        assert json.loads(run("audit", "-c", config, "--json"))["ok"]
        core.store.connection.execute(damage)
    assert not json.loads(run("audit", "-c", config, "--json", code=1))["ok"]


def test_two_collectors_never_hold_one_folder(tmp_path):
    with locked(tmp_path), pytest.raises(InUseError, match="in use"), locked(tmp_path):
        pass


def test_alarms_are_listed(home):
    gate = Gate()
    enrol(home, gate)
    gate.reopen()
    clone = gate.clone()
    gate.reopen("a")
    clone.reopen("b")
    core = Core(home / "data" / "central.db")
    with closing(core.store):
        core.send(gate)
        core.send(clone)
    config = str(home / "central.toml")
    [case] = json.loads(run("alarm", "list", "-c", config, "--json"))
    assert "分叉" in run("alarm", "list", "-c", config)
    run("alarm", "close", "-c", config, case["case"])
    assert json.loads(run("alarm", "list", "-c", config, "--json")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[collector]\ndata_dir = 'd'\n", "tree"),
        ("[collector]\ndata_dir = 'd'\ntree = 't'\nretention_days = 0\n", "retention_days"),
        ("[collector]\ndata_dir = 'd'\ntree = 't'\ncolour = 1\n", "colour"),
        ("[collector\n", "central.toml"),
    ],
)
def test_a_wrong_configuration_names_file_and_key(tmp_path, text, words):
    file = tmp_path / "central.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(file)
    assert str(file) in str(caught.value)


def test_a_tree_version_is_taken_once(home):
    config = str(home / "central.toml")
    run("audit", "-c", config)
    (home / "tree.toml").write_text(TREE.replace("东湖第七网格", "别的名字"))
    assert "raise it" in run("audit", "-c", config, code=2)


def test_a_missing_tree_is_named(tmp_path):
    with pytest.raises(RegistryError, match=r"none\.toml"):
        load_tree(tmp_path / "none.toml")
