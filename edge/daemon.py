"""The gate as a process: logging, signals, start and stop."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import structlog

from drivers.errors import OptionError
from edge.device_check import device_problems
from edge.gate import Gate
from edge.keys import KeyFileError
from edge.outbox import OutboxError
from firmware_config.load import ConfigError, load_enrolment, load_gate_file
from webscreen.host import ScreenError


class StartError(RuntimeError):
    """The gate can't start; every line names a thing, its value and the remedy."""


def run_gate(path: Path) -> None:
    """Run until SIGTERM or SIGINT. Raises StartError."""
    _log_as_json()
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that they wait for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        gate = _build(path)
        port = gate.start()
    except (ConfigError, KeyFileError, OutboxError, OptionError, ScreenError) as error:
        raise StartError(str(error)) from error
    structlog.get_logger(__name__).info("gate_started", file=str(path), screen_port=port)
    signal.sigwait(ends)
    gate.stop()


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
