"""Documents that come down: verified, installed so that a power cut leaves the old or the new, handed on as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from checkpoint import topics
from checkpoint.documents import (
    Document,
    DocumentError,
    DocumentKind,
    KeyList,
    accept,
    applicable,
    open_document,
    read_document,
)
from checkpoint.foreign.certlogic import RuleError, require_library
from checkpoint.foreign.keys import NO_KEYS, ForeignKeys
from checkpoint.foreign.trust_rows import foreign_from_content
from checkpoint.local_order import LocalOrder, parse_either
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import Policy
from checkpoint.records import BAD_BYTES
from checkpoint.regions import RegionError, RegionList, regions_from_content
from checkpoint.site_wire import SiteError, gates_from_content
from checkpoint.status_list import StatusError, StatusList, status_from_content
from checkpoint.trust import TrustError, TrustList, trust_from_content
from edge.outbox_files import write_whole

_log = structlog.get_logger(__name__)

_INSTALLED: Final = "doc"
_WAITING: Final = "next"
# Documents that were refused and may be taken once a new key list is there.
_MOST_REFUSED: Final = 64


@dataclass(frozen=True, slots=True)
class PolicyInstalled:
    """A policy of this place came into force, or was found at the start; its own dates are for the reader to judge."""

    document: Document
    policy: Policy


@dataclass(frozen=True, slots=True)
class OrderInstalled:
    """A local order of this place came, or was found at the start; whether and when it counts is for the reader to
    judge."""

    document: Document
    order: LocalOrder


@dataclass(frozen=True, slots=True)
class TrustInstalled:
    """A trust list of this place came into force, or was found at the start; `foreign`: keys of other systems in it."""

    document: Document
    trust: TrustList
    foreign: ForeignKeys = NO_KEYS


@dataclass(frozen=True, slots=True)
class StatusInstalled:
    """A status list of this place came into force, or was found at the start; parsed before anybody looks in it."""

    document: Document
    status: StatusList


@dataclass(frozen=True, slots=True)
class GatesInstalled:
    """The list of a site's gates came into force, or was found at the start."""

    document: Document
    gates: Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class RegionsInstalled:
    """A list of risk regions of this place came into force, or was found at the start."""

    document: Document
    regions: RegionList


@dataclass(frozen=True, slots=True)
class DocumentInstalled:
    """A document of another kind came into force, or was found at the start."""

    document: Document


@dataclass(frozen=True, slots=True)
class DocumentRefused:
    """What was in force stays so. `name`: the topic or the file; `why` names cause and remedy. `version`: 0 where the
    document could not be read at all."""

    name: str
    why: str
    version: int = 0


DocumentFact = (
    PolicyInstalled
    | OrderInstalled
    | TrustInstalled
    | StatusInstalled
    | GatesInstalled
    | RegionsInstalled
    | DocumentInstalled
    | DocumentRefused
)
_Key = tuple[DocumentKind, str]


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """A document on disk. It was verified at `taken_s`: a signer's key may have ended since, the document has not."""

    taken_s: int
    data: bytes


