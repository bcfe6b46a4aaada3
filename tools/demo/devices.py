"""`./dev demo --devices`: one passage for each family of devices through real gates, and each cable pulled once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from drivers import finding
from tools.demo.entrances import Came, Entrances, Family, Lane
from tools.demo.presenting import People
from tools.demo.processes import SetupError, Town, free_port
from tools.demo.street import ScreenWatch, wait

_PATIENCE_S: Final = 20.0
# What is promised of every device: a fault on the screen, and its end, so soon after the cable.
PROMISED_S: Final = 3.0
# The check that rests on a reader; the others bring a pass.
_CHECKED: Final = {"sam_idcard": "document", "hikvision": "vehicle", "plate_push": "vehicle"}
_LANES: Final = 8
# Key list, trust list, the site's gates, the city's policy and the gate's own.
_DOCUMENTS: Final = 5
_SITE: Final = "garden"
# A family that is several devices: the options that make the difference.
VARIANTS: Final = {"modbus_ir": [{"map": name} for name in ("calex_pmb", "pyrousb", "mq485a")]}
# Its window, unlike the quick one of the demonstration, is as long as at a real gate: slow modules must fit into it.
_POLICY: Final = """
id = "devices"
version = 1
title_zh = "设备演示"
title_en = "Show of devices"
authority = "无，仅供演示 nobody, for demonstration only"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2099-12-31T00:00:00+08:00
zone_level = "medium"

[[rule]]
name = "vehicles: their plate is looked at"
lane_kind = "vehicle"
checks = ["pass", "vehicle"]

[[rule]]
name = "workers show their identity document"
class = ["worker"]
checks = ["pass", "document"]

[[rule]]
name = "everybody else"
checks = [{checks}]

[pass]
card = "allow"

[timeouts]
presentation_s = 8
measure_s = 8
crossing_s = 2
verdict_shown_s = 1
same_code_ignored_s = 1
"""
_HEAD: Final = """
[gate]
id = "{gate}"
name_zh = "设备演示"
name_en = "Show of devices"
data_dir = "data"
enrolment = "enrolment.json"
attendance = "guard"

[call]
role_zh = "网格长 王（演示）"
role_en = "Grid head Wang (demo)"
phone = "0791-0000-0000"

[broker]
host = "127.0.0.1"
port = {broker_port}
keepalive_s = 5
heartbeat_s = 1.0

