"""The desk of the resident's page over the collector's store: people, their passes, invitations, registrations."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from central.config import Config
from central.keys import KeyFileError
from central.people.applications import QueueFullError, apply
from central.people.credentials import (
    Credential,
    PeopleError,
    RefusedError,
    application_by_link,
    credential,
    credential_by_link,
)
from central.people.issuing import set_device_key
from central.people.minting import MINTED_LIFETIME_S, held_text, mint
from central.people.registering import Entry, FieldError
from central.people.rosters import step_keys
from central.people.visitors import Visit, invite_visitor, may_invite
from central.registry import Registry, RegistryError
from central.resident.desk import Card, DeskError, Expected, Invitation, Offline, Place, Registration, Shown, State
from central.revocation import RevocationError, set_status
from central.store.people import Application
from central.store.sqlite import SqliteStore
from checkpoint.documents import DocumentError
from checkpoint.formats.gk1 import IssueError
from checkpoint.passes import Arrival
from checkpoint.status_list import REVOKED, StatusError

_log = structlog.get_logger(__name__)

_STATES: Final[dict[str, State]] = {
    "pass_revoked": "revoked",
    "pass_suspended": "suspended",
    "pass_expired": "expired",
    "pass_not_yet": "not_yet",
}
_FIELDS: Final = {
    "name": "姓名",
    "phone": "手机",
    "unit": "楼栋房号",
    "plate": "车牌",
    "party": "人数",
    "id_number": "证件号码",
}


class _Locked:
    """One connection, one call at a time."""

    def __init__(self, config: Config) -> None:
        self._store = SqliteStore(config.database)
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[SqliteStore]:
        """Raises DeskError for what can't be done with people or passes."""
        with self._lock:
            try:
                yield self._store
            except RefusedError as why:
                raise DeskError(409, "此通行码目前不能使用", str(why)) from None
            except FieldError as why:
                raise DeskError(400, f"{_FIELDS.get(why.field, why.field)}填写有误，请检查", str(why)) from None
            except QueueFullError as why:
                raise DeskError(429, "登记人数过多，请找值守人员或社区", str(why)) from None
            except (PeopleError, IssueError) as why:
                raise DeskError(409, "暂时不能办理，请联系社区", str(why)) from None
            except (KeyFileError, RegistryError, RevocationError, StatusError, DocumentError) as why:
                # Nothing that a resident can change; the phone shows an offline code meanwhile.
                _log.error("resident_desk_failed", why=str(why))
                raise DeskError(503, "系统暂时无法处理", "not available at the moment") from None

    def close(self) -> None:
        with self._lock:
            self._store.close()


