"""A real mosquitto with our files: every gate speaks for itself alone."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import threading
import time

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from firmware_config.broker_files import acl_text, conf_text, password_line
from tests.edge.broker import free_port, listens
from tests.waiting import wait_for

GATES = [("gate-a", "a", "court"), ("gate-b", "b", "court"), ("gate-c", "c", "moon")]
USERS = ("gate-a", "gate-b", "gate-c", "collector", "subscriber")
SUCCESS = 0x00
NO_SUBSCRIBER = 0x10
NOT_AUTHORISED = 0x87


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    folder, port = tmp_path_factory.mktemp("broker"), free_port()
    lines = [password_line(user, f"secret of {user}", secrets.token_bytes(12)) for user in USERS]
    (folder / "passwords").write_text("\n".join(lines) + "\n")
    (folder / "acl").write_text(acl_text(GATES, "collector", "subscriber"))
    # Started by root it would change its user, who may not read a test's folder.
    (folder / "mosquitto.conf").write_text(conf_text(str(folder), port) + "\nuser root\n")
    command = [program, "-c", str(folder / "mosquitto.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for(lambda: process.poll() is not None or listens(port), "the broker")
        assert process.poll() is None, process.stderr.read().decode()
        yield port
        process.terminate()


class User:
    """One client on MQTT 5 that remembers what it got."""

    def __init__(self, port, name, password=None):
        self.got = {}
        self._changed = threading.Condition()
        self._answers = {}
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self.client.username_pw_set(name, f"secret of {name}" if password is None else password)
        self.client.on_connect = lambda *args: self._answer("connect", args[3].value)
        self.client.on_publish = lambda *args: self._answer(("publish", args[2]), args[3].value)
        self.client.on_subscribe = lambda *args: self._answer(("subscribe", args[2]), args[3][0].value)
        self.client.on_message = lambda client, data, message: self._got(message)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.connected = self._wait(lambda: self._answers.get("connect"))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic, payload=b"x", retain=False):
        number = self.client.publish(topic, payload, qos=1, retain=retain).mid
        return self._wait(lambda: self._answers.get(("publish", number)))

    def subscribe(self, topic):
        number = self.client.subscribe(topic, qos=1)[1]
        return self._wait(lambda: self._answers.get(("subscribe", number)))

    def receives(self, topic):
        return self._wait(lambda: self.got.get(topic))

    def _answer(self, question, code):
        with self._changed:
            self._answers[question] = code
            self._changed.notify_all()

    def _got(self, message):
        with self._changed:
            self.got[message.topic] = message.payload
            self._changed.notify_all()

    def _wait(self, look):
        with self._changed:
            assert self._changed.wait_for(lambda: look() is not None, 5), "no answer from the broker"
            return look()


@pytest.fixture
def user(broker):
    users = []

    def connect(name, password=None):
        users.append(User(broker, name, password))
        return users[-1]

    yield connect
    for one in users:
        one.__exit__()


OWN = ["records", "alarm", "state"]


def test_our_password_lines_let_users_in_and_nobody_else(user):
    assert user("gate-a").connected == SUCCESS
    assert user("gate-a", "guessed").connected == NOT_AUTHORISED
    assert user("gate-d").connected == NOT_AUTHORISED


def test_nobody_comes_in_without_a_name(broker):
    client = User.__new__(User)
    client.got, client._changed, client._answers = {}, threading.Condition(), {}
    client.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.client.on_connect = lambda *args: client._answer("connect", args[3].value)
    client.client.connect("127.0.0.1", broker)
    client.client.loop_start()
    assert client._wait(lambda: client._answers.get("connect")) == NOT_AUTHORISED
    client.__exit__()


@pytest.mark.parametrize("what", OWN)
def test_a_gate_writes_its_own_topics_and_the_collector_hears_it(user, what):
    collector, gate = user("collector"), user("gate-a")
    assert collector.subscribe("guankou/1/gate/+/" + what) < 0x80
    assert gate.publish(f"guankou/1/gate/a/{what}") == SUCCESS
    assert collector.receives(f"guankou/1/gate/a/{what}") == b"x"


@pytest.mark.parametrize(
    "topic",
    [f"guankou/1/gate/b/{what}" for what in [*OWN, "watermark", "command"]]
    + ["guankou/1/gate/a/watermark", "guankou/1/gate/a/command", "guankou/1/gate/a/records/x"]
    + ["guankou/1/site/court/seen/b", "guankou/1/site/court/seen/c", "guankou/1/site/moon/seen/a"]
    + ["guankou/1/site/court/seen/a/x"]
    + [
        "guankou/1/document/grid/policy",
        "guankou/1/document/grid/policy/staged",
        "guankou/1/summary/city",
        "guankou/1/passage/city",
        "other",
    ],
)
def test_a_gate_may_write_nothing_else(user, topic):
    assert user("gate-a").publish(topic) == NOT_AUTHORISED


def test_a_gate_reads_its_answers_and_documents_and_nothing_of_another(user):
    collector, gate = user("collector"), user("gate-a")
    # Subscribing may be granted: what counts is that nothing comes.
    gate.subscribe("guankou/#")
    for topic in ["gate/b/watermark", "gate/b/command", "summary/city", "passage/city", "escalation/city/1"]:
        assert collector.publish(f"guankou/1/{topic}") in (SUCCESS, NO_SUBSCRIBER)
    assert user("gate-b").publish("guankou/1/gate/b/records") in (SUCCESS, NO_SUBSCRIBER)
    mine = [
        "guankou/1/gate/a/watermark",
        "guankou/1/gate/a/command",
        "guankou/1/document/city/policy",
        "guankou/1/document/city/policy/staged",
    ]
    for topic in mine:
        assert collector.publish(topic) == SUCCESS
        assert gate.receives(topic) == b"x"
    # The broker keeps the order of one publisher, so whatever else was meant for this gate would be here by now.
    assert sorted(gate.got) == sorted(mine)


def test_gates_of_one_site_hear_each_other_and_nobody_else_hears_them(user):
    speaker, listener, stranger = user("gate-a"), user("gate-b"), user("gate-c")
    others = [stranger, user("subscriber"), user("collector")]
    for one in (listener, *others):
        one.subscribe("guankou/1/site/+/seen/+")
        one.subscribe("guankou/#")
    # The broker keeps the order of one publisher, and its own records come after what it tells its site.
    assert speaker.publish("guankou/1/site/court/seen/a") == SUCCESS
    assert listener.receives("guankou/1/site/court/seen/a") == b"x"
    assert speaker.publish("guankou/1/gate/a/records") == SUCCESS
    assert others[2].receives("guankou/1/gate/a/records") == b"x"
    assert stranger.publish("guankou/1/site/moon/seen/c") == SUCCESS
    assert stranger.receives("guankou/1/site/moon/seen/c") == b"x"
    assert [topic for one in others for topic in one.got if "/site/" in topic] == ["guankou/1/site/moon/seen/c"]
    assert list(listener.got) == ["guankou/1/site/court/seen/a"]


def test_a_subscriber_gets_what_is_for_the_public_and_writes_nothing(user):
    collector, subscriber = user("collector"), user("subscriber")
    subscriber.subscribe("guankou/#")
    assert collector.publish("guankou/1/document/city/watch") in (SUCCESS, NO_SUBSCRIBER)
    assert user("gate-a").publish("guankou/1/gate/a/records") in (SUCCESS, NO_SUBSCRIBER)
    public = ["guankou/1/summary/city/grid", "guankou/1/passage/city/grid", "guankou/1/escalation/city/grid/7"]
    for topic in public:
        assert collector.publish(topic) == SUCCESS
        assert subscriber.receives(topic) == b"x"
    assert sorted(subscriber.got) == sorted(public)
    assert subscriber.publish("guankou/1/summary/city/grid") == NOT_AUTHORISED


def test_the_collector_reads_its_own_retained_topics_back(user):
    user("collector").publish("guankou/1/summary/kept", b"7", retain=True)
    again = user("collector")
    again.subscribe("guankou/1/summary/#")
    assert again.receives("guankou/1/summary/kept") == b"7"


def test_the_collector_cannot_speak_for_a_gate(user):
    assert user("collector").publish("guankou/1/gate/a/records") == NOT_AUTHORISED


def test_a_last_will_is_bound_by_the_same_list(user, broker):
    collector = user("collector")
    collector.subscribe("guankou/1/gate/+/state")
    liar = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    liar.username_pw_set("gate-a", "secret of gate-a")
    liar.will_set("guankou/1/gate/b/state", b"offline", qos=1)
    codes = []
    liar.on_connect = lambda *args: codes.append(args[3].value)
    liar.connect("127.0.0.1", broker)
    end_s = time.monotonic() + 5
    while not codes and time.monotonic() < end_s:
        liar.loop(0.05)
    liar.socket().close()
    liar.loop(0.05)
    assert user("gate-b").publish("guankou/1/gate/b/state", b"online") == SUCCESS
    assert collector.receives("guankou/1/gate/b/state") == b"online"


def test_a_packet_beyond_the_limit_ends_the_connection(user):
    gate = user("gate-a")
    lost = threading.Event()
    gate.client.on_disconnect = lambda *args: lost.set()
    gate.client.publish("guankou/1/gate/a/records", b"x" * 1_200_000, qos=1)
    assert lost.wait(5)


def test_the_password_line_is_what_mosquitto_passwd_writes(tmp_path):
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto_passwd is not installed: apt install mosquitto")
    path = tmp_path / "passwords"
    subprocess.run([program, "-b", "-c", str(path), "gate-a", "secret"], check=True, capture_output=True)
    import base64

    theirs = path.read_text().strip()
    salt = base64.b64decode(theirs.split("$")[3])
    assert password_line("gate-a", "secret", salt) == theirs


@pytest.mark.parametrize("user_name", ["", "a b", "a:b", "a\nuser b", "x" * 65, "门"])
def test_a_user_name_never_breaks_a_file(user_name):
    with pytest.raises(ValueError, match="broker user"):
        password_line(user_name, "secret", bytes(12))
    with pytest.raises(ValueError, match="broker user"):
        acl_text([(user_name, "a", "site")], "collector", None)


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "A", "a\ntopic #"])
def test_an_id_never_widens_a_list(name):
    with pytest.raises(ValueError, match="no gate id"):
        acl_text([("gate", name, "site")], "collector", None)
    with pytest.raises(ValueError, match="no site id"):
        acl_text([("gate", "a", name)], "collector", None)


def test_two_gates_never_share_a_user():
    with pytest.raises(ValueError, match="named twice"):
        acl_text([("gate", "a", "site"), ("gate", "b", "site")], "collector", None)


def test_a_password_or_salt_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="salt"):
        password_line("gate", "secret", bytes(8))
    with pytest.raises(ValueError, match="password"):
        password_line("gate", "", bytes(12))


def test_without_a_subscriber_there_is_no_such_user():
    assert "user subscriber" not in acl_text([], "collector", None)
