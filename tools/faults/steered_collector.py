"""The collector under a clock steered from outside: `python -m tools.faults.steered_collector CLOCK run FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.faults.steered_gate import Steering, steer_wall_clock

if __name__ == "__main__":
    steer_wall_clock(Steering(Path(sys.argv.pop(1))))
    from central.cli import main

    main()
