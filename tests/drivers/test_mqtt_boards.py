"""Boards behind a real MQTT broker, whatever their words: one order, one opening, and nothing that comes later."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time

import pytest

from drivers.barrier import check_options, open_board
from drivers.barrier.mqtt_talk import MqttBoardOptions, Talk
from drivers.emulators.broker import OwnBroker
from drivers.emulators.catalogue import emulate
from drivers.errors import DeviceGoneError, OptionError
from drivers.mqtt_port import Broker, MqttPort
from tests.edge.broker import Broker as GuardedBroker
from tests.waiting import wait_for


def events(folder, driver):
    return [json.loads(line) for line in (folder / f"{driver}.log").read_text().splitlines()]


@pytest.fixture(params=["shelly", "tasmota"])
def driver(request):
    return request.param


@pytest.fixture
def device(driver, tmp_path):
    try:
        with emulate("board", driver, tmp_path) as device:
            yield device
    except OptionError as error:
        pytest.skip(str(error))


# No pulse of this length needs another setting of the device first.
READY_S = {"shelly": {}, "tasmota": {"pulse_time_s": 1.0}}


@pytest.fixture
def board(driver, device):
    board = open_board(driver, {**device.options, **READY_S[driver]})
    yield board
    board.close()


@pytest.fixture
def hasty(monkeypatch):
    """Shorter times for an answer and for silence; the real ones are waited for once."""
    monkeypatch.setattr("drivers.barrier.models.shelly._ANSWER_S", 0.4)
    monkeypatch.setattr("drivers.barrier.models.tasmota._ANSWER_S", 0.4)
    monkeypatch.setattr("drivers.barrier.mqtt_talk.SILENT_S", 0.8)


@pytest.fixture
def broker(tmp_path):
    broker = OwnBroker(tmp_path)
    try:
        broker.start()
    except OptionError as error:
        pytest.skip(str(error))
    yield broker
    broker.stop()


def client(port, name="somebody", topics=()):
    return MqttPort(Broker(host="127.0.0.1", port=port), name, name, topics)


def just_asked(device, board):
    """Behind a question of the board's own, the next half second is free of them."""
    before = device.answered
    wait_for(lambda: board.read_inputs() is not None and device.answered > before)
    time.sleep(0.02)
    board.read_inputs()


def gone(board):
    try:
        board.read_inputs()
    except DeviceGoneError:
        return True
    return False


def test_a_pulse_opens_once_is_confirmed_and_ended_by_the_device(driver, device, board, tmp_path):
    assert board.pulse(1, 0.4).confirmed
    wait_for(lambda: len(events(tmp_path, driver)) == 2)
    opened, closed = events(tmp_path, driver)
    assert (opened["event"], opened["channel"]) == ("open", 1)
    assert (closed["event"], closed["cause"]) == ("close", "time")
    assert 350 <= closed["mono_ms"] - opened["mono_ms"] <= 700


def test_a_pulse_ends_though_the_gate_dies(driver, device, board, tmp_path):
    board.pulse(0, 0.5)
    board.sever()
    wait_for(lambda: events(tmp_path, driver)[-1]["event"] == "close")


def test_a_second_pulse_while_the_first_lasts_gives_it_a_new_end(driver, device, board, tmp_path):
    board.pulse(0, 0.6)
    board.pulse(0, 0.6)
    wait_for(lambda: len(events(tmp_path, driver)) == 2)
    assert [one["event"] for one in events(tmp_path, driver)] == ["open", "close"]


def test_a_lost_answer_is_settled_by_asking_and_the_order_never_sent_again(driver, hasty, device, board, tmp_path):
    just_asked(device, board)
    device.set(fault="lost_echo", times=1)
    assert board.pulse(0, 1.0).confirmed
    wait_for(lambda: [one["event"] for one in events(tmp_path, driver)] == ["open", "close"])


def test_an_order_that_the_device_lost_is_an_error_and_nothing_opens(driver, hasty, device, board, tmp_path):
    just_asked(device, board)
    device.set(fault="lost_order", times=1)
    with pytest.raises(DeviceGoneError, match="has not opened"):
        board.pulse(0, 1.0)
    assert events(tmp_path, driver) == []


def test_a_device_that_talks_nonsense_confirms_nothing_and_counts_as_gone(driver, hasty, device, board, tmp_path):
    device.set(fault="noise")
    with pytest.raises(DeviceGoneError):
        board.pulse(0, 1.0)
    wait_for(lambda: gone(board), limit_s=5.0)
    assert events(tmp_path, driver) == []


@pytest.mark.parametrize("driver", ["tasmota"])
def test_a_silent_device_is_gone_within_two_seconds_and_a_half(device, board):
    just_asked(device, board)
    device.set(fault="silent")
    silent_s = time.monotonic()
    wait_for(lambda: gone(board) or time.sleep(0.02), limit_s=5.0)
    assert time.monotonic() - silent_s < 2.6


