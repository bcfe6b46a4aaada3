"""What the parts under test may say: only what is wrong, on standard error; standard output is for figures."""

from __future__ import annotations

import logging
import sys

import structlog


def only_errors() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