class Downlink:
    """What is in force at this gate. `here`: ids of its place, narrowest first (gate, site, grid, wider grids).

    `minimum`: lowest version allowed by enrolment, by `kind` or `kind/scope`. All times in seconds UTC. Used from one
    thread.
    """

    def __init__(self, folder: Path, root: bytes, here: Sequence[str], minimum: Mapping[str, int]) -> None:
        self._folder = folder
        self._here = tuple(here)
        self._minimum = dict(minimum)
        self._keys = KeyList(root)
        self._in_force: dict[_Key, Document] = {}
        self._early: dict[_Key, _Kept] = {}
        self._refused: dict[str, bytes] = {}
        self._torn: set[_Key] = set()
        # By topic, good documents that the disk would not take.
        self._unwritten: dict[str, bytes] = {}

    def in_force(self, kind: DocumentKind) -> tuple[Document, ...]:
        """The documents of this kind that concern this place, the most specific first."""
        return applicable((item for item in self._in_force.values() if item.kind == kind), self._here)

    def waiting(self, kind: DocumentKind) -> dict[str, int]:
        """Scope -> version of what is verified, on the disk, and before its time."""
        held = ((scope, kept) for (what, scope), kept in self._early.items() if what == kind)
        return {scope: open_document(kept.data).version for scope, kept in held}

    def torn(self, kind: DocumentKind) -> frozenset[str]:
        """Scopes of this place whose document is on the disk and can't be read: what it says is not known here."""
        return frozenset(scope for what, scope in self._torn if what == kind)

    def load(self) -> tuple[DocumentFact, ...]:
        """Take what is on disk. A file that no longer verifies is refused and left where it is."""
        facts: list[DocumentFact] = []
        # The key list first: the others are verified by it.
        for path in sorted(self._folder.glob(f"*.{_INSTALLED}"), key=lambda path: not path.name.startswith("keys@")):
            facts += self._loaded(path)
        for path in sorted(self._folder.glob(f"*.{_WAITING}")):
            facts += self._load_early(path)
        return tuple(facts)

    def arrived(self, topic: str, data: bytes, now_s: int) -> tuple[DocumentFact, ...]:
        """Take a message from a document topic. An empty one changes nothing, nor does one that is in force already."""
        if not data:
            return ()
        version = 0
        try:
            document = read_document(data, self._keys, now_s, self._here)
            version = document.version
            self._check_place(topic, document)
            return self._taken(document, _Kept(now_s, data))
        except DocumentError as error:
            self._remember_refused(topic, data)
            return (_refusal(topic, str(error), version),)
        except OSError as error:
            # Nobody sends it again while this connection lasts.
            self._unwritten[topic] = data
            return (_refusal(topic, str(error), version),)

    def promote(self, now_s: int) -> tuple[DocumentFact, ...]:
        """Put in force what arrived before its time and whose time has come, and what the disk would not take and
        takes now. Call now and then."""
        facts = self._written_now(now_s)
        for key, kept in list(self._early.items()):
            try:
                document = read_document(kept.data, self._keys, kept.taken_s, self._here)
                if document.standing(now_s * 1000) == "early":
                    continue
                del self._early[key]
                facts += self._taken(document, _Kept(now_s, kept.data))
                self._path(document, _WAITING).unlink(missing_ok=True)
            except (DocumentError, OSError) as error:
                self._early.pop(key, None)
                facts.append(_refusal("@".join(key), str(error), open_document(kept.data).version))
        return tuple(facts)

    def _written_now(self, now_s: int) -> list[DocumentFact]:
        """What is still refused was told when it came."""
        unwritten, self._unwritten = self._unwritten, {}
        facts = (fact for topic, data in unwritten.items() for fact in self.arrived(topic, data, now_s))
        return [fact for fact in facts if not isinstance(fact, DocumentRefused)]

    def _taken(self, document: Document, kept: _Kept) -> tuple[DocumentFact, ...]:
        key: _Key = (document.kind, document.scope)
        minimum = self._minimum.get(f"{document.kind}/{document.scope}", self._minimum.get(document.kind, 1))
        before = self._in_force.get(key)
        if _overtaken(document, before) or not document.concerns(self._here, self._here[0]):
            return ()
        if not accept(document, before, minimum):
            return ()
        fact = _understood(document)
        match document.standing(kept.taken_s * 1000):
            case "over":
                raise DocumentError(f"{document.kind}/{document.scope} is past its end: publish a newer version")
            case "early" if key in self._early and open_document(self._early[key].data).version > document.version:
                # At every connection a gate gets one for all and one for some.
                return ()
            case "early":
                self._write(self._path(document, _WAITING), kept)
                self._early[key] = kept
                return ()
        self._write(self._path(document, _INSTALLED), kept)
        self._put_in_force(document)
        return (fact, *(self._retry(kept.taken_s) if document.kind == "keys" else ()))

    def _put_in_force(self, document: Document) -> None:
        self._in_force[document.kind, document.scope] = document
        self._torn.discard((document.kind, document.scope))
        lists = [self._keys.with_keys(item) for item in self._in_force.values() if item.kind == "keys"]
        self._keys = KeyList(self._keys.root, tuple(row for keys in lists for row in keys.rows))

    def _retry(self, now_s: int) -> tuple[DocumentFact, ...]:
        """Retained messages come in any order: what the old key list refused is judged by the new one."""
        refused, self._refused = self._refused, {}
        return tuple(fact for topic, data in refused.items() for fact in self.arrived(topic, data, now_s))

    def _remember_refused(self, topic: str, data: bytes) -> None:
        self._refused.pop(topic, None)
        self._refused[topic] = data
        if len(self._refused) > _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]

    def _check_place(self, topic: str, document: Document) -> None:
        usual = topics.document(document.scope, document.kind)
        if topic != usual and not (document.staged and topic == topics.staged(document.scope, document.kind)):
            raise DocumentError(f"document {document.kind}/{document.scope} came on topic {topic}: refuse its sender")
        if document.scope not in self._here:
            raise DocumentError(f"scope {document.scope} is not of this place ({', '.join(self._here)})")
        if document.kind == "status" and document.scope == self._here[0]:
            # Passes are for sites and grids, and nobody would look one up in it.
            raise DocumentError(f"status list for gate {document.scope} alone: publish it for {self._here[1]}")

    def _loaded(self, path: Path) -> tuple[DocumentFact, ...]:
        try:
            _, document = self._read(path)
            fact = _understood(document)
        except (DocumentError, OSError) as error:
            self._remember_torn(path)
            return (_refusal(path.name, str(error)),)
        self._put_in_force(document)
        return (fact,)

    def _remember_torn(self, path: Path) -> None:
        kind, _, scope = path.stem.partition("@")
        # One of another place was left behind when the gate moved.
        if scope in self._here:
            self._torn.add((kind, scope))  # type: ignore[arg-type]  # a name that is no kind is never asked for

    def _load_early(self, path: Path) -> tuple[DocumentFact, ...]:
        try:
            kept, document = self._read(path)
        except (DocumentError, OSError) as error:
            return (_refusal(path.name, str(error)),)
        self._early[document.kind, document.scope] = kept
        return ()

    def _read(self, path: Path) -> tuple[_Kept, Document]:
        try:
            kept = msgspec.msgpack.decode(path.read_bytes(), type=_Kept)
        except BAD_BYTES as error:
            raise DocumentError(f"{path} is torn ({error}): it comes again with the next connection") from None
        document = read_document(kept.data, self._keys, kept.taken_s, self._here)
        if path.stem != f"{document.kind}@{document.scope}" or document.scope not in self._here:
            raise DocumentError(f"{path} holds {document.kind}/{document.scope}: it was moved here by hand")
        return kept, document

    def _path(self, document: Document, suffix: str) -> Path:
        # Kind and scope are checked by `read_document`: neither can hold a separator.
        return self._folder / f"{document.kind}@{document.scope}.{suffix}"

    def _write(self, path: Path, kept: _Kept) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.msgpack.encode(kept))


