"""Modbus RTU frames for coils, inputs and registers, without any I/O (MODBUS over Serial Line V1.02)."""

from __future__ import annotations

from typing import Final

READ_COILS: Final = 0x01
READ_INPUTS: Final = 0x02
READ_HOLDING: Final = 0x03
READ_INPUT_REGISTERS: Final = 0x04
WRITE_COIL: Final = 0x05
WRITE_REGISTER: Final = 0x06
EXCEPTION_BIT: Final = 0x80
# Serial Line 2.5.1: an RTU frame is never longer. What a line has sent beyond that without an answer in it is noise.
MAX_FRAME: Final = 256
COIL_ON: Final = 0xFF00
COIL_OFF: Final = 0x0000
EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done yet",
    6: "device busy",
}


class ModbusRefusal(Exception):
    """The device answered with an exception code."""

    def __init__(self, function: int, code: int) -> None:
        super().__init__(f"function {function:02X}: {refusal_words(code)}")
        self.function = function
        self.code = code


def _shifted(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_TABLE: Final = tuple(_shifted(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial A001 reflected, start FFFF (Serial Line, appendix B)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def frame(body: bytes) -> bytes:
    """`body` with its CRC, low byte first."""
    return body + crc16(body).to_bytes(2, "little")


def is_sound(data: bytes) -> bool:
    """Whether the last two bytes are the CRC of those before."""
    return len(data) >= 4 and crc16(data[:-2]) == int.from_bytes(data[-2:], "little")


def request(unit: int, function: int, address: int, value: int) -> bytes:
    """The 8-byte request that functions 01 to 04 (value = how many) and 05, 06 (value = what to write) share."""
    return frame(bytes([unit, function]) + address.to_bytes(2, "big") + value.to_bytes(2, "big"))


def refusal_words(code: int) -> str:
    """What an exception code means."""
    return f"{EXCEPTIONS.get(code, 'unknown exception')} (code {code})"


def bits_reply(unit: int, function: int, bits: tuple[bool, ...]) -> bytes:
    """The answer to 01 or 02: first bit lowest."""
    mask = sum(1 << position for position, bit in enumerate(bits) if bit)
    packed = mask.to_bytes((len(bits) + 7) // 8, "little")
    return frame(bytes([unit, function, len(packed)]) + packed)


def registers_reply(unit: int, function: int, values: tuple[int, ...]) -> bytes:
    """The answer to 03 or 04: 16 bits each, high byte first."""
    packed = b"".join(value.to_bytes(2, "big") for value in values)
    return frame(bytes([unit, function, len(packed)]) + packed)


def exception_reply(unit: int, function: int, code: int) -> bytes:
    return frame(bytes([unit, function | EXCEPTION_BIT, code]))


def silence_s(baud: int) -> float:
    """The 3.5 character times that end a frame; fixed above 19200 baud (Serial Line 2.5.1.1)."""
    return 0.00175 if baud > 19200 else 3.5 * 11 / baud


class ReplyReader:
    """Finds the one answer that fits a request in what a line brings, noise before it included.

    Fed until `feed` returns the frame. Half-duplex adapters put a stray byte in front of an answer, so every position
    is tried; the CRC and the known shape decide. Raises ModbusRefusal on an exception answer.
    """

    def __init__(self, sent: bytes) -> None:
        unit, self._function = sent[0], sent[1]
        if self._function == WRITE_COIL:
            self._head, self._size = sent[:-2], len(sent)
        else:
            count = (int.from_bytes(sent[4:6], "big") + 7) // 8
            self._head, self._size = bytes([unit, self._function, count]), 5 + count
        self._refusal_head = bytes([unit, self._function | EXCEPTION_BIT])
        self._seen = b""

    def feed(self, data: bytes) -> bytes | None:
        """The answer once it is whole, else None."""
        self._seen = (self._seen + data)[-MAX_FRAME:]
        for start in range(len(self._seen)):
            here = self._seen[start:]
            if here.startswith(self._head) and is_sound(here[: self._size]) and len(here) >= self._size:
                return here[: self._size]
            if here.startswith(self._refusal_head) and is_sound(here[:5]):
                raise ModbusRefusal(self._function, here[2])
        return None


def bits_of(reply: bytes, count: int) -> tuple[bool, ...]:
    """The first `count` bits of an answer to 01 or 02."""
    mask = int.from_bytes(reply[3:-2], "little")
    return tuple(bool(mask >> position & 1) for position in range(count))