def test_a_device_without_power_is_gone_and_found_again_when_it_is_back(driver, device, board):
    device.unplug()
    wait_for(lambda: gone(board) or time.sleep(0.02), limit_s=5.0)
    board.close()
    device.replug()
    back_s = time.monotonic()
    again = None

    def found():
        nonlocal again
        try:
            again = open_board(driver, device.options)
        except DeviceGoneError:
            return False
        return True

    wait_for(found, limit_s=5.0)
    assert time.monotonic() - back_s < 3.0
    assert again.pulse(0, 0.2).confirmed
    again.close()


def test_nobody_at_the_other_end_is_an_error_at_once(driver, device, board):
    device.unplug()
    asked_s = time.monotonic()
    with pytest.raises(DeviceGoneError):
        board.pulse(0, 1.0)
    assert time.monotonic() - asked_s < 2.0


def test_a_retained_answer_is_never_taken_for_the_devices(driver, hasty, device, tmp_path):
    """Somebody has left answers at the broker; the device itself is deaf."""
    device.set(fault="silent")
    port = client(device.options["port"])
    port.send_once("stat/tasmota_012345/RESULT", b'{"POWER1":"ON","PulseTime1":{"Set":10}}', retain=True)
    port.send_once("stat/tasmota_012345/STATUS11", b'{"StatusSTS":{"POWER1":"ON"}}', retain=True)
    notice = {"src": "x", "method": "NotifyStatus", "params": {"input:0": {"state": True}}}
    port.send_once("shellyplus2pm-0123456789ab/events/rpc", json.dumps(notice).encode(), retain=True)
    port.close()
    with pytest.raises(DeviceGoneError):
        open_board(driver, device.options)


def test_when_the_broker_goes_the_board_is_gone_and_nothing_opens_when_it_returns(driver, device, board, tmp_path):
    device.broker.stop()
    wait_for(lambda: gone(board), limit_s=5.0)
    with pytest.raises(DeviceGoneError):
        board.pulse(0, 1.0)
    board.close()
    with pytest.raises(DeviceGoneError, match="can't be reached"):
        open_board(driver, device.options)
    device.broker.start()

    def found():
        try:
            open_board(driver, device.options).close()
        except DeviceGoneError:
            return False
        return True

    wait_for(found)
    assert events(tmp_path, driver) == []


def test_random_words_of_a_stranger_end_nothing(driver, device, board, tmp_path):
    stranger = client(device.options["port"])
    topics = ("shellyplus2pm-0123456789ab/events/rpc", "stat/tasmota_012345/RESULT", "stat/tasmota_012345/STATUS11")
    for number in range(60):
        words = (os.urandom(number), b'{"id": 1, "result": 3}', b'[[[{"StatusSTS": null}]]]', b'{"PulseTimeX": {}}')
        # The topics of the other kind of device are read by nobody.
        with contextlib.suppress(DeviceGoneError):
            stranger.send_once(topics[number % 3], words[number % 4])
    stranger.close()
    wait_for(lambda: board.read_inputs() is not None)
    assert board.pulse(0, 0.2).confirmed


def test_closing_ends_a_pulse_under_way_and_may_be_done_twice(driver, device, board):
    board.pulse(0, 60.0)
    board.close()
    board.close()
    wait_for(lambda: not any(device.energised()))


def test_relays_and_times_that_it_has_not_are_refused(driver, device, board, tmp_path):
    for channel, seconds in ((2, 1.0), (-1, 1.0), (0, 0.0), (0, 4000.0)):
        with pytest.raises(ValueError, match=r"does not exist|is not between"):
            board.pulse(channel, seconds)
    assert events(tmp_path, driver) == []


@pytest.mark.parametrize("topic", ["", "a/#", "+", "/a", "$SYS", "x" * 101])
def test_a_topic_that_is_none_is_refused_before_anything_is_opened(driver, topic):
    with pytest.raises(OptionError):
        check_options(driver, {"host": "127.0.0.1", "topic": topic})


def test_a_password_stands_in_no_gate_file(driver):
    with pytest.raises(OptionError, match="password"):
        check_options(driver, {"host": "127.0.0.1", "topic": "a", "password": "x"})


# --- the connection -----------------------------------------------------------------------------------------------


def test_the_password_comes_from_its_file(tmp_path):
    guarded = GuardedBroker(tmp_path, {"gate": "right word"}, "user gate\ntopic readwrite mine/#\n")
    (tmp_path / "word").write_text("right word\n")
    (tmp_path / "wrong").write_text("wrong word\n")

    def port(file, topics=("mine/a",)):
        broker = Broker(host="127.0.0.1", port=guarded.port, user="gate", password_file=str(tmp_path / file))
        return MqttPort(broker, "board", "gate-1", topics)

    try:
        port("word").close()
        with pytest.raises(DeviceGoneError, match="look at user and password_file"):
            port("wrong")
        with pytest.raises(OptionError, match="nothing can't be read"):
            port("nothing")
        forbidden = port("word")
        with pytest.raises(DeviceGoneError, match=r"list of rights|nobody listens"):
            forbidden.send_once("other/a", b"x")
        forbidden.close()
    finally:
        guarded.kill()


