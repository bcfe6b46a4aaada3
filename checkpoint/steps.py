"""Secrets of time steps: who holds them for how long. A roster brings them to a gate (`checkpoint.roster`).

A secret belongs to one scope and one week, so that what a stolen gate knows is worth little and not for long: it can
make a pass look fresh that the issuer signed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from checkpoint.topics import is_slug

STEP_S: Final = 30
WEEK_S: Final = 604_800
# A phone's clock may be off by a minute to either side.
STEPS_EITHER_SIDE: Final = 2
SECRET_BYTES: Final = 32
# Three weeks of a gate that serves passes of many scopes.
MAX_ROWS: Final = 512
_MAX_WEEK: Final = 2**32


class SecretsError(ValueError):
    """These are no secrets of time steps; the text names what is wrong."""


class StepSecret(msgspec.Struct, array_like=True, frozen=True):
    """The secret (32 bytes) of one site or grid for one week, counted since 1970-01-01 (`week_at`)."""

    scope: str
    week: int
    secret: bytes


class StepSecrets:
    """The secrets that a gate holds. Several may stand for one scope and week: one was changed before its time."""

    def __init__(self, rows: Iterable[StepSecret] = ()) -> None:
        held: dict[tuple[str, int], list[bytes]] = {}
        for row in rows:
            held.setdefault((row.scope, row.week), []).append(row.secret)
        self._held: Final[Mapping[tuple[str, int], list[bytes]]] = held

    def candidates(self, scopes: Sequence[str], step: int) -> Sequence[bytes]:
        """The secrets of these scopes for the week that this step lies in."""
        week = week_of(step)
        return [secret for scope in scopes for secret in self._held.get((scope, week), ())]


NO_STEPS: Final = StepSecrets()


def step_at(now_s: int) -> int:
    """The time step at this second."""
    return now_s // STEP_S


def week_of(step: int) -> int:
    """The week of a step. Weeks hold whole steps."""
    return step * STEP_S // WEEK_S


def week_at(now_s: int) -> int:
    """The week at this second. A gate holds the secrets of the week before, this one, and the one after."""
    return now_s // WEEK_S


def check_secrets(rows: Sequence[StepSecret]) -> None:
    """Raises SecretsError naming what no gate would take."""
    if len(rows) > MAX_ROWS:
        raise SecretsError(f"a roster has at most {MAX_ROWS} rows, this one {len(rows)}: list fewer scopes or weeks")
    for row in rows:
        if not is_slug(row.scope):
            raise SecretsError(f"scope {row.scope[:40]!r} is no site or grid id: use 1 to 32 of a-z, 0-9 and '-'")
        if not 0 <= row.week <= _MAX_WEEK:
            raise SecretsError(f"week {row.week} of {row.scope} is not within 0 to {_MAX_WEEK}: count since 1970-01-01")
        if len(row.secret) != SECRET_BYTES:
            raise SecretsError(f"a secret has {SECRET_BYTES} bytes, that of {row.scope} has {len(row.secret)}")
