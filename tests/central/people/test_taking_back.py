"""Facts about passes that are taken back while something else happens: nothing brings them to life again."""

from __future__ import annotations

import sqlite3
import stat

import pytest

from central import trust_keys
from central.people import importing
from central.people.credentials import PeopleError, RefusedError, credential_of
from central.people.issuing import set_device_key
from central.people.minting import mint
from central.people.office import enter_person, issue_to_person, link_person, valid_passes
from central.people.registering import Entry
from central.people.visitors import Visit, invite_visitor
from central.revocation import RevocationError, last_status, set_status
from central.store import sqlite
from central.store.issued import CutoffRow
from central.trust_keys import issuers, make_next, switch
from checkpoint.status_list import ASK, REVOKED, SUSPENDED, VALID
from tests.central.people.kit import NOW_S, NUMBER

NOW_MS = NOW_S * 1000
PHONE = bytes(range(32))


def given(office, store, name="张小明", unit="3-2-501"):
    entry = Entry(site="east", pass_class="resident", unit_label=unit, name=name)
    person = enter_person(office.config, store, entry, NOW_MS)
    return issue_to_person(office.config, store, person.no, NOW_MS)


def status_of(store, held):
    status = last_status(store, held.issued.list_scope)
    return store.issued(held.pass_id).status, status.value(held.issued.status_index)


def test_isolation_of_a_household_and_its_end_bring_no_revoked_pass_to_life(office, store):
    lost, kept = given(office, store), given(office, store, "王芳")
    office.run("pass", "revoke", lost.pass_id.hex())
    home = lost.issued.household.hex()
    office.run("pass", "suspend", "--household", home)
    assert (status_of(store, lost), status_of(store, kept)) == ((REVOKED, REVOKED), (SUSPENDED, SUSPENDED))
    office.run("pass", "resume", "--household", home)
    assert (status_of(store, lost), status_of(store, kept)) == ((REVOKED, REVOKED), (VALID, VALID))


def test_a_revoked_pass_is_not_suspended_which_would_let_a_guard_accept_it(office, store):
    lost = given(office, store)
    set_status(office.config, store, [lost.pass_id], REVOKED, "lost", NOW_MS)
    with pytest.raises(RevocationError, match="revoked"):
        set_status(office.config, store, [lost.pass_id], SUSPENDED, "", NOW_MS)
    assert status_of(store, lost) == (REVOKED, REVOKED)


def test_a_phone_that_is_bound_while_the_pass_is_revoked_does_not_undo_it(office, store):
    held = given(office, store)
    set_status(office.config, store, [held.pass_id], REVOKED, "lost", NOW_MS)
    # `held` was read before the office's command.
    with pytest.raises(RefusedError):
        set_device_key(office.config, store, held, PHONE, NOW_MS)
    assert status_of(store, held) == (REVOKED, REVOKED)


def test_a_phone_that_is_bound_while_a_new_link_is_given_does_not_bring_the_old_link_back(office, store):
    held = given(office, store)
    _, token = link_person(store, held.person.no)
    set_device_key(office.config, store, held, PHONE, NOW_MS)
    assert credential_of(store, held.pass_id).issued.link_digest is not None
    assert token


def test_a_host_who_is_revoked_meanwhile_invites_nobody(office, store):
    host = given(office, store)
    set_status(office.config, store, [host.pass_id], REVOKED, "moved out", NOW_MS)
    with pytest.raises(RefusedError):
        invite_visitor(office.config, store, host, Visit("王师傅"), NOW_S)


def test_a_pass_is_never_stored_without_a_list_that_has_its_place(office, store, monkeypatch):
    """What stops the program before the list is signed also takes the pass back."""
    monkeypatch.setattr(store, "drop_older_documents", _failing)
    with pytest.raises(sqlite3.OperationalError):
        given(office, store)
    assert store.connection.execute("SELECT count(*) FROM issued").fetchone() == (0,)


