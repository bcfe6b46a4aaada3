"""What one gate takes of a small computer: memory and processor time of its processes, an ordinary lane for a minute.

Camera, thermometer, relay board, broker, collector and the reader of the screen are other processes and not counted.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from bench.town import cpu_s, quiet_town
from central.keys import load_key
from tools.demo.office import Office
from tools.demo.people import go_through
from tools.demo.processes import PLACES, Town, children
from tools.demo.street import wait

_PLACE: Final = PLACES[0]
_PERSON_EVERY_S: Final = 10.0
_SETTLE_S: Final = 5.0
_DOCUMENTS: Final = 3
# Head of one mapping in /proc/PID/smaps: addresses, rights, offset, device, inode, path.
_MAPPING: Final = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ (\S+) (\S+) (\d+)\s*(.*)$")


def run(seconds: float = 60.0) -> dict[str, object]:
    """MiB and share of one core, of the core process and of the process that looks."""
    with quiet_town(_PLACE.street) as town:
        pids = _start(town)
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        camera = town.streets[_PLACE.street].camera
        first_frame, _ = camera.jpeg_after(0)
        begun_s = time.monotonic()
        answers = _people(town, begun_s + seconds)
        took_s = time.monotonic() - begun_s
        last_frame, _ = camera.jpeg_after(0)
        shares = {name: round((cpu_s(pid) - before[name]) / took_s, 3) for name, pid in pids.items()}
        pss = {name: round(_pss_mib(pid), 1) for name, pid in pids.items()}
        alone_mib = _alone_mib(list(pids.values()))
    return {
        "seconds": round(took_s),
        "camera_frames_per_s": round((last_frame - first_frame) / took_s, 1),
        "people": len(answers),
        "opened_for": answers.count("open"),
        "pss_mib": round(sum(pss.values()), 1),
        "pss_each_mib": pss,
        "nothing_shared_outside_mib": round(alone_mib, 1),
        "cpu_share_of_one_core": round(sum(shares.values()), 3),
        "cpu_each": shares,
    }


def _start(town: Town) -> dict[str, int]:
    """The gate at work, with its documents; the process ids of its two processes."""
    town.start_broker()
    town.start_collector()
    town.start_gate(_PLACE.gate)
    street = town.streets[_PLACE.street]
    street.watch_screen(town.gate_ports[_PLACE.gate])
    documents = town.gate_folder(_PLACE.gate) / "data" / "documents"
    ready = wait(
        lambda: street.screen.lane().get("state") == "wait" and len(list(documents.glob("*.doc"))) == _DOCUMENTS, 60
    )
    if not ready:
        raise RuntimeError(f"the gate did not get ready: {town.tail(_PLACE.gate)}")
    time.sleep(_SETTLE_S)
    core = town.pid(_PLACE.gate)
    (vision,) = children(core)
    return {"core": core, "vision": vision}


def _people(town: Town, until_s: float) -> list[str]:
    """One person now and then until the time is over; what the gate answered to each."""
    office = Office(load_key(town.folder / "central" / "keys", "issuer"))
    street, answers, pause = town.streets[_PLACE.street], list[str](), threading.Event()
    while time.monotonic() + _PERSON_EVERY_S <= until_s:
        next_s = time.monotonic() + _PERSON_EVERY_S
        answers.append(go_through(street, office.resident()))
        pause.wait(max(0.0, next_s - time.monotonic()))
    pause.wait(max(0.0, until_s - time.monotonic()))
    return answers


def _pss_mib(pid: int) -> float:
    """Proportional set size: pages shared with other processes count in part (proc(5), smaps_rollup)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no Pss in /proc/{pid}/smaps_rollup")


def _alone_mib(pids: list[int]) -> float:
    """The same if no process outside shared a page: anonymous pages of each, and of each file the larger share."""
    anonymous_kib, files_kib = 0, defaultdict[str, int](int)
    for pid in pids:
        mapped = _resident_kib(pid)
        anonymous_kib += mapped.pop("", 0)
        for file, kib in mapped.items():
            files_kib[file] = max(files_kib[file], kib)
    return (anonymous_kib + sum(files_kib.values())) / 1024


def _resident_kib(pid: int) -> dict[str, int]:
    """Resident KiB of one process by mapped file; an empty name for its own pages, changed ones of files included."""
    mapped, file = defaultdict[str, int](int), ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = _MAPPING.match(line)
        if head:
            file = head[4] if head[3] != "0" else ""
        elif line.startswith("Rss:"):
            mapped[file] += int(line.split()[1])
        elif line.startswith("Anonymous:") and file:
            mapped[file] -= int(line.split()[1])
            mapped[""] += int(line.split()[1])
    return mapped
