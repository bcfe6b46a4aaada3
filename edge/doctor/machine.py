"""The machine itself: clock, disk, memory, network, power, and who this process may be."""

from __future__ import annotations

import grp
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.clock_trust import kernel_synchronised
from edge.doctor.finding import Finding, fail, ok, same, warn
from webscreen.words import Words

_MIB: Final = 1024 * 1024
_LEAST_FREE_MIB: Final = 200
_LOW_FREE_MIB: Final = 1000
# One passage waits for a few durable writes; a person notices half a second.
_SLOW_SYNC_S: Final = 0.1
_HOPELESS_SYNC_S: Final = 1.0
_SYNCS: Final = 12
_LEAST_MEMORY_MIB: Final = 150
_LOW_MEMORY_MIB: Final = 350
_HOT_C: Final = 75.0
# JEDEC eMMC 5.1, DEVICE_LIFE_TIME_EST: steps of a tenth of the rated life; 0x0B is beyond it.
_WORN: Final = 9
_WORN_OUT: Final = 11
# The time of a device that came up without a clock of its own lies before this program was written (2024-01-01).
_LEAST_TIME_S: Final = 1_704_067_200
# mailbox property GET_THROTTLED of the Raspberry Pi firmware: now in bits 0-3, since the start in bits 16-19.
_UNDER_VOLTAGE: Final = 0x1
_THROTTLED: Final = 0x6
_WAS_UNDER_VOLTAGE: Final = 0x10000

CLOCK: Final = Words("时钟", "clock")
RTC: Final = Words("时钟芯片", "clock chip")
DISK: Final = Words("磁盘", "disk")
WEAR: Final = Words("存储卡寿命", "wear of the card")
MEMORY: Final = Words("内存", "memory")
NETWORK: Final = Words("网络", "network")
POWER: Final = Words("供电", "power")
HEAT: Final = Words("温度", "heat of the machine")
GROUPS: Final = Words("用户权限", "rights of this user")


def machine(data_dir: Path, root: Path = Path("/")) -> Iterator[Finding]:
    """Everything about this machine. `root` is where /proc and /sys begin; `data_dir` need not exist yet."""
    yield clock(time.time())
    yield clock_chip(root)
    yield disk(_existing(data_dir))
    yield from wear(root)
    yield memory(root)
    yield network(root)
    yield from power(root)
    yield from heat(root)
    yield groups()


def clock(now_s: float) -> Finding:
    """Whether the kernel's clock is disciplined by a time server, GPS or the like."""
    if now_s < _LEAST_TIME_S:
        return fail(
            CLOCK,
            Words("时间明显错误（在 2024 年以前）", "the time is surely wrong: before 2024"),
            Words("连接网络校时，或执行 timedatectl set-time", "connect a network, or set it: timedatectl set-time"),
        )
    if kernel_synchronised():
        return ok(CLOCK, Words("已与时间服务器同步", "synchronised"), synchronised=True)
    return warn(
        CLOCK,
        Words("未与时间服务器同步", "not synchronised by a time server"),
        Words(
            "安装并启用 systemd-timesyncd 或 chrony；否则由采集端的应答校验时间",
            "install and enable systemd-timesyncd or chrony; until then only the collector's answers prove the time",
        ),
        synchronised=False,
    )


def clock_chip(root: Path) -> Finding:
    """A battery-backed clock: without one a cold start without a network begins at some wrong time."""
    chips = sorted(chip.name for chip in _entries(root / "sys/class/rtc"))
    if chips:
        return ok(RTC, same(", ".join(chips)), chips=chips)
    return warn(
        RTC,
        Words("没有带电池的时钟", "no clock with a battery"),
        Words(
            "断电且断网后时间不可信；可加装 DS3231 等时钟模块",
            "after a power cut without a network the time is not trusted; a DS3231 module helps",
        ),
        chips=[],
    )


def disk(folder: Path) -> Finding:
    """Free space, whether it can be written, and how long a durable write takes; writes a small file for that."""
    try:
        space = os.statvfs(folder)
        free_mib = space.f_bavail * space.f_frsize // _MIB
        median_s, worst_s = sync_times_s(folder)
    except OSError as error:
        return fail(
            DISK,
            Words(f"{folder} 不能写入：{error.strerror}", f"{folder} can't be written: {error.strerror}"),
            Words(
                "以关口用户运行；检查是否只读挂载、已满或已损坏",
                "run this as the gate's user; is it mounted read-only, full or broken?",
            ),
            folder=str(folder),
        )
    what = Words(
        f"{folder}：剩余 {free_mib} MiB，落盘 {median_s * 1000:.1f} ms（最慢 {worst_s * 1000:.0f} ms）",
        f"{folder}: {free_mib} MiB free, a durable write takes {median_s * 1000:.1f} ms "
        f"(slowest {worst_s * 1000:.0f} ms)",
    )
    facts = {"folder": str(folder), "free_mib": free_mib, "sync_ms": round(median_s * 1000, 2)}
    if free_mib < _LEAST_FREE_MIB or median_s > _HOPELESS_SYNC_S:
        remedy = Words("立即清理空间或更换存储卡", "free space now, or replace the card")
        return fail(DISK, what, remedy, **facts)
    if free_mib < _LOW_FREE_MIB or median_s > _SLOW_SYNC_S:
        remedy = Words("清理空间；存储卡过慢时请更换", "free some space; replace a card that is slow")
        return warn(DISK, what, remedy, **facts)
    return ok(DISK, what, **facts)


