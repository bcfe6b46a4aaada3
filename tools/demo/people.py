"""The script of `./dev demo --once`: who comes to which gate, what they do there, and what must come of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from drivers.emulators.camera_card import Effects, Held
from tools.demo.office import Office
from tools.demo.processes import Town
from tools.demo.street import ASSIST, EXIT_BUTTON, Street, wait

HEALTHY_C: Final = 36.3
FEVER_C: Final = 38.4
COLD_C: Final = 32.6
_PATIENCE_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Expected:
    """One passage: verdict, its reason (several if more than one is right), and outcome. Empty: no such record."""

    verdict: str
    reasons: tuple[str, ...]
    outcome: str
    openings: int = 0
    # Reason code noted with the outcome.
    note: str = ""
    tags: tuple[str, ...] = ()
    # Policy that judged, as `id.version`; empty: any.
    policy: str = ""
    # Its records have a drill's mark; all others must have none.
    drill: bool = False


ALLOWED: Final = Expected("allow", (), "passed", openings=1)


@dataclass(slots=True)
class Scene:
    """One line of the script. `act` plays it; `start_ms` and `end_ms` bound its records (wall time)."""

    title: str
    gate: str
    act: Callable[[], None]
    expected: tuple[Expected, ...]
    # Passages of this scene that repeat an earlier one: index into `expected` -> index of the earlier one.
    linked: dict[int, int] = field(default_factory=dict)
    start_ms: int = 0
    end_ms: int = 0
    error: str = ""


def denied(*reasons: str) -> Expected:
    return Expected("deny", reasons, "turned_back")


def go_through(street: Street, code: bytes | str, object_c: float = HEALTHY_C, **look: object) -> str:
    """Come, show a code, be measured, do what the gate says, and leave. Gives the gate's answer."""
    street.step_in()
    street.hold(code, Effects(**look))  # type: ignore[arg-type]
    street.forehead(object_c)
    answer = street.wait_answer(_PATIENCE_S)
    if answer == "open":
        street.lower()
        street.cross()
        time.sleep(0.4)
    else:
        time.sleep(0.5)
    street.step_out()
    street.wait_state(("wait", "fault"), _PATIENCE_S)
    return answer


def script(town: Town, office: Office) -> list[Scene]:
    """Both gates' scenes in order; those of one gate follow each other, the gates go on side by side."""
    return [*_east(town, office), *_west(town, office)]


def _east(town: Town, office: Office) -> list[Scene]:
    """The gate with a guard."""
    east = town.streets["east"]
    return [*_codes(east, office), *_readings_and_parties(east, office), *_odd_events(town, east, office)]


def _at_east(title: str, act: Callable[[], None], *expected: Expected, **more: object) -> Scene:
    return Scene(title, "garden-east", act, expected, **more)  # type: ignore[arg-type]


def _comes(street: Street, code: bytes | str, **look: object) -> Callable[[], None]:
    return lambda: _ignore(go_through(street, code, HEALTHY_C, **look))


def _codes(east: Street, office: Office) -> list[Scene]:
    """One healthy person each, with every kind of code."""
    return [
        _at_east("resident, healthy", _comes(east, office.resident()), ALLOWED),
        _at_east("visitor with an expired pass", _comes(east, office.visitor(expired=True)), denied("pass_expired")),
        _at_east("forged signature", _comes(east, office.forged()), denied("pass_forged")),
        _at_east("pass signed by an unknown key", _comes(east, office.by_stranger()), denied("key_unknown")),
        _at_east("truncated code", _comes(east, office.resident()[:120]), denied("pass_malformed")),
        _at_east("a stranger's URL", _comes(east, b"https://menu.example.org/t/42"), denied("not_a_pass")),
    ]


def _readings_and_parties(east: Street, office: Office) -> list[Scene]:
    """High and low readings, people one after another, at once and together."""
    family, chilly = office.resident(party=3), office.resident()
    return [
        _at_east(
            "fever, confirmed at the wrist",
            lambda: confirm_fever(east, office.resident()),
            Expected("escalate", ("fever",), "turned_back"),
        ),
        _at_east(
            "cold forehead, measured again later as a linked passage",
            lambda: _cold(east, chilly),
            denied("temperature_low"),
            ALLOWED,
            linked={1: 0},
        ),
        _at_east("first of two in a row", _comes(east, office.resident()), ALLOWED),
        _at_east("second of two in a row", _comes(east, office.worker()), ALLOWED),
        _at_east(
            "two people at once, then one by one",
            lambda: _two_at_once(east, office.resident(), office.resident()),
            denied("two_codes"),
            ALLOWED,
            ALLOWED,
        ),
        _at_east("family of three on one pass", lambda: _family(east, family, 3), ALLOWED),
        _at_east("wheelchair, slow", lambda: _wheelchair(east, office.resident()), ALLOWED),
    ]


