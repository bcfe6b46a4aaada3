"""Acts as a card reader towards a door controller that is there already (OSDP, IEC 60839-11-5): a pulse is one card."""

from __future__ import annotations

import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from drivers.barrier.board import BoardOptions, BoardSize
from drivers.barrier.osdp_line import OsdpLine
from drivers.errors import DeviceGoneError, DeviceRefusedError, OptionError
from drivers.profile import Profile
from drivers.protocols import Pulse

PROFILE: Final = Profile(
    name="osdp_reader",
    kind="board",
    hardware="any door controller with an OSDP port for readers, over an RS-485 adapter that turns the line by itself",
    wire="RS-485, OSDP 2",
    gives=("an opening by the door controller",),
    sources="B",
    sure="against the library libosdp as the controller; no controller of any maker was tried",
    bauds=(9600, 19200, 38400, 57600, 115200),
    traps=(
        "the controller decides whether, and for how long, the door opens: the gate's pulse time counts for nothing",
        "never confirmed: delivered means that the controller has fetched the card, not that it opened",
        "whoever knows the card's number can present it elsewhere: give it to this reader alone, and use a key",
        "after a restart of the gate some controllers leave their reader alone for minutes (libosdp as one: five)",
        "the adapter must switch its sender on and off by itself",
    ),
    example={"cards": ("0063e9ae",)},
)

_ONLINE_S: Final = 5.0
# Controllers ask every reader several times a second.
_SILENT_S: Final = 2.0
_FETCHED_S: Final = 1.0
_TURN_S: Final = 0.005
_KEY_BYTES: Final = 16
_MAX_KEY_FILE: Final = 200
_FETCHED: Final = 0

_Card = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{2}){1,32}$")]


class Options(BoardOptions, frozen=True, kw_only=True):
    """`cards`: what is presented for relay 0, 1, ...: the bits of a card in hex, first bit first. `bits`: how many of
    them count, 0 for all. `key_file`: 16 bytes in hex, the key of the secure channel (SCBK); without it the line is
    open to whoever listens.
    """

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    cards: Annotated[tuple[_Card, ...], msgspec.Meta(min_length=1, max_length=8)]
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600
    address: Annotated[int, msgspec.Meta(ge=0, le=126)] = 0
    bits: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    card_format: Literal["wiegand", "raw"] = "wiegand"
    key_file: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        for card in self.cards:
            if self.bits > 4 * len(card):
                raise ValueError(f"bits = {self.bits} is more than a card of {4 * len(card)} bits has")


def size(options: Options) -> BoardSize:
    return BoardSize(len(options.cards), inputs=0)


