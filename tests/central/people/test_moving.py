"""People who moved, or whose plate, party or class changed: the pass that they have says what the register says."""

from __future__ import annotations

import json

import pytest

from central.people.credentials import PeopleError, credential_of
from central.people.importing import import_people
from central.people.issuing import set_device_key
from central.people.minting import mint
from central.people.office import renew_passes
from central.revocation import standing
from central.store.issued import CutoffRow
from checkpoint.status_list import SUSPENDED, VALID
from tests.central.people.kit import NOW_S, NUMBER

NOW_MS = NOW_S * 1000
OLD, NEW = "1-1-101", "9-9-909"


def take(office, store, unit, rest=",,", *, issue=False, now_ms=NOW_MS, dry_run=False):
    file = office.home / "people.csv"
    file.write_text(f"姓名,证件号,房号,车牌,人数,类别\n欧阳娜,{NUMBER},{unit},{rest}\n", encoding="utf-8")
    return import_people(office.config, store, file, "east", now_ms, issue=issue, dry_run=dry_run)


@pytest.fixture
def held(office, store):
    """A resident's pass for the old unit."""
    [given] = take(office, store, OLD, issue=True).given
    return given.held


def home(store, unit):
    return store.household_of("east", unit).id


def test_who_moved_is_suspended_with_the_new_unit_and_not_with_the_old_one(office, store):
    file = office.home / "people.csv"
    for unit, command in ((OLD, "pass"), (NEW, "people")):
        file.write_text(f"姓名,证件号,房号\n欧阳娜,{NUMBER},{unit}\n", encoding="utf-8")
        office.run(command, "import", str(file), "--site", "east")
    [person] = store.people()
    office.run("pass", "suspend", "--household", home(store, NEW).hex())
    assert store.issued(person.pass_id).status == SUSPENDED
    office.run("pass", "resume", person.pass_id.hex())
    assert "no pass" in office.run("pass", "suspend", "--household", home(store, OLD).hex(), code=2)


def test_minted_codes_say_at_once_what_the_register_says_and_id_times_and_index_stay(office, store, held):
    assert take(office, store, NEW, "赣A12345,3,").to_renew == ()
    now = credential_of(store, held.pass_id)
    claims = office.read(mint(office.config, store, now, NOW_S + 60), NOW_S + 60).pass_
    assert (claims.household, claims.plate, claims.party_size) == (home(store, NEW), "赣A12345", 3)
    for name in ("pass_id", "subject", "not_before_s", "expires_s", "status_index"):
        assert getattr(now.claims, name) == getattr(held.claims, name)
    assert (now.issued.household, now.unit_label) == (home(store, NEW), NEW)


def test_a_pass_in_a_phone_moves_with_its_key(office, store, held):
    set_device_key(office.config, store, held, bytes(range(32)), NOW_MS)
    take(office, store, NEW)
    assert store.issued(held.pass_id).device_key == bytes(range(32))
    assert credential_of(store, held.pass_id).claims.household == home(store, NEW)


def test_another_class_waits_for_renewal_and_is_counted_until_then(office, store, held):
    assert take(office, store, NEW, ",,工作人员", dry_run=True).to_renew == (held.pass_id,)
    assert [take(office, store, NEW, ",,工作人员").to_renew for _ in range(2)] == [(held.pass_id,)] * 2
    assert credential_of(store, held.pass_id).claims == held.claims
    file = str(office.home / "people.csv")
    renew_passes(office.config, store, [held.pass_id], NOW_MS, None)
    assert credential_of(store, held.pass_id).claims.household == home(store, NEW)
    assert take(office, store, NEW, ",,工作人员").to_renew == ()
    assert json.loads(office.run("people", "import", file, "--site", "east", "--json"))["to_renew"] == []


def test_a_pass_that_no_gate_could_read_any_more_stops_the_import_by_name(office, store, held, monkeypatch):
    monkeypatch.setattr("checkpoint.formats.gk1.MAX_CHARACTERS", 200)
    with pytest.raises(PeopleError, match=held.pass_id.hex()):
        take(office, store, NEW)
    assert credential_of(store, held.pass_id).claims == held.claims


def test_a_dry_run_changes_no_pass(office, store, held):
    assert take(office, store, NEW, dry_run=True).changed == 1
    assert credential_of(store, held.pass_id).claims == held.claims
    assert store.household_of("east", NEW) is None


def test_moving_brings_no_pass_to_life_that_was_cut_off_with_its_household(office, store, held):
    store.save_cutoff(CutoffRow("donghu", "household", held.issued.household, NOW_S + 1, NOW_MS, "desk"))
    assert take(office, store, NEW, now_ms=NOW_MS + 60_000).to_renew == ()
    assert standing(store, store.issued(held.pass_id)) != VALID


def test_who_moves_to_a_unit_whose_last_people_were_cut_off_keeps_a_valid_pass_and_is_named(office, store, held):
    file = office.home / "others.csv"
    file.write_text(f"姓名,房号\n李雷,{NEW}\n", encoding="utf-8")
    import_people(office.config, store, file, "east", NOW_MS)
    store.save_cutoff(CutoffRow("donghu", "household", home(store, NEW), NOW_S + 1, NOW_MS, "desk"))
    assert take(office, store, NEW, now_ms=NOW_MS + 60_000).to_renew == (held.pass_id,)
    assert standing(store, store.issued(held.pass_id)) == VALID
    renew_passes(office.config, store, [held.pass_id], NOW_MS + 60_000, None)
    assert standing(store, store.issued(held.pass_id)) == VALID
    assert store.issued(held.pass_id).household == home(store, NEW)
