"""What the doctor's command prints, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from edge.doctor.command import Asked, examine
from edge.doctor.discovery import Discovery
from edge.doctor.draft import write_draft
from edge.doctor.finding import Finding, as_json, worst
from edge.doctor.table import show


def run_doctor(file: Path | None, write: Path | None, json_wanted: bool, asked: Mapping[str, Any]) -> int:
    """0, or 1 when something fails. Raises ValueError for what can't be asked together, or a file that is there."""
    if file is not None and (write or asked["ask"] or asked["ports"] or asked["cameras"]):
        raise ValueError("--ask, --port, --camera and --write belong to the search: leave the gate file out")
    if file is None and asked["pulse"]:
        raise ValueError("--pulse needs the gate file that says where the barrier is")
    if write is not None and write.exists():
        raise ValueError(f"{write}: is there already; name a new file")
    found = Discovery()
    findings = _collected(Asked(file=file, **asked), found)
    problems = write_draft(write, found) if write is not None else []
    if json_wanted:
        lines = [as_json(finding) for finding in findings]
        click.echo(json.dumps({"state": worst(findings), "findings": lines}, ensure_ascii=False))
    else:
        show(findings)
        if write is not None and not problems:
            click.echo(f"{write}: ok")
    for problem in problems:
        click.echo(problem, err=True)
    return 1 if problems or worst(findings) == "fail" else 0


def _collected(asked: Asked, found: Discovery) -> list[Finding]:
    findings = []
    # Only a terminal gets to see it; it takes a while.
    with Console(stderr=True).status("正在检查 / looking ...") as status:
        for finding in examine(asked, found):
            findings.append(finding)
            status.update(f"{finding.part.zh} / {finding.part.en} ...")
    return findings
