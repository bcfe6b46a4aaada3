"""Enrolment by file: a gate becomes known to store and broker, and gets all it has to know in one file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from central import broker, keys
from central.config import Config
from central.registry import Registry
from central.site_gates import publish_gates
from central.store.sqlite import SqliteStore
from checkpoint import cose, topics
from firmware_config.schema import Enrolment


class EnrolError(ValueError):
    """The gate can't be enrolled; the message names the value and the remedy."""


def enrol(
    config: Config,
    store: SqliteStore,
    registry: Registry,
    gate: str,
    grid: str,
    site: str,
    public_key: bytes,
    now_ms: int,
) -> Enrolment:
    """Register a gate at store and broker. A known gate gets a new key and password. Raises EnrolError, BrokerError."""
    check_place(registry, gate, grid, site, public_key)
    password = broker.new_password()
    if config.broker_dir is not None:
        broker.set_password(config.broker_dir, gate, password)
    with store.transaction():
        store.enrol(gate, public_key, grid, site, now_ms)
        publish_gates(config, store, now_ms)
    write_acl(config, store)
    return Enrolment(
        version=1,
        gate=gate,
        site=site,
        grid=grid,
        grid_path=registry.path_of(grid),
        tree_version=registry.tree.version,
        collector_keys=(cose.public_bytes(keys.load_key(config.keys_dir, "collector")).hex(),),
        root_key=keys.root_public(config.keys_dir).hex(),
        broker_user=gate,
        broker_password=password,
    )


def revoke(config: Config, store: SqliteStore, gate: str, now_ms: int) -> None:
    """Nothing of this gate is taken any more. Raises EnrolError for a gate that is not enrolled, BrokerError."""
    with store.transaction():
        if not store.revoke(gate, now_ms):
            raise EnrolError(f"gate {gate!r} is not enrolled, or revoked already")
        publish_gates(config, store, now_ms)
    if config.broker_dir is not None:
        broker.drop_user(config.broker_dir, gate)
    write_acl(config, store)


def write_acl(config: Config, store: SqliteStore) -> None:
    """Bring the broker's ACL in line with the store."""
    if config.broker_dir is None:
        return
    names = [(row.gate, row.site) for row in store.gates() if row.revoked_ms is None]
    table = config.content.broker
    broker.write_acl(config.broker_dir, names, table.user, table.subscriber_user)


def check_place(registry: Registry, gate: str, grid: str, site: str, public_key: bytes) -> None:
    """Ids are slugs, grid and site are in the tree and belong together, the key is one. Raises EnrolError."""
    if not topics.is_slug(gate):
        raise EnrolError(f"gate {gate!r}: an id is 1 to 32 of [a-z0-9-]")
    area = registry.tree.grids.get(grid)
    if area is None or area.level != "grid":
        raise EnrolError(f"grid {grid!r} is no grid of tree version {registry.tree.version}; add it to the tree file")
    entry = registry.tree.sites.get(site)
    if entry is None or entry.grid != grid:
        raise EnrolError(
            f"site {site!r} is not in grid {grid!r} in tree version {registry.tree.version}; correct one of them"
        )
    if len(public_key) != 32:
        raise EnrolError(f"a gate's public key has 32 bytes (64 hex digits), this one {len(public_key)}")


def write_enrolment(file: Path, enrolment: Enrolment) -> None:
    """The file for the gate, readable by its owner only: it holds a password. Raises EnrolError."""
    try:
        keys.write_secret(file, msgspec.json.format(msgspec.json.encode(enrolment), indent=2).decode() + "\n")
    except OSError as error:
        raise EnrolError(f"{file}: can't be written ({error.strerror}); name a file that does not exist yet") from None