[screen]
port = {screen_port}
"""


@dataclass(slots=True)
class Shown:
    """One row of the table."""

    family: Family
    what: str = ""
    ok: bool = False
    detail: str = ""
    fault_s: float | None = None
    back_s: float | None = None


@dataclass(slots=True)
class ShowGate:
    """One real gate, its lanes, and what its screen says."""

    gate: str
    entrances: Entrances
    port: int
    screen: ScreenWatch = field(default_factory=ScreenWatch)

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(str(fault["en"]) for fault in self.screen.page.get("faults", ()))


def families() -> dict[str, list[Family]]:
    """Gates by name, each with the families that it shows."""
    thermometers = [
        Family("thermometer", name, _lane_name(name, options), options)
        for name in finding.names("thermometer")
        for options in VARIANTS.get(name, [{}])
    ]
    boards = [Family("board", name, _lane_name(name, {})) for name in finding.names("board")]
    readers = [
        Family("reader", name, _lane_name(name, {}), lane_kind="vehicle" if _gives(name, "plate") else "person")
        for name in finding.names("reader")
    ]
    gates = {f"thermometers-{n + 1}": part for n, part in enumerate(_parts(thermometers))}
    return gates | {"boards": boards} | {f"readers-{n + 1}": part for n, part in enumerate(_parts(readers))}


def _parts(every: list[Family]) -> list[list[Family]]:
    return [every[start : start + _LANES] for start in range(0, len(every), _LANES)]


def _lane_name(driver: str, options: object) -> str:
    variant = f"-{options['map']}" if isinstance(options, dict) and "map" in options else ""
    return (driver + variant).replace("_", "-")


def _gives(driver: str, what: str) -> bool:
    return what in finding.driver_module("reader", driver).PROFILE.gives


# --- the show --------------------------------------------------------------------------------------------------------


def show(folder: Path, console: Console) -> int:
    """Play it; 0 if every device did what it is for, and came back in time after its cable was pulled."""
    town = Town(folder, places=())
    gates: list[ShowGate] = []
    try:
        with console.status("broker, collector and gates are starting"):
            town.set_up()
            for gate, shown in families().items():
                gates.append(_set_up(town, gate, shown))
            # The broker reads at its start who may connect.
            town.start()
            for one in gates:
                town.start_gate(one.gate)
                one.screen.watch(one.port)
            people = People(town)
            people.give_cards()
            for one in gates:
                _ready(town, one)
        rows = _play(gates, people, console)
        console.print(_table(rows))
        wrong = [row for row in rows if not row.ok]
        console.print(f"{len(rows)} families of devices, {len(wrong)} wrong")
        return 1 if wrong else 0
    except SetupError as error:
        console.print(f"[red]{error}")
        return 1
    finally:
        for one in gates:
            one.screen.stop()
        town.close()
        for one in gates:
            one.entrances.stop()


def _set_up(town: Town, gate: str, shown: list[Family]) -> ShowGate:
    folder = town.gate_folder(gate)
    (folder / "data").mkdir(parents=True)
    town.enrol(gate, "gardens-1", _SITE)
    entrances = Entrances(folder, shown)
    entrances.start()
    port = free_port()
    head = _HEAD.format(gate=gate, broker_port=town.broker_port, screen_port=port)
    (folder / "gate.toml").write_text(entrances.gate_file(head), encoding="utf-8")
    policy = folder / "policy.toml"
    checks = '"pass", "temperature"' if gate.startswith("thermometers") else '"pass"'
    policy.write_text(_POLICY.format(checks=checks), encoding="utf-8")
    town.central("document", "publish", "--kind", "policy", "--scope", gate, str(policy))
    return ShowGate(gate, entrances, port)


def _ready(town: Town, one: ShowGate) -> None:
    """Its documents are there, and every device has reported."""
    documents = town.gate_folder(one.gate) / "data" / "documents"
    if not wait(lambda: len(list(documents.glob("*.doc"))) >= _DOCUMENTS, 40.0):
        raise SetupError(f"gate {one.gate} did not get its documents: {town.tail(one.gate)}")
    if not wait(lambda: bool(one.screen.page) and not one.faults, 40.0):
        raise SetupError(f"gate {one.gate} has faults: {'; '.join(one.faults)}: {town.tail(one.gate)}")


def _play(gates: list[ShowGate], people: People, console: Console) -> list[Shown]:
    """The gates side by side, the lanes of one gate one after another."""
    rows = {one.gate: [Shown(family) for family in one.entrances.families] for one in gates}

    def play(one: ShowGate) -> None:
        for row in rows[one.gate]:
            _show_one(one, row, people)
            console.print(f"{'[green]ok[/]   ' if row.ok else '[red]WRONG[/]'} {row.family.name}: {row.detail}")

    threads = [threading.Thread(target=play, args=(one,), name=f"show-{one.gate}") for one in gates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [row for one in gates for row in rows[one.gate]]


def _show_one(one: ShowGate, row: Shown, people: People) -> None:
    lane = one.entrances.lanes[row.family.name]
    try:
        row.ok, row.detail = _passage(one.entrances, lane, people)
        if lane.device is not lane.board:
            row.fault_s, row.back_s = _pull(one, lane)
            row.ok = row.ok and max(row.fault_s, row.back_s) <= PROMISED_S
    except Exception as error:
        # A device that breaks the show is a finding; the others still have their turn.
        row.ok, row.detail = False, f"{row.detail} {type(error).__name__}: {error}"


def _passage(at: Entrances, lane: Lane, people: People) -> tuple[bool, str]:
    since = len(at.records())
    at.step_in(lane)
    people.present(at, lane)
    opened = lane.family.driver == "none" or wait(lambda: at.is_open(lane), _PATIENCE_S)
    came = at.came(lane, since) if at.verdict_given(lane, since) else None
    at.step_out(lane)
    if came is None:
        return False, "no verdict"
    ok, detail = _judged(lane, came)
    return ok and opened, detail if opened else f"{detail}, but no contact moved"


def _judged(lane: Lane, came: Came) -> tuple[bool, str]:
    """Whether the verdict rests on what this device said."""
    verdict = came.verdict
    wanted = {"thermometer": "temperature"}.get(lane.family.kind, _CHECKED.get(lane.family.driver, "pass"))
    results = {one.check: one.result for one in verdict.checks}
    through = came.outcome.outcome in ("passed", "opened_unconfirmed")
    ok = verdict.verdict == "allow" and results.get(wanted) == "ok" and through
    value = next((f", {one.body_c if one.object_c is None else one.object_c} °C" for one in verdict.readings), "")
    return ok, f"{verdict.verdict} {verdict.reason}: {wanted} {results.get(wanted)}{value}, {came.outcome.outcome}"


def _pull(one: ShowGate, lane: Lane) -> tuple[float, float]:
    """Seconds from the pulled cable to a fault on the screen, and from the plugged one to a screen without it."""
    before = len(one.faults)
    began_s = time.monotonic()
    lane.device.unplug()
    noticed = wait(lambda: len(one.faults) > before, _PATIENCE_S)
    fault_s = time.monotonic() - began_s
    began_s = time.monotonic()
    lane.device.replug()
    back = wait(lambda: len(one.faults) <= before, _PATIENCE_S)
    back_s = time.monotonic() - began_s
    return fault_s if noticed else float("inf"), back_s if back else float("inf")


def _table(rows: list[Shown]) -> Table:
    table = Table(title="devices", title_justify="left")
    for title in ("kind", "device", "", "passage", "cable out: fault on the screen", "cable in: fault gone"):
        table.add_column(title)
    for row in rows:
        mark = "[green]ok" if row.ok else "[red]WRONG"
        table.add_row(row.family.kind, row.family.name, mark, row.detail, _seconds(row.fault_s), _seconds(row.back_s))
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
