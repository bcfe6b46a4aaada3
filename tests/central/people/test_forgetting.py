"""Retention of the register: a year goes by, and who left is forgotten while what was revoked stays revoked."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest

from central import revocation
from central.people.applications import Decision, apply, confirm, refuse
from central.people.credentials import PeopleError, application_by_link, credential_by_link, credential_of
from central.people.forgetting import Forgotten, forget
from central.people.issuing import renew
from central.people.office import enter_person, issue_to_person, link_person, listed
from central.people.registering import Entry
from central.people.visitors import Visit, invite_visitor, walk_up
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint.formats.gk1_profile import payload_of
from checkpoint.passes import Travel
from checkpoint.status_list import REVOKED, VALID
from tests.central.people.kit import NOW_S, NUMBER, OTHER_NUMBER
from tests.central.sim import tree
from tests.edge.gate_process import ROOT, wait_for
from tools.demo.processes import free_port

DAY_S = 86_400
RETENTION_DAYS = 30


class Year:
    """The collector's daily turn, on days that the test counts."""

    def __init__(self, office, store: SqliteStore) -> None:
        self.config, self.store, self.day = office.config, store, 0
        self.said: dict[int, Forgotten] = {}

    @property
    def now_s(self) -> int:
        return NOW_S + self.day * DAY_S

    @property
    def now_ms(self) -> int:
        return self.now_s * 1000

    def until(self, day: int) -> None:
        """Every day has its turn, at the same hour."""
        while self.day < day:
            self.day += 1
            done = forget(self.store, self.now_ms - RETENTION_DAYS * DAY_S * 1000)
            if done:
                self.said[self.day] = done

    def live(self, name: str, **changes):
        """Somebody of the register with a pass from today."""
        entry = Entry(**{"site": "east", "pass_class": "resident", "unit_label": "3-2-501", "name": name} | changes)
        person = enter_person(self.config, self.store, entry, self.now_ms)
        return issue_to_person(self.config, self.store, person.no, self.now_ms)

    def known(self, held) -> bool:
        return self.store.person(held.issued.person) is not None

    def names(self) -> set[str]:
        return {one.person.name for one in listed(self.store)}


@pytest.fixture
def year(office, store) -> Year:
    return Year(office, store)


def test_everybody_is_forgotten_the_retention_after_their_last_pass_ended(year):
    stays, leaves = year.live("常住"), year.live("搬走", phone="13900000009", id_number=NUMBER)
    guest, _ = invite_visitor(year.config, year.store, stays, Visit("来客", 4 * 3600, phone="13900000008"), year.now_s)
    stood = walk_up(year.config, year.store, Entry(site="east", pass_class="visitor", name="路人"), year.now_s, 3600)
    truck = year.live("", pass_class="vehicle", plate="赣A12345", unit_label="")
    year.until(29)
    assert year.said == {}
    year.until(31)
    assert not year.known(guest)
    assert not year.known(stood)
    assert year.said == {31: Forgotten(2, 2, 0)}
    year.until(60)
    assert year.known(truck)
    year.until(61)
    assert not year.known(truck)
    year.until(170)
    with year.store.transaction():
        renew(year.config, year.store, credential_of(year.store, stays.pass_id), year.now_s)
    year.until(365)
    assert (year.known(stays), year.known(leaves)) == (True, False)
    assert list(year.said) == [31, 61, 211]
    assert year.names() == {"常住"}
    # Who comes again is somebody new, under a number that nobody had.
    again = year.live("搬走", id_number=NUMBER)
    assert again.issued.person > truck.issued.person
    assert again.issued.subject != leaves.issued.subject


def test_what_ended_early_counts_from_the_day_it_was_taken_back(year):
    revoked, moved, bound, other = (year.live(name, unit_label=name) for name in ("挂失", "退租", "换机", "邻居"))
    year.until(10)
    revocation.set_status(year.config, year.store, [revoked.pass_id], REVOKED, "lost by 挂失", year.now_ms)
    for kind, value in (("household", moved.claims.household), ("pass", bound.pass_id)):
        revocation.cut_off(
            year.config, year.store, Registry(tree()), ["east"], kind, value, year.now_s, "office", year.now_ms
        )  # fmt: skip
    year.until(40)
    assert year.names() == {"挂失", "退租", "换机", "邻居"}
    year.until(41)
    assert year.names() == {"邻居"}
    year.until(100)
    revocation.cut_off(
        year.config, year.store, Registry(tree()), ["east"], "class", b"\x01", year.now_s, "office", year.now_ms
    )
    year.until(131)
    assert year.names() == set()
    assert year.store.issued(revoked.pass_id).status_why == ""
    # Gates go on refusing them, and nobody else gets their place on the list.
    revocation.publish_status(year.config, year.store, "donghu", year.now_ms)
    status = revocation.last_status(year.store, "donghu")
    assert status.value(revoked.issued.status_index) == REVOKED
    assert [revocation.standing(year.store, year.store.issued(one.pass_id)) for one in (moved, bound, other)] == [1] * 3
    assert year.store.list_extent("donghu")[0] == 4
    with pytest.raises(revocation.RevocationError, match="forgotten"):
        revocation.set_status(year.config, year.store, [revoked.pass_id], VALID, "", year.now_ms)
    with pytest.raises(PeopleError, match="forgotten"), year.store.transaction():
        renew(year.config, year.store, credential_of(year.store, other.pass_id), year.now_s)


