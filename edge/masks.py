"""Whether whoever stands there wears a mask: several looks that agree, or the guard's own eyes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from checkpoint.verdict_facts import CheckFact
from edge.facts import MaskSeen, Part

# One picture is no answer: of the last five looks three have to say the same.
_LAST: Final = 5
_AGREE: Final = 3
# Under these a camera or a model says nothing.
_NEEDS: Final = ("camera", "mask")


@dataclass(slots=True)
class MaskLooks:
    """The looks at one presence. `by_guard`: what the guard saw instead; None: nobody has said."""

    by_guard: bool | None = None
    _looks: deque[MaskSeen] = field(default_factory=lambda: deque(maxlen=_LAST))

    def take(self, seen: MaskSeen) -> None:
        self._looks.append(seen)

    def __bool__(self) -> bool:
        return bool(self._looks)

    @property
    def settled(self) -> Literal["mask", "no_mask", ""]:
        """What at least three of the last five looks say; empty while they don't agree."""
        said = Counter(look.state for look in self._looks)
        return next((state for state in ("no_mask", "mask") if said[state] >= _AGREE), "")

    @property
    def score(self) -> float:
        """Of the looks that agree, how surely the least sure of them said so."""
        return min((look.score for look in self._looks if look.state == self.settled), default=0.0)


def mask_fact(
    looks: MaskLooks, score_min: float | None, down_for_s: Mapping[Part, float], people: int
) -> CheckFact | None:
    """The answer to the check `mask`; None: nobody and nothing has looked, and the check is missing.

    `score_min`: of the lane's model, None if it has none. `down_for_s`: how long each broken part has been so.
    `people`: how many have to wear one. The looks say nothing of who is not in the picture, so that of a party only the
    guard can say that everybody does.
    """
    if looks.by_guard is not None:
        return CheckFact("ok" if looks.by_guard else "failed", _reason(looks.by_guard), manual=True)
    if score_min is None:
        return None
    if looks.settled == "no_mask" or (looks.settled == "mask" and people == 1):
        worn = looks.settled == "mask"
        return CheckFact("ok" if worn else "failed", _reason(worn), round(looks.score, 2), score_min)
    if "mask" in down_for_s:
        # Whichever has kept anybody from looking for longer.
        for_s = max(down_for_s["mask"], down_for_s.get("camera", 0.0))
        return CheckFact("not_obtained", "mask_unchecked", for_s=for_s)
    if "camera" in down_for_s:
        return None
    return CheckFact("missing", "mask_unsure" if looks else "mask_not_assessed")


def may_settle(looks: MaskLooks, score_min: float | None, down: Container[str], people: int) -> bool:
    """Whether waiting may still bring a mask to be seen."""
    if looks.by_guard is not None or score_min is None or people > 1 or any(part in down for part in _NEEDS):
        return False
    return looks.settled != "mask"


def prompt_of(looks: MaskLooks) -> str:
    """What is asked of the person while the camera looks."""
    return "prompt_mask" if looks.settled == "no_mask" else "prompt_face"


def _reason(worn: bool) -> str:
    return "mask_ok" if worn else "mask_none"
