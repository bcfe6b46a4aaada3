"""Facts about the desk over a real store: a link leads to a pass that a gate accepts, whatever became of it before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from central.config import Config, load_config
from central.keys import load_key, make_keys
from central.people.applications import Decision, confirm, refuse
from central.people.office import enter_person, issue_to_person, link_person
from central.people.registering import Entry
from central.people.rosters import step_keys
from central.registry import Registry
from central.resident.desk import DeskError, Invitation, Registration
from central.resident.store_desk import StoreDesk, veiled
from central.revocation import last_status
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.formats import gk1_variants, read_pass
from checkpoint.passes import CLASS_BY_NUMBER, Arrival, Presented
from checkpoint.steps import step_at
from checkpoint.trust import TrustEntry, TrustList
from tests.central.sim import START_MS, TREE, key_of, tree

SITE, GATE = "east", "gate-1"
NUMBER = "11010519491231002X"
ONE_HOUR = Invitation("王师傅", 3600, 2, "鄂A12345", 1)


@dataclass
class Office:
    """A collector's folder with one resident and one gate; the test sets the clock."""

    config: Config
    store: SqliteStore
    now_ms: int = START_MS

    def __post_init__(self) -> None:
        entry = Entry(site=SITE, pass_class="resident", unit_label="3-2-501", name="张小明", id_number=NUMBER)
        self.person = enter_person(self.config, self.store, entry, self.now_ms)
        issue_to_person(self.config, self.store, self.person.no, self.now_ms)
        self.held, self.token = link_person(self.store, self.person.no)
        with self.store.transaction():
            self.store.enrol(GATE, cose.public_bytes(key_of(GATE)), "donghu-7", SITE, 0)
        self.desk = StoreDesk(self.config, Registry(tree()), lambda: self.now_ms)

    def read(self, text: str) -> Presented:
        public = cose.public_bytes(load_key(self.config.keys_dir, "issuer"))
        entry = TrustEntry(cose.key_id(public), public, "office", frozenset(CLASS_BY_NUMBER.values()), (), 0, 2**50)
        return read_pass(text.encode(), TrustList([entry]), self.now_ms // 1000, here=(SITE,))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    file = tmp_path / "central.toml"
    file.write_text('[collector]\ndata_dir = "data"\ntree = "tree.toml"\n[resident]\nenabled = true\nport = 0\n')
    (tmp_path / "tree.toml").write_text(TREE)
    (tmp_path / "data").mkdir()
    make_keys(tmp_path / "keys")
    config = load_config(file)
    with closing(SqliteStore(config.database)) as store:
        made = Office(config, store)
        with closing(made.desk):
            yield made


def _registration(**changes: object) -> Registration:
    plain = Registration(SITE, "worker", "李四", "13800000000", "", "物业", "", 1, '{"version":1}')
    return msgspec.structs.replace(plain, **changes)


def test_a_link_leads_to_a_minted_pass(office: Office) -> None:
    shown = office.desk.show(office.token, None)
    assert (shown.state, shown.may_invite, shown.until_s) == ("valid", True, START_MS // 1000 + 300)
    presented = office.read(shown.code)
    assert (presented.reason, presented.variant) == ("pass_valid", "rotating")
    assert shown.card is not None
    assert (shown.card.name, shown.card.place, shown.card.unit) == ("＊＊明", "东苑小区 East Court", "3-2-501")


def test_nothing_of_the_id_number_or_the_whole_name_goes_to_the_phone(office: Office) -> None:
    sent = msgspec.json.encode(office.desk.show(office.token, None)).decode()
    assert "张" not in sent
    assert NUMBER not in sent


def test_the_phone_gets_the_keys_of_two_weeks_and_a_pass_to_use_them_with(office: Office) -> None:
    offline = office.desk.show(office.token, None).offline
    assert offline is not None
    assert offline.steps == [
        (week, key.hex()) for week, key in step_keys(office.config, office.store, office.held, START_MS // 1000)
    ]
    assert len(offline.steps) == 2
    assert (offline.device, offline.bound) == (None, None)
    key = bytes.fromhex(offline.steps[0][1])
    text = gk1_variants.step_text(offline.text, bytes.fromhex(offline.pass_id), key, step_at(START_MS // 1000))
    # This reader has no secrets: everything before the tag holds.
    assert office.read(text).reason == "step_unknown"


def test_a_phone_is_bound_and_signs(office: Office) -> None:
    key = key_of("phone")
    office.desk.bind(office.token, cose.public_bytes(key))
    shown = office.desk.show(office.token, None)
    assert office.read(shown.code).reason == "pass_valid"
    assert shown.offline is not None
    assert shown.offline.bound is not None
    assert shown.offline.device == cose.public_bytes(key).hex()
    text = gk1_variants.device_text(shown.offline.bound, key, step_at(START_MS // 1000))
    assert office.read(text).reason == "pass_valid"


def test_an_arrival_is_signed_into_the_pass(office: Office) -> None:
    arrival = Arrival(GATE, bytes(range(8)))
    presented = office.read(office.desk.show(office.token, arrival).code)
    assert presented.pass_ is not None
    assert presented.pass_.arrival == arrival


@pytest.mark.parametrize(("status", "state"), [(1, "revoked"), (2, "suspended"), (3, "valid")])
def test_the_page_says_what_became_of_a_pass_and_mints_none_that_is_over(
    office: Office, status: int, state: str
) -> None:
    with office.store.transaction():
        office.store.set_status(office.held.pass_id, status, "test", START_MS)
    shown = office.desk.show(office.token, None)
    assert shown.state == state
    assert bool(shown.code) == bool(shown.offline) == (state == "valid")


def test_an_expired_pass_is_not_minted(office: Office) -> None:
    office.now_ms = office.held.claims.expires_s * 1000
    assert office.desk.show(office.token, None).state == "expired"


@pytest.mark.parametrize("token", ["", "x", "A" * 22, "世" * 22, "A" * 64])
def test_a_link_that_nobody_was_given_is_not_known(office: Office, token: str) -> None:
    for act in (
        lambda: office.desk.show(token, None),
        lambda: office.desk.bind(token, bytes(32)),
        lambda: office.desk.invite(token, ONE_HOUR),
    ):
        with pytest.raises(DeskError) as refused:
            act()
        assert refused.value.status == 404


def test_a_resident_invites_and_the_visitor_has_a_pass_for_one_entry(office: Office) -> None:
    link = office.desk.invite(office.token, ONE_HOUR)
    shown = office.desk.show(link, None)
    presented = office.read(shown.code)
    held = presented.pass_
    assert held is not None
    assert (presented.reason, held.pass_class, held.uses, held.party_size) == ("pass_valid", "visitor", 1, 2)
    assert held.household == office.held.claims.household
    assert not shown.may_invite
    with pytest.raises(DeskError) as refused:
        office.desk.invite(link, ONE_HOUR)
    assert refused.value.status == 409
    office.now_ms += 3600_000
    assert office.desk.show(link, None).state == "expired"


def test_a_host_sees_and_ends_the_passes_of_visitors_and_of_nobody_else(office: Office) -> None:
    link = office.desk.invite(office.token, ONE_HOUR)
    [guest] = office.desk.show(office.token, None).expected
    assert guest.name == "王师傅"
    with pytest.raises(DeskError) as refused:
        office.desk.withdraw(link, office.held.pass_id)
    assert refused.value.status == 404
    office.desk.withdraw(office.token, bytes.fromhex(guest.pass_id))
    assert office.desk.show(link, None).state == "revoked"
    assert office.desk.show(office.token, None).expected == []
    row = office.store.issued(bytes.fromhex(guest.pass_id))
    assert row is not None
    assert row.list_scope is not None
    status = last_status(office.store, row.list_scope)
    assert status is not None
    assert status.value(row.status_index) == 1


def test_a_registration_waits_and_its_link_then_leads_to_the_pass(office: Office) -> None:
    link = office.desk.register(_registration())
    shown = office.desk.show(link, None)
    assert (shown.state, shown.code) == ("pending", "")
    [applied] = office.store.pending(SITE)
    confirm(office.config, office.store, applied.no, Decision("clerk"), START_MS)
    presented = office.read(office.desk.show(link, None).code)
    assert presented.pass_ is not None
    assert (presented.reason, presented.pass_.pass_class) == ("pass_valid", "worker")


def test_a_refused_registration_says_why(office: Office) -> None:
    link = office.desk.register(_registration())
    [applied] = office.store.pending(SITE)
    refuse(office.store, applied.no, "clerk", "请先联系物业", START_MS)
    shown = office.desk.show(link, None)
    assert (shown.state, shown.why) == ("refused", "请先联系物业")


def test_a_wrong_field_is_named_in_chinese_and_its_value_is_not_repeated(office: Office) -> None:
    with pytest.raises(DeskError) as refused:
        office.desk.register(_registration(id_number="110105194912310021"))
    assert refused.value.status == 400
    assert "证件号码" in refused.value.words.zh
    assert "110105" not in refused.value.words.en


def test_people_register_at_a_gate_or_a_site_that_there_is(office: Office) -> None:
    assert office.desk.place(GATE, "").site == office.desk.place("", SITE).site == SITE
    for gate, site in (("gate-9", ""), ("", "west"), ("", "")):
        with pytest.raises(DeskError) as refused:
            office.desk.place(gate, site)
        assert refused.value.status == 404


def test_registration_can_be_closed(office: Office) -> None:
    table = msgspec.structs.replace(office.config.content.resident, registration=False)
    content = msgspec.structs.replace(office.config.content, resident=table)
    closed = StoreDesk(msgspec.structs.replace(office.config, content=content), Registry(tree()), lambda: START_MS)
    with closing(closed), pytest.raises(DeskError) as refused:
        closed.place(GATE, "")
    assert refused.value.status == 403


def test_without_its_issuer_key_the_desk_counts_as_away(office: Office) -> None:
    (office.config.keys_dir / "issuer.key").unlink()
    with pytest.raises(DeskError) as refused:
        office.desk.show(office.token, None)
    assert refused.value.status == 503


@pytest.mark.parametrize(("name", "shown"), [("张小明", "＊＊明"), ("明", "明"), ("", ""), ("Bartholomew", "＊＊＊w")])
def test_only_the_last_character_of_a_name_can_be_read(name: str, shown: str) -> None:
    assert veiled(name) == shown