def test_a_password_file_is_bounded_and_never_shown(tmp_path):
    (tmp_path / "word").write_bytes(b"secret" * 1000)
    (tmp_path / "bytes").write_bytes(b"secret\xff")
    for name, why in (("word", "longer than 1024"), ("bytes", "not UTF-8")):
        with pytest.raises(OptionError, match=why) as failed:
            Broker(host="x", user="u", password_file=str(tmp_path / name)).password()
        assert "secret" not in str(failed.value)


def test_a_broker_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("drivers.mqtt_port._LET_IN_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(DeviceGoneError, match="does not answer"):
        client(deaf.getsockname()[1])


def test_words_that_are_no_mqtt_are_no_broker(monkeypatch):
    monkeypatch.setattr("drivers.mqtt_port._LET_IN_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as web:

        def answer():
            line, _ = web.accept()
            line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
            line.close()

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(DeviceGoneError):
            client(web.getsockname()[1])
        answering.join()


def test_a_message_arrives_with_its_topic_and_whether_it_was_kept(broker):
    reader = client(broker.port, "reader", ("a/#",))
    writer = client(broker.port, "writer")
    writer.send_once("a/now", b"1")
    writer.send_once("a/kept", b"2", retain=True)
    seen = []
    wait_for(lambda: seen.extend(reader.pump(0.1)) or len(seen) == 2)
    assert [(one.topic, one.payload, one.retained) for one in seen] == [("a/now", b"1", False), ("a/kept", b"2", False)]
    later = client(broker.port, "later", ("a/#",))
    seen.clear()
    wait_for(lambda: seen.extend(later.pump(0.1)) or seen)
    assert [(one.payload, one.retained) for one in seen] == [(b"2", True)]
    for one in (reader, writer, later):
        one.close()


def test_what_a_broker_has_kept_is_never_heard_as_the_boards_word(broker, hasty):
    writer = client(broker.port, "writer")
    writer.send_once("stat/a", b"kept", retain=True)
    heard, asked = [], []
    options = MqttBoardOptions(host="127.0.0.1", port=broker.port)
    talk = Talk(
        "a", options, ("stat/a",), lambda message: heard.append(message.payload) or True, lambda: asked.append(1)
    )
    writer.send_once("stat/a", b"fresh")
    assert talk.wait(lambda: heard, 5.0)
    assert heard == [b"fresh"]
    # Heard once and silent since, though the broker would repeat what it has kept.
    with pytest.raises(DeviceGoneError, match=r"said nothing for 0\.8"):
        talk.wait(lambda: False, 5.0)
    assert asked
    for one in (talk, writer):
        one.close()


def test_a_topic_that_nobody_reads_is_said_so(broker):
    port = client(broker.port)
    with pytest.raises(DeviceGoneError, match="nobody listens to a/b"):
        port.send_once("a/b", b"x")
    port.close()


def test_a_connection_can_be_taken_from_a_thread_that_waits_in_it(broker):
    port = client(broker.port, topics=("a",))
    ended = []

    def waits():
        try:
            port.pump(20.0)
        except DeviceGoneError as error:
            ended.append(error)

    thread = threading.Thread(target=waits)
    thread.start()
    time.sleep(0.1)
    port.sever()
    thread.join(5)
    assert ended
    with pytest.raises(DeviceGoneError):
        port.send_once("a", b"x")
    port.close()
    port.close()


class Sleeper:
    """A device whose session outlives its connection: the broker keeps for it what comes meanwhile."""

    def __init__(self, port):
        self._port = port
        self.heard = []

    def wakes(self):
        """Whatever it is given when it connects and subscribes again."""
        mqtt = pytest.importorskip("paho.mqtt.client")
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        kept, ready = Properties(PacketTypes.CONNECT), threading.Event()
        kept.SessionExpiryInterval = 60
        one = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="sleeper", protocol=mqtt.MQTTv5)
        one.on_message = lambda _client, _data, message: self.heard.append(message.payload)
        one.on_subscribe = lambda *_: ready.set()
        one.connect("127.0.0.1", self._port, clean_start=False, properties=kept)
        one.loop_start()
        one.subscribe("order", qos=1)
        assert ready.wait(10)
        one.disconnect()
        one.loop_stop()
        return self.heard


def test_an_order_for_a_device_that_is_away_is_not_delivered_when_it_returns(broker):
    sleeper = Sleeper(broker.port)
    sleeper.wakes()
    port = client(broker.port)
    port.send_once("order", b"open")
    away_s = time.monotonic()
    wait_for(lambda: time.monotonic() - away_s > 2.2)
    assert sleeper.wakes() == []
    # The broker does keep for it what has no such limit, or this would have shown nothing.
    port.send_once("order", b"at once")
    assert sleeper.wakes() == [b"at once"]
    port.close()
