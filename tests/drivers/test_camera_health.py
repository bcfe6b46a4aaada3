"""When a camera counts as blind: silent, black or frozen, and not before."""

from __future__ import annotations

from drivers.camera.health import Health, Look
from drivers.camera.options import Limits

LIMITS = Limits(missing_after_s=3, black_after_s=2, frozen_after_s=5)


def run(health: Health, *looks: Look) -> str | None:
    for look in looks:
        health.seen(look)
    return health.fault(looks[-1].mono_ms)


def lit(at_ms: int, checksum: int | None = None) -> Look:
    return Look(at_ms, 120.0, 30.0, at_ms if checksum is None else checksum)


def test_a_camera_that_never_speaks_is_missing_after_its_time() -> None:
    health = Health(LIMITS, 1000)
    assert health.fault(3999) is None
    assert health.fault(4000) == "camera_missing"


def test_a_camera_that_stops_is_missing_and_one_frame_mends_it() -> None:
    health = Health(LIMITS, 0)
    health.seen(lit(5000))
    assert health.fault(8000) == "camera_missing"
    health.seen(lit(8100))
    assert health.fault(8200) is None


def test_black_is_a_fault_only_when_it_lasts() -> None:
    health = Health(LIMITS, 0)
    dark = [Look(at_ms, 5.0, 1.0, at_ms) for at_ms in range(0, 2500, 500)]
    assert run(health, *dark[:4]) is None
    assert run(health, *dark) == "camera_black"
    assert run(health, lit(2600)) is None
    assert run(health, Look(2700, 5.0, 1.0, 1)) is None, "the clock starts again"


def test_a_dark_yard_with_a_lamp_is_not_black() -> None:
    health = Health(LIMITS, 0)
    assert run(health, *(Look(at_ms, 9.0, 22.0, at_ms) for at_ms in range(0, 20_000, 500))) is None


def test_equal_pictures_for_long_are_a_frozen_camera() -> None:
    health = Health(LIMITS, 0)
    assert run(health, *(lit(at_ms, 7) for at_ms in range(0, 5000, 1000))) is None
    assert run(health, lit(5000, 7)) == "camera_frozen"
    assert run(health, lit(5100, 8)) is None


def test_black_and_frozen_is_called_black() -> None:
    health = Health(LIMITS, 0)
    assert run(health, *(Look(at_ms, 0.0, 0.0, 0) for at_ms in range(0, 9000, 1000))) == "camera_black"


def test_a_switched_off_check_never_speaks() -> None:
    health = Health(Limits(missing_after_s=3, black_after_s=None, frozen_after_s=None), 0)
    assert run(health, *(Look(at_ms, 0.0, 0.0, 0) for at_ms in range(0, 60_000, 1000))) is None
