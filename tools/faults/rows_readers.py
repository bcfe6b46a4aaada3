"""Readers that go, come back, or say again what they said before: scanners, card readers, identity card readers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator
from drivers.emulators.readers import sam_idcard
from edge.reader_thread import LEFT_S
from tools.demo.street import wait
from tools.faults.fitting import Fitting, readers_pace
from tools.faults.holders import Desk
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row
from tools.faults.visits import OPEN, Visits, at_each, finish

_GATE: Final = "gate-1"
_BOTH: Final = ("gate-1", "gate-2")
_CARDS: Final = {"rdm6300": ("--em4100", "010063E9AE"), "pn532": ("--uid", "FB0EE20B")}
# The example number of GB 11643, and one made after its rule.
_DOCUMENTS: Final = ("11010519491231002X", "11010119900307803X")
_ARRIVES_S: Final = 30.0
# Longer than any card has to be away to count again, or any old code is remembered.
_AWAY_S: Final = 3.5
_STANDS_S: Final = 2.0
# The policy's time for one thing to be read, and the time in which a cable may be back.
_GIVES_UP_S: Final = 5.0 + 2.0 + 1.5
# After this people lay a document down once more.
_PATIENCE_S: Final = 1.8
_BAUD: Final = 115200
# One frame in so many is the one before: a document takes three that are right.
_EVERY: Final = 8
_LONG_ANSWER: Final = 1000


# --- scanners --------------------------------------------------------------------------------------------------------


def scanner(lab: Lab) -> None:
    """Pulled between two people. The camera goes on; what was scanned while it was away opens nothing afterwards."""
    lab.build(pace=readers_pace(lab.folder))
    device = Fitting(lab).reader("gm65")
    lab.start()
    visits, entrance = Visits(lab), lab.entrances[_GATE]
    scan = partial(_scan, device)
    visits.expect("by the scanner", OPEN, lambda: scan(entrance.pass_of()))
    lab.people(1, intent="resident")
    visits.pulled("scanner_gone", device.unplug)
    scan(entrance.pass_of())
    lab.people(2, intent="resident")
    visits.put_back("scanner_gone", device.replug)
    visits.stands_there("nobody comes in by what was scanned before", _STANDS_S)
    visits.expect("by the scanner again", OPEN, lambda: scan(entrance.pass_of()))
    lab.people(1)
    visits.told_once("scanner_gone")
    finish(lab)


def scanner_only(lab: Lab) -> None:
    """Two gates without a camera, one of them with nobody there: with the scanner gone only a guard lets anybody in,
    and whoever wants out gets out."""
    lab.build(gates=2, pace=readers_pace(lab.folder))
    devices = {}
    for gate in _BOTH:
        fitting = Fitting(lab, gate)
        fitting.no_camera()
        devices[gate] = fitting.reader("gm65")
        lab.entrances[gate].show = partial(_scan, devices[gate])
    Fitting(lab, "gate-2").unattended()
    lab.start()
    at_each(lab, lambda gate: _scanner_gone(lab, Visits(lab, gate), devices[gate]))
    finish(lab)


def _scanner_gone(lab: Lab, visits: Visits, device: Any) -> None:
    lab.people(1, visits.gate)
    with lab.trouble():
        visits.pulled("scanner_gone", device.unplug)
        tries = partial(_scan, device, lab.entrances[visits.gate].pass_of())
        visits.stands_there("nobody is let in without a scanner", _STANDS_S, tries)
        visits.way_out()
        if visits.gate == _GATE:
            _guard_opens(lab, visits)
        visits.put_back("scanner_gone", device.replug)
    lab.people(2, visits.gate)
    visits.told_once("scanner_gone")


def _guard_opens(lab: Lab, visits: Visits) -> None:
    before = visits.openings
    visits.steps_in()
    visits.street.guard_acts("open", "known_resident")
    lab.until("the guard lets somebody in", lambda: visits.openings == before + 1, 5.0)
    visits.leaves(crossing=True)


def _scan(device: Any, code: bytes) -> None:
    device.set(text=code.decode())


# --- cards -----------------------------------------------------------------------------------------------------------


def card_left(lab: Lab) -> None:
    """A card is left lying on the reader, and its cable pulled and put back: with nobody there, and with somebody."""
    lab.build(gates=2, pace=readers_pace(lab.folder))
    devices = {gate: Fitting(lab, gate).reader(driver) for gate, driver in zip(_BOTH, _CARDS, strict=True)}
    lab.start()
    numbers = {}
    for gate, driver in zip(_BOTH, _CARDS, strict=True):
        _give_card(lab, gate, driver)
        numbers[gate] = _CARDS[driver][1]
    at_each(lab, lambda gate: _card_left(lab, Visits(lab, gate), devices[gate], numbers[gate]))
    finish(lab)


def _card_left(lab: Lab, visits: Visits, device: Any, number: str) -> None:
    visits.expect(f"by a card at {visits.gate}", OPEN, partial(device.set, card=number))
    visits.stands_there("the card that was left opens for nobody", _STANDS_S)
    with lab.trouble():
        visits.pulled("card_reader_gone", device.unplug)
        time.sleep(_AWAY_S)
        visits.put_back("card_reader_gone", device.replug)
        visits.stands_there("nor does it once its reader is back", _STANDS_S)
        visits.pulled("card_reader_gone", device.unplug)
        time.sleep(_AWAY_S)
        back = partial(visits.put_back, "card_reader_gone", device.replug)
        visits.stands_there("nor for whoever stands there as its reader comes back", _STANDS_S, back)
    device.set(card="")
    time.sleep(_AWAY_S)
    visits.expect(f"lifted and laid down again at {visits.gate}", OPEN, partial(device.set, card=number))
    device.set(card="")
    lab.people(1, visits.gate)


def torn_cards(lab: Lab) -> None:
    """What holds the cards is torn on the disk of a gate that is cut off: a card opens nothing, a pass does as ever;
    both do once the line is back."""
    lab.build(pace=readers_pace(lab.folder))
    device = Fitting(lab).reader("rdm6300")
    lab.start()
    visits, desk = Visits(lab), Desk(lab, _GATE)
    _give_card(lab, _GATE, "rdm6300")
    lay, lift = partial(device.set, card=_CARDS["rdm6300"][1]), partial(device.set, card="")
    visits.expect("by a card", OPEN, lay, lift)
    newest = desk.version("roster", _GATE)
    lab.proxies[_GATE].refuse()
    died_ms = now_ms()
    lab.town.kill(_GATE)
    file = desk.file("roster", _GATE)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    lab.start_again(_GATE, died_ms)
    # What lies there as its reader is opened counts as left behind.
    time.sleep(LEFT_S + 0.5)
    visits.expect("a card that was torn away opens nothing", "deny card_unknown", lay, lift)
    lab.people(1, intent="resident")
    refused = len(desk.refusals())
    lab.proxies[_GATE].listen()
    lab.until("the cards come again", lambda: desk.version("roster", _GATE) == newest, _ARRIVES_S)
    lab.until("the torn file is on record", lambda: len(desk.refusals()) > refused, _ARRIVES_S)
    visits.expect("by a card again", OPEN, lay, lift)
    finish(lab)


def _give_card(lab: Lab, gate: str, driver: str) -> None:
    """A resident's card that the gate knows."""
    desk = Desk(lab, gate)
    (holder,) = desk.residents(1)
    before = desk.version("roster", gate)
    lab.town.central("pass", "card", "add", holder.pass_id, *_CARDS[driver])
    lab.until(f"the card is on the disk of {gate}", lambda: desk.version("roster", gate) > before, _ARRIVES_S)


