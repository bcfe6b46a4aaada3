"""Masks at a lane: when the verdict waits for one, what it makes of it, and what the guard's eyes are worth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.records import Note, Verdict
from edge import facts
from edge.effects import Commit
from edge.lane_mask import wants_looks
from edge.lane_view import view
from tests.edge.lane_bench import MEASURE_EACH, POLICY, Bench, a_pass

ASKS = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "temperature", "mask"]')
ONLY = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "mask"]')
CODE = a_pass()


def bench(policy: bytes = ONLY, *, model: bool = True, **more: Any) -> Bench:
    made = Bench(policy=policy, mask_score_min=0.9 if model else None, **more)
    made.come()
    return made


def look(made: Bench, state: str, *, times: int = 1, every_ms: int = 500, code: bytes | None = CODE) -> None:
    for _ in range(times):
        made.wait(every_ms, codes=(code,) if code else ())
        made.tell(facts.MaskSeen(state, 0.5, 0.97, made.now_ms - 40))  # type: ignore[arg-type]


def payload(made: Bench) -> Verdict:
    (found,) = [e.payload for e in made.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)][-1:]
    return found


def result(made: Bench) -> tuple[str, str]:
    (found,) = [check for check in payload(made).checks if check.check == "mask"]
    return found.result, found.reason


def notes(made: Bench) -> list[tuple[str, dict[str, str]]]:
    return [
        (e.payload.code, e.payload.facts) for e in made.effects if isinstance(e, Commit) and isinstance(e.payload, Note)
    ]


def saw(made: Bench, act: str) -> None:
    passage = made.lane.shown.passage.hex() if made.lane.shown and made.lane.attempt is None else ""
    made.tell(facts.GuardDecided(act, passage, "", "guard"))  # type: ignore[arg-type]


def test_three_looks_at_a_mask_let_somebody_in_without_waiting_longer():
    made = bench()
    look(made, "mask", times=2)
    assert made.verdicts == []
    look(made, "mask")
    assert made.verdicts == [("allow", "all_ok")]
    assert result(made) == ("ok", "mask_ok")
    (check,) = [check for check in payload(made).checks if check.check == "mask"]
    assert (check.value, check.limit) == (0.97, 0.9)


def test_a_bare_face_is_asked_to_wear_one_and_escalates_only_when_its_time_is_over():
    made = bench()
    look(made, "no_mask", times=4)
    assert made.verdicts == []
    assert view(made.lane, True).prompt == "prompt_mask"
    made.wait(3000, codes=(CODE,))
    assert made.verdicts == [("escalate", "mask_none")]
    assert made.openings == 0
    assert view(made.lane, True).prompt == "prompt_mask"


def test_whoever_puts_one_on_goes_in_as_the_same_passage():
    made = bench()
    look(made, "no_mask", times=3)
    look(made, "mask", times=3)
    assert made.verdicts == [("allow", "all_ok")]
    assert made.openings == 1


def test_looks_that_do_not_agree_are_unsure_and_none_are_not_assessed():
    made = bench()
    for state in ("mask", "no_mask", "unsure", "mask", "no_mask", "unsure"):
        look(made, state)
    made.wait(3000, codes=(CODE,))
    assert (made.verdicts, result(made)) == ([("escalate", "mask_unsure")], ("missing", "mask_unsure"))
    made = bench()
    made.wait(6000, codes=(CODE,))
    assert (made.verdicts, result(made)) == ([("escalate", "mask_not_assessed")], ("missing", "mask_not_assessed"))


def test_a_look_at_somebody_who_has_left_is_nobodys():
    made = bench()
    made.leave()
    made.wait(1000)
    made.come()
    came_ms = made.now_ms
    for _ in range(5):
        made.wait(100, codes=(CODE,))
        made.tell(facts.MaskSeen("mask", 0.5, 0.99, came_ms - 300))
    made.wait(6000, codes=(CODE,))
    assert made.verdicts == [("escalate", "mask_not_assessed")]


def test_a_model_that_failed_keeps_nobody_waiting_and_lets_nobody_in():
    made = bench()
    made.tell(facts.PartDown("mask", "mask_model_failed"))
    made.wait(2500, codes=(CODE,))
    assert made.verdicts == [("escalate", "mask_unchecked")]
    assert result(made) == ("not_obtained", "mask_unchecked")
    assert view(made.lane, True).state == "escalate"
    made.tell(facts.PartUp("mask"))


NOBODY_BY_TABLE = ONLY + b'[fail.camera_down]\nnone = { residents = "allow", for_s = 20 }\n'


def test_where_nobody_can_look_in_its_place_a_failed_model_follows_the_cameras_row_for_its_time():
    made = bench(NOBODY_BY_TABLE, attendance="none")
    made.tell(facts.PartDown("mask", "mask_model_failed"))
    made.wait(2500, codes=(CODE,))
    assert made.verdicts == [("allow", "allowed_by_fail_table")]
    assert result(made) == ("not_obtained", "mask_unchecked")
    assert (payload(made).tags, payload(made).call) == (("camera_down",), "administrator")
    made.cross()
    made.leave()
    made.wait(22_000)
    made.come()
    made.wait(2500, codes=(CODE,))
    assert made.verdicts[1:] == [("escalate", "mask_unchecked")], "it has been down for longer than the row allows"


def test_a_model_that_merely_has_not_looked_never_follows_the_table():
    made = bench(NOBODY_BY_TABLE, attendance="none")
    made.wait(6000, codes=(CODE,))
    assert made.verdicts == [("escalate", "mask_not_assessed")]


def test_the_guards_eyes_take_the_place_of_a_failed_model():
    made = bench()
    made.tell(facts.PartDown("mask", "mask_model_failed"))
    made.wait(2500, codes=(CODE,))
    saw(made, "mask_seen")
    made.wait(200)
    assert made.verdicts == [("escalate", "mask_unchecked"), ("allow", "all_ok")]


def test_a_failed_model_is_no_reason_to_close_the_lane_to_those_who_need_no_mask():
    made = Bench(policy=POLICY, mask_score_min=0.9)
    made.tell(facts.PartDown("mask", "mask_model_failed"))
    assert view(made.lane, True).state == "wait"
    made.come()
    made.wait(2500, codes=(CODE,), object_c=36.3)
    assert made.verdicts == [("allow", "all_ok")]
    assert not wants_looks(made.lane)


def test_a_broken_camera_follows_the_fail_table():
    made = bench(readers={"scanner": ("code",)}, attendance="none")
    made.tell(facts.PartDown("camera", "camera_black"))
    made.tell(facts.Scanned(CODE))
    made.wait(6000)
    assert made.verdicts == [("allow", "allowed_by_fail_table")]
    assert result(made) == ("not_obtained", "mask_missing")


def test_temperature_and_mask_are_asked_one_after_the_other():
    made = bench(ASKS)
    made.wait(300, codes=(CODE,))
    assert view(made.lane, True).prompt == "prompt_measure_forehead"
    made.wait(1500, codes=(CODE,), object_c=36.3)
    assert view(made.lane, True).prompt == "prompt_face"
    assert [(tick.check, tick.state) for tick in view(made.lane, True).ticks][1:] == [
        ("temperature", "done"),
        ("mask", "waiting"),
    ]
    look(made, "mask", times=3)
    assert made.verdicts == [("allow", "all_ok")]


def test_the_model_looks_only_while_somebody_is_there_whose_mask_is_asked_for():
    made = Bench(policy=ONLY, mask_score_min=0.9)
    assert not wants_looks(made.lane)
    made.come()
    made.wait(100)
    assert wants_looks(made.lane)
    look(made, "mask", times=3)
    assert not wants_looks(made.lane), "the way is open, and whoever comes next is not looked at yet"


def test_without_a_model_nobody_waits_and_the_guard_is_asked():
    made = bench(ONLY, model=False)
    made.wait(300, codes=(CODE,))
    assert made.verdicts == [("escalate", "mask_missing")]
    shown = view(made.lane, True)
    assert shown.mask_asked
    saw(made, "mask_seen")
    made.wait(200)
    assert made.verdicts[1:] == [("allow", "all_ok")]
    assert "manual" in payload(made).tags
    assert notes(made) == [("mask_seen", {"lane": "in", "by": "guard", "manual": "yes"})]
    assert made.outcomes[0][0] == "turned_back"


def test_what_was_measured_before_stays_measured():
    made = bench(ASKS, model=False)
    made.wait(1500, codes=(CODE,), object_c=36.3)
    assert made.verdicts == [("escalate", "mask_missing")]
    saw(made, "mask_seen")
    made.wait(100)
    assert made.verdicts[1:] == [("allow", "all_ok")]
    assert payload(made).readings


def test_the_guard_may_say_so_before_the_verdict():
    made = bench(ASKS, model=False)
    made.wait(300, codes=(CODE,))
    assert view(made.lane, True).mask_asked
    saw(made, "mask_seen")
    made.wait(1500, codes=(CODE,), object_c=36.3)
    assert made.verdicts == [("allow", "all_ok")]
    made = bench(ASKS)
    look(made, "mask", times=3)
    saw(made, "mask_absent")
    made.wait(1500, codes=(CODE,), object_c=36.3)
    assert made.verdicts == [("escalate", "mask_none")], "eyes have the last word"


def test_a_guard_who_saw_no_mask_opens_nothing_and_neither_does_one_tick_for_another_reason():
    made = bench(ONLY, model=False)
    made.wait(300, codes=(CODE,))
    saw(made, "mask_absent")
    made.wait(200)
    assert made.verdicts == [("escalate", "mask_missing")]
    assert made.openings == 0
    made = bench(ASKS, model=False)
    made.wait(5000, codes=(CODE,))
    assert made.verdicts == [("escalate", "temperature_missing")]
    saw(made, "mask_seen")
    made.wait(4500)
    assert (made.verdicts, made.openings) == ([("escalate", "temperature_missing")], 0)
    assert [code for code, _ in notes(made)] == ["mask_seen"]


def test_a_tick_for_somebody_who_has_left_changes_nothing():
    made = bench(ONLY, model=False)
    made.wait(300, codes=(CODE,))
    passage = made.lane.shown.passage.hex()
    made.leave()
    made.wait(1000)
    made.tell(facts.GuardDecided("mask_seen", passage, "", "guard"))
    made.wait(1000)
    assert (made.openings, notes(made)) == (0, [])


def test_a_party_of_whom_each_is_measured_needs_the_guard():
    family = a_pass(7, party=2)
    made = bench(MEASURE_EACH.replace(b'"temperature"]\nparty', b'"temperature", "mask"]\nparty'))
    for _ in range(2):
        made.wait(1200, codes=(family,), object_c=36.3)
        look(made, "mask", times=2, code=family)
        made.wait(300, codes=(family,), object_c=22.0)
    made.wait(300, codes=(family,))
    assert made.verdicts == [("escalate", "mask_unsure")]
    saw(made, "mask_seen")
    made.wait(200)
    assert made.verdicts[1:] == [("allow", "all_ok")]


def test_nothing_is_offered_where_no_mask_is_asked_for():
    made = bench(POLICY)
    made.wait(300, codes=(CODE,))
    assert not view(made.lane, True).mask_asked


@pytest.mark.parametrize("mode", ["warn", "record"])
def test_a_mode_that_holds_nobody_holds_nobody(mode):
    made = bench(ONLY.replace(b'"mask"]', b'"mask"]\nmodes = { mask = "' + mode.encode() + b'" }'))
    look(made, "no_mask", times=3)
    made.wait(4000, codes=(CODE,))
    assert made.verdicts == [("allow", "all_ok")]
    assert result(made) == ("failed", "mask_none")


STEPS = st.one_of(
    st.tuples(st.just("look"), st.sampled_from(["mask", "no_mask", "unsure"])),
    st.tuples(st.just("guard"), st.sampled_from(["mask_seen", "mask_absent"])),
    st.tuples(st.just("wait"), st.sampled_from(["300", "1500", "5000"])),
    st.tuples(st.just("part"), st.sampled_from(["down", "up"])),
    st.tuples(st.just("person"), st.sampled_from(["come", "leave"])),
)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=25), st.booleans())
def test_nobody_gets_in_unless_three_looks_or_the_guard_saw_a_mask_while_they_stood_there(steps, model):
    made = Bench(policy=ONLY, mask_score_min=0.9 if model else None)
    masked = guarded = 0
    for what, how in steps:
        if what == "person":
            made.come() if how == "come" else made.leave()
        elif what == "look":
            look(made, how)
            masked += how == "mask"
        elif what == "guard":
            saw(made, how)
            guarded += how == "mask_seen"
        elif what == "wait":
            made.wait(int(how), codes=(CODE,))
        else:
            made.tell(facts.PartDown("mask", "mask_model_failed") if how == "down" else facts.PartUp("mask"))
    allowed = sum(verdict == "allow" for verdict, _ in made.verdicts)
    assert allowed <= masked // 3 + guarded
    assert made.openings == allowed
