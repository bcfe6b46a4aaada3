"""An office of its own for every test."""

from __future__ import annotations

import pytest

from tests.central.people.kit import Office


@pytest.fixture
def office(tmp_path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def store(office):
    with office.store() as opened:
        yield opened
