"""Keys of other systems' issuers: whose they are, which formats they may sign, from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from checkpoint.foreign.algorithms import PublicKey, load_key

ForeignFormat = Literal["HC1", "SHC", "CLAIM169"]
FORMATS: Final[tuple[ForeignFormat, ...]] = ("HC1", "SHC", "CLAIM169")
# What a health certificate is about: vaccination, test, recovery.
Usage = Literal["v", "t", "r"]
USAGES: Final[tuple[Usage, ...]] = ("v", "t", "r")
# Year 10000, for a key without an end.
NO_END_S: Final = 253_402_300_800


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One key under one id. No usage means every usage. Times in seconds UTC, the end excluded.

    `public`: DER SubjectPublicKeyInfo. `issuer`: a name, or the https address that signed cards must name.
    """

    kid: bytes
    public: bytes
    issuer: str = ""
    formats: tuple[ForeignFormat, ...] = FORMATS
    usages: tuple[Usage, ...] = ()
    not_before_s: int = 0
    not_after_s: int = NO_END_S

    def current(self, now_s: int) -> bool:
        """Whether the key may be used at this time."""
        return self.not_before_s <= now_s < self.not_after_s


class LoadedKey(NamedTuple):
    """A key ready to verify with."""

    entry: ForeignKey
    public: PublicKey


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of judgement and its leeways, in seconds: how early and how late a pass still counts."""

    now_s: int
    before_s: int = 60
    after_s: int = 0


@dataclass(frozen=True)
class ForeignKeys:
    """The keys by id, parsed once. Several may share one id; all of them are tried. Raises KeyFormError."""

    entries: tuple[ForeignKey, ...] = ()
    _by_kid: Mapping[bytes, Sequence[LoadedKey]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_kid: dict[bytes, list[LoadedKey]] = {}
        for entry in self.entries:
            by_kid.setdefault(entry.kid, []).append(LoadedKey(entry, load_key(entry.public)))
        object.__setattr__(self, "_by_kid", by_kid)

    def candidates(self, form: ForeignFormat, kid: bytes | None) -> Sequence[LoadedKey]:
        """Keys for this format that carry this id; without an id, all keys for it."""
        groups = self._by_kid.values() if kid is None else (self._by_kid.get(kid, ()),)
        return [key for keys in groups for key in keys if form in key.entry.formats]

    def joined(self, others: Iterable[ForeignKeys]) -> ForeignKeys:
        """These and others, each entry once."""
        entries = [*self.entries, *(entry for keys in others for entry in keys.entries)]
        return ForeignKeys(tuple(dict.fromkeys(entries)))


NO_KEYS: Final = ForeignKeys()
