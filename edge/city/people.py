"""Synthetic people and the weather they come from; every number is published or marked as assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from random import Random
from types import MappingProxyType
from typing import Final, Literal

from checkpoint.policy_schema import Site

Model = Literal["F1", "F2"]
# How much of a fever reaches the skin. F1: all of it, the kindest assumption. F2: half, with which 19 % of the fevers
# read 37.5 °C and more on the forehead; a study of 265 people found 16 % (assumed).
REACHES_SKIN: Final[Mapping[Model, float]] = MappingProxyType({"F1": 1.0, "F2": 0.5})
FEVER_SHARE: Final = 0.005
# A fever is this much over the person's own usual temperature (assumed).
FEVER_C: Final = (1.0, 2.5)
# Standard deviation of one look at the same skin: forehead, and places that are harder to hold still (assumed).
LOOK_SD_C: Final[Mapping[Site, float]] = MappingProxyType({"forehead": 0.15, "wrist": 0.20, "neck": 0.20})


@dataclass(frozen=True, slots=True)
class Skin:
    """What healthy people read at one place: mean and standard deviation, degrees Celsius."""

    mean_c: float
    sd_c: float


@dataclass(frozen=True, slots=True)
class Climate:
    """Weather at the gate. `at_once`: skin on arrival. `rested`: after five minutes in the warm or in the shade."""

    name: str
    zh: str
    ambient_c: float
    at_once: Mapping[Site, Skin]
    rested: Mapping[Site, Skin]


def _climate(name: str, zh: str, ambient_c: float, at_once: tuple[Skin, ...], rested: tuple[Skin, ...]) -> Climate:
    sites: tuple[Site, ...] = ("forehead", "wrist", "neck")
    return Climate(name, zh, ambient_c, dict(zip(sites, at_once, strict=True)), dict(zip(sites, rested, strict=True)))


# Indoors: forehead of IJERPH 2022, 19:15883; other places by the policy's expected differences.
_INDOORS = (Skin(36.2, 0.30), Skin(36.3, 0.30), Skin(36.9, 0.30))
CLIMATES: Final[tuple[Climate, ...]] = (
    _climate("indoors", "室内 22 °C", 22.0, _INDOORS, _INDOORS),
    # Forehead at entry from 8 to 9 °C, and after 5 minutes, of the acclimatisation study of 2021 (n = 65).
    # Wrist and neck, under clothes, are assumed to lose less.
    _climate(
        "8 °C", "8 °C", 8.0,
        (Skin(35.9, 0.30), Skin(36.1, 0.30), Skin(36.8, 0.30)),
        (Skin(36.1, 0.30), Skin(36.2, 0.30), Skin(36.8, 0.30)),
    ),
    # Forehead of Wien Klin Wochenschr 2020, doi 10.1007/s00508-020-01754-2, at 0 and 5 minutes.
    # The wrist under the sleeve is assumed to lose half of what the forehead loses and to spread half as much.
    _climate(
        "-3 °C", "-3 °C", -3.0,
        (Skin(33.17, 1.45), Skin(34.6, 0.75), Skin(35.8, 0.60)),
        (Skin(36.08, 0.79), Skin(36.1, 0.45), Skin(36.6, 0.40)),
    ),
    # All assumed: 40 % of healthy foreheads over 37.3 °C, about half of it gone after five minutes of shade.
    _climate(
        "35 °C, sun", "35 °C 日晒", 35.0,
        (Skin(37.1, 0.60), Skin(36.9, 0.45), Skin(37.4, 0.45)),
        (Skin(36.6, 0.40), Skin(36.6, 0.35), Skin(37.1, 0.35)),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """`common`, `own`: how far from the mean, in standard deviations: everywhere alike, and at each place by itself.

    `alike`: share of the variance that all places of the body have in common. `fever_c`: what reaches the skin.
    """

    common: float
    own: Mapping[Site, float]
    alike: float
    fever_c: float = 0.0

    def skin_c(self, site: Site, skins: Mapping[Site, Skin]) -> float:
        """True skin temperature at a place, in degrees Celsius."""
        away = sqrt(self.alike) * self.common + sqrt(1 - self.alike) * self.own[site]
        return skins[site].mean_c + skins[site].sd_c * away + self.fever_c


def draw_person(random: Random, alike: float, fever_c: float = 0.0) -> Person:
    own: dict[Site, float] = {"forehead": random.gauss(), "wrist": random.gauss(), "neck": random.gauss()}
    return Person(random.gauss(), own, alike, fever_c)


def draw_fever_c(random: Random, model: Model) -> float:
    """How much of one fever reaches the skin, in degrees Celsius."""
    return random.uniform(*FEVER_C) * REACHES_SKIN[model]
