"""The gate's key file: made once, read by its owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from checkpoint.cose import public_bytes
from edge.blind import Blind
from edge.keys import KeyFileError, create_key, load_key, load_or_make_secret


def keep(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]


def test_a_new_key_is_private_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "gate.key"
    public = create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_bytes(load_key(path)) == public
    assert len(public) == 32


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "gate.key"
    create_key(path)
    with pytest.raises(KeyFileError, match="already exists"):
        create_key(path)


def test_pem_is_read_too(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    assert load_key(keep(tmp_path / "k", pem(key))).private_bytes_raw() == key.private_bytes_raw()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "gate.key"
    create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(path)


def test_a_missing_key_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"guankou-gate keys .*/none"):
        load_key(tmp_path / "none")


@pytest.mark.parametrize(
    "data",
    [b"", b"12", b"zz" * 32, b"\xff" * 32, b"00" * 33, b"-----BEGIN nonsense", pem(generate_private_key(SECP256R1()))],
)
def test_what_is_no_ed25519_key_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        load_key(keep(tmp_path / "k", data))


def test_a_folder_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="name a file in a folder that can be written"):
        create_key(tmp_path / "none" / "gate.key")


def test_the_secret_for_unknown_codes_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "blind.key"
    secret = load_or_make_secret(path)
    assert (len(secret), path.stat().st_mode & 0o777) == (32, 0o600)
    assert load_or_make_secret(path) == secret


def test_a_secret_that_is_cut_short_is_made_anew_and_one_that_cannot_be_kept_holds_for_this_run(tmp_path: Path) -> None:
    path = keep(tmp_path / "blind.key", b"short")
    assert len(load_or_make_secret(path)) == 32
    assert path.stat().st_size == 32
    (tmp_path / "file").touch()
    assert len(load_or_make_secret(tmp_path / "file" / "blind.key")) == 32


def test_a_blinded_code_is_known_again_at_its_own_gate_alone() -> None:
    here, elsewhere = Blind(bytes(32)), Blind(b"\x01" * 32)
    assert here(b"x") == here(b"x")
    assert here(b"x") != elsewhere(b"x")
    # RFC 2104 with SHA-256, computed with `openssl dgst -sha256 -mac HMAC -macopt hexkey:00...`.
    assert here(b"https://example.org/menu") == "hmac:7061b67a24cf43b7"
