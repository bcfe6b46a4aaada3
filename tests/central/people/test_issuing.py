"""Passes of people in the register: issued, renewed, minted, tied to a phone, and refused once they do not count."""

from __future__ import annotations

from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import revocation
from central.people.applications import Decision, QueueFullError, apply, confirm, refuse
from central.people.credentials import PeopleError, RefusedError, application_by_link, credential_by_link, new_link
from central.people.issuing import set_device_key
from central.people.links import digest_of, link_to, new_token
from central.people.minting import held_text, mint
from central.people.office import ending_soon, enter_person, issue_to_person, listed, renew_passes, valid_passes
from central.people.registering import Entry, FieldError
from central.people.rosters import publish_rosters, step_keys
from central.people.visitors import MAX_INVITED, Visit, invite_visitor, walk_up
from central.store.sqlite import SqliteStore
from checkpoint import wire
from checkpoint.document_digest import document_digest
from checkpoint.documents import open_document
from checkpoint.formats.gk1 import IssueError
from checkpoint.formats.gk1_variants import device_text, step_text
from checkpoint.passes import Arrival
from checkpoint.roster import decode_roster
from checkpoint.seal import sealing_key, sealing_public
from checkpoint.status_list import REVOKED, SUSPENDED
from checkpoint.steps import StepSecrets, step_at, week_at
from tests.central.people.kit import NOW_S, NUMBER, OTHER_NUMBER
from tests.central.sim import Gate

NOW_MS = NOW_S * 1000
DAY_S = 86_400
ENTRY = Entry(
    site="east", pass_class="resident", unit_label="3-2-501", name="欧阳娜", phone="13900000000", id_number=NUMBER
)


def resident(office, store, **changes):
    entry = Entry(**({name: getattr(ENTRY, name) for name in Entry.__slots__} | changes))
    person = enter_person(office.config, store, entry, NOW_MS)
    return issue_to_person(office.config, store, person.no, NOW_MS)


def test_a_pass_of_the_register_is_read_by_a_gate_with_all_that_the_register_says(office, store):
    held = resident(office, store)
    shown = office.read(held_text(office.config, held))
    assert shown.valid
    assert shown.variant == "static"
    claims = shown.pass_
    assert claims.household == store.household_of("east", "3-2-501").id
    assert claims.document_digest == document_digest(NUMBER, claims.pass_id)
    assert (claims.scope, claims.status_index) == (("east",), held.issued.status_index)
    assert held.issued.list_scope == "donghu"
    assert revocation.last_status(store, "donghu").value(claims.status_index) == 0


def test_no_file_of_the_collector_holds_an_id_number(office, store):
    resident(office, store)
    apply(
        office.config, store, Entry(site="east", pass_class="worker", name="李", id_number=OTHER_NUMBER), "{}", NOW_MS
    )
    store.close()
    for file in office.home.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert NUMBER.encode() not in data
            assert OTHER_NUMBER.encode() not in data


def test_an_entry_does_not_show_its_id_number():
    assert NUMBER not in repr(ENTRY)


def test_one_person_is_registered_once_and_has_one_pass(office, store):
    held = resident(office, store)
    with pytest.raises(PeopleError, match=f"person {held.issued.person}"):
        resident(office, store, name="别名", unit_label="1-1-101")
    with pytest.raises(PeopleError, match="has pass"):
        issue_to_person(office.config, store, held.issued.person, NOW_MS)


def test_a_minted_pass_lives_for_minutes_under_the_same_id(office, store):
    held = resident(office, store)
    shown = office.read(mint(office.config, store, held, NOW_S))
    assert shown.valid
    assert shown.variant == "rotating"
    assert shown.pass_.pass_id == held.pass_id
    assert office.read(mint(office.config, store, held, NOW_S), NOW_S + 300).reason == "pass_expired"


def test_a_minted_pass_never_outlives_the_pass_behind_it(office, store):
    held = resident(office, store)
    end_s = held.claims.expires_s
    assert office.read(mint(office.config, store, held, end_s - 10), end_s - 5).pass_.expires_s == end_s


def test_an_arrival_is_carried_by_the_minted_pass_alone(office, store):
    held = resident(office, store)
    arrival = Arrival("gate-1", bytes(range(8)))
    assert office.read(mint(office.config, store, held, NOW_S, arrival=arrival)).pass_.arrival == arrival
    assert office.read(held_text(office.config, held)).pass_.arrival is None


