"""What this gate tells the collector of its policies: in force, waiting for their time, or refused and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from checkpoint import topics
from edge.downlink import DocumentFact, DocumentRefused, Downlink

# A heartbeat is small: of a refusal it carries the beginning, the whole stands in the gate's records.
_WHY_SIGNS: Final = 160


class DocumentStates:
    """Parts of the heartbeat's versions: `policy@SCOPE`, and that with `/waiting` or `/refused`. Used in one thread."""

    def __init__(self, downlink: Downlink) -> None:
        self._downlink = downlink
        self._refused: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._changed = True

    def take(self, facts: Iterable[DocumentFact]) -> None:
        """What was just taken or refused. What is taken ends what was said of an earlier refusal."""
        self._changed = True
        for fact in facts:
            if not isinstance(fact, DocumentRefused):
                if fact.document.kind == "policy":
                    self._refused.pop(fact.document.scope, None)
            elif (scope := _policy_scope(fact.name)) is not None:
                self._refused[scope] = f"{fact.version} {fact.why[:_WHY_SIGNS]}"

    def no_longer_refused(self, scope: str, version: int) -> None:
        """What was refused in this version is followed now, or not asked of this gate any more."""
        if self._refused.get(scope, "").startswith(f"{version} "):
            del self._refused[scope]
            self._changed = True

    def news(self) -> dict[str, str]:
        """Part -> text; an empty text ends a part. Nothing until `take` was called again.

        All of it each time, a few words every few seconds: the line to the uplink drops what does not fit.
        """
        if not self._changed:
            return {}
        self._changed = False
        now = {f"policy@{one.scope}": str(one.version) for one in self._downlink.in_force("policy")}
        now |= {f"policy@{scope}/waiting": str(version) for scope, version in self._downlink.waiting("policy").items()}
        now |= {f"policy@{scope}/refused": text for scope, text in self._refused.items()}
        self._told = dict.fromkeys(self._told, "") | now
        return dict(self._told)


def _policy_scope(name: str) -> str | None:
    """The scope in the topic or the file name of a policy, or in the name of one that waited for its time."""
    topic = name.removesuffix("/staged")
    scope = topic.removeprefix(f"{topics.PREFIX}/document/").removesuffix("/policy")
    if topics.is_slug(scope) and topic == topics.document(scope, "policy"):
        return scope
    kind, _, scope = name.partition(".")[0].partition("@")
    return scope if kind == "policy" and topics.is_slug(scope) else None