def test_a_pass_that_lives_in_one_phone_keeps_no_other_from_being_printed(office, store):
    bound, other = given(office, store), given(office, store, "王芳")
    set_device_key(office.config, store, bound, PHONE, NOW_MS)
    assert [held.pass_id for held in valid_passes(store, "east", None, NOW_S)] == [other.pass_id]


def _failing(*_):
    raise sqlite3.OperationalError("database or disk is full")


def test_links_that_cant_be_written_leave_nobody_with_a_pass_that_nobody_can_reach(office, store):
    file = office.home / "people.csv"
    file.write_text("姓名,房号\n张小明,3-2-501\n", encoding="utf-8")
    links = office.home / "nowhere" / "links.csv"
    office.run("pass", "import", str(file), "--site", "east", "--links", str(links), code=2)
    assert store.connection.execute("SELECT count(*) FROM issued").fetchone() == (0,)


def test_an_import_does_not_write_over_what_the_office_has_changed_meanwhile(office, store, monkeypatch):
    held = given(office, store)
    file = office.home / "people.csv"
    file.write_text(f"姓名,房号,证件号码\n张小明,3-2-501,{NUMBER}\n", encoding="utf-8")
    hashed = importing.hashes

    def slow(*said):
        set_status(office.config, store, [held.pass_id], REVOKED, "lost", NOW_MS)
        issue_to_person(office.config, store, held.person.no, NOW_MS, again=True)
        return hashed(*said)

    monkeypatch.setattr(importing, "hashes", slow)
    with pytest.raises(PeopleError, match="changed while"):
        importing.import_people(office.config, store, file, "east", NOW_MS)
    assert store.person(held.person.no).pass_id != held.pass_id


@pytest.mark.parametrize(("where", "name"), [(trust_keys.os, "replace"), (trust_keys, "_write")])
def test_an_issuers_change_of_key_that_was_stopped_half_way_can_be_repeated(office, monkeypatch, where, name):
    office.run("issuer", "add", "--issuer", "office", "--class", "resident")
    old = issuers(office.config.keys_dir)[0]
    new = make_next(office.config.keys_dir)
    with monkeypatch.context() as stopped:
        stopped.setattr(where, name, _failing)
        with pytest.raises(sqlite3.OperationalError):
            switch(office.config.keys_dir, NOW_MS)
    switch(office.config.keys_dir, NOW_MS)
    held = {entry.kid: entry for entry in issuers(office.config.keys_dir)}
    assert held[old.kid].not_after_ms < old.not_after_ms
    assert held[new.kid].not_after_ms == new.not_after_ms


def test_pictures_of_links_and_printed_passes_are_for_their_owner_alone(office, store):
    held = given(office, store)
    link, sheet = office.home / "link.png", office.home / "sheet.pdf"
    office.run("people", "link", str(held.person.no), "--out", str(link))
    office.run("pass", "print", "--pass", held.pass_id.hex(), "--out", str(sheet))
    assert [stat.S_IMODE(file.stat().st_mode) for file in (link, sheet)] == [0o600, 0o600]


def test_a_store_that_somebody_else_keeps_busy_is_told_in_one_line(office, store, monkeypatch):
    held = given(office, store)
    monkeypatch.setattr(sqlite, "_BUSY_S", 0.1)
    with store.transaction():
        said = office.run("pass", "revoke", held.pass_id.hex(), code=2)
    assert said.count("\n") == 1
    assert "nothing was changed" in said


def test_a_pass_to_be_asked_about_gets_nothing_minted_either_once_it_is_cut_off(office, store):
    held = given(office, store)
    set_status(office.config, store, [held.pass_id], ASK, "", NOW_MS)
    with store.transaction():
        store.save_cutoff(CutoffRow("donghu", "household", held.issued.household, NOW_S + 1, NOW_MS, "desk"))
    with pytest.raises(RefusedError):
        mint(office.config, store, credential_of(store, held.pass_id), NOW_S + 60)
