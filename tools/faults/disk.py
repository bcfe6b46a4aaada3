"""Disks of the laboratory: small file systems to fill, spoil and pull the plug of, and copies of what a plug left."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from tools.demo.processes import SetupError
from tools.demo.street import wait
from tools.faults.lab import Lab

_MIB: Final = 1024 * 1024
_COMPANIONS: Final = ("", "-wal", "-journal")
_COPIES: Final = 20
_LONGEST_COMMIT_S: Final = 300
_UNMOUNT_S: Final = 20.0


def command(*words: str) -> str:
    """Run it. Raises SetupError with its own words."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{' '.join(words[:3])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def mount(lab: Lab, at: Path, *words: str) -> None:
    """Mount in the place of a folder, whose content is kept; unmounted when the row is over."""
    content = [(path.name, path.read_bytes(), path.stat().st_mode & 0o777) for path in at.iterdir() if path.is_file()]
    command("mount", *words, str(at))
    lab.at_end(lambda: subprocess.run(["umount", "--lazy", str(at)], capture_output=True, check=False))
    at.chmod(0o700)
    for name, data, mode in content:
        kept = at / name
        if not kept.exists():
            kept.write_bytes(data)
            kept.chmod(mode)


def unmount(at: Path) -> None:
    """Not lazily: the file below may be replaced afterwards. Raises SetupError as long as somebody uses it."""
    wait(lambda: subprocess.run(["umount", str(at)], capture_output=True, check=False).returncode == 0, _UNMOUNT_S)
    if at.is_mount():
        raise SetupError(f"{at} is in use and can't be unmounted")


def small_disk(lab: Lab, at: Path, mib: int) -> None:
    """A file system in memory, which is full soon."""
    mount(lab, at, "-t", "tmpfs", "-o", f"size={mib}m", "none")


def fill(folder: Path) -> Path:
    """Take all the space that is left. Returns the file to delete."""
    ballast = folder / "ballast"
    space = os.statvfs(folder)
    with contextlib.suppress(OSError), ballast.open("ab") as file:
        file.write(bytes(space.f_bavail * space.f_frsize))
    return ballast


class Image:
    """An ext4 file system in a file. What it holds at any moment is what a disk holds when the power is cut then:
    what the kernel has not written yet is not in it.
    """

    def __init__(self, lab: Lab, file: Path, at: Path, mib: int = 96) -> None:
        self.file = file
        self.at = at
        self._lab = lab
        with file.open("wb") as image:
            image.truncate(mib * _MIB)
        # Everything that mkfs would leave to the kernel to finish later would be unrest in the copies.
        command("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(file))
        self.mount()
        command("sync", "--file-system", str(at))

    def mount(self, commit_s: int = 5) -> None:
        mount(self._lab, self.at, "-o", f"loop,commit={commit_s},errors=remount-ro", str(self.file))

    def keep_back(self) -> None:
        """From now on the file system writes nothing by itself for minutes, unless it is told to sync."""
        command("mount", "-o", f"remount,commit={_LONGEST_COMMIT_S}", str(self.at))

    def copy(self, to: Path) -> None:
        """The image as it is, at one moment; stop what writes to it first. Raises SetupError if it never rests."""
        for _ in range(_COPIES):
            before = self.file.stat().st_mtime_ns
            command("cp", "--sparse=always", str(self.file), str(to))
            # The kernel may write back on its own account meanwhile: that would be no moment that ever was.
            if self.file.stat().st_mtime_ns == before:
                return
        raise SetupError(f"{self.file} was written to during each of {_COPIES} copies")

    @contextlib.contextmanager
    def look_into(self, copy: Path) -> Iterator[Path]:
        """A copy, mounted for a moment: its journal is played back, as at the next start after a power cut."""
        at = copy.with_suffix(".look")
        at.mkdir()
        command("mount", "-o", "loop", str(copy), str(at))
        try:
            yield at
        finally:
            command("umount", str(at))
            at.rmdir()

    def replace_by(self, copy: Path) -> None:
        """The copy is the disk from now on: what the kernel still held is gone. Nothing may use it any more."""
        unmount(self.at)
        shutil.copyfile(copy, self.file)
        self.mount()

    def fail(self) -> None:
        """What ext4 does by itself when it meets an error on its disk: it aborts, and takes nothing any more."""
        device = command("findmnt", "--noheadings", "--output", "SOURCE", str(self.at))
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("1")

    def repair(self) -> None:
        """What an operator does then: check the file system and mount it again."""
        command("umount", "--lazy", str(self.at))
        self.mount()


class Folder:
    """The same with the files themselves, for who may mount nothing: a copy holds what a killed process has left."""

    def __init__(self, at: Path) -> None:
        self.at = at

    def copy(self, to: Path) -> None:
        shutil.copytree(self.at, to)

    @contextlib.contextmanager
    def look_into(self, copy: Path) -> Iterator[Path]:
        """A copy of the copy, so that a look changes nothing of what may be the disk later."""
        at = copy.with_suffix(".look")
        shutil.copytree(copy, at)
        try:
            yield at
        finally:
            shutil.rmtree(at)

    def replace_by(self, copy: Path) -> None:
        shutil.rmtree(self.at)
        shutil.copytree(copy, self.at)


def copy_database(database: Path, to: Path) -> Path:
    """What is on disk now of a database and its log, in a folder of its own: reading there changes nothing here."""
    to.mkdir(exist_ok=True)
    for suffix in _COMPANIONS:
        source, target = Path(f"{database}{suffix}"), to / f"{database.name}{suffix}"
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
    # The index of the log is made anew by whoever opens it.
    (to / f"{database.name}-shm").unlink(missing_ok=True)
    return to / database.name


def torn(database: Path) -> str:
    """What SQLite itself finds wrong with a database; empty when it is whole."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        (word,) = connection.execute("PRAGMA integrity_check").fetchone()
    return "" if word == "ok" else f"{database.name}: {word}"


def ext4() -> str:
    """Why no ext4 image can be made and mounted here; empty if it can."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 is not installed"
    return "" if _loops() else "this machine has no loop device"


def _loops() -> bool:
    return subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode == 0