def _odd_events(town: Town, east: Street, office: Office) -> list[Scene]:
    """The way out, somebody who follows, parts that break, and codes that are hard to read."""
    dim = _comes(east, office.resident(), contrast=0.3, dark_surround=True)
    left = Expected("", (), "egress", openings=1)
    return [
        _at_east("way out with the exit button", lambda: _leave_by_button(east), left),
        _at_east(
            "tailgater behind a resident",
            lambda: _tailgate(east, office.resident()),
            Expected("allow", (), "passed", openings=1, note="tailgating"),
        ),
        _at_east(
            "thermometer unplugged in mid-passage, guard admits",
            lambda: _unplugged(east, office.resident()),
            Expected("escalate", (), "admitted_by_guard", openings=1),
        ),
        _at_east(
            "camera frozen: nobody is waved through",
            lambda: _frozen(east, office.resident()),
            Expected("escalate", (), "turned_back"),
        ),
        _at_east("vision process killed, next person passes", lambda: _blind(town, east, office.resident()), ALLOWED),
        _at_east("dim phone in dark mode", dim, ALLOWED),
        _at_east("paper, tilted and blurred", lambda: _paper(east, office.visitor()), ALLOWED),
    ]


def _west(town: Town, office: Office) -> list[Scene]:
    """The gate where nobody is."""
    west = town.streets["west"]
    place = "lakeside-west"

    def scene(title: str, act: Callable[[], None], *expected: Expected) -> Scene:
        return Scene(title, place, act, expected)

    def comes(code: bytes | str) -> Callable[[], None]:
        return lambda: _ignore(go_through(west, code))

    offline = Expected("allow", (), "passed", openings=1, tags=("offline",))
    home = office.resident(site="lakeside")
    return [
        scene("resident, nobody attending", comes(home), ALLOWED),
        scene("pass for another compound", comes(office.resident(site="garden")), denied("out_of_scope")),
        scene("code with moire and glare", lambda: _moire(west, office.resident(site="lakeside")), ALLOWED),
        scene("cable cut: first resident offline", lambda: _cut(town, west, office.resident(site="lakeside")), offline),
        scene("cable cut: second resident offline", comes(office.resident(site="lakeside")), offline),
        scene("cable mended, gate killed with -9 after a verdict", lambda: _killed(town, west, home), _CLOSED_LATER),
        scene("after the restart the next resident passes", comes(office.resident(site="lakeside")), ALLOWED),
        scene(
            "thermometer broken, nobody attending: resident gets home",
            lambda: _no_thermometer(west, office.resident(site="lakeside")),
            Expected("allow", (), "passed", openings=1, tags=("unmeasured",)),
        ),
        scene(
            "thermometer broken, nobody attending: visitor waits for a call",
            lambda: _still_broken(west, office.visitor(site="lakeside")),
            Expected("escalate", (), "turned_back"),
        ),
        scene("thermometer back, resident passes", comes(office.resident(site="lakeside")), ALLOWED),
    ]


# A gate that dies with a passage open closes it when it is back.
_CLOSED_LATER: Final = Expected("allow", (), "abandoned", openings=1, note="gate_restarted")


def _ignore(_answer: object) -> None:
    return None


def confirm_fever(street: Street, code: bytes) -> None:
    street.step_in()
    street.hold(code)
    street.forehead(FEVER_C)
    # The screen asks for the wrist: take the forehead away, then offer the wrist.
    time.sleep(1.8)
    street.forehead(None)
    time.sleep(0.6)
    street.forehead(FEVER_C - 0.2)
    street.wait_state(("escalate",), _PATIENCE_S)
    time.sleep(0.5)
    street.step_out()
    street.wait_state(("wait",), _PATIENCE_S)


def _cold(street: Street, code: bytes) -> None:
    go_through(street, code, COLD_C)
    time.sleep(town_retest_s() + 0.5)
    go_through(street, code, HEALTHY_C)


def town_retest_s() -> float:
    """How long the demo's policy asks a cold forehead to warm up."""
    return 6.0


def _two_at_once(street: Street, first: bytes, second: bytes) -> None:
    street.step_in()
    street.show(Held(first, x=0.27, px_per_module=4.0), Held(second, x=0.73, px_per_module=4.0))
    street.wait_state(("deny",), _PATIENCE_S)
    street.step_out()
    time.sleep(1.5)
    for code in (first, second):
        go_through(street, code)


