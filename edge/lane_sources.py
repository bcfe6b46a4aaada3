"""Where a lane's passes come from, what of it is missing, and what the screen asks for because of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkpoint.policy_schema import CheckName
from edge.facts import Brings

if TYPE_CHECKING:
    from edge.lane import Lane

# Which readers answer a check.
ANSWERED_BY: Final[dict[CheckName, Brings]] = {"document": "document", "vehicle": "plate"}
_LONGEST_TAIL: Final = 3
_SHORTEST: Final = 6


def out_of_order(lane: Lane) -> str:
    """Reason code of what keeps the lane from serving anybody; empty if nothing does.

    Passes come from the camera, from scanners, and from cards and plates where the policy takes them: one of these that
    is lost is a fault of the gate, and only the last of them closes the lane to everybody but the guard.
    """
    other_down = next((reason for part, (reason, _) in lane.down.items() if part not in ("camera", "mask")), "")
    if other_down or _takes_passes(lane):
        return other_down
    return lane.down["camera"][0] if "camera" in lane.down else lane.readers.down_reason


def _takes_passes(lane: Lane) -> bool:
    camera = lane.settings.has_camera and "camera" not in lane.down
    return camera or _reads(lane, "code") or _takes_cards(lane) or _takes_plates(lane)


def _reads(lane: Lane, what: Brings) -> bool:
    return lane.readers.works(what)


def _takes_cards(lane: Lane) -> bool:
    return lane.world.policy.passes.card != "off" and _reads(lane, "card")


def _takes_plates(lane: Lane) -> bool:
    is_asked = lane.world.policy.passes.plate != "off" and lane.settings.where.lane_kind == "vehicle"
    return is_asked and _reads(lane, "plate")


def prompt_to_show(lane: Lane) -> str:
    """What somebody who has shown nothing yet is asked for."""
    if lane.ride is not None:
        return "prompt_vehicle_pass" if lane.ride.vehicle is None and lane.ride.is_full else "prompt_occupant"
    if not _takes_cards(lane):
        return "prompt_scan"
    codes = (lane.settings.has_camera and "camera" not in lane.down) or _reads(lane, "code")
    return "prompt_scan_or_card" if codes else "prompt_card"


def lacks_reader(lane: Lane, check: CheckName) -> bool:
    """Whether the lane had a reader for this check, or a model, and none of them works."""
    if check == "mask":
        return "mask" in lane.down if lane.settings.mask_score_min is not None else lane.world.attendance == "none"
    what = ANSWERED_BY.get(check)
    return what is not None and lane.readers.has(what) and not lane.readers.works(what)


def short_plate(plates: list[str]) -> str:
    """The plate read last, shortened: enough to tell the vehicles that stand here apart, for nobody to keep."""
    plate = plates[-1] if plates else ""
    return f"{plate[:2]}…{plate[-_LONGEST_TAIL:]}" if len(plate) >= _SHORTEST else plate and "…"
