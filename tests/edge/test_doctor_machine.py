"""What the doctor says of a machine, of which the files under /sys and /proc are laid out here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.doctor import machine
from edge.doctor.finding import Finding, as_json, worst
from edge.doctor.programs import debian_version, programs, zbar, zbar_is_patched
from edge.outbox_files import WriterLock, held_by


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def states(findings: list[Finding]) -> list[str]:
    return [finding.state for finding in findings]


@pytest.mark.parametrize(
    ("bits", "state"),
    [("0", "ok"), ("50005", "fail"), ("50000", "warn"), ("10000", "warn"), ("4", "fail"), ("1", "fail")],
)
def test_a_weak_supply_of_a_pi_is_told(bits: str, state: str, tmp_path: Path) -> None:
    root = lay(tmp_path, {"sys/devices/platform/soc/soc:firmware/get_throttled": f"{bits}\n"})
    assert states(list(machine.power(root))) == [state]


def test_a_machine_that_says_nothing_of_its_supply_gets_no_line(tmp_path: Path) -> None:
    assert not list(machine.power(tmp_path))
    assert not list(machine.wear(tmp_path))
    assert not list(machine.heat(tmp_path))


@pytest.mark.parametrize(
    ("life", "state", "percent"), [("0x01 0x02", "ok", 20), ("0x09 0x01", "warn", 90), ("0x0b 0x01", "fail", 100)]
)
def test_a_worn_card_is_told_by_its_own_figure(life: str, state: str, percent: int, tmp_path: Path) -> None:
    root = lay(
        tmp_path, {"sys/block/mmcblk0/device/life_time": life, "sys/block/mmcblk1/device/life_time": "0x00 0x00"}
    )
    (only,) = machine.wear(root)
    assert (only.state, only.facts["used_percent"]) == (state, percent)


@pytest.mark.parametrize(("kib", "state"), [(4_000_000, "ok"), (300_000, "warn"), (90_000, "fail")])
def test_little_memory_is_told(kib: int, state: str, tmp_path: Path) -> None:
    root = lay(tmp_path, {"proc/meminfo": f"MemTotal: 8000000 kB\nMemAvailable:   {kib} kB\n"})
    assert machine.memory(root).state == state


def test_a_network_is_up_when_another_than_the_loop_is(tmp_path: Path) -> None:
    root = lay(tmp_path, {"sys/class/net/lo/operstate": "unknown", "sys/class/net/eth0/operstate": "down"})
    assert machine.network(root).state == "warn"
    lay(tmp_path, {"sys/class/net/eth0/operstate": "up\n"})
    assert machine.network(root).facts["up"] == ["eth0"]


def test_heat_and_clock_chip(tmp_path: Path) -> None:
    root = lay(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "81000\n", "sys/class/rtc/rtc0/name": "ds3231"})
    assert states(list(machine.heat(root))) == ["warn"]
    assert machine.clock_chip(root).state == "ok"
    assert machine.clock_chip(tmp_path / "empty").state == "warn"


def test_a_clock_before_2024_is_wrong_whoever_says_otherwise() -> None:
    assert machine.clock(1_000_000.0).state == "fail"


def test_the_disk_is_written_to_and_nothing_stays(tmp_path: Path) -> None:
    found = machine.disk(tmp_path)
    assert found.facts["sync_ms"] >= 0
    assert found.facts["free_mib"] > 0
    assert not list(tmp_path.iterdir())


def test_a_disk_that_takes_nothing_fails() -> None:
    # A file system on which nobody can make a file.
    assert machine.disk(Path("/proc")).state == "fail"


def test_a_data_folder_that_is_still_to_be_made_is_judged_by_the_one_above(tmp_path: Path) -> None:
    (disk,) = [one for one in machine.machine(tmp_path / "not" / "yet") if one.part == machine.DISK]
    assert disk.facts["folder"] == str(tmp_path)


@pytest.mark.parametrize(
    ("version", "patched"),
    [
        ("0.23.92-7+deb12u1", True),
        ("0.23.92-7", False),
        ("0.23.92-8", True),
        ("0.23.90-1+deb11u1", False),
        ("0.23.93-1", True),
        ("1:0.24-1", True),
        ("", False),
        ("nonsense", False),
    ],
)
def test_patches_of_zbar_are_known_by_debians_version(version: str, patched: bool) -> None:
    assert zbar_is_patched(version) is patched


def test_an_unpatched_zbar_fails_and_a_missing_one_is_only_a_decoder_fewer() -> None:
    assert zbar("0.23.92-7").state == "fail"
    assert zbar("").state == "warn"


def test_the_libraries_of_this_house_are_there() -> None:
    assert states(list(programs(lambda _package: "0.23.93-1"))) == ["ok", "ok"]
    assert debian_version("no-such-package-at-all") == ""


def test_the_writer_of_an_outbox_is_known_without_taking_its_lock(tmp_path: Path) -> None:
    database = tmp_path / "outbox.db"
    assert held_by(database) is None
    lock = WriterLock(database)
    assert held_by(database) == os.getpid()
    lock.release()
    # The file stays, with the number of a process that has let go.
    assert held_by(database) is None


@pytest.mark.parametrize(
    ("process", "inode_step", "kind", "held"),
    [(4711, 0, "FLOCK", True), (4712, 0, "FLOCK", False), (4711, 1, "FLOCK", False), (4711, 0, "POSIX", False)],
)
def test_a_lock_of_somebody_else_or_on_something_else_is_not_the_gates(
    process: int, inode_step: int, kind: str, held: bool, tmp_path: Path
) -> None:
    lock = tmp_path / "outbox.db.lock"
    lock.write_text("4711")
    locks = tmp_path / "locks"
    locks.write_text(f"1: {kind}  ADVISORY  WRITE {process} 08:01:{lock.stat().st_ino + inode_step} 0 EOF\n")
    assert held_by(tmp_path / "outbox.db", locks) == (4711 if held else None)


def test_every_finding_speaks_both_languages(tmp_path: Path) -> None:
    findings = [*machine.machine(tmp_path), *programs()]
    assert len(findings) >= 8
    for finding in findings:
        line = as_json(finding)
        assert line["part"]
        assert line["part_zh"]
        assert line["what"]
        assert line["what_zh"]
        assert (finding.state == "ok") or (line["remedy"] and line["remedy_zh"])
    assert worst(findings) in ("ok", "warn", "fail")
    assert worst([]) == "ok"
