"""The resident's page of a real collector process: a link from the office, a phone, and a code that a gate accepts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from central.config import load_config
from central.keys import load_key, make_keys
from central.people.office import enter_person, issue_to_person, link_person
from central.people.registering import Entry
from central.registry import Registry
from central.resident.start import start_residents
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.formats import read_pass
from checkpoint.passes import CLASS_BY_NUMBER
from checkpoint.trust import TrustEntry, TrustList
from tests.central.resident.conftest import phone
from tests.central.sim import TREE, tree
from tests.edge.broker import Broker
from tests.edge.gate_process import ROOT, wait_for
from tools.faults.hang import thread_ids

pytestmark = pytest.mark.end_to_end


class Office:
    """A collector's folder, its broker and its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder)
        make_keys(folder / "keys")
        (folder / "tree.toml").write_text(TREE)
        self.file = folder / "central.toml"
        self.file.write_text(
            f'[collector]\ndata_dir = "data"\ntree = "tree.toml"\n[broker]\nport = {self.broker.port}\n'
            "[screen]\nport = 0\n[resident]\nenabled = true\nport = 0\n"
        )
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "central", "run", str(self.file)]
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log)

    def said(self, event: str) -> dict[str, str]:
        """The first line of the log about this event; empty before it."""
        lines = (self.folder / "log").read_text().splitlines()
        return next((json.loads(line) for line in lines if f'"event": "{event}"' in line), {})

    def close(self) -> None:
        self.process.terminate()
        try:
            assert self.process.wait(30) == 0
        finally:
            self.process.kill()
            self.process.wait()
            self.broker.kill()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    try:
        wait_for(lambda: made.said("residents_served"), "the page", 30)
        yield made
    finally:
        made.close()


def test_a_link_from_the_office_opens_on_a_phone_and_the_code_is_valid(office: Office, browser: Browser) -> None:
    config = load_config(office.file)
    with phone(browser) as held, closing(SqliteStore(config.database)) as store:
        now_ms = held.now_s() * 1000
        entry = Entry(site="east", pass_class="resident", unit_label="3-2-501", name="张小明")
        person = enter_person(config, store, entry, now_ms)
        issue_to_person(config, store, person.no, now_ms)
        _, token = link_person(store, person.no)
        held.open(f"http://{office.said('residents_served')['at']}/#k={token}")
        held.shows("online")
        public = cose.public_bytes(load_key(config.keys_dir, "issuer"))
        trusted = TrustEntry(cose.key_id(public), public, "office", frozenset(CLASS_BY_NUMBER.values()), (), 0, 2**50)
        presented = read_pass(held.code(), TrustList([trusted]), held.now_s(), here=("east",))
    assert (presented.reason, presented.variant) == ("pass_valid", "rotating")
    assert "resident" in thread_ids(office.process.pid)
    log = (office.folder / "log").read_text()
    assert token not in log
    assert "张小明" not in log


def test_a_page_that_is_not_enabled_is_not_served(tmp_path: Path) -> None:
    file = tmp_path / "central.toml"
    file.write_text('[collector]\ndata_dir = "data"\ntree = "tree.toml"\n')
    with ExitStack() as stack:
        assert start_residents(load_config(file), Registry(tree()), lambda: 0, stack) == []
