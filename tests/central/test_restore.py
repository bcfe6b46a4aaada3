"""A store that is brought back from an old backup tells nothing old as new, and undoes nothing that people did."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from central.backup import backup, restore
from central.cases import close_finding
from central.config import load_config
from central.documents import publish_document, replaced, take_back
from central.keys import load_key
from central.publisher import Publisher
from central.store.sqlite import SqliteStore
from checkpoint.documents import open_document, pack_document
from tests.central.conftest import Core
from tests.central.sim import PATH, TREE, Gate, fault
from tests.central.test_commands import CONFIG, run
from tests.central.test_publish import Broker

ESCALATION = f"guankou/1/escalation/{PATH}/"
DAY_MS = 86_400_000


class Town:
    """A collector with a broker; `restore` puts the backup back and starts it again."""

    def __init__(self, core: Core, folder: Path) -> None:
        self.core = core
        self.broker = Broker()
        self.backup = folder / "backup.db"
        self._ends: list[Callable[[], None]] = []
        self._publish()

    def tick(self, after_ms: int = 1000) -> list[tuple[str, bytes]]:
        """What is published now."""
        self.core.now_ms += after_ms
        already = len(self.broker.sent)
        while self.publisher.tick():
            self.core.now_ms += 1000
        return self.broker.sent[already:]

    def restore(self) -> list[str]:
        self.core.store.close()
        self.core.now_ms += 1000
        words = restore(self.backup, self.core.file, self.core.now_ms)
        self.core.now_ms += 1000
        started = Core(self.core.file)
        started.now_ms = self.core.now_ms
        self.core = started
        self._ends.append(started.store.close)
        self._publish()
        self.publisher.reconcile(list(self.broker.retained))
        return words

    def _publish(self) -> None:
        core = self.core
        self.publisher = Publisher(core.store, core.registry, self.broker, lambda: self.core.now_ms, "urn:test")

    def close(self) -> None:
        for end in self._ends:
            end()


@pytest.fixture
def town(core, tmp_path):
    made = Town(core, tmp_path)
    yield made
    made.close()


def complete(town: Town, gate: Gate) -> None:
    """The gate sends all it has, and says that it is complete to now."""
    town.core.send(gate)
    gate.at_ms = town.core.now_ms
    epoch = gate.epochs[-1]
    town.core.ingest.hello(gate.name, gate.hello(complete=(town.core.now_ms, epoch, len(gate.records[epoch]))))


def escalations(sent: list[tuple[str, bytes]]) -> list[tuple[str, bool]]:
    return [(topic, bool(payload)) for topic, payload in sent if topic.startswith(ESCALATION)]


def test_a_case_that_was_over_is_not_told_as_open_until_its_gate_has_sent_again(town, gate):
    alarm = gate.append("fault", fault())
    town.core.send(gate)
    backup(town.core.file, town.backup)
    town.tick()
    gate.clear(alarm)
    town.core.send(gate)
    town.tick()
    town.restore()
    assert escalations(town.tick()) == []
    complete(town, gate)
    assert [is_open for _, is_open in escalations(town.tick())] in ([], [False])


def test_a_case_that_stands_is_not_told_as_over_until_its_gate_has_sent_again(town, gate):
    town.core.send(gate)
    backup(town.core.file, town.backup)
    gate.append("fault", fault())
    town.core.send(gate)
    assert [is_open for _, is_open in escalations(town.tick())] == [True]
    town.restore()
    assert escalations(town.tick()) == []
    # Its gate may stay away as long as it likes: nobody knows better.
    assert escalations(town.tick(3_600_000)) == []
    complete(town, gate)
    assert {is_open for _, is_open in escalations(town.tick())} == {True}


def test_what_the_broker_retains_of_no_gates_case_is_emptied_after_the_gate_is_complete(town, gate):
    town.core.send(gate)
    backup(town.core.file, town.backup)
    topic = f"{ESCALATION}{gate.name}-{'0' * 16}-7"
    town.broker.retained[topic] = b"{}"
    town.restore()
    assert escalations(town.tick()) == []
    complete(town, gate)
    assert escalations(town.tick()) == [(topic, False)]


def test_an_alarm_from_after_the_restore_never_waits(town, gate):
    town.core.send(gate)
    backup(town.core.file, town.backup)
    town.restore()
    town.tick()
    gate.at_ms = town.core.now_ms
    gate.append("fault", fault())
    town.core.send(gate)
    assert [is_open for _, is_open in escalations(town.tick())] == [True]


def test_what_is_open_in_the_backup_is_told_after_ten_minutes_all_the_same(town, gate):
    gate.append("fault", fault())
    town.core.send(gate)
    backup(town.core.file, town.backup)
    town.broker.retained.clear()
    town.restore()
    assert escalations(town.tick()) == []
    assert [is_open for _, is_open in escalations(town.tick(11 * 60_000))] == [True]


def test_a_passage_from_before_the_restore_comes_again_as_late_and_under_its_name(town, gate):
    backup(town.core.file, town.backup)
    gate.passage(1)
    town.core.send(gate)
    first = [json.loads(body) for topic, body in town.tick() if "/passage/" in topic]
    town.restore()
    town.core.send(gate)
    again = [json.loads(body) for topic, body in town.tick() if "/passage/" in topic]
    assert [event["id"] for event in again] == [event["id"] for event in first]
    assert ([event["data"]["late"] for event in first], [event["data"]["late"] for event in again]) == ([False], [True])


def test_enrolments_and_revocations_since_the_backup_are_carried_over(town, gate):
    backup(town.core.file, town.backup)
    other = Gate("gate-2")
    town.core.enrol(other)
    with town.core.store.transaction():
        town.core.store.revoke(gate.name, town.core.now_ms)
    words = town.restore()
    assert [word.split(",")[0] for word in words] == [
        "gate gate-1: revoked since the backup", "gate gate-2: enrolled since the backup"
    ]  # fmt: skip
    assert {row.gate: (row.no, row.revoked_ms is not None) for row in town.core.store.gates()} == {
        "gate-1": (1, True),
        "gate-2": (2, False),
    }


def test_a_finding_that_somebody_has_closed_stays_closed(town, gate):
    gate.append("fault", fault())
    town.core.send(gate)
    clone = gate.clone()
    gate.reopen("a")
    clone.reopen("b")
    town.core.send(gate)
    town.core.send(clone)
    assert town.core.origins() == ["fork"]
    backup(town.core.file, town.backup)
    [row] = [row for row in town.core.store.open_cases() if row.origin == "fork"]
    close_finding(
        town.core.store, town.core.registry, f"gate-1-{row.epoch.hex()}-{row.number}-fork", town.core.now_ms
    )  # fmt: skip
    town.restore()
    assert town.core.origins() == []


@pytest.mark.parametrize("rubbish", [b"not a database" * 1000, b""])
def test_a_store_that_cant_be_read_is_replaced_and_kept(town, rubbish):
    backup(town.core.file, town.backup)
    town.core.store.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{town.core.file}{suffix}").unlink(missing_ok=True)
    town.core.file.write_bytes(rubbish)
    words = town.restore()
    assert [row.gate for row in town.core.store.gates()] == ["gate-1"]
    assert town.core.file.with_suffix(".before-restore").exists()
    assert not rubbish or "can't be read" in words[0]


@pytest.fixture
def config(tmp_path):
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    run("keys", str(tmp_path / "keys"))
    run("broker", "init", "--dir", str(tmp_path / "broker"))
    (tmp_path / "data").mkdir()
    return load_config(tmp_path / "central.toml")


def publish(config, now_ms: int) -> int:
    with closing(SqliteStore(config.database)) as store:
        return publish_document(config, store, "keys", "wuhan", None, now_ms, now_ms + DAY_MS, now_ms)


def retained(config) -> dict[str, bytes]:
    with closing(SqliteStore(config.database)) as store:
        return {f"guankou/1/document/{scope}/{kind}": data for scope, kind, _, data in store.documents()}


def lose(config, now_ms: int, source: Path) -> None:
    """The disk is lost, and the backup is put in its place."""
    config.database.unlink()
    restore(source, config.database, now_ms)


def test_a_document_after_a_restore_is_newer_than_every_one_before_it(config, tmp_path):
    now_ms = 1_788_000_000_000
    assert publish(config, now_ms) == 1
    backup(config.database, tmp_path / "backup.db")
    assert publish(config, now_ms) == 2
    lose(config, now_ms + 1000, tmp_path / "backup.db")
    assert publish(config, now_ms + 2000) == (now_ms + 1000) // 1000
    assert publish(config, now_ms + 3000) == (now_ms + 1000) // 1000 + 1


def test_nothing_that_every_gate_would_refuse_is_taken_back(config, tmp_path):
    now_ms = 1_788_000_000_537
    publish(config, now_ms)
    [(topic, data)] = retained(config).items()
    newer = msgspec.structs.replace(open_document(data), version=7)
    over = msgspec.structs.replace(newer, not_before=now_ms - 2000, not_after=now_ms - 1000)
    unreadable = msgspec.structs.replace(newer, content=b"no key list")
    key = load_key(config.keys_dir, "root")
    with closing(SqliteStore(config.database)) as store:
        for bad in (over, unreadable):
            assert take_back(config, store, {topic: pack_document(key, bad)}, now_ms) == []
        assert take_back(config, store, {topic: pack_document(key, newer)}, now_ms) == [topic]


def test_a_newer_document_that_the_broker_still_has_is_taken_back_and_nothing_else(config, tmp_path):
    # In the middle of a second.
    now_ms = 1_788_000_000_537
    publish(config, now_ms)
    backup(config.database, tmp_path / "backup.db")
    publish(config, now_ms)
    newer = retained(config)
    lose(config, now_ms + 1000, tmp_path / "backup.db")
    with closing(SqliteStore(config.database)) as store:
        [(topic, data)] = newer.items()
        assert take_back(config, store, {topic: b"junk", topic.replace("wuhan", "elsewhere"): data}, now_ms) == []
        assert take_back(config, store, newer, now_ms) == [topic]
        assert take_back(config, store, newer, now_ms) == []
        assert replaced(store, newer | {topic.replace("wuhan", "elsewhere"): b"other"}) == {}
        assert replaced(store, {topic: b"other"}) == {topic: b"other"}
        assert replaced(store, {topic: b""}) == {topic: b""}
        assert [version for _, _, version, _ in store.documents()] == [2]
