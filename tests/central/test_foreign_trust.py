"""A trust document from a folder: what is signed is what a gate will read, and nothing is signed half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from central.foreign_trust import trust_content
from checkpoint import cose
from checkpoint.foreign.trust_rows import foreign_from_content
from checkpoint.trust import TrustError, trust_from_content
from tests.checkpoint.foreign.makers import EC_KEY, STRANGER, certificate_der, pem
from tests.checkpoint.pass_samples import KEY

NATIVE = json.dumps({"keys": [{"public": cose.public_bytes(KEY).hex(), "classes": ["resident"]}]})


def test_a_folder_becomes_one_document_for_both_kinds_of_passes(tmp_path: Path) -> None:
    (tmp_path / "office.json").write_text(NATIVE)
    (tmp_path / "XX").mkdir()
    for name, key in (("a", EC_KEY), ("b", STRANGER)):
        (tmp_path / "XX" / f"{name}.pem").write_bytes(pem(certificate_der(key)))
    content = trust_content(tmp_path)
    assert len(foreign_from_content(content).entries) == 2
    assert [one.kid for one in trust_from_content(content).entries] == [cose.key_id(cose.public_bytes(KEY))]


def test_a_native_file_gives_the_list_it_always_gave(tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    file.write_text(NATIVE)
    content = trust_content(file)
    assert len(trust_from_content(content).entries) == 1
    assert not foreign_from_content(content).entries


def test_one_bad_file_and_nothing_is_signed(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(pem(certificate_der(EC_KEY)))
    (tmp_path / "b.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(TrustError, match=r"1 can't be used.*b\.pem"):
        trust_content(tmp_path)
    with pytest.raises(TrustError, match="not a certificate"):
        trust_content(tmp_path / "b.pem")
    with pytest.raises(OSError, match="No such file"):
        trust_content(tmp_path / "none")
    with (tmp_path / "c.pem").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(TrustError, match="larger than"):
        trust_content(tmp_path / "c.pem")
