"""Writes the reference pages that are made from the code: `python -m tools.reference`. A test keeps them fresh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from central.cli import main as central_main
from checkpoint.reasons import ALL
from edge.cli import main as gate_main
from tools import presets

_DOCS = Path(__file__).resolve().parent.parent / "docs"


def reasons_page() -> str:
    """docs/reasons.md."""
    head = """# Reasons

Every code that a record, a screen or a summary may carry. `verdict` is the default one (empty: the code never decides
a passage); `call` says whose business it is first. Made by `python -m tools.reference`.

| code | step | 中文 | English | verdict | call |
|---|---|---|---|---|---|
"""
    rows = (f"| `{r.code}` | {r.step} | {r.zh} | {r.en} | {r.verdict or ''} | {r.call} |" for r in ALL.values())
    return head + "\n".join(rows) + "\n"


def commands_page() -> str:
    """docs/commands.md."""
    head = """# Commands

Exit code 2 means bad input (one clear line says what), 3 means that nothing came in time. `--json` prints one JSON
object, or one a line. Made by `python -m tools.reference`.
"""
    lines = [head]
    for program, group in (("guankou-gate", gate_main), ("guankou-central", central_main)):
        lines.append(f"## {program}\n")
        for path, command in _leaves(program, group):
            lines.append(f"### `{path}`\n\n{_sentence(command)}\n")
            lines += [f"- {option}" for option in _options(command)]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _leaves(f"{path} {name}", child)
    else:
        arguments = [p.human_readable_name for p in command.params if isinstance(p, click.Argument)]
        yield " ".join([path, *arguments]), command


def _sentence(command: click.Command) -> str:
    return " ".join((command.help or "").split())


def _options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            names = ", ".join(f"`{name}`" for name in parameter.opts)
            needed = " (required)" if parameter.required else ""
            yield f"{names}{needed}{': ' + parameter.help if parameter.help else ''}"


PAGES = {"reasons.md": reasons_page, "commands.md": commands_page, "presets.md": presets.page}


def main() -> None:
    for name, page in PAGES.items():
        (_DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
