"""`./dev bench [NAME...]`: measures, prints one JSON object on standard output; progress goes to standard error."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

import click

from bench.words import only_errors

# In this order: what needs a calm machine most comes first. Each module has `run()`.
BENCHES: Final = (
    "vision",
    "verdict",
    "verify",
    "status",
    "codecs",
    "outage",
    "outbox",
    "ingest",
    "replay",
    "drain",
    "reconnect",
    "wear",
    "footprint",
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must be: `path` leads to it in the results; at most (or at least) `limit`."""

    path: tuple[str, ...]
    limit: float
    at_least: bool = False

    def judged(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """The figure beside its target; None when it was not measured."""
        if self.path[0] not in results:
            return None
        value: Any = results
        for step in self.path:
            value = value[step]
        met = value >= self.limit if self.at_least else value <= self.limit
        return {"value": value, "at_least" if self.at_least else "at_most": self.limit, "met": met}


TARGETS: Final = (
    Target(("vision", "still", "median_ms"), 0.6),
    Target(("vision", "moving", "median_ms"), 4),
    Target(("vision", "moving_noise", "median_ms"), 4),
    Target(("verdict", "p99_ms"), 60),
    Target(("status", "load_p99_ms"), 100),
    Target(("status", "peak_bytes"), 3_000_000),
    Target(("verify", "worst_p99_ms"), 20),
    Target(("codecs", "worst_times_line"), 50, at_least=True),
    Target(("outage", "p99_ratio", "broker_down_over_online", "of_blocks"), 1.2),
    Target(("outage", "p99_ratio", "full_over_online", "of_blocks"), 1.2),
    Target(("outage", "p99_ratio", "full_over_empty_both_down", "of_blocks"), 1.2),
    Target(("outage", "drain", "with_backlog", "start_s"), 5),
    Target(("reconnect", "first_answer_s", "worst"), 15),
    Target(("drain", "records_per_s"), 20_000, at_least=True),
    Target(("replay", "rules_and_limits_cpu_s"), 10),
    Target(("footprint", "pss_mib"), 180),
    Target(("footprint", "nothing_shared_outside_mib"), 180),
    Target(("footprint", "cpu_share_of_one_core"), 0.2),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(BENCHES))
def main(names: tuple[str, ...]) -> None:
    """Measure everything, or only what is named."""
    only_errors()
    machine = _machine()
    results = {name: _measured(name) for name in BENCHES if not names or name in names}
    targets = {".".join(target.path): judged for target in TARGETS if (judged := target.judged(results))}
    machine["load_after"] = _load()
    click.echo(json.dumps({"machine": machine, "targets": targets, "results": results}, indent=2))


def _measured(name: str) -> Any:
    click.echo(f"[bench] {name} ...", err=True)
    begun_s = time.monotonic()
    # Loaded one by one: what one bench needs in memory must not slow another down.
    run: Callable[[], Any] = import_module(f"bench.{name}").run
    result = run()
    click.echo(f"[bench] {name}: {time.monotonic() - begun_s:.0f} s", err=True)
    return result


def _machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": _load(),
    }


def _load() -> float:
    """Mean number of processes that wanted to run in the last minute; beyond the number of cores they waited."""
    return round(os.getloadavg()[0], 2)


if __name__ == "__main__":
    main()
