"""The files of a mosquitto broker: configuration, passwords, and who may read and write which topic."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import pbkdf2_hmac
from importlib.resources import files
from typing import Final

from checkpoint import topics

# What mosquitto_passwd writes: "$7$" is PBKDF2 with SHA-512, 64 bytes out. Few rounds are enough for random passwords.
_ITERATIONS: Final = 101
_HASH_BYTES: Final = 64
# mosquitto 2.0 refuses any other length.
SALT_BYTES: Final = 12
_USER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PASSWORD_MAX: Final = 200


def conf_text(folder: str, port: int, address: str = "127.0.0.1") -> str:
    """mosquitto.conf for a broker whose `passwords` and `acl` lie in `folder`."""
    template = files("firmware_config").joinpath("mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    filled = template.replace("@PORT@", str(port)).replace("@ADDRESS@", address).replace("@FOLDER@", folder)
    return filled.split("\n", 1)[1].lstrip("\n")


def password_line(user: str, password: str, salt: bytes) -> str:
    """One line of the password file, without its line end. `salt`: 12 random bytes. Raises ValueError."""
    _check_user(user)
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    if not 1 <= len(password) <= _PASSWORD_MAX:
        raise ValueError(f"the password of {user!r} must have 1 to {_PASSWORD_MAX} characters")
    digest = pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _HASH_BYTES)
    return f"{user}:$7${_ITERATIONS}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def acl_text(gates: Iterable[tuple[str, str, str]], collector_user: str, subscriber_user: str | None) -> str:
    """The ACL file: each gate (user, gate id, site id) its own topics and what the gates of its site tell each other,
    the collector all it answers, the subscriber what is for the public.

    Raises ValueError for a user, gate or site id that has no place in it, and for a user named twice.
    """
    blocks = [_gate_block(user, gate, site) for user, gate, site in gates]
    blocks.append(_block(collector_user, _collector_rules()))
    if subscriber_user is not None:
        blocks.append(_block(subscriber_user, [("read", topic) for topic in _FOR_SUBSCRIBERS]))
    users = [block.split("\n", 1)[0] for block in blocks]
    if repeated := {user for user in users if users.count(user) > 1}:
        raise ValueError(f"{sorted(repeated)[0]!r} is named twice; every gate has a user of its own")
    return "\n".join(blocks)


_FOR_SUBSCRIBERS: Final = (topics.summary("#"), topics.passage("#"), f"{topics.PREFIX}/escalation/#")


def _gate_block(user: str, gate: str, site: str) -> str:
    for name, what in ((gate, "gate"), (site, "site")):
        if not topics.is_slug(name):
            raise ValueError(f"{name!r} is no {what} id: 1 to 32 small letters, digits and hyphens")
    written = [topics.records(gate), topics.alarm(gate), topics.state(gate), topics.seen(site, gate)]
    read = [topics.watermark(gate), topics.command(gate), f"{topics.PREFIX}/document/#", topics.seen(site, "+")]
    return _block(user, [("write", topic) for topic in written] + [("read", topic) for topic in read])


def _collector_rules() -> list[tuple[str, str]]:
    # It reads its own retained topics too, to hold them against its store when it starts.
    retained = [f"{topics.PREFIX}/document/#", topics.summary("#"), f"{topics.PREFIX}/escalation/#"]
    return [
        ("read", f"{topics.PREFIX}/gate/#"),
        ("write", topics.watermark("+")),
        ("write", topics.command("+")),
        ("write", topics.passage("#")),
        *(("readwrite", topic) for topic in retained),
    ]


def _block(user: str, rules: list[tuple[str, str]]) -> str:
    _check_user(user)
    return "\n".join([f"user {user}", *(f"topic {right} {topic}" for right, topic in rules), ""])


def _check_user(user: str) -> None:
    if _USER.fullmatch(user) is None:
        raise ValueError(f"broker user {user!r} must be 1 to 64 letters, digits, dots, hyphens and underscores")
