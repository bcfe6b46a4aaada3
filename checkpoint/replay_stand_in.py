"""Stand-ins for what a verdict is decided from: each answers from the record, and asks for what the record lacks.

The rules of the verdict run on them unchanged. Where a rule looks at something that no record keeps, AskError is raised
with its name; whoever runs the rules then tries every value that it may have had.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, cast

from checkpoint.passes import Presented
from checkpoint.policy_schema import Policy, Rule
from checkpoint.records import CheckResult
from checkpoint.replay_evidence import HERE, Candidates, Recorded, Shown
from checkpoint.verdict import ends_at_pass
from checkpoint.verdict_case import class_for
from checkpoint.verdict_facts import CheckFact, Facts, GateState

_BY_CLOCK: Final = frozenset({"pass_expired", "pass_not_yet", "step_stale"})
# The row of the fail table that a check was decided by which could not be made; else the readings said nothing.
_CONDITION_OF: Final = {
    "document_unchecked": "reader_down", "vehicle_unchecked": "reader_down", "document_undated": "clock_untrusted",
    "mask_unchecked": "camera_down",
    "travel_undated": "clock_untrusted", "travel_unlisted": "lists_stale", "watch_unlisted": "lists_stale",
}  # fmt: skip
_SOMETHING: Final = (CheckFact("ok", "temperature_ok"),)
# Temperature results whose own reading the record does not tell: the device was down.
_UNREAD: Final = frozenset({"temperature_unmeasured", "temperature_missing"})

_Ask = Callable[[str], Any]
_NOTHING: Final[tuple[CheckFact, ...]] = ()


class AskError(Exception):
    """The record does not say this input; its name is the only argument."""

    @property
    def name(self) -> str:
        return str(self.args[0])


class _Open:
    """Attributes that the record tells; for every other it asks by its name."""

    def __init__(self, ask: _Ask, **told: Any) -> None:
        self._ask = ask
        self.__dict__.update(told)

    def __getattr__(self, name: str) -> Any:
        return self._ask(name)


class _Down:
    """How long devices had been down."""

    def __init__(self, ask: _Ask) -> None:
        self._ask = ask

    def __contains__(self, condition: str) -> bool:
        return self._ask(condition) is not None

    def get(self, condition: str) -> Any:
        return self._ask(condition)


class _Scope:
    """Where the pass is for: this site, an area around it, or somewhere else."""

    def __init__(self, ask: _Ask) -> None:
        self._ask = ask

    def __iter__(self) -> Iterator[str]:
        return iter(HERE[1:] if self._ask("in_scope") else ())

    def __contains__(self, place: object) -> bool:
        return bool(self._ask("in_scope") and self._ask("resident_here"))


class _Fact(_Open):
    """One recorded answer of a check."""

    @property
    def for_s(self) -> Any:
        return self._ask(f"{_CONDITION_OF.get(self.reason, 'not_obtained')}_lasted")


def _fact(ask: _Ask, result: CheckResult) -> Any:
    came, reason = result.result, result.reason
    if reason == "temperature_low_again":
        reason = "temperature_low"
    if reason in _UNREAD:
        came = "missing"
    return _Fact(ask, result=came, reason=reason, value=result.value, limit=result.limit)


class Situation:
    """All of one passage under one policy. `supposed`: what is taken for true of the inputs that the record lacks.

    `anew`: inputs that this policy would have had measured or counted otherwise, so that the record's don't hold; None
    for the policy that made the record: under it, what is not recorded was not there.
    """

    def __init__(
        self, recorded: Recorded, candidates: Candidates, supposed: Mapping[str, Any], policy: Policy,
        anew: Collection[str] | None,
    ) -> None:  # fmt: skip
        self._recorded = recorded
        self._policy = policy
        self._candidates = candidates
        self._supposed = supposed
        self._anew = anew

    def ask(self, name: str) -> Any:
        """The input of this name. Raises AskError if it may have had several values and none is supposed."""
        name = f"{name}*" if self._anew and name in self._anew else name
        if name in self._supposed:
            return self._supposed[name]
        values = self._candidates.get(name, ())
        if len(values) == 1:
            return values[0]
        raise AskError(name)

    def presented(self) -> Presented | None:
        shown = self.ask("shown")
        if not isinstance(shown, Shown):
            return None
        told: dict[str, Any] = {
            "reason": shown.reason, "format": shown.format, "shown": shown.format, "pass_": self._pass(),
            "valid": shown.reason == "pass_valid",
            # What a certificate says is in no record: its claims can only be asked for, and nobody knows them.
            "foreign": _Open(self.ask) if shown.reason == "foreign_valid" else None,
        }  # fmt: skip
        if shown.reason != "issuer_not_allowed":
            told["by_clock"] = shown.reason in _BY_CLOCK
        return cast(Presented, _Open(self.ask, **told))

    def _pass(self) -> Any:
        if self._recorded.verdict.pass_facts is None:
            return None
        return _Open(
            self.ask, format="GK1", scope=_Scope(self.ask), rotates=False, status_index=0,
            party_size=self._recorded.people, pass_class=self._recorded.verdict.pass_class,
        )  # fmt: skip

    def state(self) -> GateState:
        verdict = self._recorded.verdict
        tagged = {name: name in verdict.tags for name in ("weak_binding", "offline", "assisted")}
        stand_in = _Open(
            self.ask, site=HERE[0], here=HERE, grids=self._recorded.grids, direction=verdict.where.direction,
            lane_kind=verdict.where.lane_kind, attendance=verdict.attendance, local=self._recorded.local, apart=False,
            use=_Open(self.ask), down_for_s=_Down(self.ask), **tagged,
        )  # fmt: skip
        return cast(GateState, stand_in)

    def facts(self) -> Facts:
        return cast(Facts, _Facts(self._fact_of))

    def _fact_of(self, check: str) -> tuple[CheckFact, ...]:
        results = self._recorded.results(check)
        if not results:
            return self._unmade(check)
        codes = {result.reason for result in results}
        if f"{check}_missing" in codes and check != "temperature":
            return _NOTHING
        if "retest_too_early" in codes:
            # Nobody was measured.
            return _SOMETHING if self._anew is None else self._asked("temperature")
        if self._anew is not None and check == "temperature" and len(results) != self._people():
            raise AskError("party")
        if self._anew and check in self._anew:
            return self._asked(check)
        return tuple(_fact(self.ask, result) for result in results)

    def _unmade(self, check: str) -> tuple[CheckFact, ...]:
        """Of a check that is not on record whatever it may have said: people are measured before they show a pass, so
        that a refused pass does not mean that nothing else would have been found.

        Where it was asked for and nothing had come of it when the pass ended the passage, nothing had."""
        if self._anew is None:
            # A document may lie on the reader where no rule asks for one.
            return self._asked(check) if check == "document" else _NOTHING
        was_asked = any(result.check == check and result.mode != "off" for result in self._recorded.verdict.checks)
        return _NOTHING if was_asked and self._is_ended() else self._asked(check)

    def _is_ended(self) -> bool:
        """Whether something ends the passage before the lane waits for anything beside the pass."""
        state, presented = self.state(), self.presented()
        if presented is None:
            return self._rule().mode_of("pass") != "off"
        retest = state.retest
        is_early = retest is not None and retest.age_s < self._policy.temperature.retest_after_s
        return bool(state.halt) or is_early or ends_at_pass(presented, self._policy, state, 0.0)

    def _asked(self, check: str) -> tuple[CheckFact, ...]:
        """Of several people the same is supposed of each."""
        answer = cast("tuple[CheckFact, ...]", self.ask(check))
        return answer * self._people() if check == "temperature" and len(answer) == 1 else answer

    def _people(self) -> int:
        """How many this policy's rule wants measured."""
        return self._recorded.people if self._rule().party == "each" else 1

    def _rule(self) -> Rule:
        state = self.state()
        return self._policy.rule_for(
            self._policy.level_of(state.grids), class_for(self.presented(), self._policy), state.direction,
            state.attendance, state.lane_kind, state.local,
        )  # fmt: skip


class _Facts:
    """The answers of the checks, each looked up when a rule looks at it."""

    def __init__(self, fact_of: Callable[[str], tuple[CheckFact, ...]]) -> None:
        self._fact_of = fact_of

    def get(self, check: str, default: tuple[CheckFact, ...] = ()) -> tuple[CheckFact, ...]:
        return self._fact_of(check) or default
