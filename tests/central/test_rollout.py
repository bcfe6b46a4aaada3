"""A policy in stages: who gets which version, what gates answer, when it stops by itself, and the way back."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central import rollout
from central.backup import backup, restore
from central.config import Config, load_config
from central.documents import publish_document, replaced, take_back
from central.publisher import Publisher
from central.registry import Registry, take_registry
from central.rollout import RolloutError, Wanted, Who
from central.rollout_plan import DEFAULT_STOP, StopRule, parse_stages, parse_stop
from central.rollout_rule import compare
from central.rollout_view import rollout_views
from central.rollout_watch import watch
from central.store.rollouts import RolloutGate, RolloutRow
from central.store.sqlite import SqliteStore
from checkpoint import topics
from checkpoint.documents import Document, DocumentError, open_document
from checkpoint.wire import Hello
from tests.central.sim import START_MS, Gate
from tests.central.test_commands import CONFIG, TREE, enrol, run
from tests.central.test_publish import Broker

OLD = b"""
id = "winter"
version = 1
title_zh = "\xe5\x86\xac"
title_en = "Winter"
authority = "office"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2099-12-31T00:00:00+08:00
zone_level = "low"
[[rule]]
name = "everybody"
checks = ["pass"]
"""
NEW = OLD.replace(b"version = 1", b"version = 2").replace(b'["pass"]', b'["pass", "temperature"]')
DAY_MS = 86_400_000
GATES = ("gate-1", "gate-2", "gate-3")


class Office:
    """A collector's store with three gates of one site, and the broker's retained messages."""

    def __init__(self, home: Path) -> None:
        self.config: Config = load_config(home / "central.toml")
        self.store = SqliteStore(self.config.database)
        self.now_ms = START_MS
        self.registry: Registry = take_registry(self.config, self.store, self.now_ms)
        self.broker = Broker()
        self.publisher = Publisher(self.store, self.registry, self.broker, lambda: self.now_ms, "urn:test")

    def first(self, content: bytes = OLD, days: int = 3650) -> int:
        file = self.config.keys_dir.parent / "policy.toml"
        file.write_bytes(content)
        end_ms = self.now_ms + days * DAY_MS
        return publish_document(self.config, self.store, "policy", "wuhan", file, self.now_ms, end_ms, self.now_ms)

    def start(self, stages: str, content: bytes = NEW, stop_when: str = DEFAULT_STOP) -> RolloutRow:
        wanted = Wanted(content, "wuhan", stages, stop_when, 30 * DAY_MS)
        return rollout.start(self.config, self.store, self.registry, wanted, self.who())

    def next(self) -> RolloutRow:
        return rollout.widen(self.config, self.store, self.registry, self.row(), self.who())

    def back(self) -> RolloutRow:
        return rollout.back(self.config, self.store, self.registry, self.row(), self.who())

    def row(self) -> RolloutRow:
        return self.store.rollouts()[0]

    def who(self) -> Who:
        return Who("operator", self.now_ms, "trial")

    def publish(self) -> dict[str, bytes]:
        """What the broker retains of documents, by topic."""
        self.now_ms += 1000
        self.publisher.tick()
        return {topic: data for topic, data in self.broker.retained.items() if "/policy" in topic}

    def has(self, gate: str) -> bytes:
        """The text that a gate with an empty disk ends with, by what is retained."""
        row = self.store.gate(gate)
        assert row is not None
        here = rollout.place_of(self.registry, row)
        found = [open_document(data) for data in self.publish().values()]
        mine = [one for one in found if one.concerns(here, gate)]
        return max(mine, key=lambda one: one.version).content

    def says(self, gate: str, **versions: str) -> None:
        """A heartbeat with these versions."""
        named = {name.replace("_at_", "@").replace("__", "/"): text for name, text in versions.items()}
        hello = Hello(1, gate, self.now_ms, "trusted", b"boot", True, b"", 0, 1, (), None, 0, (), named)
        row = self.store.gate(gate)
        assert row is not None
        with self.store.transaction():
            self.store.save_state(row.no, hello, self.now_ms)

    def watch(self) -> list[str]:
        return watch(self.store, self.registry, self.now_ms)

    def states(self) -> dict[str, str]:
        view = rollout_views(self.store, self.registry, self.now_ms)[0]
        return {gate.gate: gate.state for gate in view.gates}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collector")
    (folder / "central.toml").write_text(CONFIG)
    (folder / "tree.toml").write_text(TREE)
    run("keys", str(folder / "keys"))
    run("broker", "init", "--dir", str(folder / "broker"))
    for name in GATES:
        enrol(folder, Gate(name))
    return folder


@pytest.fixture
def home(made_once: Path, tmp_path: Path) -> Path:
    """A collector's folder of one's own."""
    return shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def office(home: Path):
    made = Office(home)
    with closing(made.store):
        made.first()
        yield made


BASE = "guankou/1/document/wuhan/policy"
STAGED = "guankou/1/document/wuhan/policy/staged"


def test_gates_outside_the_stage_keep_the_old_text_and_new_ones_get_it(office):
    assert topics.staged("wuhan", "policy") == STAGED
    office.start("gate:gate-1,all")
    assert {gate: office.has(gate) == NEW for gate in GATES} == {"gate-1": True, "gate-2": False, "gate-3": False}
    assert set(office.publish()) == {BASE, STAGED}


def test_each_stage_is_a_version_and_the_last_is_one_document_for_all(office):
    assert [office.start("gate:gate-1,gate:gate-2,all").version, office.next().version] == [2, 3]
    assert [office.has(gate) for gate in GATES] == [NEW, NEW, OLD]
    row = office.next()
    assert (row.state, row.version) == ("done", 4)
    assert {topic: open_document(data).version for topic, data in office.publish().items()} == {BASE: 4}
    assert [office.has(gate) for gate in GATES] == [NEW] * 3


def test_the_way_back_is_the_old_content_under_a_new_version_for_every_gate(office):
    office.start("gate:gate-1,all")
    office.has("gate-1")
    row = office.back()
    assert (row.state, row.version) == ("back", 3)
    [(topic, data)] = office.publish().items()
    assert (topic, open_document(data).version, open_document(data).content) == (BASE, 3, OLD)


@pytest.mark.parametrize(("valid_ms", "lasts_ms"), [(0, None), (5 * DAY_MS, 5 * DAY_MS)])
def test_gates_take_what_goes_out_in_stages_until_its_own_end_or_as_long_as_was_said(office, valid_ms, lasts_ms):
    office.first()
    wanted = Wanted(NEW, "wuhan", "gate:gate-1,all", DEFAULT_STOP, valid_ms)
    rollout.start(office.config, office.store, office.registry, wanted, office.who())
    began_ms = office.now_ms
    staged = [open_document(data) for topic, data in office.publish().items() if topic.endswith("/staged")]
    ends_ms = 4_102_329_600_000 if lasts_ms is None else began_ms + lasts_ms
    assert [one.not_after for one in staged] == [ends_ms]


def test_a_finished_one_can_be_taken_back_until_something_else_is_published(office):
    office.start("all")
    assert office.has("gate-3") == NEW
    office.back()
    assert office.has("gate-3") == OLD
    office.start("all")
    office.first(OLD.replace(b"version = 1", b"version = 9"))
    with pytest.raises(RolloutError, match="version 5 since"):
        office.back()


def test_another_policy_of_the_scope_waits_for_the_end_of_the_rollout(office):
    office.start("gate:gate-1,all")
    with pytest.raises(DocumentError, match="rollout back"):
        office.first()
    with pytest.raises(RolloutError, match="roll-out 1"):
        office.start("gate:gate-2,all")
    office.back()
    assert office.first() == 4


@pytest.mark.parametrize(
    ("stages", "why"),
    [
        ("gate:gate-1", "end with `all`"),
        ("gate:nobody,all", "no such gate"),
        ("site:gate-1,all", "no such site"),
        ("grid:nowhere,all", "no such grid"),
        ("percent:0,all", "more than before"),
        ("percent:30,percent:20,all", "more than before"),
        ("all,all", "leave it out"),
        ("gate:../x,all", "write gate:ID"),
        ("", "end with `all`"),
    ],
)
def test_stages_that_can_not_be_followed_are_refused_in_words(office, stages, why):
    with pytest.raises(RolloutError, match=why):
        office.start(stages)
    assert office.store.rollouts() == []
    assert set(office.publish()) == {BASE}


def test_two_texts_of_one_name_and_version_are_refused(office):
    with pytest.raises(RolloutError, match="raise"):
        office.start("all", content=OLD + b"\n")


def test_a_scope_without_a_policy_has_no_way_back_and_is_refused(office):
    wanted = Wanted(NEW, "donghu-7", "all", DEFAULT_STOP, DAY_MS)
    with pytest.raises(RolloutError, match="nothing is published as policy/donghu-7"):
        rollout.start(office.config, office.store, office.registry, wanted, office.who())


def test_what_a_gate_says_is_its_state(office):
    office.start("gate:gate-1+gate:gate-2,all")
    office.says("gate-1", policy_at_wuhan="1", policy_at_wuhan__refused="2 policy is not TOML")
    office.says("gate-3", policy_at_wuhan="1")
    assert office.states() == {"gate-1": "refused", "gate-2": "offered", "gate-3": "outside"}
    office.says("gate-1", policy_at_wuhan="2")
    office.says("gate-2", policy_at_wuhan="1", policy_at_wuhan__waiting="2")
    assert office.states() == {"gate-1": "in_force", "gate-2": "verified", "gate-3": "outside"}


@pytest.mark.parametrize("nonsense", ["", "x", "²", "9" * 40, "-1", "2 2"])
def test_nonsense_in_a_heartbeat_is_no_answer(office, nonsense):
    office.start("gate:gate-1,all")
    office.says("gate-1", policy_at_wuhan=nonsense, policy_at_wuhan__waiting=nonsense)
    assert office.states()["gate-1"] == "offered"


def test_the_broker_never_brings_back_a_stage_that_is_over(office):
    office.start("gate:gate-1,all")
    retained = office.publish()
    office.back()
    assert take_back(office.config, office.store, retained, office.now_ms) == []
    assert set(office.publish()) == {BASE}
    # A broker that was put back from its own backup retains it again: it is emptied again, and that is the end of it.
    assert list(replaced(office.store, {STAGED: retained[STAGED]})) == [STAGED]
    assert replaced(office.store, {STAGED: b""}) == {}
    of_another = STAGED.replace("wuhan", "changsha")
    assert replaced(office.store, {of_another: retained[STAGED]}) == {}


def test_a_restored_store_learns_of_a_stage_from_the_broker(office):
    office.start("gate:gate-1,all")
    retained = office.publish()
    with office.store.transaction():
        office.store.drop_documents("wuhan", "policy/staged")
        office.store.connection.execute("DELETE FROM rollout")
    assert take_back(office.config, office.store, retained, office.now_ms) == [STAGED]
    # Nobody can go on with it: what is published now holds everywhere, as the newest of all.
    assert office.first() == 3
    assert {topic: open_document(data).version for topic, data in office.publish().items()} == {BASE: 3}


@pytest.mark.parametrize("ended", [False, True])
def test_a_restore_from_before_it_began_keeps_a_rollout_and_its_end(office, tmp_path, ended):
    early, middle = tmp_path / "early.db", tmp_path / "middle.db"
    backup(office.config.database, early)
    office.start("gate:gate-1,all")
    backup(office.config.database, middle)
    if ended:
        office.back()
    before = office.row()
    office.store.close()
    said = restore(middle if ended else early, office.config.database, office.now_ms)
    assert any("roll-out 1 of policy/wuhan" in word for word in said)
    again = SqliteStore(office.config.database)
    office.store = again
    assert replace(office.row(), position=before.position) == before
    assert [act.act for act in again.rollout_acts(1)] == ["started", "back"][: 1 + ended]
    staged = [kind for _, kind, _, _ in again.documents() if kind == "policy/staged"]
    assert staged == ["policy/staged"] * (not ended)


# --- the rule ------------------------------------------------------------------------------------------------------


def gate_with(before: tuple[int, int], after: tuple[int, int]) -> RolloutGate:
    return RolloutGate(1, 1, "in_force", 2, "", 0, before[0], 0, before[1], after[0], 0, after[1])


RULE = StopRule("escalate", 50)


@pytest.mark.parametrize(
    ("before", "after", "jumped"),
    [
        ((1000, 20), (100, 2), False),
        ((1000, 20), (100, 5), False),
        ((1000, 20), (100, 10), True),
        ((1000, 0), (100, 3), True),
        ((1000, 0), (100, 1), False),
        ((1000, 100), (29, 29), False),
        ((29, 0), (500, 500), False),
        ((1000, 300), (400, 175), False),
        ((1000, 300), (400, 220), True),
    ],
)
def test_a_jump_is_more_than_the_rule_allows_and_more_than_chance(before, after, jumped):
    assert compare([gate_with(before, after)], RULE).jumped is jumped


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)), max_size=6)
)
def test_fewer_escalations_never_stop_anything_that_more_would_not(rows):
    gates = [gate_with((a + b, b), (c + d, d)) for a, b, c, d in rows]
    fewer = [gate_with((a + b, b), (c + d, d // 2)) for a, b, c, d in rows]
    assert compare(gates, RULE).jumped or not compare(fewer, RULE).jumped


def test_a_busy_gate_is_not_measured_by_a_quiet_ones_past():
    strict, easy = gate_with((1000, 400), (200, 80)), gate_with((1000, 10), (20, 0))
    assert not compare([strict, easy], RULE).jumped


def test_never_is_a_rule():
    assert parse_stop("never") == ()
    with pytest.raises(RolloutError, match="never"):
        parse_stop("escalate:50")


def test_stages_add_up():
    stages = parse_stages("gate:a,site:b+percent:10,all")
    assert [[target.id for target in stage.targets] for stage in stages] == [["a"], ["a", "b"], ["a", "b"]]
    assert [stage.percent for stage in stages] == [0, 10, 100]


# --- an old gate ---------------------------------------------------------------------------------------------------


def test_a_gate_that_knows_no_targets_reads_a_percentage_that_leaves_it_out(office):
    import msgspec

    from checkpoint.documents import encode_document

    class Old(msgspec.Struct, array_like=True, frozen=True):
        version_of_form: int
        kind: str
        scope: str
        version: int
        not_before: int
        not_after: int
        rollout: int
        content: bytes

    document = Document(1, "policy", "wuhan", 2, 10**12, 2 * 10**12, 0, NEW, ("gate-1",))
    assert msgspec.msgpack.decode(encode_document(document), type=Old).rollout == 0
    assert STAGED not in [topics.document(place, kind) for place in ("wuhan",) for kind in ("policy", "trust")]


# --- commands ------------------------------------------------------------------------------------------------------


def test_the_commands_lead_through_a_rollout(office, home):
    (home / "new.toml").write_bytes(NEW)
    config = ("-c", str(home / "central.toml"))
    said = run("rollout", "start", *config, str(home / "new.toml"), "--scope", "wuhan", "--stages", "gate:gate-1,all",
               "--by", "Li")  # fmt: skip
    assert "gate-1: 已下发 offered" in said
    assert "gate-2: 未到其阶段 not in a stage yet" in said
    assert "not in force at gate-1 offered" in run("rollout", "next", *config, code=2)
    office.says("gate-1", policy_at_wuhan="2")
    [view] = json.loads(run("rollout", "next", *config, "--json"))
    assert (view["state"], view["version"], view["stage"]) == ("done", 3, 2)
    assert "under way" in run("rollout", "stop", *config, code=2)
    assert "已退回 taken back" in run("rollout", "back", *config, "--why", "too slow at the east gate")
    assert "too slow at the east gate" in run("rollout", "show", *config, "--all")
