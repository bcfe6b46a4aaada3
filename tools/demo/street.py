"""One gate's entrance as the world sees it: camera, thermometer, relay board with beams, and a screen to look at."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from drivers.emulators.camera import CameraEmulator
from drivers.emulators.camera_card import Effects, Held
from drivers.emulators.relay import RelayEmulator
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator

# Terminals of the relay board, as the demo's gate files wire them.
PRESENCE, CROSSING, EXIT_BUTTON, ASSIST, FIRE = range(5)
_BEAM_S: Final = 0.25
_POLLS: Final = 4
# A gate that is dead does not poll.
_POLLS_S: Final = 1.5
PIN: Final = "2580"


class Contacts(Protocol):
    """An emulated board's relays."""

    def energised(self) -> tuple[bool, ...]: ...


class Street:
    """Everything that a person at the gate can touch or see. No fact enters the gate by any other way."""

    def __init__(self, name: str, folder: Path, model: str, seed: int, fps: float = 15.0, glide_s: float = 0.6) -> None:
        self.name = name
        self.wire_log = folder / "relay.jsonl"
        self.camera = CameraEmulator(fps=fps, seed=seed, glide_s=glide_s)
        # The thermometers of the demo stream by themselves; nobody in front reads as the wall behind.
        self.thermometer = ThermometerEmulator(model, folder / "thermometer", EmulatorSettings(seed=seed))
        self.thermometer.set(object_c=None, ambient_c=20.0)
        self.relay = RelayEmulator(folder / "relay", wire_log=self.wire_log, baud=38400, seed=seed)
        self.barrier: Contacts = self.relay
        """What opens, told by `wire_log`: the board that has the inputs too, unless another one is fitted."""
        self.screen_port = 0
        self.screen = ScreenWatch()

    def start(self) -> None:
        self.camera.start()
        self.thermometer.start()
        self.relay.start()

    def stop(self) -> None:
        self.screen.stop()
        self.camera.stop()
        self.thermometer.stop()
        self.relay.stop()

    # --- what a person does --------------------------------------------------------------------------------------

    def step_in(self) -> None:
        self.relay.set_input(PRESENCE, True)

    def step_out(self) -> None:
        self.camera.clear()
        self.forehead(None)
        self.step_away()
        time.sleep(0.8)

    def keep_distance(self) -> None:
        """Nobody follows closer: what is shown in a presence belongs to whoever stands there."""
        self.wait_polled()
        time.sleep(0.6)

    def step_away(self) -> None:
        """Leave the presence sensor's field, at once."""
        self.relay.set_input(PRESENCE, False)

    def show(self, *held: Held) -> None:
        self.camera.show(held)

    def hold(self, code: bytes | str, effects: Effects | None = None, kind: str = "phone") -> None:
        self.camera.show([Held(code, kind=kind, effects=effects or Effects())])  # type: ignore[arg-type]

    def lower(self) -> None:
        self.camera.clear()

    def forehead(self, object_c: float | None) -> None:
        """Put a forehead or a wrist of this temperature before the sensor; None takes it away."""
        self.thermometer.set(object_c=object_c)

    def cross(self) -> None:
        """Break the beam behind the barrier once."""
        self.press(CROSSING)

    def press(self, terminal: int, for_s: float = _BEAM_S) -> None:
        """Close one contact of the board for a moment, and leave it open for as long."""
        self.relay.set_input(terminal, True)
        time.sleep(for_s)
        # A person's step takes many polls of the inputs: it must not take fewer because this machine is loaded.
        self.wait_polled()
        self.relay.set_input(terminal, False)
        time.sleep(for_s)

    def wait_polled(self) -> bool:
        """Until the gate has read the inputs as they are now: a press before its first look is none."""
        answered = self.relay.answered
        return wait(lambda: self.relay.answered >= answered + _POLLS, _POLLS_S)

    # --- what a person sees --------------------------------------------------------------------------------------

    def is_open(self) -> bool:
        return self.barrier.energised()[0]

    def wait_open(self, timeout_s: float) -> bool:
        return wait(self.is_open, timeout_s)

    def wait_state(self, states: Sequence[str], timeout_s: float) -> bool:
        """Until the screen shows one of these states."""
        return wait(lambda: self.screen.lane().get("state") in states, timeout_s)

    def wait_answer(self, timeout_s: float) -> str:
        """Until the barrier opens or the screen says no: `open`, `deny`, `escalate`, or empty when neither came."""
        seen = ""

        def answered() -> bool:
            nonlocal seen
            state = self.screen.lane().get("state", "")
            seen = "open" if self.is_open() else state if state in ("deny", "escalate") else ""
            return bool(seen)

        wait(answered, timeout_s)
        return seen

    def guard_acts(self, act: str, reason: str, **told: str | int) -> None:
        """The guard answers what is on the screen, with a PIN, as the page would; `told`: more fields of the form."""
        lane = self.screen.lane()
        form = {"act": act, "lane": lane["id"], "pin": PIN, "passage": lane.get("passage", ""), "reason": reason}
        form |= {"stands": lane.get("stands", "")} | told
        connection = http.client.HTTPConnection("127.0.0.1", self.screen_port, timeout=5)
        origin = f"http://127.0.0.1:{self.screen_port}"
        headers = {"Origin": origin, "X-Guankou-Act": "1", "Content-Type": "application/json"}
        connection.request("POST", "/act", json.dumps(form), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"guard's act refused at {self.name}: {answer.status} {body!r}")

    def watch_screen(self, port: int) -> None:
        self.screen_port = port
        self.screen.watch(port)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a guard's page showed from a moment on. `state` of the first lane; empty while the gate sent nothing."""

    at_ms: int
    state: str
    faults: tuple[str, ...]
    recording: bool


class ScreenWatch:
    """Follows a guard's page by its event stream, and connects again when the gate was away."""

    def __init__(self) -> None:
        self.changes: list[Shown] = []
        """Everything that was shown, one entry a change."""
        self._page: dict[str, Any] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, port: int) -> None:
        self._thread = threading.Thread(target=self._run, args=(port,), name=f"screen-{port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def page(self) -> dict[str, Any]:
        return self._page

    def lane(self) -> dict[str, Any]:
        lanes: list[dict[str, Any]] = self._page.get("lanes", [])
        return lanes[0] if lanes else {}

    def _show(self, page: dict[str, Any]) -> None:
        self._page = page
        faults = tuple(fault["en"] for fault in page.get("faults", ()))
        shown = Shown(time.time_ns() // 1_000_000, self.lane().get("state", ""), faults, page.get("recording", False))
        last = self.changes[-1] if self.changes else None
        if last is None or replace(shown, at_ms=last.at_ms) != last:
            self.changes.append(shown)

    def _run(self, port: int) -> None:
        while not self._stop.is_set():
            try:
                self._follow(port)
            except (OSError, http.client.HTTPException, ValueError):
                self._show({})
                self._stop.wait(0.3)

    def _follow(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/events")
            stream = connection.getresponse()
            while not self._stop.is_set():
                line = stream.readline()
                if not line:
                    raise ConnectionError("stream ended")
                if line.startswith(b"data:"):
                    self._show(json.loads(line[5:])["page"])
        finally:
            connection.close()


def wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition came true in time."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if condition():
            return True
        time.sleep(0.03)
    return condition()
