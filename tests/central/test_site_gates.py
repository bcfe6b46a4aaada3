"""The list of a site's gates follows enrolment and revocation, and is signed anew long before its end."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from central.config import Config, load_config
from central.documents import publish_document
from central.site_gates import publish_gates
from central.store.sqlite import SqliteStore
from checkpoint import topics
from checkpoint.documents import open_document
from checkpoint.site_wire import SiteError, gates_from_content
from tests.central.sim import Gate
from tests.central.test_commands import enrol, home, run

__all__ = ["home"]
NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000


def config_of(home: Path) -> Config:
    return load_config(home / "central.toml")


def lists(home: Path) -> dict[str, tuple[int, list[str]]]:
    """Site -> version and gates of its list; each gate with the key that the store has."""
    found = {}
    with closing(SqliteStore(config_of(home).database)) as store:
        keys = {row.gate: row.public_key for row in store.gates()}
        for site, _, data in store.newest_documents("gates"):
            document = open_document(data)
            gates = gates_from_content(document.content)
            assert all(key.public_bytes_raw() == keys[gate] for gate, key in gates.items())
            found[site] = document.version, list(gates)
    return found


def test_enrolment_and_revocation_are_told_to_the_gates_of_the_site(home):
    enrol(home, Gate("gate-1"))
    assert lists(home) == {"east": (1, ["gate-1"])}
    enrol(home, Gate("gate-2"))
    assert lists(home) == {"east": (2, ["gate-1", "gate-2"])}
    run("gate", "revoke", "--gate", "gate-1", "--config", str(home / "central.toml"))
    assert lists(home) == {"east": (3, ["gate-2"])}
    run("gate", "revoke", "--gate", "gate-2", "--config", str(home / "central.toml"))
    assert lists(home) == {"east": (4, [])}


def test_the_running_collector_signs_only_what_is_new_or_will_end(home):
    enrol(home, Gate("gate-1"))
    with closing(SqliteStore(config_of(home).database)) as store, store.transaction():
        signed_ms = open_document(store.newest_documents("gates")[0][2]).not_before
        assert publish_gates(config_of(home), store, signed_ms + 190 * DAY_MS) == []
        assert publish_gates(config_of(home), store, signed_ms + 201 * DAY_MS) == ["east"]
        assert publish_gates(config_of(home), store, signed_ms + 202 * DAY_MS) == []
        assert topics.document("east", "gates") in [due.topic for due in store.due(10)]


def test_a_store_from_before_gets_its_lists(home):
    config_of(home).database.parent.mkdir()
    with closing(SqliteStore(config_of(home).database)) as store, store.transaction():
        store.enrol("gate-9", bytes(32), "g-1", "east", 0)
        store.enrol("gate-8", bytes(32), "g-1", "west", 0)
        assert sorted(publish_gates(config_of(home), store, NOW_MS)) == ["east", "west"]


def test_a_list_made_by_hand_must_be_one(home, tmp_path):
    config_of(home).database.parent.mkdir()
    (tmp_path / "rows").write_bytes(b"\x91\x92\xa1a\xc4\x01x")
    with closing(SqliteStore(config_of(home).database)) as store, pytest.raises(SiteError):
        publish_document(config_of(home), store, "gates", "east", tmp_path / "rows", NOW_MS, NOW_MS + DAY_MS, NOW_MS)
