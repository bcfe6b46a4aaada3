"""What each family's driver makes of a golden frame: commands are made again, answers are read and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from drivers import modbus_rtu
from drivers.barrier import lcus_frames
from drivers.reader import em4100, gm65_codec, pn532_frames, pn532_talk, sam_frames
from drivers.reader.id_card import card_text, parse_card
from drivers.thermometer import optris_words
from drivers.thermometer.models import (
    cjmcu90614,
    gd60914,
    gy614v3,
    gy9061x,
    gy90640,
    lu90614,
    modbus_ir,
    optris_ct,
    raytek_ascii,
)
from drivers.thermometer.register_map import register_map

Values = Mapping[str, Any]
# From what a row says of a command to its bytes.
Command = Callable[[Values], bytes]


def of_code(module: Any, *names: str) -> Command:
    """A command that its row names by its code: one of these constants of the driver."""
    return lambda row: next(raw for name in names if (raw := getattr(module, name))[_CODE_AT[module]] == row["command"])


# Where the code stands in a command of the family.
_CODE_AT: Final = {gy9061x: 1, cjmcu90614: 2, gd60914: 0}


def gy614v3_command(row: Values) -> bytes:
    if "start" in row:
        return gy614v3.read_registers(row["start"], row["count"])
    return gy614v3.write_register(row["register"], row["value"])


def sam_command(row: Values) -> bytes:
    code, parameter, *data = bytes.fromhex(row["command"])
    return sam_frames.command(code, parameter, bytes(data))


def gm65_command(row: Values) -> bytes:
    if "count" in row:
        return gm65_codec.command(gm65_codec.READ, row["zone"], bytes((row["count"],)))
    if not row:
        return gm65_codec.command(0x09, 0, b"\0")
    made = gm65_codec.command(gm65_codec.WRITE, row["zone"], bytes.fromhex(row["data"]))
    # AB CD in place of a CRC says "do not check": the driver always sends one.
    return made[:-2] + b"\xab\xcd" if row.get("crc") == "bypass" else made


def relay_command(row: Values) -> bytes:
    if "pulse_ms" in row:
        return modbus_rtu.request(row["unit"], modbus_rtu.WRITE_COIL, 0x0200 + row["relay"], row["pulse_ms"] // 100)
    if "coil" in row:
        value = modbus_rtu.COIL_ON if row["on"] else modbus_rtu.COIL_OFF
        return modbus_rtu.request(row["unit"], modbus_rtu.WRITE_COIL, row["coil"], value)
    if "mask" in row:
        # Function 0F is not used by the driver, which switches off one by one: the CRC is its own.
        return modbus_rtu.frame(bytes((row["unit"], 0x0F, 0, 0, 0, 8, 1, row["mask"])))
    return modbus_rtu.request(row["unit"], modbus_rtu.READ_COILS, row["start"], row["count"])


def register_command(name: str) -> Command:
    """The poll of a register map, and what is set in one register."""

    def command(row: Values) -> bytes:
        if "count" in row:
            return modbus_ir.question(register_map(name), row["unit"])
        register, value = (row["register"], row["value"]) if "register" in row else (0, row["new_address"])
        return modbus_rtu.request(row["unit"], modbus_rtu.WRITE_REGISTER, register, value)

    return command


def lcus_command(row: Values) -> bytes:
    channel = row["channel"] - 1
    return lcus_frames.switch(channel, row["on"]) if "on" in row else lcus_frames.ask(channel)


def raytek_command(row: Values) -> bytes:
    text = row.get("ascii", "")
    if text.startswith("?"):
        head = int(text[1]) if text[1].isdigit() else None
        return raytek_ascii.asking(text.strip("?\r0123456789").encode(), head=head)
    name, _, value = text.rstrip("\r").partition("=")
    return raytek_ascii.setting(name.encode(), value.encode())


COMMANDS: Final[dict[str, Command]] = {
    "gy9061x": of_code(
        gy9061x, "STREAM", "QUERY", "BAUD_9600", "BAUD_115200", "STREAM_AT_POWER_UP", "SILENT_AT_POWER_UP"
    ),
    "gy614v3": gy614v3_command,
    "cjmcu90614": of_code(cjmcu90614, "STREAM", "QUERY", "BAUD_9600", "BAUD_57600", "BAUD_115200"),
    "sam_idcard": sam_command,
    "gm65": gm65_command,
    "modbus_relay": relay_command,
    "modbus_calex_pmb": register_command("calex_pmb"),
    "modbus_pyrousb": register_command("pyrousb"),
    "modbus_mq485a": register_command("mq485a"),
    "lcus": lcus_command,
    "raytek_ascii": raytek_command,
}
# Commands whose rows name no code: what they mean -> the driver's own bytes.
NAMED: Final[dict[str, dict[str, bytes]]] = {
    "lu90614": {
        "select body mode": lu90614.BODY_MODE,
        "select object mode": lu90614.OBJECT_MODE,
        "measure once": lu90614.MEASURE,
    },
    "gd60914": {
        "single-shot mode": gd60914.SINGLE_SHOT,
        "read object": gd60914.QUESTIONS["object"],
        "read forehead": gd60914.QUESTIONS["forehead"],
        "read wrist": gd60914.QUESTIONS["wrist"],
        "calibrate at 35 C": gd60914.CALIBRATE_35,
        "calibrate at 42 C": gd60914.CALIBRATE_42,
        "reset calibration": gd60914.RESET_CALIBRATION,
    },
    "gy90640": {
        "baud 9600": gy90640.BAUD_9600,
        "baud 115200": gy90640.BAUD_115200,
        "baud 460800": gy90640.BAUD_460800,
        **{f"rate {rate:g} Hz": raw for rate, raw in gy90640.RATES.items()},
        "query one frame": gy90640.QUERY,
        "automatic output": gy90640.AUTOMATIC,
        "set emissivity 0.95": gy90640.set_emissivity(0.95),
        "read emissivity": gy90640.READ_EMISSIVITY,
        "save and restart": gy90640.SAVE_AND_RESTART,
    },
    "optris_ct": {
        "read process temperature": optris_words.PROCESS,
        "set emissivity 0.980": optris_words.setting(optris_words.SET_EMISSIVITY, optris_words.factor_data(0.98)),
        "set emissivity 0.950": optris_words.setting(optris_words.SET_EMISSIVITY, optris_words.factor_data(0.95)),
        "CTlaser sighting lights on": optris_words.setting(optris_words.SIGHTING_LASER, b"\x01"),
        "define burst items": optris_words.define_burst(optris_ct.BURST_ITEMS),
        "start burst": optris_words.START_BURST,
        "stop burst": optris_words.STOP_BURST,
    },
    "optris_cslaser": {
        "set emissivity 0.950": optris_words.setting(
            optris_words.SET_EMISSIVITY, optris_words.factor_data(0.95), checked=False
        ),
    },
    "pn532_hsu": {
        "SAMConfiguration": pn532_talk.CONFIGURE,
        "GetFirmwareVersion": pn532_talk.FIRMWARE,
        "InListPassiveTarget": pn532_talk.LIST,
    },
}


def thermometer_answer(codec: Any) -> Callable[[bytes, Values], None]:
    """A frame whose row names the values in its own words."""

    def check(raw: bytes, row: Values) -> None:
        (frame,) = codec().feed(raw)
        said = {"object_c": frame.object_c, "ambient_c": frame.ambient_c, "body_c": frame.body_c}
        said |= {"t1_c": frame.object_c, "t2_c": frame.ambient_c}
        said["temperature_c"] = frame.object_c if frame.body_c is None else frame.body_c
        wanted = {name: row[name] for name in said if name in row}
        assert wanted
        assert {name: said[name] for name in wanted} == wanted
        assert row.get("mode") != "body" or frame.mode == "body"

    return check


def cjmcu_answer(raw: bytes, row: Values) -> None:
    rule: Any = "frame" if row.get("checksum_rule") == "sum8_all" else "data"
    thermometer_answer(lambda: cjmcu90614.Codec(rule))(raw, row)
    assert cjmcu90614.Codec("data" if rule == "frame" else "frame").feed(raw) == []


def array_answer(raw: bytes, row: Values) -> None:
    codec = gy90640.Codec()
    frames = codec.feed(raw)
    if "emissivity" in row:
        assert (frames, codec.emissivity) == ([], row["emissivity"])
        return
    (frame,) = frames
    assert frame.ambient_c == row["ambient_c"]
    first_c, step_c = row.get("first_c", row.get("uniform_c")), row.get("step_c", 0.0)
    assert gy90640.picture(raw) == [round((first_c + step_c * place) * 100) for place in range(row["pixels"])]


def register_answer(name: str) -> Callable[[bytes, Values], None]:
    def check(raw: bytes, row: Values) -> None:
        registers = register_map(name)
        codec = modbus_ir.Codec(registers, row["unit"])
        codec.asked(modbus_ir.question(registers, row["unit"]))
        (frame,) = codec.feed(raw)
        # The smoothed value would carry one person's warmth over to the next.
        assert frame.object_c == row.get("object_c", row.get("unfiltered_c"))
        assert frame.ambient_c == row.get("reference_c", row.get("sensor_c"))
        assert bool(frame.marks) == bool(row.get("status"))

    return check


def sam_answer(raw: bytes, row: Values) -> None:
    (answer,) = sam_frames.Codec().feed(raw)
    assert answer.status == int(row["sw3"], 16)
    if "id_number" in row:
        card = parse_card(card_text(answer.data))
        expires = "" if row["valid_to"] == "长期" else row["valid_to"]
        assert (card.name, card.number, card.expires) == (row["name"], row["id_number"], expires)


def gm65_answer(raw: bytes, row: Values) -> None:
    acknowledged, *texts = gm65_codec.Codec().feed(raw)
    assert isinstance(acknowledged, gm65_codec.Acknowledged)
    assert texts == ([gm65_codec.Text(row["text"].encode())] if "text" in row else [])


def pn532_answer(raw: bytes, row: Values) -> None:
    (frame,) = pn532_frames.Codec().feed(raw)
    if "uid" in row:
        assert pn532_talk.card_uid(frame.data) == bytes.fromhex(row["uid"])
    elif "targets" in row:
        assert pn532_talk.card_uid(frame.data) is None
    elif "ic" in row:
        assert list(frame.data) == [row["ic"], row["version"], row["revision"], row["support"]]
    elif "command" in row:
        assert (frame.kind, frame.code) == ("answer", row["command"])
    else:
        assert frame.kind == "ack"


def em4100_answer(raw: bytes, row: Values) -> None:
    (number,) = em4100.Codec().feed(raw)
    assert number.hex().upper() == row.get("tag", row.get("serial"))
    assert int.from_bytes(number[1:], "big") == row.get("decimal", int.from_bytes(number[1:], "big"))


def relay_answer(raw: bytes, row: Values) -> None:
    if "exception" in row:
        reader = modbus_rtu.ReplyReader(modbus_rtu.request(row["unit"], row["function"], 0, 1))
        with pytest.raises(modbus_rtu.ModbusRefusal) as refused:
            reader.feed(raw)
        assert refused.value.code == row["exception"]
        return
    reply = modbus_rtu.ReplyReader(modbus_rtu.request(row["unit"], modbus_rtu.READ_COILS, 0, 8)).feed(raw)
    assert reply is not None
    assert modbus_rtu.bits_of(reply, 8) == tuple(bool(row["mask"] >> bit & 1) for bit in range(8))


def raytek_answer(raw: bytes, row: Values) -> None:
    """One answer is a part of a round: unit, object, ambient, object, ambient."""
    codec = raytek_ascii.Codec()
    answers = (b"!UC\r\n", raw, b"!I21.3\r\n", raw, b"!I21.3\r\n")
    frames: list[Any] = []
    for question, answer in zip(raytek_ascii.questions(), answers, strict=True):
        codec.asked(question)
        frames += codec.feed(answer)
        if "fault" in row and question == raytek_ascii.asking(b"T"):
            break
    if "fault" in row:
        assert row["fault"] in codec.note.lower()
    elif "object_c" in row:
        assert [(frame.object_c, frame.ambient_c) for frame in frames] == [(row["object_c"], 21.3)]
    else:
        # The echo of a setting answers no question of a round.
        assert frames == []


def optris_answer(raw: bytes, row: Values) -> None:
    if "raw" in row:
        assert optris_words.temperature_c(int.from_bytes(raw, "big")) == row["temperature_c"]
    elif "process_c" in row:
        assert optris_words.burst_values(raw, optris_ct.BURST_ITEMS) == dict(row)
    else:
        assert raw == optris_words.factor_data(row["emissivity"])


ANSWERS: Final[dict[str, Callable[[bytes, Values], None]]] = {
    "gy9061x": thermometer_answer(gy9061x.Codec),
    "gy614v3": thermometer_answer(gy614v3.Codec),
    "lu90614": thermometer_answer(lu90614.Codec),
    "cjmcu90614": cjmcu_answer,
    "gy90640": array_answer,
    "modbus_pyrousb": register_answer("pyrousb"),
    "modbus_mq485a": register_answer("mq485a"),
    "sam_idcard": sam_answer,
    "gm65": gm65_answer,
    "pn532_hsu": pn532_answer,
    "rdm6300": em4100_answer,
    "em4100_binary": em4100_answer,
    "modbus_relay": relay_answer,
    "raytek_ascii": raytek_answer,
    "optris_ct": optris_answer,
}
# Rows that must be refused, whichever way they go.
REFUSE: Final[dict[str, Callable[[], Any]]] = {"gy9061x": gy9061x.Codec, "sam_idcard": sam_frames.Codec}