@pytest.mark.parametrize(("status", "reason"), [(REVOKED, "pass_revoked"), (SUSPENDED, "pass_suspended")])
def test_nothing_is_minted_for_a_pass_that_was_taken_back(office, store, status, reason):
    held = resident(office, store)
    store.set_status(held.pass_id, status, "", NOW_MS)
    fresh = credential_by_link(store, new_link(store, held.pass_id))
    with pytest.raises(RefusedError) as refused:
        mint(office.config, store, fresh, NOW_S)
    assert refused.value.reason == reason


def test_a_cut_off_household_gets_nothing_minted_until_its_pass_is_renewed(office, store):
    held = resident(office, store)
    cut = revocation.CutoffRow("donghu", "household", held.issued.household, NOW_S + 10, NOW_MS, "office")
    store.save_cutoff(cut)
    with pytest.raises(RefusedError):
        mint(office.config, store, held, NOW_S + 20)
    assert ending_soon(store, NOW_S + 20, 365 * DAY_S, None) == []
    [renewed] = renew_passes(office.config, store, [held.pass_id], NOW_MS + 20_000, None)
    assert office.read(mint(office.config, store, renewed, NOW_S + 20), NOW_S + 20).valid


def test_renewal_keeps_id_and_index_and_takes_over_what_the_register_says(office, store):
    held = resident(office, store)
    office.run("people", "import", str(csv(office, "姓名,房号,证件号\n欧阳娜,9-1-101," + NUMBER)), "--site", "east")
    later_s = NOW_S + 170 * DAY_S
    assert ending_soon(store, later_s, 20 * DAY_S, "east") == [held.pass_id]
    assert ending_soon(store, later_s, 20 * DAY_S, "west") == []
    [renewed] = renew_passes(office.config, store, [held.pass_id], later_s * 1000, None)
    assert (renewed.pass_id, renewed.issued.status_index) == (held.pass_id, held.issued.status_index)
    assert renewed.claims.household == store.household_of("east", "9-1-101").id != held.claims.household
    assert office.read(held_text(office.config, renewed), later_s).valid


def test_a_revoked_pass_is_never_renewed_but_replaced_under_a_new_id(office, store):
    held = resident(office, store)
    with pytest.raises(PeopleError, match="revoke it first"):
        issue_to_person(office.config, store, held.issued.person, NOW_MS, again=True)
    store.set_status(held.pass_id, REVOKED, "lost", NOW_MS)
    with pytest.raises(RefusedError):
        renew_passes(office.config, store, [held.pass_id], NOW_MS, None)
    with pytest.raises(PeopleError, match="not the ID number"):
        issue_to_person(office.config, store, held.issued.person, NOW_MS, again=True, id_number=OTHER_NUMBER)
    new = issue_to_person(office.config, store, held.issued.person, NOW_MS, again=True, id_number=NUMBER)
    assert new.pass_id != held.pass_id
    assert new.issued.status_index != held.issued.status_index
    assert new.claims.document_digest == document_digest(NUMBER, new.pass_id)


def test_a_link_leads_to_its_pass_and_only_the_last_one_does(office, store):
    held = resident(office, store)
    first = new_link(store, held.pass_id)
    assert credential_by_link(store, first).pass_id == held.pass_id
    second = new_link(store, held.pass_id)
    assert credential_by_link(store, first) is None
    assert credential_by_link(store, second).unit_label == "3-2-501"
    assert first.encode() not in office.config.database.read_bytes()


@pytest.mark.parametrize("token", ["", "x", "A" * 21 + "B", "A" * 23, "é" * 22, "!" * 22, " " + "A" * 21])
def test_what_is_no_token_leads_nowhere(token, store):
    assert digest_of(token) is None
    assert credential_by_link(store, token) is None


def test_tokens_are_in_the_fragment_of_the_link():
    token = new_token()
    assert len(token) == 22
    assert link_to("https://pass.example.org/", token) == f"https://pass.example.org/#k={token}"


def test_a_phone_that_is_bound_shows_a_pass_signed_by_its_own_key(office, store):
    phone = Ed25519PrivateKey.generate()
    held = set_device_key(office.config, store, resident(office, store), phone.public_key().public_bytes_raw(), NOW_MS)
    kept = held_text(office.config, held, device=True)
    shown = office.read(device_text(kept, phone, step_at(NOW_S)))
    assert shown.valid
    assert shown.variant == "device"
    assert office.read(mint(office.config, store, held, NOW_S)).pass_.device_key is None