class OsdpReader:
    """A reader that the controller asks. One thread owns it.

    It answers in `read_inputs`, which must come every 50 ms: a reader has 200 ms for an answer (IEC 60839-11-5).
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = f"osdp_reader {options.port} address {options.address}"
        key = _key(options.key_file)
        self._completed: list[int] = []
        self._line = OsdpLine(options.port, options.baud, self._name)
        self._closed = False
        try:
            self._device = _device(options, key, self._line, self._completed.append)
            self._secure = key is not None
            self._come_online()
        except DeviceGoneError:
            self._line.close()
            raise

    def pulse(self, channel: int, seconds: float) -> Pulse:
        """Present the card of `channel` once. Never confirmed; the controller times the opening, whatever `seconds` is.

        A card that the controller does not fetch within a second is taken back, so that no door opens later.
        """
        options = self._options
        if not 0 <= channel < len(options.cards):
            raise ValueError(f"{self._name}: card {channel} does not exist; it has 0 to {len(options.cards) - 1}")
        if seconds <= 0:
            raise ValueError(f"{self._name}: a pulse of {seconds} s is none")
        self._turn()
        self._completed.clear()
        if not self._device.submit_event(_card_event(options, channel)):
            raise DeviceRefusedError(f"{self._name}: card {channel} was refused by the library")
        until_s = time.monotonic() + _FETCHED_S
        while not self._completed:
            if time.monotonic() > until_s:
                self._device.flush_events()
                raise DeviceGoneError(self._name, f"the controller has not fetched card {channel}; it was taken back")
            time.sleep(_TURN_S)
            self._turn()
        if self._completed[0] != _FETCHED:
            raise DeviceGoneError(self._name, f"card {channel} did not reach the controller; it has not opened")
        return Pulse(confirmed=False)

    def read_inputs(self) -> tuple[bool, ...]:
        """It has none. Answers the controller; raises DeviceGoneError when that has asked nothing for two seconds."""
        self._turn()
        if time.monotonic() - self._line.heard_s > _SILENT_S:
            raise DeviceGoneError(self._name, f"the controller has asked nothing for {_SILENT_S} s")
        if not self._is_up():
            raise DeviceGoneError(self._name, "the controller has ended the connection")
        return ()

    def close(self) -> None:
        """Take back what was not fetched, release the port. May be called twice."""
        if not self._closed:
            self._closed = True
            self._device.flush_events()
            self._line.close()

    def sever(self) -> None:
        """What was not fetched goes nowhere."""
        self._line.sever()

    def _come_online(self) -> None:
        until_s = time.monotonic() + _ONLINE_S
        while not self._is_up():
            if time.monotonic() > until_s:
                heard = "speaks, but not with us: are address and key right" if self._line.heard_s else "asks nothing"
                raise DeviceGoneError(self._name, f"the controller {heard}; gave up after {_ONLINE_S} s")
            time.sleep(_TURN_S)
            self._turn()

    def _is_up(self) -> bool:
        return bool(self._device.is_sc_active() if self._secure else self._device.is_online())

    def _turn(self) -> None:
        self._device.refresh()
        self._line.raise_what_failed()


def _card_event(options: Options, channel: int) -> dict[str, Any]:
    constants = import_module("osdp_sys")
    card = bytes.fromhex(options.cards[channel])
    wiegand = options.card_format == "wiegand"
    return {
        "event": constants.EVENT_CARDREAD,
        "reader_no": 0,
        "direction": 0,
        "format": constants.CARD_FMT_RAW_WIEGAND if wiegand else constants.CARD_FMT_RAW_UNSPECIFIED,
        "data": card,
        "length": options.bits or 8 * len(card),
    }


def _device(options: Options, key: bytes | None, line: OsdpLine, completed: Any) -> Any:
    library = import_module("osdp_sys")
    # The library would write to our standard output.
    library.set_loglevel(library.LOG_EMERG)
    about = {
        "name": f"PD-{options.address}",
        "address": options.address,
        # With a key nothing is done in clear.
        "flags": library.FLAG_ENFORCE_SECURE if key is not None else 0,
        "scbk": key,
        "channel": line,
        "version": 1,
        "model": 1,
        "vendor_code": 0,
        "serial_number": 0,
        "firmware_version": 0x000100,
    }
    abilities = [
        {"function_code": code, "compliance_level": 1, "num_items": 1}
        for code in (library.CAP_CARD_DATA_FORMAT, library.CAP_COMMUNICATION_SECURITY)
    ]
    device = library.PeripheralDevice(about, capabilities=abilities)
    device.set_event_completion_callback(lambda _event, status: completed(status))
    device.set_command_callback(lambda _command: (0, None))
    return device


def _key(path: str) -> bytes | None:
    """Raises OptionError naming the file and what is wrong with it, never what is in it."""
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            key = bytes.fromhex(file.read(_MAX_KEY_FILE).decode("ascii").strip())
    except OSError as error:
        raise OptionError(f"key_file {path} can't be read: {error.strerror}") from error
    except ValueError:
        raise OptionError(f"key_file {path} is not {_KEY_BYTES} bytes in hex") from None
    if len(key) != _KEY_BYTES:
        raise OptionError(f"key_file {path} has {len(key)} bytes; the key has {_KEY_BYTES}")
    return key


def connect(options: Options) -> OsdpReader:
    if find_spec("osdp_sys") is None:
        raise OptionError("board driver 'osdp_reader' needs the library libosdp: pip install 'guankou[osdp]'")
    return OsdpReader(options)
