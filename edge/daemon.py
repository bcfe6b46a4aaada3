"""The gate as a process: logging, signals, start and stop, and the watchdog in between."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

import structlog

from drivers.errors import OptionError
from edge.city_codes import BridgeError
from edge.device_check import device_problems
from edge.gate import Gate
from edge.keys import KeyFileError
from edge.outbox import OutboxError
from firmware_config.load import ConfigError, load_enrolment, load_gate_file
from webscreen.host import ScreenError
from webscreen.notify import notifier_from
from webscreen.supervisor import Supervisor

# Its turn may be replacing a thread just now; the stop has a limit of its own.
_WATCHDOG_END_S: Final = 2.0


class StartError(RuntimeError):
    """The gate can't start; every line names a thing, its value and the remedy."""


def run_gate(path: Path) -> None:
    """Run until SIGTERM or SIGINT, or until a thread hangs that can't be replaced (exit code 4). Raises StartError."""
    _log_as_json()
    notifier = notifier_from(os.environ)
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that they wait for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        gate = _build(path)
        port = gate.start()
    except (ConfigError, KeyFileError, OutboxError, OptionError, ScreenError, BridgeError) as error:
        raise StartError(str(error)) from error
    structlog.get_logger(__name__).info("gate_started", file=str(path), screen_port=port)
    supervisor = Supervisor(gate.wards, notifier, gate.hung)
    stop = threading.Event()
    # The main thread waits for signals: the kernel gives them to it first, whatever threads native libraries have made.
    # And not by sigtimedwait: continued after its time is over, Python 3.11 takes the interruption for a signal.
    watchdog = threading.Thread(target=supervisor.run, args=(stop,), name="watchdog", daemon=True)
    watchdog.start()
    signal.sigwait(ends)
    stop.set()
    watchdog.join(_WATCHDOG_END_S)
    supervisor.stop()
    gate.stop()
    supervisor.stopped()


def _build(path: Path) -> Gate:
    file = load_gate_file(path)
    if problems := device_problems(file):
        raise ConfigError(path, problems)
    enrolment = load_enrolment(Path(file.gate.enrolment), file.gate.id)
    try:
        Path(file.gate.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        what = f"[gate] data_dir = {file.gate.data_dir!r}: {error.strerror}; name a folder that can be written"
        raise ConfigError(path, [what]) from error
    return Gate(file, enrolment)


def _log_as_json() -> None:
    """One JSON object a line on standard error. Texts of codes never get here, so that there is nothing to redact."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