# --- identity documents ----------------------------------------------------------------------------------------------


class CutOff(ReaderDevice):
    """A reader, and the moment at which it begins a long answer."""

    name: ClassVar[str] = "sam_idcard"
    words: ClassVar[Mapping[str, type]] = {}

    def __init__(self, inner: ReaderDevice) -> None:
        self._inner = inner
        self.words = inner.words  # type: ignore[misc]
        self.answers_long = threading.Event()

    def set(self, **what: Any) -> None:
        self._inner.set(**what)

    def wrong_type(self) -> bytes:
        return self._inner.wrong_type()

    def hear(self, data: bytes, now_s: float) -> list[bytes]:
        answers = self._inner.hear(data, now_s)
        if any(len(answer) > _LONG_ANSWER for answer in answers):
            self.answers_long.set()
        return answers


def id_cut_off(lab: Lab) -> None:
    """Killed in the middle of its answer while a worker's document is waited for: a person decides, and soon; the next
    worker is read."""
    device = _with_id_reader(lab)
    cut = device.device = CutOff(device.device)
    visits = Visits(lab)
    first, second = _DOCUMENTS
    lift = partial(device.set, document="")
    visits.expect("a worker with a document", OPEN, lambda: _show(visits, device, first, first), lift)
    with lab.trouble():
        cut.answers_long.clear()
        puller = threading.Thread(target=_unplug_in_answer, args=(device, cut))
        puller.start()
        came = visits.comes(lambda: _show(visits, device, second, second), lift)
        puller.join()
        told = f"{came.words} after {came.took_s:.1f} s"
        checks = {check.check: check.reason for check in came.verdict.checks}
        lab.check(
            "a person decides", came.answer == "escalate" and checks.get("document") == "document_unchecked", told
        )
        lab.check("and soon", came.took_s < _GIVES_UP_S, told)
        visits.pulled("id_reader_gone", lambda: None)
        visits.put_back("id_reader_gone", device.replug)
    visits.expect("the next worker", OPEN, lambda: _show(visits, device, second, second), lift)
    lab.people(1)
    visits.told_once("id_reader_gone")
    finish(lab)