def test_another_phone_in_place_of_the_first_cuts_off_what_the_first_holds(office, store):
    keys = [Ed25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(2)]
    first = set_device_key(office.config, store, resident(office, store), keys[0], NOW_MS)
    old = office.read(held_text(office.config, first, device=True)).pass_
    second = set_device_key(office.config, store, first, keys[1], NOW_MS + 60_000)
    status = revocation.last_status(store, "donghu")
    assert status.cuts_off(old)
    later_s = NOW_S + 60
    assert not status.cuts_off(office.read(held_text(office.config, second, device=True), later_s).pass_)
    assert office.read(mint(office.config, store, second, later_s), later_s).valid


def test_a_phone_is_not_bound_to_a_pass_whose_code_no_gate_would_read(office, store):
    apply(office.config, store, ENTRY, "{}", NOW_MS)
    regions = tuple(range(360_100, 360_120))
    held = confirm(office.config, store, 1, Decision("li", regions=regions), NOW_MS)
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(IssueError, match=r"GK1K: code .* shorten its scope or travel list"):
        set_device_key(office.config, store, held, public, NOW_MS)
    assert store.issued(held.pass_id).device_key is None
    assert office.read(held_text(office.config, held)).valid


def test_a_gate_reads_step_codes_by_the_roster_that_is_sealed_to_it(office, store):
    key = Ed25519PrivateKey.generate()
    heard(store, key)
    held = resident(office, store)
    [(week, pass_key), (after, _)] = step_keys(office.config, store, held, NOW_S)
    assert (week, after) == (week_at(NOW_S), week_at(NOW_S) + 1)
    rows = decode_roster(roster(store).content, sealing_key(key)).secrets
    code = step_text(held_text(office.config, held), held.pass_id, pass_key, step_at(NOW_S))
    assert office.read(code, steps=StepSecrets(rows)).valid
    assert office.read(code).reason == "step_unknown"


def test_a_roster_is_made_anew_only_when_week_or_key_change(office, store):
    key = Ed25519PrivateKey.generate()
    gate = heard(store, key)
    assert publish_rosters(office.config, store, NOW_MS) == []
    step_keys(office.config, store, resident(office, store), NOW_S)
    assert publish_rosters(office.config, store, NOW_MS) == []
    week_later_ms = NOW_MS + 604_800_000
    assert publish_rosters(office.config, store, week_later_ms) == [gate.name]
    assert weeks(store, key) == [week_at(NOW_S) + number for number in (0, 1, 2)]
    publish_rosters(office.config, store, week_later_ms + 604_800_000)
    assert weeks(store, key) == [week_at(NOW_S) + number for number in (1, 2, 3)]
    assert len(list((office.home / "keys/steps").iterdir())) == 3


def test_a_gate_with_nonsense_for_a_key_keeps_no_other_from_its_roster(office, store):
    good = Ed25519PrivateKey.generate()
    heard(store, good)
    heard(store, good, "gate-0", seal="00" * 32)
    step_keys(office.config, store, resident(office, store), NOW_S)
    assert roster(store).scope == "gate-1"


def test_a_visitor_gets_a_short_pass_for_the_hosts_home(office, store):
    host = resident(office, store)
    held, token = invite_visitor(office.config, store, host, Visit("王", 4 * 3600), NOW_S)
    assert credential_by_link(store, token).pass_id == held.pass_id
    claims = office.read(mint(office.config, store, held, NOW_S)).pass_
    assert (claims.pass_class, claims.household, claims.uses) == ("visitor", host.claims.household, 1)
    assert held.claims.expires_s - held.claims.not_before_s == 4 * 3600
    with pytest.raises(PeopleError, match="can't invite"):
        invite_visitor(office.config, store, held, Visit("李"), NOW_S)


def test_a_host_expects_few_visitors_at_a_time(office, store):
    host = resident(office, store)
    for number in range(MAX_INVITED):
        invite_visitor(office.config, store, host, Visit(f"客{number}"), NOW_S)
    with pytest.raises(PeopleError, match="expected already"):
        invite_visitor(office.config, store, host, Visit("多"), NOW_S)
    invite_visitor(office.config, store, host, Visit("多"), NOW_S + 5 * 3600)


def test_a_walk_up_pass_is_good_for_one_entry(office, store):
    held = walk_up(office.config, store, Entry(site="east", pass_class="visitor", name="访客"), NOW_S, 3600)
    assert office.read(held_text(office.config, held)).pass_.uses == 1


