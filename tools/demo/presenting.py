"""Who comes to the show of devices, and what they bring: a pass, a card, a document, a car."""

from __future__ import annotations

import json
import threading
from typing import Final

from central.keys import load_key
from tools.demo.entrances import FOREHEAD_C, Entrances, Lane
from tools.demo.office import Office
from tools.demo.processes import Town

# The example numbers of GB 11643 and of two card makers' pages, and a plate: nobody's.
DOCUMENT: Final = "11010519491231002X"
# Driver -> how the collector is told of the card, and its number.
CARDS: Final = {"rdm6300": ("--em4100", "010063E9AE"), "pn532": ("--uid", "FB0EE20B")}
PLATE: Final = "赣A12345"


class People:
    """Everybody has a good pass; what they show beside it is what the lane's device reads."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._office = Office(load_key(town.folder / "central" / "keys", "issuer"))
        # The collector's file takes one command at a time.
        self._one_at_a_time = threading.Lock()

    def present(self, at: Entrances, lane: Lane) -> None:
        """Show everything at once, as people do."""
        driver = lane.family.driver
        if driver in CARDS:
            lane.device.set(card=CARDS[driver][1])
        elif driver == "sam_idcard":
            at.scan(lane, self._office.worker(document=DOCUMENT))
            lane.device.set(document=DOCUMENT, name="测试甲")
        elif lane.family.lane_kind == "vehicle":
            at.scan(lane, self._office.vehicle(PLATE))
            lane.device.set(plate=PLATE)
        else:
            at.scan(lane, self._office.resident())
        if lane.family.kind == "thermometer":
            lane.device.set(object_c=FOREHEAD_C)

    def give_cards(self) -> None:
        """A resident's card each, known to every gate of the site."""
        for form, number in CARDS.values():
            made = self._town.central(
                "people", "add", "--site", "garden", "--unit", f"1-{number}", "--name", "li", "--json"
            )
            person = str(json.loads(made)["person"])
            issued = json.loads(self._town.central("pass", "issue", "--person", person, "--json"))
            self._town.central("pass", "card", "add", issued["pass_id"], form, number)
