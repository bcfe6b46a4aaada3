"""Passes taken back: what people order is what the next list says, to the pass, and no restore undoes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.backup import backup, restore
from central.config import Config, load_config
from central.documents import publish_document, take_back
from central.keys import make_keys, root_public
from central.registry import Registry
from central.revocation import (
    RevocationError,
    cut_off,
    free_index,
    last_status,
    lift,
    list_scope_of,
    publish_status,
    renew_status,
    save_if_grown,
    set_status,
    standing,
)
from central.revocation_commands import resume, revoke, suspend
from central.store.issued import Issued
from central.store.sqlite import SqliteStore
from checkpoint.documents import KeyList, open_document, read_document
from checkpoint.grid import parse_tree
from checkpoint.passes import Pass
from checkpoint.status_list import CutOff, StatusBook
from tests.central.sim import TREE, tree

CONFIG = """
[collector]
data_dir = "data"
tree = "tree.toml"
"""
NOW_MS = 1_788_000_000_000
NOW_S = NOW_MS // 1000
DAY_MS = 86_400_000
HOME = b"home"
# The same tree with another community, in which lies another site.
WIDER = (
    TREE
    + """
[[grid]]
id = "xiaohongshan"
level = "community"
name_zh = "小洪山社区"
name_en = "Xiaohongshan"
parent = "luojia"
[[grid]]
id = "hong-1"
level = "grid"
name_zh = "小洪山第一网格"
name_en = "Xiaohongshan grid 1"
parent = "xiaohongshan"
[[site]]
id = "west"
grid = "hong-1"
unit = "unit-2"
sector = "housing"
name_zh = "西苑小区"
name_en = "West Court"
"""
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    make_keys(tmp_path / "keys")
    (tmp_path / "data").mkdir()
    return load_config(tmp_path / "central.toml")


@pytest.fixture
def store(config: Config) -> Iterator[SqliteStore]:
    with closing(SqliteStore(config.database)) as made:
        yield made


REGISTRY = Registry(tree())


def give(store: SqliteStore, name: str, index: int | None = None, *, household: bytes | None = HOME,
         not_before_s: int = NOW_S, scope: str | None = "donghu") -> bytes:  # fmt: skip
    """A pass in the register, with an index of its own unless it is on no list."""
    pass_id = name.encode().ljust(8, b"-")
    with store.transaction():
        place = index if index is not None or scope is None else free_index(store, scope)
        store.save_issued(
            Issued(pass_id, None, b"subject1", "resident", household, scope, place, 0, "", NOW_MS, not_before_s,
                   NOW_S + 86_400, b"", None, None, "phone", NOW_MS)
        )  # fmt: skip
    return pass_id


def said(store: SqliteStore, pass_id: bytes, scope: str = "donghu") -> int | None:
    """What the list that gates have says of this pass."""
    status, row = last_status(store, scope), store.issued(pass_id)
    assert status is not None
    assert row is not None
    assert row.status_index is not None
    return status.value(row.status_index)


# --- which list, which index -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "community"),
    [
        (("east",), "donghu"),
        (("donghu-7",), "donghu"),
        (("donghu-7", "donghu-8", "east"), "donghu"),
        (("donghu",), "donghu"),
        (("luojia",), "luojia"),
        (("wuhan",), "wuhan"),
        (("east", "luojia"), None),
        (("east", "west"), None),
    ],
)
def test_a_pass_is_on_the_list_of_the_community_that_all_its_places_lie_in(
    scopes: tuple[str, ...], community: str | None
) -> None:
    assert list_scope_of(Registry(parse_tree(WIDER).newest), scopes) == community


def test_an_unknown_place_is_named() -> None:
    with pytest.raises(RevocationError, match="'nowhere'"):
        list_scope_of(REGISTRY, ["nowhere"])


def test_indices_are_random_distinct_and_fit_the_list(config: Config, store: SqliteStore) -> None:
    for number in range(40):
        give(store, f"p{number}")
    indices = [index for _, index, _, _ in store.passes_on("donghu")]
    assert len(set(indices)) == 40
    # Forty neighbours in a row are as good as impossible.
    assert max(indices) - min(indices) > 100
    publish_status(config, store, "donghu", NOW_MS)
    status = last_status(store, "donghu")
    assert status is not None
    assert status.size == 4096
    assert all(status.value(index) == 0 for index in indices)


def test_a_list_grows_with_its_passes_and_is_published_when_it_must(config: Config, store: SqliteStore) -> None:
    give(store, "first")
    with store.transaction():
        assert save_if_grown(config, store, "donghu", NOW_MS) == 1
        assert save_if_grown(config, store, "donghu", NOW_MS) is None
    give(store, "far", 5000)
    with store.transaction():
        assert save_if_grown(config, store, "donghu", NOW_MS) == 2
    status = last_status(store, "donghu")
    assert status is not None
    assert status.size == 8192


# --- single passes ---------------------------------------------------------------------------------------------------


def test_only_the_pass_that_was_revoked_is_revoked(config: Config, store: SqliteStore) -> None:
    ids = [give(store, f"p{number}") for number in range(12)]
    [published] = set_status(config, store, [ids[4]], 1, "lost", NOW_MS)
    assert (published.scope, published.version) == ("donghu", 1)
    assert [said(store, one) for one in ids] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_what_was_revoked_or_suspended_counts_again_after_it_is_taken_back(config: Config, store: SqliteStore) -> None:
    one, other = give(store, "one"), give(store, "other")
    set_status(config, store, [one], 1, "", NOW_MS)
    set_status(config, store, [other], 2, "", NOW_MS)
    assert (said(store, one), said(store, other)) == (1, 2)
    set_status(config, store, [one, other], 0, "", NOW_MS + 1)
    assert (said(store, one), said(store, other)) == (0, 0)


def test_gates_accept_the_list_that_is_published(config: Config, store: SqliteStore) -> None:
    one = give(store, "one")
    publish_document(config, store, "keys", "wuhan", None, NOW_MS - 1000, NOW_MS + DAY_MS, NOW_MS)
    set_status(config, store, [one], 1, "", NOW_MS)
    newest = {(scope, kind): data for scope, kind, _, data in store.documents()}
    keys = KeyList(root_public(config.keys_dir))
    keys = keys.with_keys(read_document(newest["wuhan", "keys"], keys, NOW_S))
    assert read_document(newest["donghu", "status"], keys, NOW_S).kind == "status"
    assert "guankou/1/document/donghu/status" in {due.topic for due in store.due(100)}


def test_only_the_newest_list_is_kept_and_versions_grow(config: Config, store: SqliteStore) -> None:
    one = give(store, "one")
    versions = [set_status(config, store, [one], status, "", NOW_MS)[0].version for status in (1, 0, 2)]
    assert versions == [1, 2, 3]
    kept = store.connection.execute("SELECT count(*) FROM document WHERE kind = 'status'").fetchone()[0]
    assert kept == 1


def test_a_pass_that_is_unknown_or_on_no_list_is_told_and_changes_nothing(config: Config, store: SqliteStore) -> None:
    known, without = give(store, "known"), give(store, "without", scope=None)
    with pytest.raises(RevocationError, match="--scope"):
        set_status(config, store, [known, b"stranger"], 1, "", NOW_MS)
    with pytest.raises(RevocationError, match="no status list"):
        set_status(config, store, [without], 1, "", NOW_MS)
    row = store.issued(known)
    assert row is not None
    assert row.status == 0
    assert last_status(store, "donghu") is None


def test_orders_from_several_desks_at_once_are_all_in_the_last_list(config: Config, store: SqliteStore) -> None:
    ids = [give(store, f"p{number}") for number in range(4)]

    def revoke_one(pass_id: bytes) -> int:
        with closing(SqliteStore(config.database)) as desk:
            return set_status(config, desk, [pass_id], 1, "", NOW_MS)[0].version

    with ThreadPoolExecutor(4) as desks:
        assert sorted(desks.map(revoke_one, ids)) == [1, 2, 3, 4]
    assert [said(store, one) for one in ids] == [1, 1, 1, 1]


# --- many at once ----------------------------------------------------------------------------------------------------


def test_a_cut_off_reaches_the_gates_and_ends_what_began_before_it(config: Config, store: SqliteStore) -> None:
    before, after = give(store, "before", not_before_s=NOW_S - 10), give(store, "after", not_before_s=NOW_S)
    cut_off(config, store, REGISTRY, ["east"], "household", HOME, NOW_S, "desk", NOW_MS)
    status = last_status(store, "donghu")
    assert status is not None
    assert status.cut_offs == (CutOff("household", HOME, NOW_S),)
    rows = [store.issued(before), store.issued(after)]
    assert [standing(store, row) for row in rows if row is not None] == [1, 0]
    lift(config, store, REGISTRY, ["east"], "household", HOME, NOW_MS)
    status = last_status(store, "donghu")
    assert status is not None
    assert status.cut_offs == ()


def test_a_cut_off_of_a_wide_place_reaches_every_list_below_it_and_no_list_beside_it(config: Config) -> None:
    config.tree.write_text(WIDER)
    registry = Registry(parse_tree(WIDER).newest)
    with closing(SqliteStore(config.database)) as store:
        east, west = give(store, "east"), give(store, "west", scope="xiaohongshan")
        done = cut_off(config, store, registry, ["luojia"], "class", b"\x01", NOW_S + 1, "desk", NOW_MS)
        assert [one.scope for one in done] == ["donghu", "luojia", "xiaohongshan"]
        wide = last_status(store, "luojia")
        assert wide is not None
        # It is there for its cut-offs: no index of another list may be looked up in it.
        assert wide.size == 0
        cut_off(config, store, registry, ["west"], "household", HOME, NOW_S + 1, "desk", NOW_MS)
        rows = [store.issued(east), store.issued(west)]
        assert [standing(store, row) for row in rows if row is not None] == [1, 1]
        lift(config, store, registry, ["luojia"], "class", b"\x01", NOW_MS)
        assert [standing(store, row) for row in rows if row is not None] == [0, 1]


def test_lifting_what_was_never_cut_off_is_told(config: Config, store: SqliteStore) -> None:
    with pytest.raises(RevocationError, match="no cut-off of kind all"):
        lift(config, store, REGISTRY, ["east"], "all", b"", NOW_MS)


def test_a_cut_off_older_than_any_pass_is_left_out(config: Config, store: SqliteStore) -> None:
    cut_off(config, store, REGISTRY, ["east"], "all", b"", NOW_S - 400 * 86_400, "desk", NOW_MS)
    status = last_status(store, "donghu")
    assert status is not None
    assert status.cut_offs == ()


# --- time and restores -----------------------------------------------------------------------------------------------


def test_a_list_is_signed_anew_after_half_a_day_without_any_change(config: Config, store: SqliteStore) -> None:
    give(store, "one")
    assert publish_status(config, store, "donghu", NOW_MS) == 1
    assert renew_status(config, store, NOW_MS + DAY_MS // 2 - 1) == []
    assert renew_status(config, store, NOW_MS + DAY_MS // 2) == ["donghu"]
    assert renew_status(config, store, NOW_MS + DAY_MS // 2) == []
    status = last_status(store, "donghu")
    assert status is not None
    assert status.issued_s == NOW_S + 43_200


def _revoked_since_a_backup(config: Config, target: Path) -> tuple[bytes, bytes, dict[str, bytes]]:
    """One pass and a household are ended before the backup and taken up after it; two passes are ended after it."""
    with closing(SqliteStore(config.database)) as store:
        kept, lost, third = (give(store, name) for name in ("kept", "lost", "third"))
        set_status(config, store, [kept], 1, "", NOW_MS + 1)
        cut_off(config, store, REGISTRY, ["east"], "household", HOME, NOW_S, "desk", NOW_MS + 2)
        backup(config.database, target)
        lift(config, store, REGISTRY, ["east"], "household", HOME, NOW_MS + 59_000)
        set_status(config, store, [kept], 0, "", NOW_MS + 60_000)
        set_status(config, store, [lost], 1, "", NOW_MS + 61_000)
        cut_off(config, store, REGISTRY, ["east"], "pass", third, NOW_S + 1, "desk", NOW_MS + 62_000)
        documents = {f"guankou/1/document/{scope}/{kind}": data for scope, kind, _, data in store.documents()}
        return kept, lost, documents


def _after(config: Config, kept: bytes, lost: bytes) -> tuple[int | None, int | None, int]:
    """What the next list says: of the one taken up, of the one revoked, and how many cut-offs."""
    with closing(SqliteStore(config.database)) as store:
        publish_status(config, store, "donghu", NOW_MS + 3_600_000)
        status = last_status(store, "donghu")
        assert status is not None
        return said(store, kept), said(store, lost), len(status.cut_offs)


def test_what_was_taken_back_since_the_backup_stays_so_when_the_old_store_can_be_read(
    config: Config, tmp_path: Path
) -> None:
    kept, lost, _ = _revoked_since_a_backup(config, tmp_path / "backup.db")
    words = restore(tmp_path / "backup.db", config.database, NOW_MS + 100_000)
    assert "passes were given or changed since the backup" in " ".join(words)
    assert _after(config, kept, lost) == (0, 1, 1)


def test_what_was_taken_back_since_the_backup_stays_so_when_only_the_broker_knows_it(
    config: Config, tmp_path: Path
) -> None:
    kept, lost, documents = _revoked_since_a_backup(config, tmp_path / "backup.db")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{config.database}{suffix}").unlink(missing_ok=True)
    restore(tmp_path / "backup.db", config.database, NOW_MS + 100_000)
    with closing(SqliteStore(config.database)) as store:
        assert take_back(config, store, documents, NOW_MS + 101_537) != []
    assert _after(config, kept, lost) == (0, 1, 1)


def test_a_pass_that_only_the_brokers_list_knows_stays_revoked_and_nobody_gets_its_place(
    config: Config, tmp_path: Path
) -> None:
    with closing(SqliteStore(config.database)) as store:
        give(store, "before")
        backup(config.database, tmp_path / "backup.db")
        index = store.issued(lost := give(store, "since")).status_index  # type: ignore[union-attr]
        set_status(config, store, [lost], 1, "", NOW_MS + 1000)
        documents = {f"guankou/1/document/{scope}/{kind}": data for scope, kind, _, data in store.documents()}
    for suffix in ("", "-wal", "-shm"):
        Path(f"{config.database}{suffix}").unlink(missing_ok=True)
    restore(tmp_path / "backup.db", config.database, NOW_MS + 100_000)
    with closing(SqliteStore(config.database)) as store:
        assert take_back(config, store, documents, NOW_MS + 101_000) != []
        assert take_back(config, store, documents, NOW_MS + 102_000) == []
        publish_status(config, store, "donghu", NOW_MS + 3_600_000)
        status = last_status(store, "donghu")
        assert status is not None
        assert index is not None
        assert status.value(index) == 1
        assert store.index_in_use("donghu", index)
        assert renew_status(config, store, NOW_MS + DAY_MS) == ["donghu"]


def test_a_store_that_was_begun_anew_does_not_empty_the_backups_register(config: Config, tmp_path: Path) -> None:
    kept, lost, _ = _revoked_since_a_backup(config, tmp_path / "backup.db")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{config.database}{suffix}").unlink(missing_ok=True)
    with closing(SqliteStore(config.database)) as fresh:
        give(fresh, "lost")
        set_status(config, fresh, [lost], 1, "", NOW_MS + 61_000)
    restore(tmp_path / "backup.db", config.database, NOW_MS + 100_000)
    with closing(SqliteStore(config.database)) as store:
        rows = {one: store.issued(one) for one in (kept, lost)}
        assert [row.status for row in rows.values() if row is not None] == [1, 1]


# --- the commands ----------------------------------------------------------------------------------------------------


def order(config: Config, command: object, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, ["-c", str(config.file), *words])  # type: ignore[arg-type]
    assert result.exit_code == code, result.output
    return result.output


def test_the_commands_do_what_they_say(config: Config, store: SqliteStore) -> None:
    one, other = give(store, "one"), give(store, "other")
    told = json.loads(order(config, revoke, one.hex(), "--why", "lost", "--json"))
    assert told == {"revoked": True, "lists": [{"scope": "donghu", "version": 1}]}
    assert (said(store, one), said(store, other)) == (1, 0)
    order(config, resume, one.hex())
    order(config, suspend, "--household", HOME.hex())
    assert (said(store, one), said(store, other)) == (2, 2)
    order(config, revoke, other.hex())
    order(config, resume, "--household", HOME.hex())
    # Who was revoked while the home was suspended stays revoked.
    assert (said(store, one), said(store, other)) == (0, 1)


def test_a_household_is_cut_off_and_taken_up_again_by_command(config: Config, store: SqliteStore) -> None:
    one = give(store, "one")
    order(config, revoke, "--household", HOME.hex())
    row = store.issued(one)
    assert row is not None
    assert standing(store, row) == 1
    order(config, resume, "--household", HOME.hex())
    assert standing(store, row) == 0


def test_a_pass_that_only_its_place_is_known_of_is_ended_whenever_it_begins(config: Config, store: SqliteStore) -> None:
    order(config, revoke, "00" * 8, "--scope", "east")
    status = last_status(store, "donghu")
    assert status is not None
    tomorrow = Pass(
        format="GK1", key_id=b"key1", pass_id=bytes(8), subject=b"subject1", pass_class="resident", scope=("east",),
        not_before_s=NOW_S + 86_400, expires_s=NOW_S + 2 * 86_400,
    )  # fmt: skip
    assert StatusBook({"donghu": status}).lookup(tomorrow, ("east", "donghu-7", "donghu")).cut_off
    order(config, resume, "00" * 8, "--scope", "east")
    status = last_status(store, "donghu")
    assert status is not None
    assert status.cut_offs == ()


def test_before_says_which_passes_of_a_class_end(config: Config, store: SqliteStore) -> None:
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    order(config, revoke, "--class", "visitor", "--scope", "east", "--before", f"{yesterday:%Y-%m-%d %H:%M:%S}")
    status = last_status(store, "donghu")
    assert status is not None
    assert status.cut_offs == (CutOff("class", 2, int(yesterday.timestamp())),)


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        (revoke, (), "say whom"),
        (revoke, ("00" * 8, "--all"), "say whom"),
        (revoke, ("zz",), "not hex"),
        (revoke, ("00",), "16 hex digits"),
        (revoke, ("00" * 8,), "not in this register"),
        (revoke, ("--all",), "--scope"),
        (revoke, ("--all", "--scope", "nowhere"), "'nowhere'"),
        (revoke, ("--household", "00" * 4), "--scope"),
        (suspend, ("--class", "visitor"), "only passes of the register"),
        (suspend, ("--household", "00" * 4), "no pass on a status list"),
        (resume, ("--all", "--scope", "east"), "no cut-off"),
    ],
)
def test_an_order_that_names_nobody_is_one_clear_line(
    config: Config, command: object, words: tuple[str, ...], told: str
) -> None:
    output = order(config, command, *words, code=2)
    assert told in output
    assert len([line for line in output.splitlines() if not line.startswith("{")]) == 1


def test_the_documents_of_two_lists_are_each_their_own(config: Config, store: SqliteStore) -> None:
    give(store, "one")
    publish_status(config, store, "donghu", NOW_MS)
    publish_status(config, store, "luojia", NOW_MS)
    scopes = {open_document(data).scope for scope, _, data in store.newest_documents("status") if scope}
    assert scopes == {"donghu", "luojia"}
