"""Drift of a thermometer: a two-sided cumulative sum of first readings against a reference that never moves.

A running level follows a device that drifts; this watches the device itself. The method is Page's CUSUM
(Biometrika 41, 1954); each step is clipped, so that a few feverish people in a row are not a broken device.
"""

from __future__ import annotations

from math import sqrt
from statistics import median, pvariance

import msgspec

from checkpoint.policy_schema import TemperatureSettings


class Reference(msgspec.Struct, frozen=True):
    """What this lane's healthy people measured when it was put to work: frozen, in degrees Celsius and their square."""

    centre_c: float
    variance: float


class Drift(msgspec.Struct, frozen=True):
    """The two sums in degrees Celsius; `alarmed` once one has passed the limit, until the device is checked."""

    up: float = 0.0
    down: float = 0.0
    alarmed: bool = False


def freeze(values: list[float]) -> Reference:
    return Reference(median(values), pvariance(values))


def limit_of(reference: Reference, settings: TemperatureSettings) -> float:
    """The sum at which the device is suspect: wider where people themselves spread more."""
    return max(settings.drift_limit_c, settings.drift_variances * reference.variance)


def watch(drift: Drift, reference: Reference, value_c: float, settings: TemperatureSettings) -> Drift:
    """The sums after one more first reading."""
    # A clip under 1 °C would hide the very step that is looked for.
    clip = max(1.0, settings.drift_clip_sds * sqrt(reference.variance))
    step = min(clip, max(-clip, value_c - reference.centre_c))
    up = max(0.0, drift.up + step - settings.drift_slack_c)
    down = max(0.0, drift.down - step - settings.drift_slack_c)
    return Drift(up, down, drift.alarmed or max(up, down) > limit_of(reference, settings))