def test_an_application_becomes_a_pass_under_the_link_that_was_given(office, store):
    token = apply(office.config, store, ENTRY, '{"version": 1}', NOW_MS)
    assert credential_by_link(store, token) is None
    [row] = store.pending("east")
    held = confirm(office.config, store, row.no, Decision("li", regions=(360100,)), NOW_MS)
    assert credential_by_link(store, token).pass_id == held.pass_id
    claims = office.read(held_text(office.config, held)).pass_
    assert claims.document_digest == document_digest(NUMBER, claims.pass_id)
    assert claims.travel.regions == (360100,)
    assert application_by_link(store, token).name == ""
    with pytest.raises(PeopleError, match="confirmed by li already"):
        refuse(store, row.no, "li", "late", NOW_MS)


def test_a_refused_application_keeps_the_reason_and_forgets_the_person(office, store):
    token = apply(office.config, store, ENTRY, "{}", NOW_MS)
    refuse(store, 1, "li", "不住在本小区", NOW_MS)
    row = application_by_link(store, token)
    assert (row.state, row.why, row.name, row.phone, row.id_mac, row.declared) == (
        "refused", "不住在本小区", "", "", None, "",
    )  # fmt: skip
    assert store.pending() == []


def test_somebody_who_is_registered_is_not_confirmed_again(office, store):
    held = resident(office, store)
    apply(office.config, store, ENTRY, "{}", NOW_MS)
    with pytest.raises(PeopleError, match=f"people link {held.issued.person}"):
        confirm(office.config, store, 1, Decision("li"), NOW_MS)
    assert len(store.pending()) == 1


def test_a_queue_that_nobody_works_off_takes_no_more(office, store, monkeypatch):
    monkeypatch.setattr("central.people.applications.MAX_PENDING", 2)
    for name in ("甲", "乙"):
        apply(office.config, store, Entry(site="east", pass_class="visitor", name=name), "{}", NOW_MS)
    with pytest.raises(QueueFullError):
        apply(office.config, store, Entry(site="east", pass_class="visitor", name="丙"), "{}", NOW_MS)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"), ({"name": "x" * 61}, "name"), ({"name": "=1+1"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"phone": "call me"}, "phone"), ({"plate": "?!"}, "plate"), ({"party_size": 21}, "party"),
        ({"id_number": NUMBER[:-1] + "1"}, "id_number"), ({"pass_class": "vehicle"}, "plate"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(office, store, changes, field):
    with pytest.raises(FieldError) as wrong:
        resident(office, store, **changes)
    assert wrong.value.field == field
    assert store.people() == []


def test_a_site_that_is_not_in_the_tree_is_refused(office, store):
    with pytest.raises(PeopleError, match=r"'west'.*east"):
        resident(office, store, site="west")


def test_only_valid_passes_are_printed(office, store):
    held = resident(office, store)
    other = resident(office, store, name="李", id_number="", unit_label="1-1-101")
    assert [one.unit_label for one in valid_passes(store, "east", None, NOW_S)] == ["1-1-101", "3-2-501"]
    store.set_status(other.pass_id, REVOKED, "", NOW_MS)
    assert [one.pass_id for one in valid_passes(store, "east", None, NOW_S)] == [held.pass_id]
    assert {one.status for one in listed(store)} == {0, 1}


def test_a_store_of_the_second_schema_climbs_to_the_third(office, store):
    for table in ("household", "person", "issued", "cutoff", "application"):
        store.connection.execute(f"DROP TABLE {table}")
    store.connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE '0003%'")
    store.enrol("gate-1", bytes(32), "donghu-7", "east", 0)
    with closing(SqliteStore(office.config.database)) as climbed:
        assert climbed.people() == []
        assert climbed.gate("gate-1") is not None


def csv(office, text, name="people.csv"):
    file = office.home / name
    file.write_text(text, encoding="utf-8")
    return file


def heard(store, key, name="gate-1", seal=None):
    """A gate whose heartbeat named the key that it opens rosters with."""
    gate = Gate(name)
    store.enrol(gate.name, gate.public, "donghu-7", "east", 0)
    versions = {"seal": seal or sealing_public(key).hex()}
    hello = wire.Hello(1, name, NOW_MS, "trusted", bytes(16), True, bytes(8), 0, 1, (), None, 3, (), versions)
    store.save_state(store.gate(gate.name).no, hello, NOW_MS)
    return gate


def weeks(store, key):
    return [row.week for row in decode_roster(roster(store).content, sealing_key(key)).secrets]


def roster(store):
    [data] = [data for _, kind, _, data in store.documents() if kind == "roster"]
    return open_document(data)
