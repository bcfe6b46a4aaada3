"""Several looks make an answer; one never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.reasons import ALL
from edge.facts import MaskSeen
from edge.masks import MaskLooks, mask_fact, may_settle, prompt_of

STATES = st.lists(st.sampled_from(["mask", "no_mask", "unsure"]), max_size=12)


def looks(*states, by_guard=None):
    seen = MaskLooks(by_guard)
    for at, state in enumerate(states):
        seen.take(MaskSeen(state, 0.5, 0.9 + at / 100, at))
    return seen


def reason(seen, score_min=0.9, down=(), people=1):
    fact = mask_fact(seen, score_min, dict.fromkeys(down, 60.0), people)
    return fact and (fact.result, fact.reason)


def test_three_looks_of_the_last_five_that_agree_are_an_answer():
    assert reason(looks("mask", "mask")) == ("missing", "mask_unsure")
    assert reason(looks("mask", "unsure", "mask", "no_mask", "mask")) == ("ok", "mask_ok")
    assert reason(looks("no_mask", "no_mask", "no_mask")) == ("failed", "mask_none")


def test_the_newest_looks_count():
    assert reason(looks("no_mask", "no_mask", "no_mask", "mask", "mask", "mask")) == ("ok", "mask_ok")
    assert reason(looks("mask", "mask", "mask", "unsure", "unsure", "unsure")) == ("missing", "mask_unsure")


def test_the_record_says_how_sure_the_least_sure_look_was_and_what_was_asked():
    fact = mask_fact(looks("mask", "mask", "mask"), 0.9, {}, 1)
    assert (fact.value, fact.limit, fact.manual) == (0.9, 0.9, False)


@given(STATES, st.booleans())
def test_a_mask_is_never_taken_as_worn_without_three_looks_that_say_so(states, broken):
    fact = mask_fact(looks(*states), 0.9, {"mask": 5.0} if broken else {}, 1)
    if fact.result == "ok":
        assert states[-5:].count("mask") >= 3
    if fact.result == "failed":
        assert states[-5:].count("no_mask") >= 3
    assert fact.reason in ALL


def test_nothing_looked_is_not_assessed_and_no_model_is_no_answer():
    assert reason(looks()) == ("missing", "mask_not_assessed")
    assert reason(looks(), score_min=None) is None
    assert reason(looks(), down=("camera",)) is None


def test_a_model_that_failed_is_a_broken_part_for_as_long_as_it_or_its_camera_has_been_one():
    assert reason(looks("mask", "mask"), down=("mask",)) == ("not_obtained", "mask_unchecked")
    assert mask_fact(looks(), 0.9, {"mask": 7.0}, 1).for_s == 7.0
    assert mask_fact(looks(), 0.9, {"mask": 7.0, "camera": 900.0}, 1).for_s == 900.0


def test_what_was_seen_before_the_model_failed_stays_seen():
    assert reason(looks("mask", "mask", "mask"), down=("mask",)) == ("ok", "mask_ok")


def test_of_a_party_only_a_bare_face_or_the_guard_says_anything():
    assert reason(looks("mask", "mask", "mask"), people=3) == ("missing", "mask_unsure")
    assert reason(looks("no_mask", "no_mask", "no_mask"), people=3) == ("failed", "mask_none")
    assert reason(looks(by_guard=True), people=3) == ("ok", "mask_ok")


@pytest.mark.parametrize(("worn", "wanted"), [(True, ("ok", "mask_ok")), (False, ("failed", "mask_none"))])
def test_the_guards_own_eyes_have_the_last_word_and_are_marked(worn, wanted):
    seen = looks("mask", "mask", "mask") if not worn else looks("no_mask", "no_mask", "no_mask")
    seen.by_guard = worn
    for score_min in (0.9, None):
        fact = mask_fact(seen, score_min, {"camera": 5.0}, 1)
        assert (fact.result, fact.reason) == wanted
        assert fact.manual


def test_waiting_is_worth_it_only_while_something_can_still_be_seen():
    assert may_settle(looks(), 0.9, (), 1)
    assert may_settle(looks("no_mask", "no_mask", "no_mask"), 0.9, (), 1), "they may put one on"
    assert not may_settle(looks("mask", "mask", "mask"), 0.9, (), 1)
    assert not may_settle(looks(), None, (), 1)
    assert not may_settle(looks(), 0.9, ("mask",), 1)
    assert not may_settle(looks(), 0.9, ("camera",), 1)
    assert not may_settle(looks(), 0.9, (), 2)
    assert not may_settle(looks(by_guard=False), 0.9, (), 1)


def test_the_person_is_asked_to_face_the_camera_and_then_to_wear_a_mask():
    assert prompt_of(looks("unsure")) == "prompt_face"
    assert prompt_of(looks("no_mask", "no_mask", "no_mask")) == "prompt_mask"
