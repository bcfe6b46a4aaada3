"""Issuers' keys: two live side by side, one goes away, and the root that says so may be on another machine."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.config import Config, load_config
from central.documents import publish_document
from central.keys import REGISTER, KeyFileError, load_key, load_key_file, make_keys, root_public
from central.store.sqlite import SqliteStore
from central.trust_commands import document_draft, document_show, document_sign, document_take, issuer
from central.trust_keys import issuers
from checkpoint import cose
from checkpoint.documents import DocumentError, open_document
from checkpoint.formats import gk1, read_pass
from checkpoint.passes import Claims
from checkpoint.trust import TrustList, trust_from_content
from tests.central.sim import TREE

CONFIG = """
[collector]
data_dir = "data"
tree = "tree.toml"
"""
NOW_MS = 1_788_000_000_000
NOW_S = NOW_MS // 1000
DAY_MS = 86_400_000


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    make_keys(tmp_path / "keys")
    (tmp_path / "data").mkdir()
    made = load_config(tmp_path / "central.toml")
    order(made, issuer, "add", "--issuer", "East Court office", "--class", "resident", "--scope", "east")
    return made


@pytest.fixture
def store(config: Config) -> Iterator[SqliteStore]:
    with closing(SqliteStore(config.database)) as made:
        yield made


def call(command: object, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, list(words))  # type: ignore[arg-type]
    assert result.exit_code == code, result.output
    return result.output


def order(config: Config, command: object, *words: str, code: int = 0) -> str:
    """A command with the collector's file; of a group the first word is the command."""
    named = words[:1] if command is issuer else ()
    return call(command, *named, "-c", str(config.file), *words[len(named) :], code=code)


def a_pass(key: Ed25519PrivateKey) -> str:
    claims = Claims(
        pass_id=b"pass-id1", subject=b"subject1", pass_class="resident", scope=("east",), not_before_s=NOW_S,
        expires_s=NOW_S + 86_400,
    )  # fmt: skip
    return gk1.issue(claims, key)


def publish(config: Config, store: SqliteStore) -> TrustList:
    """What gates go by after the next trust list."""
    publish_document(config, store, "trust", "wuhan", None, NOW_MS - 1000, NOW_MS + 30 * DAY_MS, NOW_MS)
    [(_, _, data)] = store.newest_documents("trust")
    return trust_from_content(open_document(data).content)


def reason(text: str, trust: TrustList, now_s: int = NOW_S + 60) -> str:
    return read_pass(text.encode(), trust, now_s).reason


# --- the issuer's key ------------------------------------------------------------------------------------------------


def test_a_key_is_changed_without_a_moment_in_which_any_pass_is_refused(config: Config, store: SqliteStore) -> None:
    old = load_key(config.keys_dir, "issuer")
    before = a_pass(old)
    order(config, issuer, "next")
    # Made and registered, but no gate knows it: nothing may be signed with it yet.
    assert load_key(config.keys_dir, "issuer").private_bytes_raw() == old.private_bytes_raw()
    assert "no trust list names the next key" in order(config, issuer, "switch", code=2)
    trust = publish(config, store)
    assert len(trust.entries) == 2
    order(config, issuer, "switch")
    new = load_key(config.keys_dir, "issuer")
    assert new.private_bytes_raw() != old.private_bytes_raw()
    assert (reason(before, trust), reason(a_pass(new), trust)) == ("pass_valid", "pass_valid")
    trust = publish(config, store)
    assert (reason(before, trust), reason(a_pass(new), trust)) == ("pass_valid", "pass_valid")


def test_the_old_key_ends_when_the_last_pass_that_it_has_signed_does(config: Config, store: SqliteStore) -> None:
    order(config, issuer, "next")
    publish(config, store)
    told = json.loads(order(config, issuer, "switch", "--json"))
    old = next(entry for entry in issuers(config.keys_dir) if entry.kid.hex() == told["old_kid"])
    assert old.not_after_ms == told["old_ends"]
    days = (told["old_ends"] - _now_ms(config)) / DAY_MS
    assert 179 < days <= 181