def _overtaken(document: Document, before: Document | None) -> bool:
    """One for some gates is out beside the one for all: at every connection a gate gets both, and has the newer."""
    return before is not None and document.version < before.version and (document.staged or before.staged)


def _understood(document: Document) -> DocumentFact:
    """The content as the gate will use it. Raises DocumentError: what can't be read never replaces what can."""
    try:
        match document.kind:
            case "policy":
                found = parse_either(document.content)
                if isinstance(found, LocalOrder):
                    return OrderInstalled(document, found)
                return PolicyInstalled(document, _judgeable(found))
            case "trust":
                return TrustInstalled(
                    document, trust_from_content(document.content), foreign_from_content(document.content)
                )
            case "status":
                return StatusInstalled(document, status_from_content(document.content))
            case "gates":
                return GatesInstalled(document, gates_from_content(document.content))
            case "regions":
                return RegionsInstalled(document, regions_from_content(document.content))
            case "keys":
                KeyList(None).with_keys(document)
    except (PolicyError, TrustError, StatusError, SiteError, RegionError) as error:
        raise DocumentError(str(error)) from None
    return DocumentInstalled(document)


def _judgeable(policy: Policy) -> Policy:
    """The same, if this gate can judge by all of it. What that needs is loaded here, before anybody waits for it."""
    if policy.passes.rules:
        try:
            require_library()
        except RuleError as error:
            raise PolicyError(f"policy: pass.rules: {error} here, or take the rules out of the policy") from None
    return policy


def _refusal(name: str, why: str, version: int = 0) -> DocumentRefused:
    _log.warning("document_refused", name=name, why=why)
    return DocumentRefused(name, why, version)