class StoreDesk:
    """`close` it at the end. Passes are shown over a connection of their own, which seldom writes, so seldom waits."""

    def __init__(self, config: Config, registry: Registry, now_ms: Callable[[], int]) -> None:
        self._config = config
        self._registry = registry
        self._now_ms = now_ms
        self._shows, self._writes = _Locked(config), _Locked(config)

    def close(self) -> None:
        self._shows.close()
        self._writes.close()

    def show(self, token: str, arrival: Arrival | None) -> Shown:
        with self._shows.turn() as store:
            held = credential_by_link(store, token)
            if held is not None:
                return self._shown(store, held, arrival)
            applied = application_by_link(store, token)
            if applied is None:
                raise _unknown_link()
            return self._waiting(applied)

    def bind(self, token: str, public_key: bytes) -> None:
        with self._writes.turn() as store:
            set_device_key(self._config, store, self._held(store, token), public_key, self._now_ms())

    def invite(self, token: str, invitation: Invitation) -> str:
        visit = Visit(
            name=invitation.name,
            lifetime_s=invitation.lifetime_s,
            party_size=invitation.party_size,
            plate=invitation.plate,
            uses=invitation.uses,
        )
        with self._writes.turn() as store:
            _, link = invite_visitor(self._config, store, self._held(store, token), visit, self._now_ms() // 1000)
        return link

    def withdraw(self, token: str, visitor: bytes) -> None:
        now_ms = self._now_ms()
        with self._writes.turn() as store:
            host = self._held(store, token)
            if visitor not in {row.pass_id for row in store.invited(host.pass_id, now_ms // 1000)}:
                raise DeskError(404, "没有这位访客，或已过期", "no such visitor, or the pass is over")
            set_status(self._config, store, [visitor], REVOKED, "withdrawn by the host", now_ms)

    def place(self, gate: str, site: str) -> Place:
        if not self._config.content.resident.registration:
            raise DeskError(403, "此处不开放自助登记，请联系社区", "registration is not open here: ask your community")
        if gate:
            with self._shows.turn() as store:
                row = store.gate(gate)
            site = row.site if row is not None and row.revoked_ms is None else ""
        entry = self._registry.tree.sites.get(site)
        if entry is None:
            raise DeskError(404, "找不到这个关口或小区，请重新扫码", "no such gate or site: scan the code again")
        return Place(site, entry.name_zh, entry.name_en)

    def register(self, registration: Registration) -> str:
        entry = Entry(
            site=registration.site,
            pass_class=registration.pass_class,
            unit_label=registration.unit,
            name=registration.name,
            phone=registration.phone,
            plate=registration.plate,
            party_size=registration.party_size,
            id_number=registration.id_number,
        )
        with self._writes.turn() as store:
            return apply(self._config, store, entry, registration.declared, self._now_ms())

    def _held(self, store: SqliteStore, token: str) -> Credential:
        held = credential_by_link(store, token)
        if held is None:
            raise _unknown_link()
        return held

    def _shown(self, store: SqliteStore, held: Credential, arrival: Arrival | None) -> Shown:
        now_ms = self._now_ms()
        now_s = now_ms // 1000
        card = self._card(held)
        try:
            code = mint(self._config, store, held, now_s, arrival=arrival)
        except RefusedError as why:
            return Shown(_STATES[why.reason], now_ms, card)
        return Shown(
            state="valid",
            now_ms=now_ms,
            card=card,
            code=code,
            until_s=min(now_s + MINTED_LIFETIME_S, held.claims.expires_s),
            may_invite=may_invite(held),
            expected=self._expected(store, held, now_s),
            offline=self._offline(store, held, now_s),
        )

    def _expected(self, store: SqliteStore, held: Credential, now_s: int) -> list[Expected]:
        guests = [credential(store, row) for row in store.invited(held.pass_id, now_s)]
        return [Expected(guest.pass_id.hex(), guest.name, guest.claims.expires_s) for guest in guests]

    def _offline(self, store: SqliteStore, held: Credential, now_s: int) -> Offline | None:
        try:
            keys = step_keys(self._config, store, held, now_s)
        except (KeyFileError, DocumentError, sqlite3.Error) as why:
            # The code of the moment needs none of this.
            _log.warning("no_step_keys", why=str(why))
            return None
        device = held.issued.device_key
        return Offline(
            text=held_text(self._config, held),
            pass_id=held.pass_id.hex(),
            steps=[(week, key.hex()) for week, key in keys],
            device=device.hex() if device else None,
            bound=held_text(self._config, held, device=True) if device else None,
        )

    def _card(self, held: Credential) -> Card:
        return Card(
            pass_class=held.claims.pass_class,
            name=veiled(held.name),
            place=self._place_name(held.site),
            unit=held.unit_label,
            plate=held.claims.plate or "",
            expires_s=held.claims.expires_s,
        )

    def _waiting(self, applied: Application) -> Shown:
        card = Card(applied.pass_class, veiled(applied.name), self._place_name(applied.site), applied.unit_label)
        # Confirmed, and another link was given since: this one leads nowhere.
        if applied.state == "confirmed":
            raise _unknown_link()
        if applied.state == "refused":
            return Shown("refused", self._now_ms(), card, why=applied.why)
        return Shown("pending", self._now_ms(), card)

    def _place_name(self, site: str) -> str:
        entry = self._registry.tree.sites.get(site)
        return f"{entry.name_zh} {entry.name_en}" if entry else site


def veiled(name: str) -> str:
    """A name of which only the last character can be read."""
    return "＊" * (min(len(name), 4) - 1) + name[-1:]


def _unknown_link() -> DeskError:
    return DeskError(404, "此链接无效，请向社区索取新链接", "this link is not valid: ask your community for a new one")
