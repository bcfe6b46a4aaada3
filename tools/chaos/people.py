"""People at one gate, one after another: what each wants, what they see, and when they try again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint.formats import gk1
from checkpoint.passes import Claims
from tools.demo.street import CROSSING, EXIT_BUTTON, Street, wait

Intent = Literal["resident", "expired", "leaves"]
_MIX: Final[tuple[Intent, ...]] = ("resident",) * 18 + ("expired", "leaves")
_ANSWER_S: Final = 10.0
# A gate that was killed starts again within two seconds and then loads its libraries, beside all the others.
_READY_S: Final = 40.0
# From the press of the exit button to the opening; a gate that is dead does not answer.
_BUTTON_S: Final = 3.0
_MOST_TRIES: Final = 6
# As long as somebody walking through breaks a beam; much longer than two polls of the inputs, so that it counts.
_TAP_S: Final = 0.3
# Nobody follows closer: a presence holds this long after its sensor lets go, and what is shown in it belongs to it.
_DISTANCE_S: Final = 0.35
_HEALTHY_C: Final = 36.3
_HOUR_S: Final = 3600


@dataclass(slots=True)
class Try:
    """One time of stepping in, in wall time. `answer`: open, deny, escalate, dark, or empty when none came."""

    began_ms: int
    answer: str = ""
    crossed: bool = False
    ended_ms: int = 0


@dataclass(slots=True)
class Person:
    """Somebody with a purpose, and every try until it was reached."""

    gate: str
    intent: Intent
    pass_id: bytes
    tries: list[Try] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Through, or out, or refused as is right."""
        last = self.tries[-1] if self.tries else None
        return last is not None and (last.crossed or (self.intent == "expired" and last.answer == "deny"))


class Entrance:
    """Everybody who comes to one gate, each with a pass of their own."""

    def __init__(self, gate: str, site: str, street: Street, issuer: Ed25519PrivateKey, chance: random.Random) -> None:
        self.people: list[Person] = []
        self.show: Callable[[bytes], object] = street.hold
        """How somebody here shows a code: to the camera, unless the gate has something else."""
        self._gate = gate
        self._site = site
        self._street = street
        self._issuer = issuer
        self._chance = chance

    def next_person(self, intent: Intent | None = None) -> Person:
        """Somebody comes and stays until their purpose is reached, or they lose patience for good."""
        person = Person(self._gate, intent if intent else self._chance.choice(_MIX), self._chance.randbytes(8))
        self.people.append(person)
        while not person.done and len(person.tries) < _MOST_TRIES:
            if not wait(self._ready_for_people, _READY_S):
                break
            self._try(person)
        return person

    def somebody(self, intent: Intent = "resident") -> Person:
        """Somebody who tries once, whatever the gate shows, and of whom nothing is expected: for times of trouble."""
        person = Person(self._gate, intent, self._chance.randbytes(8))
        self._try(person)
        return person

    def pass_of(self) -> bytes:
        """A good pass of somebody new, for what no person here does with theirs."""
        return self._code(Person(self._gate, "resident", self._chance.randbytes(8)))

    def _try(self, person: Person) -> None:
        attempt = Try(_now_ms())
        person.tries.append(attempt)
        if person.intent == "leaves":
            self._leave(attempt)
        else:
            self._enter(attempt, person)
        wait(lambda: self._dark() or self._ready(), _ANSWER_S)
        attempt.ended_ms = _now_ms()

    def appear(self, person: Person) -> None:
        """Step in, show the pass, hold the forehead before the sensor."""
        self._street.step_in()
        self.show(self._code(person))
        self._street.forehead(self._chance.gauss(_HEALTHY_C, 0.08))

    def _enter(self, attempt: Try, person: Person) -> None:
        street = self._street
        self.appear(person)
        wait(lambda: self._answered(attempt), _ANSWER_S)
        street.lower()
        street.forehead(None)
        if attempt.answer == "open":
            street.press(CROSSING, _TAP_S)
            attempt.crossed = True
        street.step_away()
        street.wait_polled()
        time.sleep(_DISTANCE_S)

    def _leave(self, attempt: Try) -> None:
        pressing = threading.Thread(target=self._street.press, args=(EXIT_BUTTON, _TAP_S))
        pressing.start()
        opened = self._street.wait_open(_BUTTON_S)
        pressing.join()
        if opened:
            attempt.answer, attempt.crossed = "open", True
            self._street.press(CROSSING, _TAP_S)

    def _answered(self, attempt: Try) -> bool:
        state = self._street.screen.lane().get("state", "")
        if self._street.is_open():
            attempt.answer = "open"
        elif state in ("deny", "escalate"):
            attempt.answer = state
        elif self._dark():
            attempt.answer = "dark"
        return bool(attempt.answer)

    def _ready(self) -> bool:
        return self._street.screen.lane().get("state") == "wait"

    def _ready_for_people(self) -> bool:
        """It asks for a pass, and has looked at its inputs: those may come a moment after its screen."""
        return self._ready() and self._street.wait_polled() and self._ready()

    def _dark(self) -> bool:
        return not self._street.screen.page

    def _code(self, person: Person) -> bytes:
        now_s = int(time.time())
        expired = person.intent == "expired"
        claims = Claims(
            pass_id=person.pass_id,
            subject=self._chance.randbytes(8),
            pass_class="visitor" if expired else "resident",
            scope=(self._site,),
            not_before_s=now_s - 2 * _HOUR_S,
            expires_s=now_s + (-_HOUR_S if expired else _HOUR_S),
            household=None if expired else self._chance.randbytes(4),
            party_size=1,
        )
        return gk1.issue(claims, self._issuer).encode()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
