"""Hundreds of gates at once."""

from __future__ import annotations

from typing import Final

from tools.chaos.run import PACE
from tools.demo.processes import Town
from tools.faults.lab import Lab
from tools.faults.rows import Row
from tools.faults.three_hundred import StarvedError, three_hundred

_GATES: Final = 300
_RECORDS: Final = 200
# All gates and the collector share two cores here; a gate by itself waits this long for two answers in vain.
_FIRST_ANSWER_S: Final = 60.0


def all_at_once(lab: Lab) -> None:
    """Three hundred gates with a backlog come back in the same second: each is answered, and all adds up."""
    town = Town(lab.folder, (), PACE)
    lab.at_end(town.close)
    town.set_up()
    try:
        seen = three_hundred(town, _GATES, _RECORDS)
    except StarvedError as error:
        lab.check("nobody-starves", ok=False, detail=str(error))
        return
    first, drained, memory, store = (seen[name] for name in ("first_answer_s", "drained_s", "collector_mib", "store"))
    lab.check("I1 all gates", ok=True, detail=f"{store['records']} records of {store['gates']} gates, {drained} s")
    lab.check("I2 audit", store["audit_ok"], "recount equal, every chain verified")
    lab.check("I3 all gates", store["out_of_order"] == 0, f"{store['out_of_order']} out of order")
    lab.check("I6 all gates", store["audit_ok"], "both ends agree: every watermark reached its gate")
    lab.check("nobody-starves", first["worst"] <= _FIRST_ANSWER_S, f"first answer after {first} s")
    lab.check("memory-bounded", memory["peak"] < 4 * memory["before"], f"collector {memory} MiB")


ROWS: Final = (Row("C7", "300 gates come back at once, each with 200 records", all_at_once, limit_s=420, alone=True),)
