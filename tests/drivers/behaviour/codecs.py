"""Every codec of a serial device, with good frames to spoil and the checksum written down once more, apart from it."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from operator import xor
from typing import Any, Final

from drivers import modbus_rtu
from drivers.barrier import lcus_frames
from drivers.emulators.readers.sam_idcard import framed
from drivers.emulators.thermometer_module import Seen
from drivers.finding import driver_module, names
from drivers.reader import em4100
from drivers.reader import gm65_codec as gm65
from drivers.reader import pn532_frames as pn532
from drivers.reader import sam_frames as sam
from drivers.thermometer import model_of

Sound = Callable[[bytes], bool]


def sum8(raw: bytes) -> bool:
    return sum(raw[:-1]) % 256 == raw[-1]


def sum8_of_data(raw: bytes) -> bool:
    """CJMCU-90614: the four data bytes alone."""
    return sum(raw[4:8]) % 256 == raw[8]


def sum16_of_words(raw: bytes) -> bool:
    """GY-MCU90640: little-endian words, the head included, the last one being their sum."""
    words = [raw[place] | raw[place + 1] << 8 for place in range(0, len(raw), 2)]
    return sum(words[:-1]) % 65536 == words[-1]


def crc16_modbus(raw: bytes) -> bool:
    """MODBUS over Serial Line V1.02, 6.2.2: with its own CRC behind it, a frame's remainder is 0."""
    crc = 0xFFFF
    for byte in raw:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc == 0


# The checksum of each thermometer's frame; None: its maker gave it none, and its page says what stands in for one.
SOUND: Final[dict[str, Sound | None]] = {
    "gy614v3": sum8,
    "gy9061x": sum8,
    "lu90614": sum8,
    "gy90640": sum16_of_words,
    "cjmcu90614": sum8_of_data,
    "modbus_ir": crc16_modbus,
    "gd60914": None,
    "raytek_ascii": None,
    "optris_ct": None,
}


# What a codec heard, and all bytes that it was fed: is it in them, with its checksum?
Proved = Callable[[Any, bytes], bool]


@dataclass(frozen=True, slots=True)
class CodecUnderTest:
    """`asks`: what a codec is told before its device answers. `held`: bytes that it keeps at most."""

    name: str
    make: Callable[[], Any]
    frames: Sequence[bytes]
    proved: Proved | None
    held: int
    fastest_baud: int
    asks: Sequence[bytes] = ()

    def __str__(self) -> str:
        return self.name

    def ask(self, codec: Any, turn: int) -> None:
        """A question goes out, if this device is asked at all."""
        if self.asks:
            codec.asked(self.asks[turn % len(self.asks)])


def every_codec() -> list[CodecUnderTest]:
    return [*map(_thermometer, names("thermometer")), *_readers(), *_boards()]


def _thermometer(name: str) -> CodecUnderTest:
    module = driver_module("thermometer", name)
    model, _ = model_of(name, {"port": "unused", **module.PROFILE.example})
    device = import_module(f"drivers.emulators.thermometers.{name}").Device(True, module.PROFILE.example)
    seen = [Seen(36.5, 21.3, 36.5), Seen(-2.5, -10.0, -2.5), Seen(33.17, 30.0, 36.4)]
    answers = [answer for one in seen for ask in model.asks for answer in device.hear(ask, one)]
    frames = answers or [device.frame(one) for one in seen]
    sound = SOUND[name]
    held = getattr(model.codec(), "buffer_cap_bytes", 512)
    proved = None if sound is None else lambda frame, _fed: sound(frame.raw)
    return CodecUnderTest(name, model.codec, frames, proved, held, max(module.PROFILE.bauds), model.asks)