def test_who_has_one_live_pass_or_none_yet_stays(year):
    old = year.live("换证", id_number=NUMBER)
    revocation.set_status(year.config, year.store, [old.pass_id], REVOKED, "lost", year.now_ms)
    issue_to_person(year.config, year.store, old.issued.person, year.now_ms, again=True)
    enter_person(year.config, year.store, Entry(site="east", pass_class="resident", name="未发码"), year.now_ms)
    year.until(179)
    assert year.names() == {"换证", "未发码"}
    year.until(365)
    assert year.names() == {"未发码"}
    assert year.said == {211: Forgotten(1, 2, 0)}


def test_applications_are_emptied_whether_decided_or_not(year):
    def applied(name: str) -> str:
        entry = Entry(site="east", pass_class="visitor", unit_label="1-1-101", name=name, phone="13900000007")
        return apply(year.config, year.store, entry, json.dumps({"q": f"{name}发热"}), year.now_ms)

    tokens = [applied(name) for name in ("同意者", "拒绝者", "无人理")]
    year.until(3)
    confirm(year.config, year.store, 1, Decision("李"), year.now_ms)
    refuse(year.store, 2, "李", "拒绝者不住这里", year.now_ms)
    year.until(30)
    assert [row.name for row in year.store.pending()] == ["无人理"]
    assert credential_by_link(year.store, tokens[0]) is not None
    year.until(40)
    assert year.said == {31: Forgotten(0, 0, 1), 34: Forgotten(0, 0, 2), 35: Forgotten(1, 1, 0)}
    assert year.store.count_pending("east") == 0
    assert [application_by_link(year.store, token) for token in tokens] == [None] * 3
    assert credential_by_link(year.store, tokens[0]) is None
    with pytest.raises(PeopleError, match="forgotten"):
        refuse(year.store, 3, "李", "late", year.now_ms)
    assert {year.store.application(no).state for no in (1, 2, 3)} == {"forgotten"}


def test_the_register_of_a_store_that_forgot_is_still_known_as_the_same_one(office, year, tmp_path):
    from central.backup import restore

    year.live("搬走")
    apply(office.config, year.store, Entry(site="east", pass_class="visitor", name="无人理"), "{}", year.now_ms)
    backup = tmp_path / "backup.db"
    year.store.backup(backup)
    year.until(365)
    year.store.close()
    restore(backup, office.config.database, year.now_ms)
    with closing(SqliteStore(office.config.database)) as store:
        assert store.people() == []
        assert store.pending() == []
        assert store.list_extent("donghu")[0] == 1


def test_nothing_of_them_is_left_in_the_file(office, year):
    words = ["赣A12345", "13900000009", "张三丰", "无人理", "发热三天", "拾得归还"]
    held = year.live("张三丰", phone="13900000009", plate="赣A12345", id_number=OTHER_NUMBER)
    _, token = link_person(year.store, held.issued.person)
    with year.store.transaction():
        row = year.store.issued(held.pass_id)
        claims = replace(held.claims, travel=Travel(20_000, (360_100,)))
        year.store.save_issued(replace(row, device_key=b"k" * 32, claims=payload_of(claims)))
    for number in range(40):
        entry = Entry(site="east", pass_class="visitor", name="无人理", phone="13900000009")
        apply(office.config, year.store, entry, f'{{"q{number}": "发热三天"}}', year.now_ms)
    revocation.set_status(office.config, year.store, [held.pass_id], REVOKED, "拾得归还", year.now_ms)
    digest = year.store.issued(held.pass_id).link_digest
    year.until(40)
    bare = credential_of(year.store, held.pass_id)
    assert (bare.claims.plate, bare.claims.travel, bare.claims.document_digest, bare.name) == (None, None, None, "")
    assert (bare.issued.subject, bare.issued.household) == (held.issued.subject, held.issued.household)
    year.store.close()
    data = office.config.database.read_bytes()
    left = [word for word in [*(word.encode() for word in words), digest, b"k" * 32, held.claims.document_digest]
            if word in data]  # fmt: skip
    assert left == []
    assert held.pass_id in data
    with closing(SqliteStore(office.config.database)) as store:
        assert credential_by_link(store, token) is None


@pytest.mark.end_to_end
def test_the_running_collector_forgets_and_says_how_many_but_not_whom(office):
    file = office.home / "running.toml"
    file.write_text(
        f'[collector]\ndata_dir = "data"\ntree = "tree.toml"\nretention_days = {RETENTION_DAYS}\n'
        f"[broker]\nport = {free_port()}\n[screen]\nport = 0\n",
        encoding="utf-8",
    )
    now_s = int(time.time())
    with office.store() as store:
        old = Entry(site="east", pass_class="visitor", name="早已离开", phone="13900000009")
        walk_up(office.config, store, old, now_s - 32 * DAY_S, 3600)
        walk_up(office.config, store, replace(old, name="刚刚离开"), now_s - 2 * DAY_S, 3600)
        apply(office.config, store, replace(old, name="无人理"), "{}", (now_s - 32 * DAY_S) * 1000)
    log = office.home / "log"
    with log.open("wb") as words:
        process = subprocess.Popen([sys.executable, "-m", "central", "run", str(file)], cwd=ROOT, stderr=words)
    try:
        wait_for(lambda: "people_forgotten" in log.read_text("utf-8"), "the collector's word", 60)
    finally:
        process.terminate()
        assert process.wait(60) == 0
    said = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    [counts] = [line for line in said if line["event"] == "people_forgotten"]
    assert {name: counts[name] for name in counts if name not in ("event", "level", "timestamp")} == {
        "people": 1, "passes": 1, "applications": 1,
    }  # fmt: skip
    assert "13900000009" not in log.read_text("utf-8")
    with office.store() as store:
        assert [(one.name, one.phone) for one in store.people()] == [("刚刚离开", "13900000009")]
        assert store.pending() == []