def _now_ms(config: Config) -> int:
    return int((config.keys_dir / "issuers.json").stat().st_mtime * 1000)


def test_a_removed_key_signs_nothing_that_counts(config: Config, store: SqliteStore) -> None:
    stolen = load_key(config.keys_dir, "issuer")
    order(config, issuer, "next")
    publish(config, store)
    order(config, issuer, "switch")
    order(config, issuer, "remove", cose.key_id(cose.public_bytes(stolen)).hex())
    trust = publish(config, store)
    assert reason(a_pass(stolen), trust) == "key_unknown"
    assert reason(a_pass(load_key(config.keys_dir, "issuer")), trust) == "pass_valid"


def test_gates_that_have_not_been_heard_since_hold_the_change_up(config: Config, store: SqliteStore) -> None:
    with store.transaction():
        store.enrol("gate-1", bytes(32), "donghu-7", "east", 0)
    order(config, issuer, "next")
    publish(config, store)
    assert "gate-1" in order(config, issuer, "switch", code=2)
    order(config, issuer, "switch", "--anyway")


def test_a_gate_that_was_heard_after_the_list_was_published_holds_nothing_up(
    config: Config, store: SqliteStore
) -> None:
    order(config, issuer, "next")
    publish(config, store)
    with store.transaction():
        store.enrol("gate-1", bytes(32), "donghu-7", "east", 0)
        store.connection.execute(
            "INSERT INTO gate_state(gate_no, online, seen_ms, backlog, faults, versions)"
            " VALUES (1, 1, ?, 0, '[]', '{}')",
            (NOW_MS + 1,),
        )
    order(config, issuer, "switch")


def test_the_next_key_is_private_and_made_once(config: Config) -> None:
    order(config, issuer, "next")
    assert stat.S_IMODE((config.keys_dir / "issuer-next.key").stat().st_mode) == 0o600
    assert "issuer switch" in order(config, issuer, "next", code=2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("remove", "00112233"), "00112233"),
        (("remove", "zz"), "not hex"),
        (("switch",), "issuer-next.key"),
        (("add", "--issuer", "again", "--class", "resident"), "registered already"),
        (("add", "--issuer", "short", "--class", "resident", "--public", "00"), "public key"),
    ],
)
def test_what_can_not_be_done_to_issuers_is_told(config: Config, words: tuple[str, ...], told: str) -> None:
    before = issuers(config.keys_dir)
    assert told in order(config, issuer, *words, code=2)
    assert issuers(config.keys_dir) == before


def test_the_register_is_shown(config: Config) -> None:
    assert "East Court office; resident; east" in order(config, issuer, "list")
    [row] = json.loads(order(config, issuer, "list", "--json"))
    assert row["classes"] == ["resident"]


# --- the root elsewhere ----------------------------------------------------------------------------------------------


