"""A desk with passes that are truly signed and no store: the tests of the page set its clock and its moods."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.passes import new_claims
from central.resident.desk import Card, DeskError, Expected, Invitation, Offline, Place, Registration, Shown, State
from checkpoint import cose
from checkpoint.formats import gk1, read_pass
from checkpoint.formats.gk1_variants import pass_key
from checkpoint.passes import CLASS_BY_NUMBER, Arrival, Claims, Presented
from checkpoint.steps import StepSecret, StepSecrets, week_at
from checkpoint.trust import TrustEntry, TrustList

KEY = Ed25519PrivateKey.from_private_bytes(sha256(b"issuer of the sample desk").digest())
SITE, GATE = "east", "gate-1"
TOKEN, SECOND = "a" * 22, "b" * 22
_PUBLIC = cose.public_bytes(KEY)
TRUST = TrustList(
    [TrustEntry(cose.key_id(_PUBLIC), _PUBLIC, "desk", frozenset(CLASS_BY_NUMBER.values()), (), 0, 2**50)]
)


def secret_of(week: int) -> bytes:
    return sha256(b"week %d" % week).digest()


class SampleDesk:
    """`state`: what every known link is in; `ahead_s`: how far its clock is from this machine's."""

    def __init__(self) -> None:
        self.state: State = "valid"
        self.ahead_s = 0
        self.asked = 0
        self.down = False
        self.lifetime_s = 300
        now_s = int(time.time())
        self.claims: dict[str, Claims] = {
            TOKEN: replace(
                new_claims("resident", (SITE,), now_s - 3600, None, household=b"home"),
                status_index=70_123,
                document_digest=sha256(b"number").digest()[:16],
            )
        }
        self.names = {TOKEN: "＊＊明"}
        self.device: bytes | None = None
        self.invitations: list[Invitation] = []
        self.registrations: list[Registration] = []

    def now_s(self) -> int:
        return int(time.time()) + self.ahead_s

    def show(self, token: str, arrival: Arrival | None) -> Shown:
        self.asked += 1
        if self.down:
            raise DeskError(503, "系统暂时无法处理", "down")
        claims = self.claims.get(token)
        if claims is None:
            raise DeskError(404, "链接无效", "unknown link")
        now_s = self.now_s()
        card = Card(claims.pass_class, self.names[token], "东苑小区 East Court", "3-2-501", expires_s=claims.expires_s)
        if self.state != "valid":
            return Shown(self.state, now_s * 1000, card)
        minted = replace(claims, not_before_s=now_s, expires_s=now_s + self.lifetime_s, arrival=arrival)
        return Shown(
            state="valid",
            now_ms=now_s * 1000,
            card=card,
            code=gk1.issue(minted, KEY),
            until_s=minted.expires_s,
            may_invite=claims.pass_class == "resident",
            expected=self._expected(token),
            offline=self._offline(claims, now_s),
        )

    def bind(self, token: str, public_key: bytes) -> None:
        self.device = public_key

    def invite(self, token: str, invitation: Invitation) -> str:
        self.invitations.append(invitation)
        claims = new_claims("visitor", (SITE,), self.now_s() - 60, invitation.lifetime_s)
        self.claims[SECOND] = claims
        self.names[SECOND] = invitation.name
        return SECOND

    def withdraw(self, token: str, visitor: bytes) -> None:
        assert self.claims.pop(SECOND).pass_id == visitor

    def place(self, gate: str, site: str) -> Place:
        if gate == GATE or site == SITE:
            return Place(SITE, "东苑小区", "East Court")
        raise DeskError(404, "没有这个关口", "there is no such gate")

    def register(self, registration: Registration) -> str:
        self.registrations.append(registration)
        self.state = "pending"
        self.claims[SECOND] = new_claims(registration.pass_class, (SITE,), self.now_s() - 60, None)
        self.names[SECOND] = registration.name
        return SECOND

    def _expected(self, token: str) -> list[Expected]:
        guest = self.claims.get(SECOND)
        if guest is None or token == SECOND or not self.invitations:
            return []
        return [Expected(guest.pass_id.hex(), self.names[SECOND], guest.expires_s)]

    def _offline(self, claims: Claims, now_s: int) -> Offline:
        weeks = (week_at(now_s), week_at(now_s) + 1)
        return Offline(
            text=gk1.issue(claims, KEY),
            pass_id=claims.pass_id.hex(),
            steps=[(week, pass_key(secret_of(week), claims.pass_id).hex()) for week in weeks],
            device=self.device.hex() if self.device else None,
            bound=gk1.issue(replace(claims, device_key=self.device), KEY) if self.device else None,
        )


def read(payload: bytes, now_s: int) -> Presented:
    """As a gate of the site reads it that holds the secrets of three weeks."""
    week = week_at(now_s)
    steps = StepSecrets(StepSecret(SITE, one, secret_of(one)) for one in (week - 1, week, week + 1))
    return read_pass(payload, TRUST, now_s, here=(SITE,), steps=steps)