def _family(street: Street, code: bytes, size: int) -> None:
    street.step_in()
    street.hold(code)
    for number in range(size):
        street.forehead(HEALTHY_C)
        # Each stands there until the reading settles; the last one until the gate opens.
        if number < size - 1:
            time.sleep(1.6)
            street.forehead(None)
            time.sleep(0.5)
    if street.wait_open(_PATIENCE_S):
        street.lower()
        for _ in range(size):
            street.cross()
    time.sleep(0.4)
    street.step_out()
    street.wait_state(("wait",), _PATIENCE_S)


def _wheelchair(street: Street, code: bytes) -> None:
    street.step_in()
    street.press(ASSIST)
    street.hold(code)
    # Longer than anybody else would be given to come near the sensor.
    time.sleep(6.5)
    street.forehead(HEALTHY_C)
    if street.wait_open(_PATIENCE_S):
        street.lower()
        time.sleep(4.0)
        street.cross()
    time.sleep(0.4)
    street.step_out()
    street.wait_state(("wait",), _PATIENCE_S)


def _leave_by_button(street: Street) -> None:
    street.press(EXIT_BUTTON)
    street.cross()
    time.sleep(3.0)


def _tailgate(street: Street, code: bytes) -> None:
    street.step_in()
    street.hold(code)
    street.forehead(HEALTHY_C)
    if street.wait_open(_PATIENCE_S):
        street.lower()
        street.cross()
        street.cross()
    street.step_out()
    street.wait_state(("wait",), _PATIENCE_S)
    time.sleep(3.0)


def _unplugged(street: Street, code: bytes) -> None:
    street.step_in()
    street.thermometer.set(fault="unplug")
    street.hold(code)
    street.wait_state(("escalate",), _PATIENCE_S)
    street.guard_acts("admit", "manual_temperature_normal")
    if street.wait_open(_PATIENCE_S):
        street.cross()
    street.step_out()
    street.thermometer.set(fault="replug")
    street.wait_state(("wait",), _PATIENCE_S)


def _frozen(street: Street, code: bytes) -> None:
    street.camera.fault("frozen")
    wait(lambda: "fault" in str(street.screen.lane().get("state")), _PATIENCE_S)
    street.step_in()
    street.hold(code)
    street.forehead(HEALTHY_C)
    street.wait_state(("escalate",), _PATIENCE_S)
    street.step_out()
    street.camera.fault(None)
    street.wait_state(("wait",), _PATIENCE_S)


def _blind(town: Town, street: Street, code: bytes) -> None:
    town.kill_vision("garden-east")
    time.sleep(2.5)
    go_through(street, code)


def _paper(street: Street, code: bytes) -> None:
    street.step_in()
    street.hold(code, Effects(tilt_deg=18.0, blur_px=0.9, angle_deg=8.0), kind="paper")
    street.forehead(HEALTHY_C)
    if street.wait_answer(_PATIENCE_S) == "open":
        street.cross()
    street.step_out()
    street.wait_state(("wait",), _PATIENCE_S)


def _moire(street: Street, code: bytes) -> None:
    street.step_in()
    street.hold(code, Effects(moire=0.3, glare=0.2))
    street.forehead(HEALTHY_C)
    if street.wait_answer(_PATIENCE_S) == "open":
        street.cross()
    street.step_out()
    street.wait_state(("wait",), _PATIENCE_S)


def _cut(town: Town, street: Street, code: bytes) -> None:
    town.stop_broker()
    # Until the gate itself knows: the screen's footer says so, and records carry `offline`.
    wait(lambda: bool(street.screen.page.get("local")), 30.0)
    go_through(street, code)


def _killed(town: Town, street: Street, code: bytes) -> None:
    town.start_broker()
    wait(lambda: not street.screen.page.get("local", True), 30.0)
    street.step_in()
    street.hold(code)
    street.forehead(HEALTHY_C)
    street.wait_open(_PATIENCE_S)
    town.kill_gate("lakeside-west")
    street.step_out()
    town.start_gate("lakeside-west")
    street.wait_state(("wait",), 30.0)
    time.sleep(1.0)


def _no_thermometer(street: Street, code: bytes) -> None:
    street.thermometer.set(fault="silence")
    wait(lambda: street.screen.lane().get("state") == "fault", _PATIENCE_S)
    time.sleep(2.5)
    go_through(street, code)


def _still_broken(street: Street, code: bytes) -> None:
    go_through(street, code)
    street.thermometer.set(fault=None)
    street.wait_state(("wait",), _PATIENCE_S)
