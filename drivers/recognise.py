"""Which device a stream of bytes comes from, told by its frames. Opens nothing and sends nothing: it is fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

from drivers.errors import OptionError
from drivers.finding import driver_module, names, parse_options
from drivers.profile import Kind, Profile

# A sum of 8 bits is right by chance once in 256 times: one frame is a hint, and two in a row are a device.
_SURE_FRAMES: Final = 2
# What a port is called while nobody knows which one it is.
_NO_PORT: Final = "/dev/null"
_KINDS: Final[tuple[Kind, ...]] = ("thermometer", "board", "reader")


class Recogniser(Protocol):
    """Knows one driver's device by what it says.

    `questions` move nothing and leave nothing changed over a power cut, in whatever device hears them. They are sent in
    their order, and only when whoever searches allowed writing.
    """

    questions: tuple[bytes, ...]

    def feed(self, data: bytes) -> bool:
        """True once these bytes are surely this device's, and from then on. Never raises, whatever the bytes are."""


@runtime_checkable
class Asked(Protocol):
    """A recogniser, or a codec, whose answers mean nothing without the question."""

    def asked(self, question: bytes) -> None:
        """`question` went out just now."""


@runtime_checkable
class Pausing(Protocol):
    """A recogniser of a device whose answers end by silence."""

    def paused(self) -> bool:
        """Nothing came for as long as an answer has gaps. True once this device is sure."""


class ThermometerRecogniser:
    """A thermometer is known by its codec: two frames with the right check and values that it can measure."""

    def __init__(self, model: Any) -> None:
        self.questions: tuple[bytes, ...] = tuple(model.asks)
        self._object_range_c = model.object_range_c
        self._ambient_range_c = model.ambient_range_c
        self._codec = model.codec()
        self._good = 0

    def asked(self, question: bytes) -> None:
        """Passed on to a codec that wants to know."""
        if isinstance(self._codec, Asked):
            self._codec.asked(question)

    def feed(self, data: bytes) -> bool:
        self._good += sum(self._is_plausible(frame) for frame in self._codec.feed(data))
        return self._good >= _SURE_FRAMES

    def paused(self) -> bool:
        """Some answers have neither length nor check, and are one only with silence behind them."""
        self._good += sum(self._is_plausible(frame) for frame in self._codec.end_burst())
        return self._good >= _SURE_FRAMES

    def _is_plausible(self, frame: Any) -> bool:
        return _within(frame.object_c, self._object_range_c) and _within(frame.ambient_c, self._ambient_range_c)


def _within(value_c: float | None, range_c: tuple[float, float] | None) -> bool:
    return value_c is None or range_c is None or range_c[0] <= value_c <= range_c[1]


class Candidate:
    """One driver with a fresh recogniser, as a search listens with it."""

    def __init__(self, profile: Profile, recogniser: Recogniser) -> None:
        self.profile = profile
        self.recogniser = recogniser

    def asked(self, question: bytes) -> None:
        """A question went to the line; only some care."""
        if isinstance(self.recogniser, Asked):
            self.recogniser.asked(question)

    def paused(self) -> bool:
        """The line is silent; only some care."""
        return isinstance(self.recogniser, Pausing) and self.recogniser.paused()


def candidates(baud: int) -> tuple[Candidate, ...]:
    """A fresh recogniser of every driver whose device may speak at this baud."""
    found = []
    for make, profile in recognisers():
        if baud in profile.bauds:
            found.append(Candidate(profile, make()))
    return tuple(found)


def bauds() -> tuple[int, ...]:
    """Every baud at which some device can be recognised; those that most devices use come first."""
    votes: dict[int, int] = {}
    for _, profile in recognisers():
        for place, baud in enumerate(profile.bauds):
            votes[baud] = votes.get(baud, 0) + (2 if place == 0 else 1)
    return tuple(sorted(votes, key=lambda baud: (-votes[baud], baud)))


def profiles() -> tuple[Profile, ...]:
    """What is known of every driver here, cameras left out."""
    return tuple(driver_module(kind, name).PROFILE for kind in _KINDS for name in names(kind))


def reached_by(profile: Profile, port: str, baud: int | None) -> dict[str, object]:
    """The options of a gate file that reach the device of `profile` on `port`."""
    form = driver_module(profile.kind, profile.name).Options
    options = {**profile.example, "port": port}
    return {**options, "baud": baud} if baud is not None and "baud" in form.__struct_fields__ else options


def recognisers() -> tuple[tuple[Callable[[], Recogniser], Profile], ...]:
    """What makes a recogniser, for each driver that has one: its own, or for thermometers the one of its codec."""
    return tuple(
        (make, driver_module(kind, name).PROFILE)
        for kind in _KINDS
        for name in names(kind)
        if (make := _maker(kind, name)) is not None
    )


def _maker(kind: Kind, name: str) -> Callable[[], Recogniser] | None:
    module = driver_module(kind, name)
    own: Callable[[], Recogniser] | None = getattr(module, "recognise", None)
    if own is not None or kind != "thermometer":
        return own
    return _of_model(name, module.PROFILE.example)


def _of_model(name: str, example: Mapping[str, object]) -> Callable[[], Recogniser] | None:
    module = driver_module("thermometer", name)
    try:
        model = module.model(parse_options("thermometer", name, module.Options, {**example, "port": _NO_PORT}))
    except OptionError:
        # Its options have no example that holds: it can be named by an installer, and not found.
        return None
    return lambda: ThermometerRecogniser(model)
