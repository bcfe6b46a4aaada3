"""The broker's files as enrolment keeps them: `passwords` and `acl` in one folder, replaced as a whole."""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from central.keys import write_secret
from firmware_config.broker_files import SALT_BYTES, acl_text, conf_text, password_line

PASSWORDS: Final = "passwords"
ACL: Final = "acl"
_CONF: Final = "mosquitto.conf"
_BROKER_USER: Final = "mosquitto"


class BrokerError(ValueError):
    """The broker's folder can't be used; the message names the file and the remedy."""


def new_password() -> str:
    """Random, 160 bits."""
    return secrets.token_urlsafe(20)


def init_broker(folder: Path, port: int, address: str, collector_user: str, subscriber_user: str) -> list[Path]:
    """Write a fresh installation: configuration, ACL, both credentials. Returns the files. Raises BrokerError."""
    existing = [name for name in (_CONF, PASSWORDS, ACL) if (folder / name).exists()]
    if existing:
        raise BrokerError(f"{folder} already holds {', '.join(existing)}; name another folder")
    # The broker passes through this folder as a user of its own; each secret file guards itself.
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    users = {user: new_password() for user in (collector_user, subscriber_user)}
    for user, password in users.items():
        write_secret(folder / f"{user}.password", password + "\n")
    lines = [password_line(user, password, secrets.token_bytes(SALT_BYTES)) for user, password in users.items()]
    _replace(folder / PASSWORDS, "".join(f"{line}\n" for line in lines))
    write_acl(folder, (), collector_user, subscriber_user)
    _replace(folder / _CONF, conf_text(str(folder.absolute()), port, address))
    return [folder / name for name in (_CONF, PASSWORDS, ACL, *(f"{user}.password" for user in users))]


def set_password(folder: Path, user: str, password: str) -> None:
    """Add a user or change its password. Raises BrokerError without a password file."""
    line = password_line(user, password, secrets.token_bytes(SALT_BYTES))
    _replace(folder / PASSWORDS, "".join(f"{other}\n" for other in [*_others(folder, user), line]))


def drop_user(folder: Path, user: str) -> None:
    """Take a user's password away. Raises BrokerError without a password file."""
    _replace(folder / PASSWORDS, "".join(f"{other}\n" for other in _others(folder, user)))


def write_acl(folder: Path, gates: Iterable[tuple[str, str]], collector_user: str, subscriber_user: str) -> None:
    """The topics of everybody. `gates`: (gate id, site id); a gate's broker user is its own id."""
    _replace(folder / ACL, acl_text([(gate, gate, site) for gate, site in gates], collector_user, subscriber_user))


def _others(folder: Path, user: str) -> list[str]:
    file = folder / PASSWORDS
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BrokerError(
            f"{file}: can't be read ({error.strerror}); make it with `guankou-central broker init`"
        ) from None
    return [line for line in lines if line and not line.startswith(f"{user}:")]


def _replace(file: Path, text: str) -> None:
    """Write, sync, rename; owner and mode of an existing file stay, so that the broker can still read it."""
    scratch = file.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    write_secret(scratch, text)
    if file.exists():
        before = file.stat()
        os.chown(scratch, before.st_uid, before.st_gid)
        scratch.chmod(before.st_mode & 0o777)
    else:
        _give_to_broker(scratch)
    scratch.replace(file)


def _give_to_broker(file: Path) -> None:
    # Started by root, mosquitto drops to its own user before it opens its files.
    if os.geteuid() != 0:
        return
    try:
        owner = pwd.getpwnam(_BROKER_USER)
    except KeyError:
        return
    os.chown(file, owner.pw_uid, owner.pw_gid)