def _unplug_in_answer(device: SerialReaderEmulator, cut: CutOff) -> None:
    if cut.answers_long.wait(_GIVES_UP_S):
        device.unplug()


def id_repeats(lab: Lab) -> None:
    """It says again and again what it said before: nobody is taken for the one before them, and everybody is read."""
    device = _with_id_reader(lab)
    visits = Visits(lab)
    first, second = _DOCUMENTS
    lift = partial(device.set, document="")
    visits.expect("a worker with a document", OPEN, lambda: _show(visits, device, first, first), lift)
    device.set(fault="stale_repeat")
    with _laid_again(device, second):
        visits.expect("the next worker", OPEN, lambda: _show(visits, device, second, second), lift)
    with lab.trouble():
        before = visits.openings
        came = visits.comes(lambda: _show(visits, device, first, ""), lift)
        lab.check("I5 a pass without its document opens nothing", visits.openings == before, came.words)
        came = visits.comes(lambda: _show(visits, device, first, second), lift)
        lab.check("I5 nor with somebody else's", visits.openings == before, came.words)
    with _laid_again(device, first):
        visits.expect("their own is read", OPEN, lambda: _show(visits, device, first, first), lift)
    device.set(fault=None)
    lab.people(1)
    finish(lab)


@contextlib.contextmanager
def _laid_again(device: Any, document: str) -> Iterator[None]:
    """As people do when nothing happens: a reader finds a document once per laying on, and may lose it then."""
    done = threading.Event()

    def lay() -> None:
        while not done.wait(_PATIENCE_S):
            device.set(document=document)

    hand = threading.Thread(target=lay, name="hand")
    hand.start()
    try:
        yield
    finally:
        done.set()
        hand.join()
        device.set(document="")


def _with_id_reader(lab: Lab) -> SerialReaderEmulator:
    lab.build(pace=readers_pace(lab.folder))
    link = lab.town.gate_folder(_GATE) / "sam_idcard"
    device = SerialReaderEmulator(link, _BAUD, sam_idcard.Device(), seed=lab.chance.randrange(1000), fault_every=_EVERY)
    Fitting(lab).reader("sam_idcard", device=device)
    lab.start()
    wait(lambda: not lab.shows(_GATE, "id_reader_gone"), _ARRIVES_S)
    return device


def _show(visits: Visits, device: Any, bound_to: str, document: str) -> None:
    """A worker's pass that is bound to one document, and a document; empty: none."""
    visits.street.hold(visits.office.worker(site=visits.site, document=bound_to))
    if document:
        device.set(document=document)


_PLAYS: Final[tuple[tuple[str, str, str, Callable[[Lab], None]], ...]] = (
    ("G10", "scanner", "scanner pulled between two people", scanner),
    ("G10", "scanner-only", "the only source of passes pulled, with and without a guard", scanner_only),
    ("G10", "card-left", "card readers pulled with a card on them", card_left),
    ("G10", "id-cut-off", "document reader killed in the middle of a document", id_cut_off),
    ("G10", "id-repeats", "document reader that repeats itself", id_repeats),
    ("G13", "torn-cards", "cards torn on the disk of a gate that is cut off", torn_cards),
)
ROWS: Final = tuple(Row(id, title, play, variant) for id, variant, title, play in _PLAYS)
