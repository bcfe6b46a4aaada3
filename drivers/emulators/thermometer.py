"""An infrared thermometer made of software: real bytes on a pseudo-terminal, values and faults at will."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from drivers.emulators.pty_line import PtyLine, Split
from drivers.emulators.thermometer_control import ControlSocket, ScenarioClock
from drivers.emulators.thermometer_faults import Spoiler
from drivers.emulators.thermometer_module import NO_OPTIONS, Module
from drivers.emulators.thermometer_scene import Change, Scene, check_change, read_scenario
from drivers.errors import OptionError
from drivers.finding import names
from drivers.thermometer import model_of

_LONGEST_WAIT_S: Final = 1.0
_NO_CHANGE: Final = Change()


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """How the emulated thermometer begins and behaves.

    `jitter_c`: standard deviation of the sensor's noise. `baud`, `rate_hz`: None as the module is shipped. `streaming`
    false: it speaks only when asked. `delay_s`: from question to answer. `fault_every`: each n-th frame is hit.
    `options`: those of the driver that say what kind of module it is.
    `scenario`: file of JSON lines. `control`: path of a Unix datagram socket that takes changes.
    """

    start: Change = _NO_CHANGE
    jitter_c: float = 0.02
    seed: int = 0
    baud: int | None = None
    rate_hz: float | None = None
    streaming: bool = True
    split: Split = "torn"
    delay_s: float = 0.01
    fault_every: int = 3
    scenario: Path | None = None
    control: Path | None = None
    options: Mapping[str, object] = field(default_factory=lambda: NO_OPTIONS)


class ThermometerEmulator:
    """One emulated module behind `link`. Use as a context manager, or `start` and `stop`.

    `set` may be called from any thread. Raises OptionError for an unknown model, or a start or scenario that does
    not fit, FileExistsError if `link` is taken by something that is no link.
    """

    def __init__(self, model: str, link: Path, settings: EmulatorSettings | None = None) -> None:
        settings = self._settings = settings or EmulatorSettings()
        rng = random.Random(settings.seed)
        # First what names a model that there is not, in the driver's own words.
        known, _ = model_of(model, {"port": str(link), **settings.options})
        self._module = _device(model)(settings.streaming, settings.options)
        self._period_s = None if settings.rate_hz is None else 1 / settings.rate_hz
        # A struct built by hand is not checked by its construction.
        start = check_change(msgspec.to_builtins(settings.start))
        self._scene = Scene(start, settings.jitter_c, rng)
        self._spoiler = Spoiler(known, self._module, settings.fault_every, rng)
        self._line = PtyLine(link, settings.baud or self._module.baud, settings.split, rng)
        self._steps = [] if settings.scenario is None else read_scenario(settings.scenario)
        self._pending: deque[tuple[float, bytes]] = deque()
        self._next_frame_at_s = 0.0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._wake_r, self._wake_w = -1, -1
        self._control: ControlSocket | None = None
        self._thread: threading.Thread | None = None

    @property
    def path(self) -> str:
        """The pseudo-terminal behind the link now."""
        return self._line.path

    @property
    def options(self) -> Mapping[str, object]:
        """What a gate file says to reach it."""
        return {"port": str(self._line.link), **self._settings.options}

    def unplug(self) -> None:
        """As when the cable is pulled."""
        self.set(fault="unplug")

    def replug(self) -> None:
        """Under the same link, as another device."""
        self.set(fault="replug")

    def set(self, **change: Any) -> None:
        """Change the scene: `object_c`, `ambient_c`, `body_c`, `fault`, as in a scenario. Raises OptionError."""
        checked = check_change(change)
        with self._lock:
            self._scene.apply(checked)
        self._wake()

    def start(self) -> Self:
        """Plug in and run in a thread; the link is there on return."""
        self._open()
        self._thread = threading.Thread(target=self._loop, name="thermometer-emulator", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the run and remove the link. May be called twice."""
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _open(self) -> None:
        self._line.plug()
        try:
            if self._settings.control is not None:
                self._control = ControlSocket(self._settings.control)
        except OSError:
            self._line.unplug()
            raise
        self._wake_r, self._wake_w = os.pipe()
        # A full pipe wakes as well as one more byte would.
        os.set_blocking(self._wake_w, False)
        self._scenario = ScenarioClock(self._steps, time.monotonic())

    def _close(self) -> None:
        self._line.unplug()
        if self._control is not None:
            self._control.close()
        with self._lock:
            for end in (self._wake_r, self._wake_w):
                os.close(end)
            self._wake_r = self._wake_w = -1

    def _wake(self) -> None:
        with self._lock:
            if self._wake_w >= 0:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._wake_w, b"!")

    def _loop(self) -> None:
        while not self._stopping.is_set():
            now_s = time.monotonic()
            with self._lock:
                self._step(now_s)
            self._wait()

    def _step(self, now_s: float) -> None:
        changes = self._scenario.due(now_s)
        if self._control is not None:
            changes += self._control.receive()
        for change in changes:
            self._scene.apply(change)
        self._plug_or_unplug()
        self._answer(now_s)
        self._stream(now_s)
        while self._pending and self._pending[0][0] <= now_s:
            self._line.write(self._pending.popleft()[1])

    def _plug_or_unplug(self) -> None:
        plugged = self._line.master is not None
        if self._scene.fault == "unplug" and plugged:
            self._line.unplug()
            self._pending.clear()
        elif self._scene.fault != "unplug" and not plugged:
            self._line.plug()

    def _answer(self, now_s: float) -> None:
        heard = self._line.read()
        if not heard:
            return
        seen = self._spoiler.see(self._scene)
        for answer in self._module.hear(heard, seen):
            self._send(answer, now_s + self._settings.delay_s)

    def _stream(self, now_s: float) -> None:
        if not self._module.streaming or now_s < self._next_frame_at_s:
            return
        self._next_frame_at_s = now_s + (self._period_s or self._module.period_s)
        # A module that has not finished its last frame leaves this one out.
        if not self._pending:
            self._send(self._module.frame(self._spoiler.see(self._scene)), now_s)

    def _send(self, frame: bytes, start_s: float) -> None:
        arrives_s = max(start_s, self._pending[-1][0]) if self._pending else start_s
        for piece, takes_s in self._line.pieces(self._spoiler.spoil(frame, self._scene.fault)):
            arrives_s += takes_s
            self._pending.append((arrives_s, piece))

    def _wait(self) -> None:
        ends: list[Any] = [self._wake_r]
        ends += [end for end in (self._line.master, self._control) if end is not None]
        until_s = min(self._scenario.next_at_s, self._pending[0][0] if self._pending else float("inf"))
        if self._module.streaming:
            until_s = min(until_s, self._next_frame_at_s)
        wait_s = min(max(0.0, until_s - time.monotonic()), _LONGEST_WAIT_S)
        ready, _, _ = select.select(ends, [], [], wait_s)
        if self._wake_r in ready:
            os.read(self._wake_r, 64)


def _device(model: str) -> type[Module]:
    """The emulated module for a driver. Somebody else's is the `Device` of the module NAME_device beside the driver."""
    place = f"{model}_device" if model not in names("thermometer") else f"drivers.emulators.thermometers.{model}"
    try:
        device: type[Module] = importlib.import_module(place).Device
    except ImportError as error:
        raise OptionError(f"thermometer {model!r} can't be emulated: {error}") from error
    return device


def run_foreground(
    model: str,
    link: Path,
    settings: EmulatorSettings,
    on_ready: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Emulate `model` behind `link` until `stop` is set; `on_ready` gets the path of the pseudo-terminal.

    Raises OptionError or FileExistsError as ThermometerEmulator does.
    """
    with ThermometerEmulator(model, link, settings) as emulator:
        on_ready(emulator.path)
        stop.wait()
