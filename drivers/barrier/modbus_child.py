"""A process that holds a Modbus board without flash orders and switches its relays off whatever happens to its parent.

`python -m drivers.barrier.modbus_child OPTIONS`, the board's options as JSON; see timed_child.py for what it is told.
"""

from __future__ import annotations

import sys

import msgspec

from drivers.barrier.models.modbus_relay import ModbusRelay, Options
from drivers.barrier.timed_child import run


class ModbusSwitches:
    """The board with its relays put on and off one by one."""

    def __init__(self, options: Options) -> None:
        self.count = options.relays
        self._reads_back = options.read_back
        self._relay = ModbusRelay(options)

    def switch(self, channel: int, on: bool) -> None:
        self._relay.switch(channel, on)

    def energised(self, channel: int) -> bool | None:
        return self._relay.energised(channel) if self._reads_back else None

    def inputs(self) -> tuple[bool, ...]:
        return self._relay.read_inputs()

    def check(self) -> None:
        """Its inputs, or its coils where it has none, are asked for by the parent: that finds out."""

    def close(self) -> None:
        self._relay.close()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write(f"usage: python -m drivers.barrier.modbus_child OPTIONS, not {arguments}\n")
        return 2
    try:
        options = msgspec.json.decode(arguments[0], type=Options)
    except msgspec.DecodeError as error:
        sys.stderr.write(f"the options of the board are wrong: {error}\n")
        return 2
    return run(lambda: ModbusSwitches(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
