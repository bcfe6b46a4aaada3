"""Can this gate talk to its broker? One connection of its own, without a last will, that disturbs nobody."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from checkpoint import topics
from edge.doctor.finding import Finding, fail, ok, same, warn
from firmware_config.schema import Broker, Enrolment
from webscreen.words import Words

BROKER: Final = Words("消息服务器", "broker")
ACL: Final = Words("消息权限", "rights at the broker")
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 5.0
# What the broker keeps for gates comes at once after subscribing.
_DOCUMENTS_S: Final = 1.0
# Reason code of PUBACK (MQTT 5.0, section 3.4.2.1).
_NOT_AUTHORIZED: Final = 0x87


@dataclass(slots=True)
class Heard:
    """What came back on the one connection."""

    connected: threading.Event = field(default_factory=threading.Event)
    acknowledged: threading.Event = field(default_factory=threading.Event)
    refused: str = ""
    puback: int | None = None
    documents: int = 0


def broker(settings: Broker, enrolment: Enrolment) -> tuple[Finding, ...]:
    """Connects with the enrolment's credential under a name of its own, so that the running gate keeps its connection.

    Its right to write is proved by an empty message to the gates of its own site, who pass over it; its right to read
    by the documents that the broker keeps for gates.
    """
    heard = Heard()
    client = _client(enrolment, heard)
    where = f"{settings.host}:{settings.port}"
    begun_s = time.monotonic()
    try:
        client.connect(settings.host, settings.port, settings.keepalive_s, clean_start=True)
    except (OSError, ValueError) as error:
        remedy = Words(
            "检查网络、[broker] 的地址与端口、服务器是否运行", "network; host and port under [broker]; does it run?"
        )
        return (fail(BROKER, Words(f"{where} 连不上：{error}", f"{where} can't be reached: {error}"), remedy),)
    client.loop_start()
    try:
        return _judged(client, heard, enrolment, where, begun_s)
    finally:
        client.disconnect()
        client.loop_stop()


def _judged(client: Client, heard: Heard, enrolment: Enrolment, where: str, begun_s: float) -> tuple[Finding, ...]:
    if not heard.connected.wait(_ANSWER_S):
        remedy = Words("端口上可能不是消息服务器", "is it an MQTT 5 broker that listens there?")
        return (fail(BROKER, Words(f"{where} 不应答", f"{where} does not answer"), remedy),)
    if heard.refused:
        remedy = Words(
            "在采集端重新登记本关口并更换登记文件", "enrol this gate anew, or `guankou-central broker` its password"
        )
        said = f"{where}, {enrolment.broker_user}: {heard.refused}"
        return (fail(BROKER, Words(f"拒绝登录：{said}", f"refused: {said}"), remedy),)
    took_ms = round((time.monotonic() - begun_s) * 1000)
    good = ok(
        BROKER, Words(f"{where} 已登录，{took_ms} ms", f"{where}, let in within {took_ms} ms"), connect_ms=took_ms
    )
    return good, _rights(client, heard, enrolment)


def _rights(client: Client, heard: Heard, enrolment: Enrolment) -> Finding:
    client.subscribe(f"{topics.PREFIX}/document/#", qos=1)
    client.publish(topics.seen(enrolment.site, enrolment.gate), b"", qos=1, retain=False)
    heard.acknowledged.wait(_ANSWER_S)
    if heard.puback is None or heard.puback >= _NOT_AUTHORIZED:
        remedy = Words(
            "在采集端更新权限文件并让服务器重新读取", "renew the ACL at the collector and let the broker read it again"
        )
        return fail(ACL, Words("不允许本关口发送", "this gate may not send"), remedy)
    until_s = time.monotonic() + _DOCUMENTS_S
    while not heard.documents and time.monotonic() < until_s:
        time.sleep(0.02)
    if not heard.documents:
        remedy = Words(
            "启动采集端；仍没有则检查权限文件", "start the collector; if that changes nothing, look at the ACL"
        )
        return warn(ACL, Words("没有收到任何下发文件", "no document of the collector came"), remedy)
    return ok(ACL, same(f"{topics.PREFIX}/document/#: {heard.documents}"), documents=heard.documents)


def _client(enrolment: Enrolment, heard: Heard) -> Client:
    name = f"{enrolment.gate}-doctor-{secrets.token_hex(4)}"
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5, reconnect_on_failure=False)
    client.connect_timeout = _CONNECT_S
    client.username_pw_set(enrolment.broker_user, enrolment.broker_password)

    def on_connect(_c: Client, _d: Any, _f: ConnectFlags, reason: ReasonCode, _p: Properties | None) -> None:
        heard.refused = str(reason) if reason.is_failure else ""
        heard.connected.set()

    def on_publish(_c: Client, _d: Any, _mid: int, reason: ReasonCode, _p: Properties | None) -> None:
        heard.puback = reason.value
        heard.acknowledged.set()

    def on_message(_c: Client, _d: Any, message: MQTTMessage) -> None:
        heard.documents += bool(message.payload)

    client.on_connect = on_connect
    client.on_publish = on_publish
    client.on_message = on_message
    return client
