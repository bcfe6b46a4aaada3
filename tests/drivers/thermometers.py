"""The thermometers that come with Guankou, each as its example options make it."""

from __future__ import annotations

from typing import Final

from drivers.finding import driver_module, names
from drivers.thermometer import Model, model_of

MODELS: Final[dict[str, Model]] = {
    name: model_of(name, {"port": "unused", **driver_module("thermometer", name).PROFILE.example})[0]
    for name in names("thermometer")
}
