"""`pass resume` of one pass: it counts again, or what still ends it is named; no old phone and no second pass."""

from __future__ import annotations

import json
import time

import pytest

from central.people.issuing import set_device_key
from central.people.office import enter_person, issue_to_person
from central.people.registering import Entry
from central.revocation import last_status, standing
from checkpoint.status_list import REVOKED, VALID, CutOff

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture
def now_s():
    """Commands go by this machine's clock."""
    return time.time_ns() // 1_000_000_000 - 100


@pytest.fixture
def held(office, store, now_s):
    entry = Entry(site="east", pass_class="resident", unit_label="3-2-501", name="张小明")
    person = enter_person(office.config, store, entry, now_s * 1000)
    return issue_to_person(office.config, store, person.no, now_s * 1000)


def told(store, held):
    """What gates are told of the pass."""
    return standing(store, store.issued(held.pass_id))


def cut_offs(store, scope="donghu"):
    return last_status(store, scope).cut_offs


@pytest.mark.parametrize("place", ["east", "donghu", "wuhan"])
def test_resume_lifts_what_was_set_for_the_pass_at_any_place(office, store, held, place):
    name = held.pass_id.hex()
    office.run("pass", "revoke", name)
    office.run("pass", "revoke", name, "--scope", place)
    office.run("pass", "resume", name)
    assert told(store, held) == VALID
    assert all(cut_offs(store, scope) == () for scope in store.list_scopes())


def test_a_pass_that_the_register_does_not_hold_is_taken_up_wherever_it_was_cut_off(office, store):
    office.run("pass", "revoke", "00" * 8, "--scope", "east")
    office.run("pass", "resume", "00" * 8)
    assert cut_offs(store) == ()
    assert "not in this register" in office.run("pass", "resume", "00" * 8, code=2)


def test_a_tree_that_cant_be_read_keeps_nobody_from_being_taken_up(office, store, held):
    office.run("pass", "revoke", held.pass_id.hex())
    (office.home / "tree.toml").write_text("[[", encoding="utf-8")
    office.run("pass", "resume", held.pass_id.hex())
    assert told(store, held) == VALID


def test_with_a_place_only_the_cut_offs_there_are_lifted_and_the_rest_is_named(office, store, held):
    name = held.pass_id.hex()
    office.run("pass", "revoke", name)
    office.run("pass", "revoke", name, "--scope", "wuhan")
    said = json.loads(office.run("pass", "resume", name, "--scope", "east", "--json", code=1))
    assert said["resumed"] is False
    assert ["wuhan" in said["stands"][0], "without --scope" in said["stands"][1]] == [True, True]
    assert told(store, held) == REVOKED
    assert "leave --scope out" in office.run("pass", "resume", name, "--scope", "east", code=2)
    office.run("pass", "resume", name)
    assert told(store, held) == VALID


def test_a_cut_off_of_many_that_still_ends_the_pass_is_named(office, store, held):
    name = held.pass_id.hex()
    home = held.issued.household.hex()
    office.run("pass", "revoke", name)
    office.run("pass", "revoke", "--household", home)
    said = office.run("pass", "resume", name, code=1)
    assert f"--household {home}" in said
    assert "resumed" not in said
    office.run("pass", "resume", "--household", home)
    assert told(store, held) == VALID


@pytest.mark.parametrize(
    ("orders", "where", "code"),
    [
        ((), (), 0),
        ((), ("--scope", "east"), 2),
        (((),), (), 0),
        ((("--scope", "east"),), (), 0),
        ((("--scope", "east"),), ("--scope", "east"), 0),
        ((("--scope", "wuhan"), ()), (), 0),
        ((("--scope", "east"), ()), ("--scope", "east"), 1),
    ],
)
def test_copies_in_the_phone_before_stay_ended_whatever_is_taken_back(office, store, held, now_s, orders, where, code):
    name, bound_s = held.pass_id.hex(), now_s + 50
    set_device_key(office.config, store, held, FIRST, now_s * 1000)
    set_device_key(office.config, store, held, SECOND, bound_s * 1000)
    for revoked_at in orders:
        office.run("pass", "revoke", name, *revoked_at)
    office.run("pass", "resume", name, *where, code=code)
    assert cut_offs(store) == (CutOff("pass", held.pass_id, bound_s),)
    assert told(store, held) == (REVOKED if code == 1 else VALID)


def test_a_pass_that_was_replaced_is_not_taken_up_beside_the_new_one(office, store, held):
    name, no = held.pass_id.hex(), str(held.person.no)
    office.run("pass", "revoke", name)
    new = json.loads(office.run("pass", "issue", "--person", no, "--again", "--json"))["pass_id"]
    for where in ((), ("--scope", "east")):
        said = office.run("pass", "resume", name, *where, code=2)
        assert f"replaced by pass {new}" in said
        assert said.count("\n") == 1
    # Nor once the new one has been ended as well: `--again` would give a third beside it.
    office.run("pass", "revoke", new)
    office.run("pass", "resume", name, code=2)
    office.run("pass", "resume", new)
    assert [row.status for row in store.issued_to(held.person.no)] == [REVOKED, VALID]