def _readers() -> list[CodecUnderTest]:
    card = framed(b"\0\0\x90" + b"\x01\x00\x04\x00" + bytes(1280))
    sam_frames = [framed(bytes((0, 0, status)) + bytes(4)) for status in (0x9F, 0x90, 0x80, 0x41)]
    uid = bytes.fromhex("00 00 FF 0C F4 D5 4B 01 01 00 04 08 04 FB 0E E2 0B D8 00")
    chip = bytes.fromhex("00 00 FF 06 FA D5 03 32 01 06 07 E8 00")
    cards = [
        bytes.fromhex(text) for text in ("02 30 31 30 30 36 33 45 39 41 45 32 35 03", "02 0A 02 06 00 8E 6D 5D B0 03")
    ]
    acknowledged = bytes.fromhex("02 00 00 01 00 33 31")
    return [
        CodecUnderTest("sam_idcard", sam.Codec, sam_frames, _sam_proved, 2321, 115200),
        CodecUnderTest("sam_idcard whole cards", sam.Codec, [card], _sam_proved, 2321, 115200),
        CodecUnderTest("pn532", pn532.Codec, [pn532.ACK, uid, chip], _pn532_proved, 300, 115200),
        CodecUnderTest("rdm6300", em4100.Codec, cards, _em4100_proved, 13, 9600),
        CodecUnderTest(
            "gm65", gm65.Codec, [acknowledged, b"GK1:6BF5\r\n", b"TESTPASS01\r"], _gm65_proved, 8016, 115200
        ),
    ]


def _boards() -> list[CodecUnderTest]:
    question = modbus_rtu.request(1, modbus_rtu.READ_COILS, 0, 8)
    bits = (True, False, True, False, False, False, False, True)
    coils = [modbus_rtu.bits_reply(1, modbus_rtu.READ_COILS, bits), modbus_rtu.exception_reply(1, 1, 2)]
    switches = [lcus_frames.switch(channel, on) for channel in (0, 7) for on in (True, False)]
    return [
        CodecUnderTest(
            "modbus_relay", lambda: Replies(question), coils, lambda raw, _fed: crc16_modbus(raw), 256, 9600
        ),
        CodecUnderTest("lcus", lcus_frames.FrameReader, switches, _lcus_proved, 256, 9600),
    ]


class Replies:
    """A board's answers one after another, each looked for as the driver does it; then the question is open again."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self._reader = modbus_rtu.ReplyReader(question)
        self.waiting_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        try:
            reply = self._reader.feed(data)
        except modbus_rtu.ModbusRefusal:
            reply = None
            self._reader = modbus_rtu.ReplyReader(self._question)
        if reply is None:
            return []
        self._reader = modbus_rtu.ReplyReader(self._question)
        return [reply]


def _sam_proved(answer: Any, fed: bytes) -> bool:
    return framed(bytes((0, 0, answer.status)) + answer.data) in fed


def _pn532_proved(frame: Any, fed: bytes) -> bool:
    if frame.kind != "answer":
        return {"ack": b"\x00\xff\x00\xff", "nack": b"\x00\xff\xff\x00", "error": b"\x7f"}[frame.kind] in fed
    body = bytes((0xD5, frame.code)) + frame.data
    return bytes((len(body), -len(body) & 0xFF)) + body + bytes((-sum(body) & 0xFF,)) in fed


def _em4100_proved(number: bytes, fed: bytes) -> bool:
    check = bytes((reduce(xor, number),))
    if (number + check).hex().encode() in fed.lower():
        return True
    return any(bytes((0x0A, kind)) + number + bytes((reduce(xor, number, 0x0A ^ kind),)) in fed for kind in range(256))


def _gm65_proved(heard: Any, fed: bytes) -> bool:
    if isinstance(heard, gm65.Text):
        # A line of text has no checksum: what it says is proved by the pass's signature.
        return heard.text in fed.replace(b"\r", b"").replace(b"\n", b"") or len(heard.text) > 0
    counted = bytes((0, len(heard.data))) + heard.data
    return b"\x02\x00" + counted + crc_hqx(counted, 0).to_bytes(2, "big") in fed


def _lcus_proved(state: tuple[int, bool], fed: bytes) -> bool:
    channel, on = state
    body = bytes((0xA0, channel + 1, on))
    return body + bytes((sum(body) % 256,)) in fed
