"""When the driver asks, at which baud it listens, and what it thinks of a frame: all without a clock."""

import math

import pytest

from drivers.thermometer.baud_probe import BaudProbe
from drivers.thermometer.dialogue import Dialogue
from drivers.thermometer.models import gy614v3, gy9061x, lu90614
from drivers.thermometer.quality import QualityJudge
from drivers.thermometer.scan import Frame
from tests.drivers.thermometers import MODELS


def dialogue(name: str) -> Dialogue:
    return Dialogue(MODELS[name], MODELS[name].poll_s, now_s=0.0)


def questions(talk: Dialogue, until_s: float) -> list[bytes]:
    """All that is asked if nothing ever answers."""
    asked = []
    while talk.next_ask_at_s < until_s:
        asked.append(talk.question(talk.next_ask_at_s))
    return asked


def test_a_stream_is_never_asked():
    talk = dialogue("gy9061x")
    for tenth in range(100):
        talk.answered(tenth / 10)
        assert talk.question(tenth / 10 + 0.09) is None


def test_a_slow_stream_is_never_asked_once_known():
    talk = dialogue("gy614v3")
    for second in range(1, 20):
        talk.answered(float(second))
        talk.answered(float(second))
        assert talk.question(second + 0.99) is None


def test_silence_is_asked_in_every_way_within_the_time_of_one_baud():
    assert set(questions(dialogue("gy9061x"), 1.0)) == {gy9061x.QUERY, gy9061x.STREAM}
    assert set(questions(dialogue("gy614v3"), 1.0)) == set(MODELS["gy614v3"].asks)


def test_nothing_that_is_asked_changes_the_memory_of_a_module():
    kept = {gy614v3.SAVE, gy614v3.FACTORY_RESET, gy9061x.STREAM_AT_POWER_UP, gy9061x.SILENT_AT_POWER_UP}
    assert not kept & {ask for model in MODELS.values() for ask in model.asks}


def test_one_who_answers_is_asked_the_same_again_at_the_pace_of_the_poll():
    talk = dialogue("gy9061x")
    assert talk.question(0.3) == gy9061x.QUERY
    talk.answered(0.32)
    assert talk.next_ask_at_s == pytest.approx(0.5)
    assert talk.question(0.5) == gy9061x.QUERY


def test_an_answer_given_twice_does_not_stop_the_polling_of_a_module_that_never_streams():
    talk = dialogue("lu90614")
    assert talk.question(0.1) == lu90614.MEASURE
    talk.answered(0.12)
    talk.answered(0.12)
    assert talk.next_ask_at_s == pytest.approx(0.12 + 0.2)


def test_a_slow_module_is_asked_ever_less_often():
    assert 8 <= len(questions(dialogue("lu90614"), 20.0)) <= 14


def test_a_module_that_takes_longer_is_given_the_time_it_takes():
    """One answer a second, in order: no more than one question may wait at the module."""
    talk = dialogue("lu90614")
    asked, waiting, busy_until_s, answers = [], [], 0.0, 0
    for hundredth in range(6000):
        now_s = hundredth / 100
        if waiting and now_s >= busy_until_s:
            waiting.pop(0)
            answers += 1
            busy_until_s = now_s + 1.0
            talk.answered(now_s)
        if talk.question(now_s) is not None:
            if not waiting:
                busy_until_s = now_s + 1.0
            waiting.append(now_s)
            asked.append(now_s)
    assert answers >= 55
    assert len(asked) - answers <= 3


def test_one_lost_answer_does_not_slow_down_the_ones_after_it():
    talk = dialogue("lu90614")
    talk.question(talk.next_ask_at_s)
    for _ in range(3):
        at_s = talk.next_ask_at_s
        talk.question(at_s)
        talk.answered(at_s + 0.02)
    at_s = talk.next_ask_at_s
    talk.question(at_s)
    assert talk.next_ask_at_s == pytest.approx(at_s + MODELS["lu90614"].answer_s)


def test_the_bauds_take_turns_until_a_frame_comes():
    probe = BaudProbe((9600, 115200), now_s=0.0)
    assert (probe.baud, probe.change(0.9)) == (9600, None)
    assert [probe.change(1.0), probe.change(2.0), probe.change(3.0)] == [115200, 9600, 115200]
    probe.found()
    assert probe.found_baud == 115200
    assert probe.change(1e9) is None


def test_a_baud_that_is_given_is_never_left():
    assert BaudProbe((19200,), now_s=0.0).next_change_at_s == math.inf


def judge(name: str = "gy9061x", asked_mode=None) -> QualityJudge:
    return QualityJudge(MODELS[name], asked_mode, stuck_after=20, stuck_after_s=5.0)


def frame(object_c: float | None, ambient_c: float | None = 21.0, body_c: float | None = None, mode="surface") -> Frame:
    return Frame(object_c, ambient_c, body_c, mode, repr((object_c, ambient_c, body_c)).encode())


def test_a_plain_frame_is_ok():
    assert judge().marks(frame(33.2), 0.0) == ("ok",)


@pytest.mark.parametrize("values", [(-70.01, 21.0), (380.01, 21.0), (33.2, -40.01), (33.2, 125.01)])
def test_a_value_the_model_cannot_measure_is_out_of_range(values):
    assert judge().marks(frame(*values), 0.0) == ("out_of_range",)


@pytest.mark.parametrize("values", [(-70.0, -40.0), (380.0, 125.0)])
def test_the_limits_themselves_are_in_range(values):
    assert judge().marks(frame(*values), 0.0) == ("ok",)


def test_the_same_frame_long_enough_is_stuck_and_one_that_moves_is_not_any_more():
    one = judge()
    marks = [one.marks(frame(36.5), tenth / 10) for tenth in range(60)]
    assert marks[49] == ("ok",)
    assert marks[50] == ("stuck",)
    assert one.marks(frame(36.51), 6.1) == ("ok",)


def test_many_equal_frames_in_no_time_are_not_stuck():
    one = judge()
    assert {one.marks(frame(36.5), 0.001 * number) for number in range(1000)} == {("ok",)}


def test_an_empty_lane_is_never_stuck():
    one = judge()
    assert {one.marks(frame(21.3), float(number)) for number in range(100)} == {("ok",)}


def test_a_stuck_body_value_counts_where_there_is_no_object():
    one = judge("lu90614", "body")
    same = frame(None, None, 36.5, "body")
    assert [one.marks(same, float(number)) for number in range(30)][-1] == ("stuck",)


def test_an_answer_in_the_other_mode_is_marked_and_kept():
    assert judge("lu90614", "body").marks(frame(33.2, None), 0.0) == ("mode_mismatch",)