@pytest.fixture
def far(config: Config, tmp_path: Path) -> Path:
    """The root key on another machine."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (config.keys_dir / "root.key").rename(folder / "root.key")
    return folder


def test_a_trust_list_is_signed_on_another_machine(config: Config, store: SqliteStore, far: Path) -> None:
    with pytest.raises(KeyFileError, match="document draft"):
        publish(config, store)
    order(config, document_draft, "--kind", "trust", "--scope", "wuhan", "--out", str(far / "trust.draft"))
    said = call(document_show, str(far / "trust.draft"))
    assert "East Court office" in said
    assert "resident for east" in said
    root, signed = str(far / "root.key"), str(far / "trust.signed")
    assert "not signed" in call_answering("n", str(far / "trust.draft"), "--key", root, "--out", signed)
    assert not (far / "trust.signed").exists()
    call(document_sign, str(far / "trust.draft"), "--key", root, "--out", signed, "--yes")
    told = json.loads(order(config, document_take, signed, "--json"))
    assert (told["kind"], told["scope"], told["version"]) == ("trust", "wuhan", 1)
    [(_, _, data)] = store.newest_documents("trust")
    trust = trust_from_content(open_document(data).content)
    assert reason(a_pass(load_key(config.keys_dir, "issuer")), trust) == "pass_valid"
    assert "guankou/1/document/wuhan/trust" in {due.topic for due in store.due(10)}


def call_answering(answer: str, *words: str) -> str:
    result = CliRunner().invoke(document_sign, list(words), input=f"{answer}\n")
    assert result.exit_code == 2
    return result.output


def test_without_any_issuer_a_trust_list_says_how_to_get_one(config: Config, far: Path) -> None:
    (config.keys_dir / REGISTER).unlink()
    out = str(far / "trust.draft")
    assert "issuer add" in order(config, document_draft, "--kind", "trust", "--scope", "wuhan", "--out", out, code=2)


def test_what_another_key_has_signed_is_not_taken(config: Config, store: SqliteStore, far: Path) -> None:
    order(config, document_draft, "--kind", "trust", "--scope", "wuhan", "--out", str(far / "trust.draft"))
    other = str(config.keys_dir / "collector.key")
    call(document_sign, str(far / "trust.draft"), "--key", other, "--out", str(far / "trust.signed"), "--yes")
    assert "not signed by the root key" in order(config, document_take, str(far / "trust.signed"), code=2)
    assert store.newest_documents("trust") == []


def test_an_old_draft_is_not_taken_after_a_newer_document(config: Config, store: SqliteStore, far: Path) -> None:
    order(config, document_draft, "--kind", "trust", "--scope", "wuhan", "--out", str(far / "trust.draft"))
    call(document_sign, str(far / "trust.draft"), "--key", str(far / "root.key"), "--out", str(far / "one"), "--yes")
    order(config, document_take, str(far / "one"))
    assert "make a new draft" in order(config, document_take, str(far / "one"), code=2)


def test_everything_but_keys_and_trust_goes_on_without_the_root(config: Config, store: SqliteStore, far: Path) -> None:
    assert len(root_public(config.keys_dir)) == 32
    policy = config.file.parent / "policy.toml"
    policy.write_bytes((Path(__file__).parents[2] / "firmware_config" / "policies" / "everyday.toml").read_bytes())
    assert publish_document(config, store, "policy", "wuhan", policy, NOW_MS - 1, NOW_MS + DAY_MS, NOW_MS) == 1


def test_a_store_of_keys_from_before_root_pub_was_written_still_works(config: Config) -> None:
    public = root_public(config.keys_dir)
    (config.keys_dir / "root.pub").unlink()
    assert root_public(config.keys_dir) == public


@pytest.mark.parametrize(("text", "told"), [("zz", "not the hex"), ("00", "1 bytes")])
def test_a_public_root_that_is_none_is_told(config: Config, text: str, told: str) -> None:
    (config.keys_dir / "root.pub").write_text(text)
    with pytest.raises(KeyFileError, match=told):
        root_public(config.keys_dir)


@pytest.mark.parametrize(
    "data", [b"", b"guankou document draft 1\n", b"guankou document draft 1\nnoise", b"noise", bytes(2 << 20)]
)
def test_what_is_no_draft_is_told_and_not_signed(config: Config, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "draft").write_bytes(data)
    root = str(config.keys_dir / "root.key")
    call(document_sign, str(tmp_path / "draft"), "--key", root, "--out", str(tmp_path / "out"), "--yes", code=2)
    assert not (tmp_path / "out").exists()


def test_the_root_signs_nothing_that_it_could_not_show(config: Config, tmp_path: Path) -> None:
    from central.drafts import sign_draft
    from checkpoint.documents import Document, encode_document

    mark = b"guankou document draft 1\n"
    made = Document(1, "policy", "wuhan", 1, NOW_MS, NOW_MS + DAY_MS, 100, b"")
    root = load_key_file(config.keys_dir / "root.key")
    with pytest.raises(DocumentError, match="not 'policy'"):
        sign_draft(mark + encode_document(made), root)
