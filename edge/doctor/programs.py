"""The libraries that read strangers' codes and speak to devices: are they there, and are they patched?"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from edge.doctor.finding import Finding, fail, ok, same, warn
from webscreen.words import Words

LIBRARIES: Final = Words("程序库", "libraries")
ZBAR: Final = Words("libzbar0 补丁", "patches of libzbar0")
_NEEDED: Final = ("zxing-cpp", "pyserial", "paho-mqtt", "cryptography")
_OPENCV: Final = ("opencv-python", "opencv-python-headless")
# The gate reads codes without it; with it some worn ones more.
_ZBAR_PACKAGE: Final = "libzbar0"
# CVE-2023-40889 and CVE-2023-40890 (memory errors from a crafted code) are fixed from these on: Debian's changelog of
# zbar for its release 12, and upstream's 0.23.93.
_FIXED_UPSTREAM: Final = (0, 23, 93)
_FIXED_DEBIAN: Final = (0, 23, 92, 7)
_VERSION: Final = re.compile(r"(?:\d+:)?(\d+)\.(\d+)(?:\.(\d+))?(?:-(\d+))?(?:\+deb(\d+)u(\d+))?")


def programs(installed: Callable[[str], str] | None = None) -> Iterator[Finding]:
    """One line for the Python packages, one for Debian's zbar. `installed` gives a Debian package's version or ""."""
    yield libraries()
    yield zbar((installed or debian_version)(_ZBAR_PACKAGE))


def libraries() -> Finding:
    """What pip installed, by version."""
    found = {name: _version(name) for name in (*_NEEDED, *_OPENCV, "pyzbar")}
    opencv = [name for name in _OPENCV if found[name]]
    missing = [name for name in _NEEDED if not found[name]] + ([] if opencv else ["opencv-python"])
    facts = {name: text for name, text in found.items() if text}
    what = same(", ".join(f"{name} {text}" for name, text in facts.items()))
    if missing:
        said = Words(f"缺少 {', '.join(missing)}", f"missing: {', '.join(missing)}")
        return fail(LIBRARIES, said, same("pip install 'guankou[gate]'"), **facts)
    if len(opencv) > 1:
        said = Words("两个 OpenCV 包互相覆盖", "two OpenCV packages write the same folder")
        return fail(LIBRARIES, said, same(f"pip uninstall {opencv[1]} && pip install --force-reinstall {opencv[0]}"))
    return ok(LIBRARIES, what, **facts)


def zbar(text: str) -> Finding:
    """Strangers' codes reach this library: an unpatched one has memory errors."""
    if not text:
        return warn(
            ZBAR,
            Words("没有 libzbar0：少一个解码器", "libzbar0 is not there: one decoder fewer"),
            same("apt-get install libzbar0"),
            version="",
        )
    what = same(f"libzbar0 {text}")
    if zbar_is_patched(text):
        return ok(ZBAR, what, version=text)
    remedy = Words(
        "陌生人的二维码可使其出错（CVE-2023-40889、-40890）：apt-get upgrade，或卸载它",
        "a stranger's code can break it (CVE-2023-40889, -40890): apt-get upgrade, or remove it",
    )
    return fail(ZBAR, what, remedy, version=text)


def zbar_is_patched(text: str) -> bool:
    """Whether a Debian version has the fixes of 2023."""
    match = _VERSION.match(text)
    if match is None:
        return False
    upstream = (int(match[1]), int(match[2]), int(match[3] or 0))
    if upstream >= _FIXED_UPSTREAM:
        return True
    # Release 12 carries the fixes in an update of its own; a rebuild after that one has them as well.
    return (*upstream, int(match[4] or 0)) > _FIXED_DEBIAN or (
        (*upstream, int(match[4] or 0)) == _FIXED_DEBIAN and match[5] is not None
    )


def debian_version(package: str) -> str:
    """The version of an installed Debian package; "" where there is none, or no dpkg."""
    program = shutil.which("dpkg-query")
    if program is None:
        return ""
    command = [program, "-W", "-f=${db:Status-Status} ${Version}", package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    status, _, text = done.stdout.strip().partition(" ")
    return text if done.returncode == 0 and status == "installed" else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
