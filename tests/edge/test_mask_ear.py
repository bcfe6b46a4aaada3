"""What the vision process says of masks becomes facts of the lane, and a fault that ends by itself."""

from __future__ import annotations

from edge import facts
from edge.core import FaultOver, FaultSeen, Item, LaneFact
from edge.rim import VisionEar
from edge.vision_messages import CameraOk, MaskFailed, MaskReady, MaskSeen


def heard(*messages: object) -> list[Item]:
    items: list[Item] = []
    ear = VisionEar("in", items.append)
    for message in messages:
        ear(message)
    return items


def test_a_look_reaches_its_lane_with_the_time_of_its_frame() -> None:
    assert heard(MaskSeen("in", 4711, "no_mask", 0.4, 0.95, 1)) == [
        LaneFact("in", facts.MaskSeen("no_mask", 0.4, 0.95, 4711))
    ]


def test_a_model_that_failed_is_a_fault_of_its_own_until_it_is_ready() -> None:
    assert heard(MaskFailed("in", "it hangs")) == [
        LaneFact("in", facts.PartDown("mask", "mask_model_failed")),
        FaultSeen("mask_model_failed", "mask", "in", "it hangs", 3),
    ]
    assert heard(MaskReady("in", "ab" * 32, "tensors")) == [
        LaneFact("in", facts.PartUp("mask")),
        FaultOver("mask", "in"),
    ]


def test_a_camera_that_sees_again_mends_no_model() -> None:
    assert not [item for item in heard(CameraOk("in")) if isinstance(item, FaultOver) and item.device == "mask"]