def sync_times_s(folder: Path) -> tuple[float, float]:
    """Median and worst time of a few small writes with fsync(2). Raises OSError. Leaves nothing behind."""
    took = []
    with tempfile.TemporaryFile(dir=folder, prefix=".doctor-") as file:
        for _ in range(_SYNCS):
            begun_s = time.monotonic()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append(time.monotonic() - begun_s)
    took.sort()
    return took[len(took) // 2], took[-1]


def wear(root: Path) -> Iterator[Finding]:
    """What a card or eMMC says of its own life; most SD cards say nothing, and then there is no line."""
    for card in _entries(root / "sys/block"):
        words = _text(card / "device/life_time").split()
        steps = max((int(word, 16) for word in words if word.lower().startswith("0x")), default=0)
        if not steps:
            continue
        used = min(100, 10 * steps)
        what = Words(f"{card.name}：约已用 {used}%", f"{card.name}: about {used} % used")
        remedy = Words("准备更换存储", "have a replacement ready")
        if steps >= _WORN_OUT:
            yield fail(WEAR, what, Words("更换存储", "replace it"), device=card.name, used_percent=used)
        elif steps >= _WORN:
            yield warn(WEAR, what, remedy, device=card.name, used_percent=used)
        else:
            yield ok(WEAR, what, device=card.name, used_percent=used)


def memory(root: Path) -> Finding:
    """What programs can still have."""
    lines = dict(line.split(":", 1) for line in _text(root / "proc/meminfo").splitlines() if ":" in line)
    free_mib = int(lines.get("MemAvailable", "0 kB").split()[0]) // 1024
    what = Words(f"可用 {free_mib} MiB", f"{free_mib} MiB available")
    if free_mib >= _LOW_MEMORY_MIB:
        return ok(MEMORY, what, available_mib=free_mib)
    remedy = Words("关闭其他程序，或换内存更大的机器", "end other programs, or use a machine with more memory")
    make = fail if free_mib < _LEAST_MEMORY_MIB else warn
    return make(MEMORY, what, remedy, available_mib=free_mib)


def network(root: Path) -> Finding:
    """Whether any interface is up; whether the broker is reached is a line of its own."""
    links = _entries(root / "sys/class/net")
    up = [link.name for link in links if link.name != "lo" and _text(link / "operstate") in ("up", "unknown")]
    if up:
        return ok(NETWORK, same(", ".join(up)), up=up)
    return warn(
        NETWORK,
        Words("没有已连接的网卡", "no interface is up"),
        Words(
            "关口照常工作，但记录只能在本机等待：检查网线或无线设置",
            "the gate works, but its records wait: check cable or wireless settings",
        ),
        up=[],
    )


def power(root: Path) -> Iterator[Finding]:
    """What a Raspberry Pi's firmware says of its supply; other machines say nothing."""
    text = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    try:
        bits = int(text, 16)
    except ValueError:
        return
    remedy = Words(
        "使用原装或更大功率的电源和更短的线", "use the maker's supply, or a stronger one with a shorter cable"
    )
    if bits & (_UNDER_VOLTAGE | _THROTTLED):
        yield fail(POWER, Words("电压不足或已降频", "under-voltage or throttled now"), remedy, bits=bits)
    elif bits & _WAS_UNDER_VOLTAGE:
        what = Words("开机后曾电压不足", "there was under-voltage since the start")
        yield warn(POWER, what, remedy, bits=bits)
    else:
        yield ok(POWER, Words("正常", "as it should be"), bits=bits)


def heat(root: Path) -> Iterator[Finding]:
    """The warmest sensor of the machine; no line where it has none."""
    zones = [_text(zone / "temp") for zone in _entries(root / "sys/class/thermal") if zone.name.startswith("thermal_")]
    values = [int(text) / 1000 for text in zones if text.lstrip("-").isdigit()]
    if not values:
        return
    hottest_c = max(values)
    what = same(f"{hottest_c:.0f} °C")
    if hottest_c < _HOT_C:
        yield ok(HEAT, what, celsius=hottest_c)
    else:
        remedy = Words("改善散热，避免日晒", "give it air, keep it out of the sun")
        yield warn(HEAT, what, remedy, celsius=hottest_c)


def groups() -> Finding:
    """dialout for serial ports, video for cameras, gpio for a Pi's own pins; only groups that this machine has."""
    if os.geteuid() == 0:
        return warn(
            GROUPS,
            Words("以 root 运行：看不出关口用户有无权限", "run by root: it can't tell what the gate's user may do"),
            Words("sudo -u guankou guankou-gate doctor ...", "sudo -u guankou guankou-gate doctor ..."),
        )
    known = {group.gr_name: group.gr_gid for group in grp.getgrall()}
    mine = {os.getegid(), *os.getgroups()}
    missing = [name for name in ("dialout", "video", "gpio") if name in known and known[name] not in mine]
    if not missing:
        return ok(GROUPS, Words("可用串口、摄像头", "may use serial ports and cameras"), missing=[])
    names = ",".join(missing)
    return warn(
        GROUPS,
        Words(f"不在用户组 {names} 中", f"not in the groups {names}"),
        same(f"usermod --append --groups {names} guankou"),
        missing=missing,
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there already."""
    return next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path("/"))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
